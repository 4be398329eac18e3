/**
 * Finds drift while this daemon leads: in each target it sweeps what can be listed and reads the rest in rotation, both at
 * the pace that the declared budget of calls allows. What differs is handed on with its reasons; what it means, and what
 * is done, a pass decides. It writes nothing but what it measured of itself, and that only when it changed.
 */
import { type Call, layered, type Ports } from '../../aws/index.ts';
import {
  type Clock,
  type Failure,
  formatDuration,
  isFailure,
  type Logger,
  type Metrics,
  type Random,
  sleep,
} from '../../core/index.ts';
import type { KindRegistry } from '../../resource/index.ts';
import type { Classes } from '../classes.ts';
import type { SteadyFleet, SteadyObject } from '../steady-fleet.ts';
import type { Target, Targets } from '../target.ts';
import type { Finding, FoundBy } from './finding.ts';
import { type Budget, type Pace, refuseImpossible, rotationPace, sweepPace } from './pace.ts';
import { Rotation } from './rotation.ts';
import { Search } from './search.ts';
import { Suspicion } from './suspicion.ts';
import { type DriftedNode, sweep } from './sweep.ts';
import type { Measured, SweepJournal } from './sweep-journal.ts';
import { type SweepGauge, SweepMetrics } from './sweep-metrics.ts';

export interface SweeperSettings extends Budget {
  /** The oldest that a drift of what listings show may become unseen, where somebody promised that. */
  readonly maxDriftAgeMs: number | undefined;
}

export interface SweeperParts {
  readonly kinds: KindRegistry;
  readonly fleet: SteadyFleet;
  readonly classes: Classes;
  readonly targets: Targets;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly settings: SweeperSettings;
  readonly journal: Pick<SweepJournal, 'write'>;
}

type OnFinding = (finding: Finding) => void;
type SweepDrift = (object: SteadyObject, node: DriftedNode, reasons: readonly string[], what: string) => void;

/** Turns of the rotation are this long at least, so that reads of one turn share their calls. */
const TURN_MS_MIN = 1_000;
/** So many things are read in one turn at most. */
const TURN_MAX = 50;
/** What was measured is told again when it differs by more than this part. */
const NEWS = 0.1;

export class Sweeper {
  readonly #parts: SweeperParts;
  readonly #suspicion: Suspicion;
  /** When the last sweep of each target ended. */
  readonly #sweptAt: Map<string, number> = new Map();
  readonly #periods: Map<string, number> = new Map();
  /** How many things the present round of each target's rotation reads. */
  readonly #things: Map<string, number> = new Map();
  /** Calls for each thing that the last round of each target's rotation read: some need several. */
  readonly #callsPerThing: Map<string, number> = new Map();
  readonly #metrics: SweepMetrics;

  constructor(parts: SweeperParts) {
    this.#parts = parts;
    this.#suspicion = new Suspicion(parts.clock);
    this.#metrics = new SweepMetrics(parts.metrics);
  }

