/**
 * What `bootstrap --apply` needs around it: an installation whose programs are a few words, a registry on this machine
 * with the base image and our repositories, and a connection to whatever stands in for the account.
 */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { AccountPorts } from '../../src/aws/account-ports.ts';
import type { Ports } from '../../src/aws/index.ts';
import { type BootstrapArgs, bootstrap } from '../../src/cli/commands/bootstrap.ts';
import type { Connection } from '../../src/cli/commands/connection.ts';
import type { CliIo } from '../../src/cli/output/io.ts';
import { PlacedTargets } from '../../src/controller/index.ts';
import type { Clock } from '../../src/core/index.ts';
import { seedBaseImages } from '../../src/local-cloud/base-images.ts';
import { runtimeFile } from '../../src/local-cloud/runtimes/locate.ts';
import { OWN_IMAGES, RegistryClient } from '../../src/oci/index.ts';
import { DesiredTable, StateTable } from '../../src/store/index.ts';
import { type RegistryServer, startRegistry } from '../local-cloud/registry/registry-server.ts';

export const TABLES = { desired: 'shop-desired', state: 'shop-state' };

export interface RunOptions {
  readonly isProtected?: boolean;
  /** What a person types; given, there is a person. */
  readonly answers?: readonly string[];
  readonly signal?: AbortSignal;
  readonly tables?: Connection['tables'];
}

export interface Ran {
  readonly code: number;
  /** Lines, digests left out. */
  readonly out: string[];
  readonly err: string;
}

export class BootstrapWorld {
  readonly folder = mkdtempSync(join(tmpdir(), 'lc-bootstrap-'));
  readonly registry: RegistryServer;
  readonly #clock: Clock;
  readonly #ports: Ports;
  readonly #accountPorts: AccountPorts;
  /** Standard error of the last run, also of one that failed. */
  err = '';
  /** Standard output, likewise. */
  out = '';

  private constructor(registry: RegistryServer, clock: Clock, ports: Ports, accountPorts: AccountPorts) {
    this.registry = registry;
    this.#clock = clock;
    this.#ports = ports;
    this.#accountPorts = accountPorts;
    this.install({ adapter: 'one' });
  }

  static async create(clock: Clock, ports: Ports, accountPorts: AccountPorts): Promise<BootstrapWorld> {
    const registry = await startRegistry();
    await seedBaseImages({ ecr: registry.ecr, enter: registry.cloud.enter, runtimeFile });
    for (const name of OWN_IMAGES) {
      registry.cloud.call('ecr', 'CreateRepository', { repositoryName: `lambdacontainer-images/${name}` });
    }
    return new BootstrapWorld(registry, clock, ports, accountPorts);
  }

  async close(): Promise<void> {
    await this.registry.close();
    rmSync(this.folder, { recursive: true });
  }

  /** An installation whose adapter is this word. */
  install({ adapter }: { readonly adapter: string }): void {
    const files = {
      'package.json': '{"name":"lambdacontainer","version":"0.0.0"}',
      'bin/lambdacontainer.js': 'import "../dist/cli.mjs";\n',
      'dist/cli.mjs': '// the program\n',
      'dist/chunks/a.mjs': '// a chunk\n',
      'dist/adapter.mjs': `// the adapter ${adapter}\n`,
      'dist/builder.mjs': '// the builder\n',
    };
    for (const [path, text] of Object.entries(files)) {
      mkdirSync(join(this.folder, dirname(path)), { recursive: true });
      writeFileSync(join(this.folder, path), text);
    }
  }

  get baseImage(): string {
    return `${this.registry.host}/docker/library/node:24-slim`;
  }

  /** Requests to the registry since the last call that changed something there. */
  pushed(): string[] {
    return this.registry.requests.splice(0).filter((request) => !/^(GET|HEAD)/.test(request));
  }

  /** Runs it to its end. @throws what it throws */
  async run(args: Partial<BootstrapArgs>, options: RunOptions = {}): Promise<Ran> {
    this.out = '';
    this.err = '';
    const answers = [...(options.answers ?? [])];
    const io: CliIo = {
      stdout: (text) => {
        this.out += text;
      },
      stderr: (text) => {
        this.err += text;
      },
      isTTY: false,
      isInteractive: options.answers !== undefined,
      ask: async (question) => {
        this.err += `${question}\n`;
        return answers.shift();
      },
      handOver: () => Promise.reject(new Error('there is no terminal')),
      env: {},
      clock: this.#clock,
      stdin: async () => '',
      signal: options.signal ?? new AbortController().signal,
    };
    const repository = (name: string) => ({ host: this.registry.host, repository: `lambdacontainer-images/${name}` });
    const code = await bootstrap(
      { name: 'lambdacontainer', baseImage: this.baseImage, ...args },
      io,
      this.#connection(options),
      {
        registry: new RegistryClient({ credentials: this.registry.credentials }),
        repositories: {
          controller: repository('controller'),
          adapter: repository('adapter'),
          builder: repository('builder'),
        },
        folder: this.folder,
      },
    );
    return { code, out: this.lines(), err: this.err };
  }

  lines(): string[] {
    return this.out
      .replaceAll(/sha256:[0-9a-f]{64}/g, 'sha256:…')
      .split('\n')
      .slice(0, -1);
  }

  #connection({ isProtected = false, tables = TABLES }: RunOptions): Connection {
    const ports = this.#ports;
    return {
      context: 'an account',
      contextName: 'test',
      isProtected,
      isLocal: false,
      defaultNamespace: 'default',
      region: 'eu-west-1',
      tables,
      desired: new DesiredTable(ports.dynamodb, tables.desired),
      state: new StateTable(ports.dynamodb, tables.state),
      ports,
      targets: new PlacedTargets(ports, 'eu-west-1', this.#clock, () => ({ ports, close: () => {} })),
      accountPorts: async () => this.#accountPorts,
      account: undefined,
      close: () => undefined,
    };
  }
}
