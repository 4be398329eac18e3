/**
 * The local cloud under a virtual clock with drivers that do at once what they are told, and two ways in: `user` stands
 * for anyone else in the account, `io` is what a kind gets, watched for what it calls.
 */
import type { GitPort, Ports, RegistryPort } from '../../src/aws/index.ts';
import { Failure, seededRandom, VirtualClock } from '../../src/core/index.ts';
import { Cloud } from '../../src/local-cloud/cloud.ts';
import type { AwsError, BuildDriver, ContainerEvent, Drivers, EventSettings } from '../../src/local-cloud/contract.ts';
import { createDirectPorts } from '../../src/local-cloud/direct-ports.ts';
import { memoryBlobs, memoryState } from '../../src/local-cloud/state/index.ts';
import type { Io } from '../../src/resource/index.ts';

const SETTINGS = {
  accountId: '000000000000',
  region: 'us-east-1',
  awsHost: () => '127.0.0.1:4577',
  delays: { lambdaPendingMs: 2_000, taskProvisioningMs: 5_000, serviceDrainingMs: 20_000, buildQueuedMs: 1_000 },
} as const;

const EMPTY_JSON = new TextEncoder().encode('{}');
const OCI = 'application/vnd.oci.image';

export class TestCloud {
  readonly clock = new VirtualClock();
  readonly cloud: Cloud;
  /** Unwatched. */
  readonly user: Ports;
  /** Watched. */
  readonly io: Io;
  /** What was called through `io`: `ecs.createService`. Cleared by the test. */
  readonly calls: string[] = [];
  /** Images of registries elsewhere: digest by `reference architecture`. */
  readonly registry = new Map<string, string>();
  /** Git repositories elsewhere: commit by `url ref`. */
  readonly repositories = new Map<string, string>();
  /** What becomes of containers that are started. */
  containers: 'run' | 'crash' | 'cannot start' = 'run';
  /** Answered instead of anything that is asked through `io` or `user`. */
  fault: AwsError | undefined;