  /**
   * Refuses a promised age of drift that the fleet, as it was loaded, does not allow.
   * @throws UserError naming the variable, the value, what is possible and the remedy; Failure when a class cannot be read
   */
  async refuseImpossible(): Promise<void> {
    const { settings, kinds } = this.#parts;
    if (settings.maxDriftAgeMs === undefined) return;
    for (const { objects } of (await this.#byTarget()).values()) {
      refuseImpossible(settings.maxDriftAgeMs, new Search(objects, kinds).expectedCalls, settings);
    }
  }

  /** When the last sweep of the target that waits the longest ended, by the monotonic clock; undefined before the first. */
  get sweptAtMs(): number | undefined {
    return this.#sweptAt.size === 0 ? undefined : Math.min(...this.#sweptAt.values());
  }

  /** How often a sweep begins now, in the target where it is least often; undefined before the first has ended. */
  get periodMs(): number | undefined {
    return this.#periods.size === 0 ? undefined : Math.max(...this.#periods.values());
  }

  /** Works until `signal` aborts; `onFinding` takes what is found. @throws what is not a Failure: a defect */
  async run(signal: AbortSignal, onFinding: (finding: Finding) => void): Promise<void> {
    const { clock, settings } = this.#parts;
    const working: Map<string, Promise<unknown>> = new Map();
    const failed = new AbortController();
    signal.addEventListener('abort', () => failed.abort(), { once: true });
    while (!failed.signal.aborted) {
      for (const { target } of (await this.#attempt(() => this.#byTarget()))?.values() ?? []) {
        if (working.has(target.id)) continue;
        const work = Promise.all([
          this.#sweeps(target, onFinding, failed.signal),
          this.#rounds(target, onFinding, failed.signal),
        ]);
        // One that fails by a defect ends all, so that they are started again together.
        work.catch(() => failed.abort());
        working.set(target.id, work);
      }
      await sleep(clock, settings.minPeriodMs, failed.signal);
    }
    await Promise.all(working.values());
  }

  async #sweeps(target: Target, onFinding: OnFinding, signal: AbortSignal): Promise<void> {
    const { clock, settings } = this.#parts;
    let told: Measured | undefined;
    let periodMs = settings.minPeriodMs;
    while (!signal.aborted) {
      const startedMs = clock.monotonic();
      const objects = await this.#objectsOf(target);
      if (objects.length > 0) {
        const counted = new Map<string, number>();
        const onDrift = this.#onDrift('sweep', periodMs, onFinding);
        const expected = await this.#sweep(target, objects, onDrift, counted, signal);
        if (signal.aborted) return;
        // The account may have more of its own than we do: what was counted stands where it is more.
        for (const [listing, calls] of counted) expected.set(listing, Math.max(calls, expected.get(listing) ?? 0));
        const measured = this.#measure(target, objects, expected, clock.monotonic() - startedMs);
        ({ periodMs } = measured);
        this.#periods.set(target.id, periodMs);
        if (!told || isNews(told, measured)) {
          this.#tell(target, measured);
          const isWritten = await this.#attempt(() => this.#parts.journal.write(target.id, measured).then(() => true));
          if (isWritten) told = measured;
        }
      }
      this.#sweptAt.set(target.id, clock.monotonic());
      await sleep(clock, Math.max(0, startedMs + periodMs - clock.monotonic()), signal);
    }
  }

  async #sweep(
    target: Target,
    objects: readonly SteadyObject[],
    onDrift: SweepDrift,
    counted: Map<string, number>,
    signal: AbortSignal,
  ): Promise<Map<string, number>> {
    const { kinds, fleet, logger } = this.#parts;
    const io = { ...target.io, aws: counting(target.io.aws, counted) };
    const parts = {
      kinds,
      fleet,
      onDrift,
      onFailure: (listing: string, scope: string, { code, message, requestId }: Failure) => {
        if (signal.aborted) return;
        logger.warn({ target: target.id, listing, scope, code, requestId }, `a sweep concludes nothing: ${message}`);
      },
    };
    return sweep(objects, io, parts, { signal, priority: 'sweep' });
  }

