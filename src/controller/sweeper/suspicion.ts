/**
 * Keeps a difference that passes do not confirm from costing a pass at each sweep: a listing that lags behind, or shows
 * something otherwise than a description does. The first time a difference counts at once; while a pass leaves the object
 * as it was, the same difference counts again only after a pause that doubles. It forgets when the object is written.
 */
import type { Clock } from '../../core/index.ts';
import type { SteadyObject } from '../steady-fleet.ts';

interface Doubt {
  readonly what: string;
  readonly times: number;
  readonly notBeforeMs: number;
}

const PAUSE_MS_MAX = 30 * 60_000;

export class Suspicion {
  readonly #clock: Pick<Clock, 'monotonic'>;
  readonly #doubts: WeakMap<SteadyObject, Map<string, Doubt>> = new WeakMap();

  constructor(clock: Pick<Clock, 'monotonic'>) {
    this.#clock = clock;
  }

  /** Whether what was seen of a node (`what`, any text that tells it apart) is worth a pass now. */
  counts(object: SteadyObject, nodeId: string, what: string, everyMs: number): boolean {
    const nowMs = this.#clock.monotonic();
    const doubts = this.#doubts.get(object) ?? new Map<string, Doubt>();
    const before = doubts.get(nodeId);
    const isSame = before?.what === what;
    if (isSame && nowMs < before.notBeforeMs) return false;
    const times = isSame ? before.times + 1 : 1;
    const pauseMs = Math.min(PAUSE_MS_MAX, everyMs * 2 ** Math.min(times, 20));
    doubts.set(nodeId, { what, times, notBeforeMs: nowMs + pauseMs });
    this.#doubts.set(object, doubts);
    return true;
  }
}
