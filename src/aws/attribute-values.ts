/**
 * DynamoDB's attribute values to plain values and back. Numbers become JavaScript numbers when that loses nothing and
 * stay text otherwise; sets become `Set`, binary `Uint8Array`: the API's validation refuses both with a remedy.
 */
import type { AttributeValue } from '@aws-sdk/client-dynamodb';
import { marshall } from '@aws-sdk/util-dynamodb';

export type Item = Record<string, AttributeValue>;

/** @throws TypeError for values that DynamoDB cannot hold (functions, symbols) */
export function toItem(value: Record<string, unknown>): Item {
  return marshall(value, { removeUndefinedValues: true, convertEmptyValues: false });
}

/** Never throws: items are written by people, under any names. */
export function fromItem(item: Item): Record<string, unknown> {
  const plain: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(item)) {
    // Assigned it would become the prototype, and the SDK's `unmarshall` does so.
    if (name === '__proto__') Object.defineProperty(plain, name, { value: fromValue(value), ...OWN });
    else plain[name] = fromValue(value);
  }
  return plain;
}

const OWN = { enumerable: true, configurable: true, writable: true };

/** Undefined for a value of no known type; the SDK gives none for an attribute that is named `__proto__`. */
function fromValue(value: AttributeValue | undefined): unknown {
  if (value === undefined) return undefined;
  if (value.S !== undefined) return value.S;
  if (value.N !== undefined) return fromNumber(value.N);
  if (value.BOOL !== undefined) return value.BOOL;
  if (value.M !== undefined) return fromItem(value.M);
  if (value.L !== undefined) return value.L.map(fromValue);
  if (value.NULL !== undefined) return null;
  if (value.SS !== undefined) return new Set(value.SS);
  if (value.NS !== undefined) return new Set(value.NS.map(fromNumber));
  return value.B ?? (value.BS && new Set(value.BS));
}

function fromNumber(text: string): number | string {
  const number = Number(text);
  return Number.isSafeInteger(number) || String(number) === text ? number : text;
}