  async #rounds(target: Target, onFinding: OnFinding, signal: AbortSignal): Promise<void> {
    const { clock, random, kinds, fleet, logger, settings } = this.#parts;
    // Not every leader begins with the same ones: one that leads for a short time only would never see the last.
    const from = random.next();
    while (!signal.aborted) {
      let periodMs = settings.minPeriodMs;
      const rotation = new Rotation({
        kinds,
        fleet,
        onDrift: (...drift) => this.#onDrift('rotation', periodMs, onFinding)(...drift),
        onFailure: (kind, { code, message, requestId }) =>
          logger.warn({ target: target.id, kind, code, requestId }, `the rotation concludes nothing: ${message}`),
      });
      rotation.begin(await this.#objectsOf(target), from);
      this.#things.set(target.id, rotation.size);
      ({ periodMs } = rotationPace(this.#rotationCalls(target, rotation.size), settings));
      const startedMs = clock.monotonic();
      const { turns, perTurn } = turnsOf(rotation.size, periodMs);
      const call: Call = { signal, priority: 'sweep' };
      const counted = new Map<string, number>();
      const io = { ...target.io, aws: counting(target.io.aws, counted) };
      for (let turn = 1; turn <= turns && !signal.aborted; turn++) {
        await rotation.turn(perTurn, io, call);
        await sleep(clock, Math.max(0, startedMs + (periodMs * turn) / turns - clock.monotonic()), signal);
      }
      const calls = [...counted.values()].reduce((sum, count) => sum + count, 0);
      if (rotation.size > 0 && rotation.left === 0) this.#callsPerThing.set(target.id, calls / rotation.size);
    }
  }

  /** What a round over so many things is expected to call: as much for each as in the last round. */
  #rotationCalls({ id }: Target, things: number): number {
    return things * Math.max(1, this.#callsPerThing.get(id) ?? 1);
  }

  /** What differs counts unless passes have left it so already. */
  #onDrift(by: FoundBy, everyMs: number, onFinding: OnFinding): SweepDrift {
    return (object, { nodeId, kind }, reasons, what) => {
      // What rests on tags is told apart from the rest of the same node: neither makes the other news again.
      if (!this.#suspicion.counts(object, `${by} ${nodeId} ${reasons.join()}`, what, everyMs)) return;
      onFinding({ id: object.id, nodeId, kind, reasons, by });
    };
  }

  #measure(
    target: Target,
    objects: readonly SteadyObject[],
    calls: ReadonlyMap<string, number>,
    tookMs: number,
  ): Measured {
    const { settings, clock } = this.#parts;
    const things = this.#things.get(target.id) ?? 0;
    const swept: Pace = sweepPace(calls, settings);
    const rotation = rotationPace(this.#rotationCalls(target, things), settings);
    const total = [...calls.values()].reduce((sum, count) => sum + count, 0);
    const maxDriftAgeMs = { swept: Math.max(swept.maxAgeMs, swept.periodMs + tookMs), rotating: rotation.maxAgeMs };
    const gauge = (name: SweepGauge, value: number) => this.#metrics.set(name, target.id, value);
    gauge('sweep_calls', total);
    gauge('sweep_duration_seconds', tookMs / 1000);
    gauge('sweep_period_seconds', swept.periodMs / 1000);
    gauge('sweep_last_timestamp_seconds', clock.now() / 1000);
    gauge('sweep_objects', objects.length);
    gauge('rotation_period_seconds', rotation.periodMs / 1000);
    this.#metrics.setMaxAge(target.id, 'swept', maxDriftAgeMs.swept);
    this.#metrics.setMaxAge(target.id, 'rotating', maxDriftAgeMs.rotating);
    this.#judgePromise(target, maxDriftAgeMs.swept);
    return {
      objects: objects.length,
      calls: total,
      periodMs: Math.round(swept.periodMs),
      rotating: things,
      rotationMs: Math.round(rotation.periodMs),
      maxDriftAgeMs: {
        swept: Math.round(Math.max(swept.maxAgeMs, swept.periodMs)),
        rotating: Math.round(maxDriftAgeMs.rotating),
      },
    };
  }

  readonly #broken = new Set<string>();

  /** A fleet that outgrew the promise goes on; it is said once, and measured. */
  #judgePromise({ id }: Target, sweptMs: number): void {
    const { settings, logger } = this.#parts;
    const promiseMs = settings.maxDriftAgeMs;
    if (promiseMs === undefined) return;
    const isBroken = sweptMs > promiseMs;
    this.#metrics.set('drift_age_promise_broken', id, isBroken ? 1 : 0);
    if (isBroken === this.#broken.has(id)) return;
    if (isBroken) this.#broken.add(id);
    else this.#broken.delete(id);
    const fields = { target: id, reason: 'DriftAgePromiseBroken' };
    const promised = `LAMBDACONTAINER_MAX_DRIFT_AGE promises ${formatDuration(promiseMs)}`;
    if (isBroken) {
      logger.warn(
        fields,
        `${promised}; at this size drift is found after ${formatDuration(sweptMs)} at most: raise LAMBDACONTAINER_SWEEP_CALLS_PER_SECOND, or promise less`,
      );
    } else logger.info(fields, `${promised}, which holds again`);
  }

  #tell({ id }: Target, { objects, calls, periodMs, rotating, maxDriftAgeMs }: Measured): void {
    this.#parts.logger.info(
      {
        target: id,
        objects,
        calls,
        rotating,
        period: formatDuration(periodMs),
        maxDriftAge: {
          swept: formatDuration(maxDriftAgeMs.swept),
          rotating: formatDuration(maxDriftAgeMs.rotating),
        },
      },
      `drift is found after ${formatDuration(maxDriftAgeMs.swept)} at most where listings show it, after ${formatDuration(maxDriftAgeMs.rotating)} elsewhere`,
    );
  }

