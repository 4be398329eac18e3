/**
 * Work that goes on beside the passes while this daemon leads, such as following git sources. A companion is started
 * with the lease and ends with it. One that fails is logged and started again after a pause that grows; it never stops
 * the controller, and the controller knows nothing of what it does.
 */
import { type Clock, formatDuration, isFailure, type Logger, type Random, sleep } from '../core/index.ts';
import type { ObjectKey } from '../resource/index.ts';

export interface Companion {
  /** For the log. */
  readonly name: string;
  /** Works until `signal` aborts, and then ends soon. Resolving before means that it has nothing more to do. */
  run(signal: AbortSignal): Promise<void>;
  /** A record of a source (`_system`, `source/<name>`) was changed, or seen in a relist. Must not throw. */
  onRecord?(key: ObjectKey): void;
  /** Any record was changed, as the stream tells it; nothing is told of what it misses. Must not throw. */
  onChange?(key: ObjectKey): void;
}

/**
 * Made once per daemon. `epoch` is that of the lease: every write of state names it; `assertHeld` throws when this daemon
 * may not change anything any more.
 */
export type CompanionFactory = (lease: { readonly epoch: () => number; readonly assertHeld: () => void }) => Companion;

const PAUSE_MIN_MS = 1_000;
const PAUSE_MAX_MS = 60_000;

/** Runs a companion until `signal` aborts or it has nothing more to do. Never rejects. */
export async function accompany(
  companion: Companion,
  { clock, random, logger }: { readonly clock: Clock; readonly random: Random; readonly logger: Logger },
  signal: AbortSignal,
): Promise<void> {
  for (let failures = 0; !signal.aborted; failures++) {
    const startedMs = clock.monotonic();
    try {
      return await companion.run(signal);
    } catch (error) {
      if (signal.aborted) return;
      // One that did well for a while begins anew.
      if (clock.monotonic() - startedMs > PAUSE_MAX_MS) failures = 0;
      const fullMs = Math.min(PAUSE_MAX_MS, PAUSE_MIN_MS * 2 ** failures);
      const pauseMs = Math.round((fullMs / 2) * (1 + random.next()));
      const fields = { companion: companion.name, again: formatDuration(pauseMs) };
      if (isFailure(error)) {
        const { service, operation, code, requestId, message } = error;
        logger.warn({ ...fields, service, operation, code, requestId }, message);
      } else logger.error({ ...fields, err: error }, 'a companion failed by a defect');
      await sleep(clock, pauseMs, signal);
    }
  }
}
