/**
 * The keys of the state table: partition = the object's namespace, sort key = its name and the part's, `checkout#status`.
 * Names come from records that anybody may have written, so they are percent-encoded, and those that would not fit into
 * DynamoDB's 1,024 bytes are replaced by their hash; such an item carries its name as an attribute.
 */
import { shortHash } from '../core/index.ts';
import type { ObjectKey } from '../resource/key.ts';

/** Partition of what belongs to no object: lease, allocations, and what the controller remembers of itself. */
export const CONTROLLER_NAMESPACE = '_controller';

/** The longest encoded name that is written out: the longest part (an event's) still fits behind it. */
const NAME_BYTES_MAX = 900;

export interface ItemKey {
  readonly namespace: string;
  readonly key: string;
}

/** Where a part of an object stands, with what is needed to read its name back. */
export function partKey({ namespace, name }: ObjectKey, part: string): ItemKey & { readonly name?: string } {
  const encoded = encodeURIComponent(name);
  return encoded.length <= NAME_BYTES_MAX
    ? { namespace, key: `${encoded}#${part}` }
    : { namespace, key: `${hashedName(name)}#${part}`, name };
}

/** What all keys of an object's parts that begin with `part` begin with. */
export function partPrefix({ name }: ObjectKey, part = ''): string {
  const encoded = encodeURIComponent(name);
  return `${encoded.length <= NAME_BYTES_MAX ? encoded : hashedName(name)}#${part}`;
}

/** Object and part of an item; undefined for what belongs to no object or was not written by the controller. */
export function parseItemKey(item: Record<string, unknown>): { key: ObjectKey; part: string } | undefined {
  const namespace = String(item.namespace);
  const text = String(item.key);
  const hash = text.indexOf('#');
  if (hash < 0 || namespace === CONTROLLER_NAMESPACE) return undefined;
  const name = typeof item.name === 'string' ? item.name : decoded(text.slice(0, hash));
  return name === undefined ? undefined : { key: { namespace, name }, part: text.slice(hash + 1) };
}

/** `=` is in no encoded name, so that no name means another's hash. */
function hashedName(name: string): string {
  return `=${shortHash(name, 64)}`;
}

function decoded(text: string): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch {
    // Not a key that this file made.
    return undefined;
  }
}
