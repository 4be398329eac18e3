/**
 * Base images as the controller asks for them: the digest behind a tag, by platform. Answers are remembered for
 * less than a minute by the clock, and callers who ask the same at once share one request. Failures are not remembered.
 */
import { type Clock, Failure, systemClock } from '../core/index.ts';
import { parseReference } from './reference.ts';
import { RegistryClient, type RegistryClientOptions } from './registry-client.ts';

/** The same shape as the `RegistryPort` of `aws/`, which this room may not import. */
export interface DigestResolver {
  resolveDigest(reference: string, architecture: 'x86_64' | 'arm64', call?: { signal?: AbortSignal }): Promise<string>;
}

/** Less than the shortest interval at which a tag is followed. */
const REMEMBERED_MS = 50_000;
const REMEMBERED_MAX = 10_000;

/**
 * A port over a client of its own. `close` drops its connections.
 * @throws Failure (from `resolveDigest`) notFound, denied, throttled, transient; UserError when the reference is malformed
 */
export function registryPort(
  options: RegistryClientOptions & { clock?: Clock } = {},
): DigestResolver & { close(): Promise<void> } {
  const { clock = systemClock, ...clientOptions } = options;
  const client = new RegistryClient(clientOptions);
  const remembered = new Map<string, { digest: string; untilMs: number }>();
  const underway = new Map<string, Promise<string>>();

  const ask = async (key: string, reference: string, architecture: 'x86_64' | 'arm64'): Promise<string> => {
    try {
      const platform = { os: 'linux', architecture: architecture === 'arm64' ? 'arm64' : 'amd64' } as const;
      const { digest } = await client.image(parseReference(reference), platform);
      remembered.delete(key);
      remembered.set(key, { digest, untilMs: clock.now() + REMEMBERED_MS });
      const oldest = remembered.size > REMEMBERED_MAX ? remembered.keys().next().value : undefined;
      if (oldest !== undefined) remembered.delete(oldest);
      return digest;
    } finally {
      underway.delete(key);
    }
  };

  return {
    resolveDigest: async (reference, architecture, call) => {
      const key = `${architecture} ${reference}`;
      const known = remembered.get(key);
      if (known && known.untilMs > clock.now()) return known.digest;
      let asked = underway.get(key);
      if (!asked) {
        asked = ask(key, reference, architecture);
        underway.set(key, asked);
      }
      return abortable(asked, call?.signal);
    },
    close: () => client.close(),
  };
}

/** A caller that gives up leaves; the shared request goes on for the others. */
function abortable<T>(work: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (!signal) return work;
  return new Promise((resolve, reject) => {
    const abort = () =>
      reject(
        new Failure({
          kind: 'transient',
          service: 'registry',
          operation: 'ResolveDigest',
          code: 'AbortError',
          message: 'aborted',
        }),
      );
    if (signal.aborted) {
      work.catch(() => {});
      return abort();
    }
    signal.addEventListener('abort', abort, { once: true });
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', abort));
  });
}
