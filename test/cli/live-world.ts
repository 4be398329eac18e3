/**
 * The command line beside a running controller: the simulation's world, and command lines on its account under the same
 * virtual clock. Ports can be guarded, so that a verb that changes anything fails its test.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Ports } from '../../src/aws/index.ts';
import type { Connection } from '../../src/cli/commands/connection.ts';
import type { CliIo } from '../../src/cli/output/io.ts';
import { runProgram } from '../../src/cli/program.ts';
import { PlacedTargets } from '../../src/controller/index.ts';
import { DesiredTable, StateTable } from '../../src/store/index.ts';
import { World } from '../simulation/world.ts';
import { type Ended, NO_ACCOUNT } from './world.ts';

export interface LiveOptions {
  readonly stdin?: string;
  readonly isTTY?: boolean;
  readonly signal?: AbortSignal;
  readonly isProtected?: boolean;
  /** What a person types when asked. */
  readonly answers?: readonly string[];
  /** Instead of the account's own. */
  readonly ports?: Ports;
  readonly onOutput?: (out: string) => void;
}

export const TABLES = { desired: 'lambdacontainer-desired', state: 'lambdacontainer-state' };
const READING = /^(describe|list|get|head|batchGet|scan|query|filter|resolve)/;

export class LiveWorld {
  readonly world = new World(1);
  readonly folder = mkdtempSync(join(tmpdir(), 'lc-live-'));

  static async create(): Promise<LiveWorld> {
    const live = new LiveWorld();
    await live.world.bootstrap();
    return live;
  }

  async close(): Promise<void> {
    await this.world.stop();
    this.world.cloud.close();
    rmSync(this.folder, { recursive: true, force: true });
  }

  get aws(): Ports {
    return this.world.aws;
  }

  file(name: string, text: string): string {
    const path = join(this.folder, name);
    writeFileSync(path, text);
    return path;
  }

  /** Puts the record and waits until it serves. */
  async serve(namespace: string, name: string, spec: object): Promise<void> {
    if (!this.world.controller) this.world.start();
    await this.world.put(namespace, name, spec);
    await this.world.until(`${name} is Ready`, () => this.world.isReady(namespace, name));
  }

  /** Ports through which nothing can be changed: a mutating call is a test's failure. */
  readOnly(calls: string[] = []): Ports {
    return guarded(this.aws, (call, operation) => {
      calls.push(call);
      if (!READING.test(operation)) throw new Error(`a verb that only reads called ${call}`);
    });
  }

  async run(args: readonly string[], options: LiveOptions = {}): Promise<Ended> {
    let out = '';
    let err = '';
    const answers = [...(options.answers ?? [])];
    const io: CliIo = {
      stdout: (text) => {
        out += text;
        options.onOutput?.(out);
      },
      stderr: (text) => {
        err += text;
      },
      isTTY: options.isTTY === true,
      isInteractive: options.answers !== undefined,
      ask: async () => answers.shift(),
      handOver: () => Promise.reject(new Error('nothing is handed over here')),
      env: {},
      clock: this.world.clock,
      stdin: async () => options.stdin ?? '',
      signal: options.signal ?? new AbortController().signal,
    };
    const code = await this.world.drive(
      runProgram(args, { io, local: async () => 0, start: async () => 0, connect: () => this.#connect(options) }),
    );
    return { code, out, err };
  }

  #connect({ ports = this.aws, isProtected = false }: LiveOptions): Connection {
    return {
      context: 'a test',
      isLocal: true,
      contextName: 'test',
      defaultNamespace: 'default',
      account: undefined,
      isProtected,
      region: 'us-east-1',
      tables: TABLES,
      targets: new PlacedTargets(ports, 'us-east-1', this.world.clock, () => ({ ports, close: () => {} })),
      ports,
      accountPorts: async () => NO_ACCOUNT,
      desired: new DesiredTable(ports.dynamodb, TABLES.desired),
      state: new StateTable(ports.dynamodb, TABLES.state),
      close: () => undefined,
    };
  }
}

/** The same ports; `before` each call, which it may refuse by throwing. */
export function guarded(ports: Ports, before: (call: string, operation: string) => void): Ports {
  const guard = (port: object, service: string) =>
    new Proxy(port, {
      get(target, operation, receiver) {
        const method = Reflect.get(target, operation, receiver) as (...input: unknown[]) => Promise<unknown>;
        return async (...input: unknown[]) => {
          before(`${service} ${String(operation)}`, String(operation));
          return method.apply(target, input);
        };
      },
    });
  return Object.fromEntries(
    Object.entries(ports).map(([service, port]) => [service, guard(port, service)]),
  ) as unknown as Ports;
}
