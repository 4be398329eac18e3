/**
 * The representations between which values travel: native (the SDK's shapes: Date, Uint8Array), JSON and forms. Each
 * says how its leaves are read; what they are turned into is native for inputs and JSON for outputs.
 */
import { asRecord, type Dialect, Mismatch, mismatch } from './mapper.ts';

function string(value: unknown): string {
  if (typeof value !== 'string') throw mismatch('a string', value);
  return value;
}

function number(value: unknown): number {
  if (typeof value !== 'number' || Number.isNaN(value)) throw mismatch('a number', value);
  return value;
}

function boolean(value: unknown): boolean {
  if (typeof value !== 'boolean') throw mismatch('a boolean', value);
  return value;
}

function bytes(value: unknown): Uint8Array {
  if (!(value instanceof Uint8Array)) throw mismatch('bytes', value);
  return new Uint8Array(value);
}

function date(value: unknown): Date {
  if (!(value instanceof Date) || Number.isNaN(value.getTime())) throw mismatch('a date', value);
  return new Date(value);
}

function base64ToBytes(value: unknown): Uint8Array {
  const text = string(value);
  const bytes = Buffer.from(text, 'base64');
  const padding = text.endsWith('==') ? 2 : text.endsWith('=') ? 1 : 0;
  // Buffer skips what is no base64, so such a text gives too few bytes.
  if (text.length % 4 !== 0 || bytes.length !== (text.length / 4) * 3 - padding) throw mismatch('base64', value);
  return new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length);
}

const native = { string, number, boolean, blob: bytes, timestamp: date };

/** Inputs of the direct ports. */
export const NATIVE_INPUT: Dialect = { ...native, strict: true };
/** Outputs of the direct ports. */
export const NATIVE_OUTPUT: Dialect = { ...native, strict: false };

/** Inputs in JSON: base64, seconds since the epoch. */
export const JSON_INPUT: Dialect = {
  strict: true,
  string,
  number,
  boolean,
  blob: base64ToBytes,
  timestamp: (value) => new Date(Math.round(number(value) * 1000)),
};

/** Outputs on their way to JSON. */
export const JSON_OUTPUT: Dialect = {
  strict: false,
  string,
  number,
  boolean,
  blob: (value) => Buffer.from(bytes(value)).toString('base64'),
  timestamp: (value) => date(value).getTime() / 1000,
};

/** Inputs in a form (and in a URL or a header): text, dotted names made a tree by `formTree`. */
export const FORM_INPUT: Dialect = {
  strict: true,
  string,
  number(value) {
    const text = string(value);
    if (!/^-?\d+(\.\d+)?([eE][+-]?\d+)?$/.test(text)) throw mismatch('a number', value);
    return Number(text);
  },
  boolean(value) {
    if (value !== 'true' && value !== 'false') throw mismatch('true or false', value);
    return value === 'true';
  },
  blob: base64ToBytes,
  timestamp(value) {
    const time = Date.parse(string(value));
    if (Number.isNaN(time)) throw mismatch('a time', value);
    return new Date(time);
  },
  list(value) {
    // An empty list travels as `Name=`.
    if (value === '') return [];
    return inOrder(asRecord(asRecord(value).member));
  },
  map(value) {
    const result: Record<string, unknown> = {};
    if (value === '') return result;
    for (const entry of inOrder(asRecord(asRecord(value).entry))) {
      const { key, value: member } = asRecord(entry);
      result[string(key)] = member;
    }
    return result;
  },
  structure: (value) => (value === '' ? {} : asRecord(value)),
};

function inOrder(numbered: Record<string, unknown>): unknown[] {
  return Object.keys(numbered)
    .sort((a, b) => Number(a) - Number(b))
    .map((index) => numbered[index]);
}

type FormNode = string | { [name: string]: FormNode };

/** `A.member.1.B=x` as nested objects. @throws Mismatch when a name is both a value and a prefix */
export function formTree(form: URLSearchParams): Record<string, unknown> {
  const root: { [name: string]: FormNode } = Object.create(null);
  for (const [name, value] of form) {
    const steps = name.split('.');
    const last = steps.pop() ?? '';
    let node = root;
    for (const step of steps) {
      const next: FormNode = node[step] ?? Object.create(null);
      node[step] = next;
      if (typeof next === 'string') throw new Mismatch('type', `${name} is both a value and a list or structure`);
      node = next;
    }
    if (typeof node[last] === 'object') throw new Mismatch('type', `${name} is both a value and a list or structure`);
    node[last] = value;
  }
  return root;
}
