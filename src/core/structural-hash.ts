/**
 * A quick hash of a JSON value for telling whether it changed: equal values have equal hashes whatever the order of their
 * keys, as with canonical JSON, but no text is built and nothing is sorted. 64 bits, of no use against somebody who seeks
 * two values of one hash. The function is part of what is stored: another one gets another prefix.
 */

/** What every hash of this function begins with. */
export const STRUCTURAL = 'q1';

/** Hex digits of each half. */
const DIGITS = 8;
const LENGTH = STRUCTURAL.length + 2 * DIGITS;

const NULL = 1;
const TRUE = 2;
const FALSE = 3;
const NUMBER = 4;
const STRING = 5;
const LIST = 6;
const RECORD = 7;

/** The two halves of the last result: a function has but one to return, and this is called for each value. */
let low = 0;
let high = 0;

/** `q1` and 16 hex digits. */
export function structuralHash(value: unknown): string {
  hashValue(value);
  return `${STRUCTURAL}${hex(low)}${hex(high)}`;
}

/** Whether `structuralHash(value)` is `hash`, without the text being made: of a steady object it is asked for every node. */
export function isStructuralHashOf(hash: string, value: unknown): boolean {
  if (hash.length !== LENGTH || !hash.startsWith(STRUCTURAL)) return false;
  hashValue(value);
  return halfAt(hash, STRUCTURAL.length) === (low | 0) && halfAt(hash, STRUCTURAL.length + DIGITS) === (high | 0);
}

function hashValue(value: unknown): void {
  if (typeof value === 'string') return hashText(value, STRING);
  if (typeof value === 'number') return hashText(Number.isFinite(value) ? String(value) : 'null', NUMBER);
  if (value === true) return finish(TRUE, TRUE);
  if (value === false) return finish(FALSE, FALSE);
  if (typeof value !== 'object' || value === null) return finish(NULL, NULL);
  if (Array.isArray(value)) return hashList(value);
  hashRecord(value as Readonly<Record<string, unknown>>);
}

function hashList(list: readonly unknown[]): void {
  let a = LIST;
  let b = LIST + list.length;
  for (const item of list) {
    hashValue(item);
    a = Math.imul(a ^ low, 0x9e3779b1);
    b = Math.imul(b ^ high, 0x5f356495);
  }
  finish(a, b);
}

/** Members are summed, so that their order does not matter; undefined ones are none. */
function hashRecord(record: Readonly<Record<string, unknown>>): void {
  let a = RECORD;
  let b = RECORD;
  for (const key of Object.keys(record)) {
    const member = record[key];
    if (member === undefined) continue;
    hashValue(member);
    const memberLow = low;
    const memberHigh = high;
    hashText(key, RECORD);
    finish(Math.imul(low ^ memberLow, 0x85ebca77), Math.imul(high ^ memberHigh, 0xc2b2ae3d) ^ memberLow);
    a = (a + low) | 0;
    b = (b + high) | 0;
  }
  finish(a, b);
}

function hashText(text: string, seed: number): void {
  let a = 0xdeadbeef ^ seed;
  let b = 0x41c6ce57 ^ seed;
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    a = Math.imul(a ^ unit, 0x9e3779b1);
    b = Math.imul(b ^ unit, 0x5f356495);
  }
  finish(a, b ^ text.length);
}

/** Every bit of both halves comes to bear on every bit of either. */
function finish(a: number, b: number): void {
  const x = Math.imul(a ^ (a >>> 16), 0x85ebca6b) ^ Math.imul(b ^ (b >>> 13), 0xc2b2ae35);
  const y = Math.imul(b ^ (b >>> 16), 0x85ebca6b) ^ Math.imul(a ^ (a >>> 13), 0xc2b2ae35);
  low = Math.imul(x ^ (x >>> 15), 0x2c1b3c6d);
  high = Math.imul(y ^ (y >>> 14), 0x297a2d39);
}

function hex(half: number): string {
  return (half >>> 0).toString(16).padStart(DIGITS, '0');
}

/** The half that `hex` wrote there; NaN: it wrote none. */
function halfAt(hash: string, at: number): number {
  let half = 0;
  for (let i = at; i < at + DIGITS; i++) {
    const unit = hash.charCodeAt(i);
    const isDecimal = unit >= 0x30 && unit <= 0x39;
    if (!isDecimal && !(unit >= 0x61 && unit <= 0x66)) return Number.NaN;
    half = (half << 4) | (isDecimal ? unit - 0x30 : unit - 0x57);
  }
  return half;
}
