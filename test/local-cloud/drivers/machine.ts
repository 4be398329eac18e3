/**
 * A machine for driver tests: a data folder, a registry of images composed by hand, and logs in memory. `end()` closes
 * the drivers and demands that no program of theirs is left.
 */
import { createHash } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { expect } from 'vitest';
import { seededRandom, shortHash, silentLogger, systemClock } from '../../../src/core/index.ts';
import { AwsError, type BlobStore } from '../../../src/local-cloud/contract.ts';
import {
  createDrivers,
  type DriverSettings,
  type LocalDrivers,
  type LogMessage,
} from '../../../src/local-cloud/drivers/index.ts';
import { programsMarked } from '../../../src/local-cloud/drivers/leftovers.ts';
import { fileEntry, layerFromEntries } from '../../../src/oci/index.ts';

export const REGISTRY = '127.0.0.1:4577';
const MANIFEST = 'application/vnd.oci.image.manifest.v1+json';
const LAYER = 'application/vnd.oci.image.layer.v1.tar+gzip';

export interface ImageSpec {
  /** Text by path; paths under a `bin` folder and `.sh` files are executable. */
  readonly files?: Readonly<Record<string, string>>;
  readonly entryPoint?: string[];
  readonly command?: string[];
  readonly environment?: string[];
  readonly workingDirectory?: string;
}

interface StoredManifest {
  readonly digest: string;
  readonly mediaType: string;
  readonly bytes: Uint8Array;
}

export class Machine {
  readonly folder: string;
  readonly drivers: LocalDrivers;
  readonly blobs = memoryBlobs();
  /** How often a blob was read, by digest. */
  readonly reads = this.blobs.reads;
  readonly #images = new Map<string, StoredManifest>();
  readonly #lines: { group: string; stream: string; message: string }[] = [];
  readonly #groups = new Set<string>();
  #waiting: (() => void)[] = [];

  private constructor(folder: string, change: Partial<DriverSettings>) {
    this.folder = folder;
    this.drivers = createDrivers({ ...this.settings(), ...change });
  }

  static async start(change: Partial<DriverSettings> = {}): Promise<Machine> {
    const folder = await mkdtemp(join(tmpdir(), 'lc-drivers-'));
    const machine = new Machine(folder, change);
    await machine.drivers.recover();
    return machine;
  }

