/**
 * How large an item is as DynamoDB counts it, and the refusal of what it would refuse with less to say. The size is
 * that of names and values in UTF-8; a number takes about a byte for two digits.
 * https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/CapacityUnitCalculations.html
 */
import type { Item } from '../aws/index.ts';
import { Failure } from '../core/index.ts';

/** The largest item that DynamoDB holds. */
export const ITEM_BYTES_MAX = 400 * 1024;

type Value = Item[string];

/** Bytes of an item, its attribute names included. Never less than DynamoDB counts. */
export function itemSize(item: Item): number {
  return Object.entries(item).reduce((sum, [name, value]) => sum + textSize(name) + valueSize(value), 0);
}

/** @throws Failure invalid, code `ItemTooLarge`, that names the size, the largest member and `remedy` */
export function refuseTooLarge(item: Item, what: string, remedy: string): void {
  const bytes = itemSize(item);
  if (bytes <= ITEM_BYTES_MAX) return;
  const { path, bytes: largest } = largestMember(item);
  throw new Failure({
    kind: 'invalid',
    service: 'dynamodb',
    operation: 'putItem',
    code: 'ItemTooLarge',
    message:
      `${what} has ${kilobytes(bytes)} KB, more than the ${ITEM_BYTES_MAX / 1024} KB that DynamoDB holds in an item; ` +
      `${path} has ${kilobytes(largest)} KB of it; ${remedy}`,
  });
}

/** The innermost member that makes up most of the item. */
function largestMember(item: Item): { path: string; bytes: number } {
  let path = '';
  let bytes = 0;
  let members: Item | undefined = item;
  while (members) {
    const [name, value]: [string, Value] = Object.entries(members).reduce((a, b) =>
      valueSize(b[1]) > valueSize(a[1]) ? b : a,
    );
    const size = valueSize(value);
    // A member with less than half of what is around it explains nothing.
    if (path !== '' && size < bytes / 2) break;
    path = path === '' ? name : `${path}.${name}`;
    bytes = size;
    members = value.M && Object.keys(value.M).length > 0 ? value.M : undefined;
  }
  return { path, bytes };
}

function valueSize(value: Value): number {
  if (value.S !== undefined) return textSize(value.S);
  if (value.N !== undefined) return Math.ceil(value.N.length / 2) + 2;
  if (value.B !== undefined) return value.B.byteLength;
  if (value.SS !== undefined) return value.SS.reduce((sum, text) => sum + textSize(text), 0);
  if (value.NS !== undefined) return value.NS.reduce((sum, text) => sum + Math.ceil(text.length / 2) + 2, 0);
  if (value.BS !== undefined) return value.BS.reduce((sum, bytes) => sum + bytes.byteLength, 0);
  if (value.L !== undefined) return value.L.reduce((sum, element) => sum + 1 + valueSize(element), 3);
  if (value.M !== undefined) return itemSize(value.M) + 3 + Object.keys(value.M).length;
  return 1;
}

function textSize(text: string): number {
  return Buffer.byteLength(text);
}

function kilobytes(bytes: number): string {
  return (bytes / 1024).toFixed(1);
}