  async #objectsOf(target: Target): Promise<readonly SteadyObject[]> {
    return (await this.#attempt(() => this.#byTarget()))?.get(target.id)?.objects ?? [];
  }

  /** The steady objects by where they are. Those of a class that cannot be used are nobody's to sweep: their passes tell. */
  async #byTarget(): Promise<Map<string, { readonly target: Target; readonly objects: SteadyObject[] }>> {
    const { fleet, classes, targets } = this.#parts;
    const found = new Map<string, { readonly target: Target; readonly objects: SteadyObject[] }>();
    const ofClass = new Map<string, SteadyObject[]>();
    for (const object of fleet.objects()) {
      const objects = ofClass.get(object.className);
      if (objects) objects.push(object);
      else ofClass.set(object.className, [object]);
    }
    for (const [className, objects] of ofClass) {
      const { content } = await classes.get(className);
      if (!content) continue;
      const target = targets.of(content.spec);
      const known = found.get(target.id);
      if (known) for (const object of objects) known.objects.push(object);
      else found.set(target.id, { target, objects: [...objects] });
    }
    return found;
  }

  /** Tables that cannot be read or written now are tried again by the next round. @throws what is not a Failure */
  async #attempt<T>(act: () => Promise<T>): Promise<T | undefined> {
    try {
      return await act();
    } catch (error) {
      if (!isFailure(error)) throw error;
      this.#parts.logger.warn({ code: error.code }, `the sweeper tries again: ${error.message}`);
      return undefined;
    }
  }
}

/** Turns of at least a second, and no more at once than share calls well. */
function turnsOf(size: number, periodMs: number): { turns: number; perTurn: number } {
  if (size === 0) return { turns: 1, perTurn: 0 };
  const most = Math.max(1, Math.floor(periodMs / TURN_MS_MIN));
  const least = Math.ceil(size / TURN_MAX);
  const turns = Math.max(least, Math.min(most, size));
  return { turns, perTurn: Math.ceil(size / turns) };
}

/** Counts the calls of a sweep by listing, as `elbv2 DescribeRules`. */
function counting(ports: Ports, counted: Map<string, number>): Ports {
  return layered(ports, (next) => (outgoing) => {
    const { service, operation } = outgoing;
    const name = `${service} ${operation.charAt(0).toUpperCase()}${operation.slice(1)}`;
    counted.set(name, (counted.get(name) ?? 0) + 1);
    return next(outgoing);
  });
}

function isNews(before: Measured, now: Measured): boolean {
  const differs = (a: number, b: number) => Math.abs(a - b) > NEWS * Math.max(a, b);
  return (
    differs(before.maxDriftAgeMs.swept, now.maxDriftAgeMs.swept) ||
    differs(before.maxDriftAgeMs.rotating, now.maxDriftAgeMs.rotating) ||
    differs(before.periodMs, now.periodMs)
  );
}
