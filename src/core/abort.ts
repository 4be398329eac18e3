/** Being told of an abort, and ceasing to be: without Node's warning that so many listeners must be a leak. */
import { setMaxListeners } from 'node:events';

/**
 * Calls `fire` once when `signal` aborts. Returns what takes that back; calling it late or twice is fine. All calls of
 * all passes may share one signal, so any number of listeners is in order.
 */
export function onAbort(signal: AbortSignal | undefined, fire: () => void): () => void {
  if (!signal) return () => {};
  setMaxListeners(0, signal);
  signal.addEventListener('abort', fire, { once: true });
  return () => signal.removeEventListener('abort', fire);
}
