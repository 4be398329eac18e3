/**
 * Attribute values as the machine stores them: the wire's shapes with binary as Latin-1 text (so that they are plain
 * JSON, ordered by code unit and searched like strings), numbers in their one spelling and sets in order. Stored
 * values are never changed in place. This file checks, converts, sizes, orders and compares them.
 */
import type { AttributeValue } from '@aws-sdk/client-dynamodb';
import { AwsError } from '../../contract.ts';
import { compareNumbers, normalizeNumber, significantDigits, sortableNumber } from './decimal.ts';

export type Value =
  | { readonly S: string }
  | { readonly N: string }
  | { readonly B: string }
  | { readonly BOOL: boolean }
  | { readonly NULL: true }
  | { readonly SS: readonly string[] }
  | { readonly NS: readonly string[] }
  | { readonly BS: readonly string[] }
  | { readonly L: readonly Value[] }
  | { readonly M: Item };

export type Item = { readonly [name: string]: Value };

export type ValueType = 'S' | 'N' | 'B' | 'BOOL' | 'NULL' | 'SS' | 'NS' | 'BS' | 'L' | 'M';

export const VALUE_TYPES: readonly ValueType[] = ['S', 'N', 'B', 'BOOL', 'NULL', 'SS', 'NS', 'BS', 'L', 'M'];

const NESTING_MAX = 32;

export const invalid = (message: string) => new AwsError('ValidationException', message);
export const invalidParameter = (detail: string) => invalid(`One or more parameter values were invalid: ${detail}`);

export function typeOf(value: Value): ValueType {
  for (const type in value) return type as ValueType;
  throw new TypeError('a value without a type');
}

/** A member by name; never something inherited, because attributes may be called `constructor`. */
export function member(item: Item, name: string): Value | undefined {
  return Object.hasOwn(item, name) ? item[name] : undefined;
}

/** Stored form of an item from a request. @throws AwsError ValidationException */
export function itemFromWire(wire: Record<string, AttributeValue>): Item {
  return mapFromWire(wire, 0);
}

/** Stored form of a value from a request. @throws AwsError ValidationException */
export function valueFromWire(wire: AttributeValue, depth = 0): Value {
  const present = VALUE_TYPES.filter(
    (type) => (wire as unknown as Record<string, unknown> | undefined)?.[type] != null,
  );
  const type = present[0];
  if (type === undefined) {
    throw invalid('Supplied AttributeValue is empty, must contain exactly one of the supported datatypes');
  }
  const value = convert(type, (wire as unknown as Record<string, unknown>)[type], depth);
  if (present.length > 1) {
    throw invalid(
      'Supplied AttributeValue has more than one datatypes set, must contain exactly one of the supported datatypes',
    );
  }
  return value;
}

function convert(type: ValueType, wire: unknown, depth: number): Value {
  switch (type) {
    case 'S':
      return { S: text(wire) };
    case 'N':
      return { N: normalizeNumber(text(wire)) };
    case 'B':
      return { B: bytes(wire) };
    case 'BOOL':
      return { BOOL: wire === true };
    case 'NULL':
      if (wire !== true) throw invalidParameter('Null attribute value types must have the value of true');
      return { NULL: true };
    case 'SS': {
      const members = list(wire).map(text);
      if (members.length === 0) throw invalidParameter('An string set  may not be empty');
      if (new Set(members).size < members.length) {
        throw invalidParameter(`Input collection [${members.join(', ')}] contains duplicates.`);
      }
      return { SS: members.sort(compareText) };
    }
    case 'NS': {
      const members = list(wire).map((number) => normalizeNumber(text(number)));
      if (members.length === 0) throw invalidParameter('An number set  may not be empty');
      if (new Set(members).size < members.length) throw invalid('Input collection contains duplicates');
      return { NS: members.sort(compareNumbers) };
    }
    case 'BS': {
      const members = list(wire).map(bytes);
      if (members.length === 0) throw invalidParameter('Binary sets should not be empty');
      if (new Set(members).size < members.length) {
        throw invalidParameter('Input collection of type BS contains duplicates.');
      }
      return { BS: members.sort(compareText) };
    }
    case 'L':
      return { L: list(wire).map((element) => valueFromWire(element as AttributeValue, deeper(depth))) };
    case 'M':
      return { M: mapFromWire(wire as Record<string, AttributeValue>, deeper(depth)) };
  }
}

function mapFromWire(wire: Record<string, AttributeValue>, depth: number): Item {
  // Not by assignment: an attribute may be called `__proto__`.
  return Object.fromEntries(Object.entries(wire).map(([name, value]) => [name, valueFromWire(value, depth)]));
}

function deeper(depth: number): number {
  if (depth + 1 > NESTING_MAX) throw invalid('Nesting Levels have exceeded supported limits');
  return depth + 1;
}

function text(wire: unknown): string {
  if (typeof wire !== 'string') throw new AwsError('SerializationException', 'Expected a string');
  return wire;
}

