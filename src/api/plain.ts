/**
 * The gate before every schema: turns whatever came from a table or a file into plain JSON values of bounded depth and
 * size, and names what cannot be one (DynamoDB sets and binaries, dates, cycles, `__proto__`). Behind it, code may
 * walk a document without fear. It knows no field.
 */
import { type Defect, type Path, plainDefect } from './defects.ts';

const DEPTH_MAX = 40;
/** DynamoDB's item limit is 400 KB; nothing larger can become a record. */
const SIZE_MAX = 400 * 1024;
const DEFECTS_MAX = 50;
const PROTO_PHRASE = "is not allowed as a name; remove the field '__proto__'";

export interface Plain {
  /** A fresh copy without the defective members. */
  readonly value: unknown;
  readonly defects: Defect[];
}

export function toPlain(value: unknown, root: string): Plain {
  const walk: Walk = { defects: [], above: new Set(), size: 0 };
  const copy = copyValue(value, [root], walk);
  if (walk.size > SIZE_MAX) {
    return {
      value: undefined,
      defects: [plainDefect([root], undefined, 'is larger than 400 KB, which DynamoDB cannot store; make it smaller')],
    };
  }
  return { value: copy === REFUSED ? undefined : copy, defects: walk.defects };
}

/** Each member by itself, so that a set in `labels` does not hide a set in `spec`. */
export function plainMembers(item: Readonly<Record<string, unknown>>): {
  members: Record<string, unknown>;
  defects: Defect[];
} {
  const members: Record<string, unknown> = {};
  const defects: Defect[] = [];
  for (const key of Object.keys(item)) {
    const plain = toPlain(item[key], key);
    defects.push(...plain.defects);
    if (key === '__proto__') defects.push(plainDefect([key], undefined, PROTO_PHRASE));
    else if (plain.value !== undefined) members[key] = plain.value;
  }
  return { members, defects };
}

interface Walk {
  defects: Defect[];
  above: Set<object>;
  size: number;
}

const REFUSED = Symbol('refused');

function copyValue(value: unknown, path: Path, walk: Walk): unknown {
  if (walk.size > SIZE_MAX) return REFUSED;
  if (typeof value === 'string') {
    walk.size += value.length + 2;
    return value;
  }
  walk.size += 4;
  if (value === null || value === undefined || typeof value === 'boolean') return value;
  if (typeof value === 'number' && Number.isFinite(value)) return value;
  const phrase = unplain(value);
  if (phrase !== undefined) return refuse(path, phrase, walk);
  const container = value as object;
  if (walk.above.has(container)) return refuse(path, 'contains itself; remove the cycle', walk);
  if (path.length > DEPTH_MAX) return refuse(path, `is nested more than ${DEPTH_MAX} levels deep; flatten it`, walk);
  walk.above.add(container);
  const copy = Array.isArray(container) ? copyList(container, path, walk) : copyMap(container, path, walk);
  walk.above.delete(container);
  return copy;
}

function copyList(list: readonly unknown[], path: Path, walk: Walk): unknown[] {
  const copy: unknown[] = [];
  for (let index = 0; index < list.length && walk.size <= SIZE_MAX; index++) {
    const element = copyValue(list[index], [...path, index], walk);
    // A refused element is left as null so that the others keep their places.
    copy.push(element === REFUSED || element === undefined ? null : element);
  }
  return copy;
}

function copyMap(map: object, path: Path, walk: Walk): Record<string, unknown> {
  const copy: Record<string, unknown> = {};
  for (const key of Object.keys(map)) {
    walk.size += key.length + 3;
    const member = (map as Record<string, unknown>)[key];
    if (key === '__proto__') refuse([...path, key], PROTO_PHRASE, walk);
    else {
      const value = copyValue(member, [...path, key], walk);
      if (value !== REFUSED && value !== undefined) copy[key] = value;
    }
  }
  return copy;
}

function refuse(path: Path, message: string, walk: Walk): typeof REFUSED {
  if (walk.defects.length < DEFECTS_MAX) walk.defects.push(plainDefect(path, undefined, message));
  return REFUSED;
}

/** Why a value cannot be JSON; undefined for lists and plain maps. */
function unplain(value: unknown): string | undefined {
  if (typeof value === 'number') return `${value} is not a finite number; give a finite one`;
  if (typeof value === 'bigint') return `${value} is too large a number; use one below 2^53`;
  if (typeof value === 'function' || typeof value === 'symbol')
    return `is a ${typeof value}; give text, a number, true or false`;
  if (value instanceof Set) return 'is a DynamoDB set; use a list instead: {"L": [{"S": "…"}]}';
  if (ArrayBuffer.isView(value) || value instanceof ArrayBuffer) {
    return 'is binary; write it as text instead: {"S": "…"}';
  }
  if (Array.isArray(value)) return undefined;
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype === null || prototype === Object.prototype) return undefined;
  if (value instanceof Date) return 'is a date; put it in quotes to make it text';
  return 'is not a plain object; use text, numbers, true, false, lists and objects';
}
