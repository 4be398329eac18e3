/**
 * Bytes in JSON: `{"$bytes": base64}`. An object of the user's that looks like a tag is wrapped as `{"$plain": …}`, so
 * that every value comes back as it was. Values without either cost nothing but the look.
 */
import { setMember } from './copy.ts';

const BYTES = '$bytes';
const PLAIN = '$plain';

/** The value with every byte array (and every object that could be mistaken for one) tagged; itself when none is in it. */
export function tagBytes(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value;
  if (value instanceof Uint8Array)
    return { [BYTES]: Buffer.from(value.buffer, value.byteOffset, value.length).toString('base64') };
  if (Array.isArray(value)) return mapElements(value, tagBytes);
  const tagged = mapMembers(value as Record<string, unknown>, tagBytes);
  return BYTES in value || PLAIN in value ? { [PLAIN]: tagged } : tagged;
}

/** The reverse of {@link tagBytes}. */
export function untagBytes(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return mapElements(value, untagBytes);
  const record = value as Record<string, unknown>;
  const bytes = record[BYTES];
  if (typeof bytes === 'string') return new Uint8Array(Buffer.from(bytes, 'base64'));
  const plain = record[PLAIN];
  return mapMembers((plain === undefined ? record : plain) as Record<string, unknown>, untagBytes);
}

function mapElements(list: unknown[], map: (value: unknown) => unknown): unknown[] {
  let result = list;
  for (let i = 0; i < list.length; i++) {
    const mapped = map(list[i]);
    if (mapped === list[i]) continue;
    if (result === list) result = list.slice();
    result[i] = mapped;
  }
  return result;
}

function mapMembers(record: Record<string, unknown>, map: (value: unknown) => unknown): Record<string, unknown> {
  let result = record;
  for (const key in record) {
    const mapped = map(record[key]);
    if (mapped === record[key]) continue;
    if (result === record) result = { ...record };
    setMember(result, key, mapped);
  }
  return result;
}