  settings(): DriverSettings {
    return {
      folder: this.folder,
      machinePath: `${dirname(process.execPath)}:/usr/local/bin:/usr/bin:/bin`,
      clock: systemClock,
      random: seededRandom(1),
      logger: silentLogger,
      settings: {
        accountId: '000000000000',
        region: 'us-east-1',
        awsHost: () => REGISTRY,
        delays: { lambdaPendingMs: 0, taskProvisioningMs: 0, serviceDrainingMs: 0, buildQueuedMs: 0 },
      },
      blobs: this.blobs,
      images: {
        resolve: (uri) => {
          const image = this.#images.get(uri);
          return image && { repository: 'app', digest: image.digest };
        },
        manifest: (_repository, digest) => [...this.#images.values()].find((image) => image.digest === digest),
      },
      logs: {
        append: (group, stream, messages) => this.#append(group, stream, messages),
        operations: {
          CreateLogGroup: ({ logGroupName }: { logGroupName: string }) => {
            if (this.#groups.has(logGroupName)) throw new AwsError('ResourceAlreadyExistsException', 'there already');
            this.#groups.add(logGroupName);
          },
        },
      },
      enter: (step) => step(systemClock.now()),
    };
  }

  /** Puts an image into the registry and returns its reference by digest. */
  async image(spec: ImageSpec, name = 'app'): Promise<string> {
    const entries = Object.entries(spec.files ?? {}).map(([path, text]) =>
      fileEntry(path, text, { executable: /(^|\/)bin\/|\.sh$|bootstrap$/.test(path) }),
    );
    const layer = await layerFromEntries(entries);
    const parts: Uint8Array[] = [];
    for await (const part of layer.open()) parts.push(part);
    const layerBytes = Buffer.concat(parts);
    const config = {
      architecture: process.arch === 'arm64' ? 'arm64' : 'amd64',
      os: 'linux',
      config: {
        Entrypoint: spec.entryPoint,
        Cmd: spec.command,
        Env: spec.environment,
        WorkingDir: spec.workingDirectory,
      },
      rootfs: { type: 'layers', diff_ids: [layer.diffId] },
    };
    const configBytes = Buffer.from(JSON.stringify(config));
    const manifest = {
      schemaVersion: 2,
      mediaType: MANIFEST,
      config: {
        mediaType: 'application/vnd.oci.image.config.v1+json',
        digest: this.blobs.write(configBytes),
        size: configBytes.length,
      },
      layers: [{ mediaType: LAYER, digest: this.blobs.write(layerBytes), size: layerBytes.length }],
    };
    return this.manifest(manifest, MANIFEST, name);
  }

  /** Puts a manifest as it is into the registry. */
  manifest(document: unknown, mediaType: string, name = 'app'): string {
    const bytes = Buffer.from(JSON.stringify(document));
    const image = { digest: digestOf(bytes), mediaType, bytes };
    const uri = `${REGISTRY}/${name}@${image.digest}`;
    this.#images.set(uri, image);
    return uri;
  }

  /** Makes `REGISTRY/<tag>` mean the image. */
  tag(tag: string, uri: string): void {
    const image = this.#images.get(uri);
    if (image) this.#images.set(`${REGISTRY}/${tag}`, image);
  }

  /** The lines of a log stream so far. */
  lines(stream: string): string[] {
    return this.#lines.filter((line) => line.stream === stream).map(({ message }) => message);
  }

  /** All lines of a log group, whatever their stream. */
  group(group: string): string[] {
    return this.#lines.filter((line) => line.group === group).map(({ message }) => message);
  }

  /** Resolves with the first line of the stream, or of the group, that matches. */
  async line(where: string, pattern: RegExp): Promise<string> {
    for (;;) {
      const found = [...this.lines(where), ...this.group(where)].find((line) => pattern.test(line));
      if (found !== undefined) return found;
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
  }

  /** Programs of this machine's drivers that are alive. */
  programs(): Promise<number[]> {
    return programsMarked(`LAMBDACONTAINER_GROUP=${shortHash(join(this.folder, 'groups'), 16)}.`);
  }

  async end(): Promise<void> {
    await this.drivers.close();
    expect(await this.programs(), 'every program has ended').toEqual([]);
    await rm(this.folder, { recursive: true, force: true });
  }

  #append(group: string, stream: string, messages: readonly LogMessage[]): void {
    this.#lines.push(...messages.map(({ message }) => ({ group, stream, message })));
    for (const wake of this.#waiting.splice(0)) wake();
  }
}

/** Collects what a driver reports and hands it out in order. */
export class Reports<T> {
  readonly seen: T[] = [];
  #waiting: (() => void)[] = [];
  #taken = 0;

  readonly report = (event: T): void => {
    this.seen.push(event);
    for (const wake of this.#waiting.splice(0)) wake();
  };

  /** The next event that nobody has taken yet. */
  async next(): Promise<T> {
    while (this.#taken >= this.seen.length) await new Promise<void>((resolve) => this.#waiting.push(resolve));
    return this.seen[this.#taken++] as T;
  }
}

function memoryBlobs(): BlobStore & { reads: Map<string, number> } {
  const blobs = new Map<string, Uint8Array>();
  const reads = new Map<string, number>();
  return {
    reads,
    has: (digest) => blobs.has(digest),
    size: (digest) => blobs.get(digest)?.length,
    read: (digest) => {
      const bytes = blobs.get(digest);
      if (!bytes) throw new AwsError('BlobNotFound', `no blob ${digest}`);
      reads.set(digest, (reads.get(digest) ?? 0) + 1);
      return bytes;
    },
    write: (bytes) => {
      blobs.set(digestOf(bytes), bytes);
      return digestOf(bytes);
    },
    delete: (digest) => void blobs.delete(digest),
  };
}

function digestOf(bytes: Uint8Array): string {
  return `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
}
