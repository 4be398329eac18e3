/**
 * Content digests of the OCI world: `sha256:<hex>`, the only algorithm this product writes or accepts.
 */
import { createHash } from 'node:crypto';

export type Digest = `sha256:${string}`;

/** The digest of bytes (a string counts as UTF-8). */
export function digestOf(bytes: Uint8Array | string): Digest {
  return `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
}

/** True for a well-formed `sha256:<64 lower-case hex digits>`. */
export function isDigest(text: string): text is Digest {
  return /^sha256:[0-9a-f]{64}$/.test(text);
}
