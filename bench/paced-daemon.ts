/**
 * The controller as it runs on AWS, in simulated time: put together as `start` does it, with calls shared and paced, on an
 * account that is far away (each call takes its time) and that holds to the rates that AWS publishes, whether or not
 * anybody paces. What it calls is told to whoever measures.
 */
import {
  CHARGES,
  Coalescing,
  type Layer,
  layered,
  type Outgoing,
  Pacing,
  RATES,
  type RateName,
} from '../src/aws/index.ts';
import { assembleController } from '../src/cli/assemble.ts';
import type { Controller } from '../src/controller/index.ts';
import { Failure, TokenBucket } from '../src/core/index.ts';
import { isReading, isTable } from '../test/simulation/calls.ts';
import type { World } from '../test/simulation/world.ts';

/** Between the question and its answer, as is usual within a region: tables are near, control planes are not. */
const LATENCY_MS = { table: { least: 3, most: 12 }, controlPlane: { least: 30, most: 120 } };

export const RESYNC_MS = 60_000;
const RELIST_MS = 300_000;
/** As `start` has it where nothing else is said. */
const SWEEP_CALLS_PER_SEC = 8;

export interface Sent {
  readonly service: Outgoing['service'];
  readonly operation: string;
  readonly input: unknown;
  /** It changes something in AWS, tables left out. */
  readonly changes: boolean;
  /** When it left, by the world's clock. */
  readonly atMs: number;
}

export interface PacedDaemon {
  readonly controller: Controller;
  /** Calls that the account refused because they came too fast. */
  readonly throttled: () => number;
  stop(): Promise<void>;
}

export interface PacedOptions {
  readonly eventsQueue?: string;
  /** Told of every call as it leaves for AWS, and of every answer as it arrives. */
  readonly onSent?: (sent: Sent) => void;
  readonly onAnswer?: (sent: Sent, answer: unknown) => void;
}

/** Begins at once. */
export function pacedDaemon(world: World, { eventsQueue, onSent, onAnswer }: PacedOptions = {}): PacedDaemon {
  const { clock, random } = world;
  const buckets = new Map<RateName, TokenBucket>();
  let throttled = 0;
  const wait = (ms: number) => new Promise<void>((resolve) => clock.after(ms, resolve));
  const account: Layer = (next) => async (outgoing) => {
    const { service, operation, call } = outgoing;
    const input = outgoing.input();
    const changes = !isTable(service) && !isReading(operation);
    const sent = { service, operation, input, changes, atMs: clock.now() };
    onSent?.(sent);
    const { least, most } = isTable(service) ? LATENCY_MS.table : LATENCY_MS.controlPlane;
    const halfMs = (least + random.next() * (most - least)) / 2;
    await wait(halfMs);
    const charges = (CHARGES as unknown as Record<string, Record<string, readonly RateName[]>>)[service]?.[operation];
    for (const name of charges ?? []) {
      const bucket = buckets.get(name) ?? new TokenBucket(RATES[name], clock.now());
      buckets.set(name, bucket);
      if (bucket.take(clock.now())) continue;
      throttled++;
      const code = 'ThrottlingException';
      throw new Failure({ kind: 'throttled', service, operation, code, message: 'Rate exceeded (simulated)' });
    }
    const answer = await next({ ...outgoing, input: () => input, call });
    await wait(halfMs);
    onAnswer?.(sent, answer);
    return answer;
  };
  const layers = [new Coalescing({ clock }).layer, new Pacing({ clock, metrics: world.metrics }).layer, account];
  const controller = assembleController(
    layered(world.controllerPorts, ...layers),
    clock,
    random,
    world.logger,
    {
      region: world.region,
      desiredTable: world.desiredTable,
      stateTable: world.state.table,
      resyncMs: RESYNC_MS,
      relistMs: RELIST_MS,
      sweep: { callsPerSec: SWEEP_CALLS_PER_SEC, rateShare: 1, maxDriftAgeMs: undefined },
      eventsQueue,
      lease: { durationMs: 15_000, callTimeoutMs: 5_000 },
      workers: 16,
      drainMs: 5_000,
    },
    [],
    world.metrics,
  );
  const running = controller.run();
  // Looked at when it is stopped.
  running.catch(() => {});
  return {
    controller,
    throttled: () => throttled,
    stop: async () => {
      controller.stop();
      await world.drive(running);
    },
  };
}
