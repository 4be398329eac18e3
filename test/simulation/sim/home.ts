/**
 * Keeps a simulated run to itself: while it lasts, the platform's timers throw, so that nothing of the run can depend on
 * them unnoticed. `setImmediate` stays: it is how the virtual clock lets promises settle, and it waits for nothing.
 */
const FORBIDDEN = ['setTimeout', 'setInterval'] as const;

/** Runs `act` without the platform's timers. Not to be nested. */
export async function atHome<T>(act: () => Promise<T>): Promise<T> {
  const scope = globalThis as unknown as Record<string, unknown>;
  const kept = FORBIDDEN.map((name) => [name, scope[name]] as const);
  for (const name of FORBIDDEN) {
    scope[name] = () => {
      throw new Error(`${name} was called in a simulated run`);
    };
  }
  try {
    return await act();
  } finally {
    for (const [name, timer] of kept) scope[name] = timer;
  }
}
