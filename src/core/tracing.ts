/**
 * Traces as a port: spans with attributes, made from their parent, so that no ambient context is needed. Rooms take a
 * `Tracer` or a span and know no exporter's library; without one they are given nothing and do nothing.
 */
export type Attributes = Readonly<Record<string, string | number | boolean | undefined>>;

export interface Span {
  /** A span within this one, begun now. */
  child(name: string, attributes?: Attributes): Span;
  set(attributes: Attributes): void;
  /** Ends it now. Idempotent. `error`: what it failed of. */
  end(error?: string): void;
}

export interface Tracer {
  /** A span without parent, begun now. Must not throw. */
  start(name: string, attributes?: Attributes): Span;
}

/** The same for what takes no waiting. @throws what `work` throws */
export function tracedNow<T>(span: Span | undefined, name: string, work: () => T): T {
  if (!span) return work();
  const child = span.child(name);
  try {
    return work();
  } finally {
    child.end();
  }
}

/** Runs `work` within a child of `span`, if there is one. @throws what `work` throws */
export async function traced<T>(
  span: Span | undefined,
  name: string,
  work: (child: Span | undefined) => Promise<T>,
): Promise<T> {
  if (!span) return work(undefined);
  const child = span.child(name);
  try {
    const result = await work(child);
    child.end();
    return result;
  } catch (error) {
    child.end(error instanceof Error ? error.message : String(error));
    throw error;
  }
}