function bytes(wire: unknown): string {
  if (!(wire instanceof Uint8Array)) {
    throw new AwsError('SerializationException', 'only base-64-encoded strings are convertible to bytes');
  }
  return Buffer.from(wire.buffer, wire.byteOffset, wire.byteLength).toString('latin1');
}

function list(wire: unknown): unknown[] {
  if (!Array.isArray(wire)) throw new AwsError('SerializationException', 'Expected a list');
  return wire;
}

/** A response's own copy of an item. */
export function itemToWire(item: Item): Record<string, AttributeValue> {
  return Object.fromEntries(Object.entries(item).map(([name, value]) => [name, valueToWire(value)]));
}

function valueToWire(value: Value): AttributeValue {
  if ('S' in value) return { S: value.S };
  if ('N' in value) return { N: value.N };
  if ('M' in value) return { M: itemToWire(value.M) };
  if ('L' in value) return { L: value.L.map(valueToWire) };
  if ('BOOL' in value) return { BOOL: value.BOOL };
  if ('NULL' in value) return { NULL: true };
  if ('SS' in value) return { SS: [...value.SS] };
  if ('NS' in value) return { NS: [...value.NS] };
  if ('BS' in value) return { BS: value.BS.map(toBytes) };
  return { B: toBytes(value.B) };
}

function toBytes(latin1: string): Uint8Array {
  return new Uint8Array(Buffer.from(latin1, 'latin1'));
}

/** True when both hold the same value: maps in any order, numbers and sets by what they mean. */
export function sameValue(a: Value, b: Value): boolean {
  if (a === b) return true;
  const type = typeOf(a);
  if (type !== typeOf(b)) return false;
  const x = (a as Record<string, unknown>)[type];
  const y = (b as Record<string, unknown>)[type];
  if (type === 'M') return sameItem(x as Item, y as Item);
  if (!Array.isArray(x) || !Array.isArray(y)) return x === y;
  if (x.length !== y.length) return false;
  return type === 'L' ? x.every((value, i) => sameValue(value, y[i])) : x.every((value, i) => value === y[i]);
}

export function sameItem(a: Item, b: Item): boolean {
  const names = Object.keys(a);
  if (names.length !== Object.keys(b).length) return false;
  return names.every((name) => {
    const other = member(b, name);
    return other !== undefined && sameValue(a[name] as Value, other);
  });
}

/** Order of two values of one ordered type (S, N, B); undefined when they cannot be ordered. */
export function compareValues(a: Value, b: Value): number | undefined {
  if ('S' in a && 'S' in b) return compareText(a.S, b.S);
  if ('N' in a && 'N' in b) return compareNumbers(a.N, b.N);
  if ('B' in a && 'B' in b) return compareText(a.B, b.B);
  return undefined;
}

/**
 * Order of two texts by their UTF-8 bytes, as DynamoDB orders strings. JavaScript orders by UTF-16 code units, which
 * differs where one text has a surrogate pair and the other a character from U+E000 to U+FFFF.
 */
export function compareText(a: string, b: string): number {
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i++) {
    const x = a.charCodeAt(i);
    const y = b.charCodeAt(i);
    if (x === y) continue;
    const xSurrogate = x >= 0xd800 && x <= 0xdfff;
    const ySurrogate = y >= 0xd800 && y <= 0xdfff;
    if (xSurrogate !== ySurrogate) {
      if (xSurrogate && y > 0xdfff) return 1;
      if (ySurrogate && x > 0xdfff) return -1;
    }
    return x - y;
  }
  return a.length - b.length;
}

/** A key attribute as text that `compareText` puts in DynamoDB's order and that is equal only for equal values. */
export function keyText(value: Value): string {
  if ('S' in value) return value.S;
  if ('N' in value) return sortableNumber(value.N);
  if ('B' in value) return value.B;
  throw new TypeError(`${typeOf(value)} is no key type`);
}

/** Bytes of an item as DynamoDB counts them: names, values, and what lists and maps add. */
export function itemSize(item: Item): number {
  let size = 0;
  for (const name in item) size += Buffer.byteLength(name) + valueSize(item[name] as Value);
  return size;
}

export function valueSize(value: Value): number {
  if ('S' in value) return Buffer.byteLength(value.S);
  if ('N' in value) return numberSize(value.N);
  if ('B' in value) return value.B.length;
  if ('BOOL' in value || 'NULL' in value) return 1;
  if ('SS' in value) return value.SS.reduce((sum, text) => sum + Buffer.byteLength(text), 0);
  if ('NS' in value) return value.NS.reduce((sum, number) => sum + numberSize(number), 0);
  if ('BS' in value) return value.BS.reduce((sum, binary) => sum + binary.length, 0);
  // Lists and maps cost three bytes, and one for each element.
  if ('L' in value) return value.L.reduce((sum, element) => sum + 1 + valueSize(element), 3);
  return 3 + itemSize(value.M) + Object.keys(value.M).length;
}

function numberSize(normalized: string): number {
  return Math.ceil(significantDigits(normalized) / 2) + 1 + (normalized.startsWith('-') ? 1 : 0);
}
