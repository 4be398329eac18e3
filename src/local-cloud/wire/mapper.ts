/**
 * Compiles a schema into a function that copies a value from one representation to another, drops what the schema does
 * not know and refuses what has the wrong type: the SDK's own codecs validate nothing. One walk does the decoding, the
 * validation and the copying, so the direct ports use the same functions as the wire.
 */
import { copyValue, setMember } from '../state/copy.ts';
import type { Shape, Structure } from './schema.ts';

export type Mapper = (value: unknown) => unknown;

/** What the leaves and containers look like on the side that is read, and how strict the reading is. */
export interface Dialect {
  /** Refuse missing required members and unions with other than one member: for inputs. */
  readonly strict: boolean;
  readonly string: Mapper;
  readonly number: Mapper;
  readonly boolean: Mapper;
  readonly blob: Mapper;
  readonly timestamp: Mapper;
  /** Elements of a list, when it is not an array. */
  readonly list?: (value: unknown) => unknown[];
  /** Entries of a map, and members of a structure, when it is not an object. */
  readonly map?: (value: unknown) => Record<string, unknown>;
  readonly structure?: (value: unknown) => Record<string, unknown>;
}

/** Why a value does not fit its schema, and where. */
export class Mismatch extends Error {
  readonly problem: 'missing' | 'type' | 'union';
  readonly path: string[] = [];

  constructor(problem: Mismatch['problem'], message: string) {
    super(message);
    this.name = 'Mismatch';
    this.problem = problem;
  }

  /** In AWS's spelling: `containerDefinitions.1.member.name`. */
  get where(): string {
    return this.path.map((step) => step.charAt(0).toLowerCase() + step.slice(1)).join('.');
  }
}

const compiled = new WeakMap<Dialect, WeakMap<Shape, Mapper>>();

/** The mapper of a shape, compiled once. It throws {@link Mismatch}. */
export function mapperOf(shape: Shape, dialect: Dialect): Mapper {
  let mappers = compiled.get(dialect);
  if (!mappers) {
    mappers = new WeakMap();
    compiled.set(dialect, mappers);
  }
  const known = mappers.get(shape);
  if (known) return known;
  // A shape may contain itself: whoever asks while it is being compiled gets this, which is complete when it is used.
  let mapper: Mapper | undefined;
  mappers.set(shape, (value) => (mapper as Mapper)(value));
  mapper = compile(shape, dialect);
  mappers.set(shape, mapper);
  return mapper;
}

function compile(shape: Shape, dialect: Dialect): Mapper {
  switch (shape.kind) {
    case 'unit':
      return () => ({});
    case 'document':
      return copyValue;
    case 'list':
      return compileList(shape.element(), dialect);
    case 'map':
      return compileMap(shape.element(), dialect);
    case 'structure':
    case 'union':
      return compileStructure(shape, dialect);
    default:
      return dialect[shape.kind];
  }
}

function compileList(elementShape: Shape, dialect: Dialect): Mapper {
  const element = mapperOf(elementShape, dialect);
  const list = dialect.list ?? asArray;
  return (value) => {
    const elements = list(value);
    const result = new Array<unknown>(elements.length);
    let index = 0;
    try {
      for (; index < elements.length; index++) result[index] = element(elements[index]);
    } catch (error) {
      throw at(error, String(index + 1), 'member');
    }
    return result;
  };
}

function compileMap(elementShape: Shape, dialect: Dialect): Mapper {
  const element = mapperOf(elementShape, dialect);
  const map = dialect.map ?? asRecord;
  return (value) => {
    const record = map(value);
    const result: Record<string, unknown> = {};
    let key = '';
    try {
      for (key of Object.keys(record)) {
        const entry = record[key];
        if (entry !== undefined && entry !== null) setMember(result, key, element(entry));
      }
    } catch (error) {
      throw at(error, key);
    }
    return result;
  };
}

function compileStructure(structure: Structure, dialect: Dialect): Mapper {
  const members = structure.members.map(({ name, required, shape }) => ({
    name,
    required: required && dialect.strict,
    map: mapperOf(shape(), dialect),
  }));
  const read = dialect.structure ?? asRecord;
  const exactlyOne = structure.kind === 'union' && dialect.strict;
  return (value) => {
    const record = read(value);
    const result: Record<string, unknown> = {};
    let count = 0;
    let name = '';
    try {
      for (const member of members) {
        name = member.name;
        const inner = record[name];
        if (inner === undefined || inner === null) {
          if (member.required) throw new Mismatch('missing', 'is missing');
          continue;
        }
        result[name] = member.map(inner);
        count++;
      }
    } catch (error) {
      throw at(error, name);
    }
    if (exactlyOne && count !== 1) {
      const problem = count === 0 ? 'is empty' : 'has more than one datatypes set';
      throw new Mismatch(
        'union',
        `Supplied ${structure.name} ${problem}, must contain exactly one of the supported datatypes`,
      );
    }
    return result;
  };
}

function at(error: unknown, ...steps: string[]): unknown {
  if (error instanceof Mismatch) error.path.unshift(...steps);
  return error;
}

/** Refuses a value of another type than expected. */
export function mismatch(expected: string, value: unknown): Mismatch {
  return new Mismatch('type', `expected ${expected}, found ${describe(value)}`);
}

export function asRecord(value: unknown): Record<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value) || ArrayBuffer.isView(value))
    throw mismatch('an object', value);
  return value as Record<string, unknown>;
}

function asArray(value: unknown): unknown[] {
  if (!Array.isArray(value)) throw mismatch('a list', value);
  return value;
}

function describe(value: unknown): string {
  if (value === null || value === undefined) return 'nothing';
  if (Array.isArray(value)) return 'a list';
  if (value instanceof Uint8Array) return 'bytes';
  if (value instanceof Date) return 'a date';
  return typeof value === 'object' ? 'an object' : `a ${typeof value}`;
}