  /** `connect`: another way to the cloud than straight to its machines. */
  constructor(
    seed = 1,
    connect: (cloud: Cloud, registry: RegistryPort) => Ports = createDirectPorts,
    events?: EventSettings,
  ) {
    this.cloud = new Cloud({
      clock: this.clock,
      random: seededRandom(seed),
      state: memoryState(),
      blobs: memoryBlobs(),
      settings: { ...SETTINGS, events },
      drivers: () => this.#drivers(),
      intercept: () => this.fault,
    });
    this.user = { ...connect(this.cloud, this.#registry()), git: this.#git() };
    this.io = {
      aws: watched(this.user, this.calls),
      region: SETTINGS.region,
      nowMs: () => this.clock.now(),
      immutable: new Map(),
    };
  }

  /** Calls through `io` that change something. */
  get mutations(): string[] {
    return this.calls.filter(isMutating);
  }

  /** Lets virtual time pass. */
  async pass(ms: number): Promise<void> {
    let over = false;
    this.clock.after(ms, () => {
      over = true;
    });
    await this.clock.run(() => over, ms);
  }

  /** Lets virtual time pass until `holds`; fails with `what` after ten minutes of it. */
  async until(what: string, holds: () => Promise<boolean>): Promise<void> {
    for (let waitedMs = 0; waitedMs < 600_000; waitedMs += 1_000) {
      if (await holds()) return;
      await this.pass(1_000);
    }
    throw new Error(`after ten virtual minutes still not: ${what}`);
  }

  /** A minimal image of the repository under a tag. @returns its digest */
  pushImage(repository: string, tag: string, nowMs = this.clock.now()): string {
    const { ecr } = this.cloud.services;
    const config = new TextEncoder().encode(
      JSON.stringify({ architecture: 'amd64', os: 'linux', rootfs: { type: 'layers', diff_ids: [] }, tag }),
    );
    const manifest = {
      schemaVersion: 2,
      mediaType: `${OCI}.manifest.v1+json`,
      config: { mediaType: `${OCI}.config.v1+json`, digest: ecr.putBlob(repository, config), size: config.length },
      layers: [],
    };
    return ecr.putManifest(
      repository,
      tag,
      manifest.mediaType,
      new TextEncoder().encode(JSON.stringify(manifest)),
      nowMs,
    );
  }

  /** Runs as one step of the machines. */
  enter<T>(step: (nowMs: number) => T): T {
    let result: { value: T } | undefined;
    this.cloud.enter((nowMs) => {
      result = { value: step(nowMs) };
    });
    if (!result) throw new Error('the cloud is closed');
    return result.value;
  }

  #drivers(): Drivers {
    const soon = (run: () => void) => void this.clock.after(10, run);
    const reports = new Map<string, (event: ContainerEvent) => void>();
    return {
      tasks: {
        prepare: () => {},
        startContainer: (task, container, report) => {
          reports.set(`${task} ${container}`, report);
          soon(() => {
            if (this.containers === 'cannot start')
              return report({ type: 'failed', reason: 'CannotStartContainerError: no such file' });
            report({ type: 'started' });
            if (this.containers === 'crash') soon(() => report({ type: 'exited', exitCode: 1 }));
          });
        },
        // Well behaved: the first signal is enough.
        signalContainer: (task, container) => {
          const report = reports.get(`${task} ${container}`);
          reports.delete(`${task} ${container}`);
          if (report) soon(() => report({ type: 'exited', exitCode: 0 }));
        },
        checkContainer: (_task, _container, _command, _timeoutMs, report) => soon(() => report(true)),
        release: () => {},
      },
      builds: this.#builds(soon),
      functions: {
        invoke: async () => ({ payload: EMPTY_JSON, functionError: undefined, logTail: '' }),
      },
      probes: { probe: (_target, report) => soon(() => report(200)) },
    };
  }

  /** A build that pushes what `lambdacontainer-build` would, or fails when told to. */
  #builds(soon: (run: () => void) => void): BuildDriver {
    return {
      start: ({ environment }, report) =>
        soon(() => {
          const { LAMBDACONTAINER_INPUTS: tag = '', REPOSITORY = '', FAIL } = environment;
          if (FAIL !== undefined) {
            report({ type: 'phase', phase: 'BUILD', succeeded: false, message: FAIL });
            report({ type: 'ended', succeeded: false });
            return;
          }
          this.enter((nowMs) => this.pushImage(REPOSITORY, tag, nowMs));
          report({ type: 'phase', phase: 'BUILD', succeeded: true });
          report({ type: 'ended', succeeded: true });
        }),
      stop: () => {},
    };
  }

  #git(): GitPort {
    const failure = (kind: 'throttled' | 'notFound', code: string) =>
      new Failure({ kind, service: 'git', operation: 'resolveCommit', code, message: code });
    return {
      resolveCommit: async (url, ref) => {
        if (this.fault) throw failure('throttled', this.fault.code);
        const commit = this.repositories.get(`${url} ${ref}`);
        if (commit === undefined) throw failure('notFound', 'NoSuchReference');
        return commit;
      },
    };
  }

  #registry(): RegistryPort {
    return {
      resolveDigest: async (reference, architecture) => {
        const digest = this.registry.get(`${reference} ${architecture}`);
        if (this.fault)
          throw new Failure({
            kind: 'throttled',
            service: 'registry',
            operation: 'resolveDigest',
            code: this.fault.code,
            message: this.fault.message,
          });
        if (digest !== undefined) return digest;
        throw new Failure({
          kind: 'notFound',
          service: 'registry',
          operation: 'resolveDigest',
          code: 'MANIFEST_UNKNOWN',
          message: reference,
        });
      },
    };
  }
}

/** Whether a call, written `ecs.createService`, changes something. */
export function isMutating(call: string): boolean {
  return !/\.(describe|list|get|head|batchGet|resolve)[A-Z]/.test(call);
}

/** The same ports; each call is written down first. */
export function watched(ports: Ports, calls: string[]): Ports {
  const watch = (port: object, service: string) =>
    new Proxy(port, {
      get(target, operation, receiver) {
        const method = Reflect.get(target, operation, receiver) as (...input: unknown[]) => unknown;
        return (...input: unknown[]) => {
          calls.push(`${service}.${String(operation)}`);
          return method(...input);
        };
      },
    });
  return Object.fromEntries(
    Object.entries(ports).map(([service, port]) => [service, watch(port, service)]),
  ) as unknown as Ports;
}
