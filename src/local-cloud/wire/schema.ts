/**
 * Reads the schemas that the SDK's clients export (`…$`): compact arrays, meant for the SDK itself. This is the only
 * file that knows their layout; whatever is not as expected throws at once and names the export, because the layout may
 * change with any version of the SDK. The schemas carry required members, types and bindings, but neither enum values
 * nor lengths nor patterns.
 */

/** A type, as far as the wire needs it. */
export type Shape =
  | { readonly kind: 'string' | 'number' | 'boolean' | 'blob' | 'document' | 'unit' }
  | { readonly kind: 'timestamp'; readonly format?: 'date-time' | 'http-date' }
  | {
      readonly kind: 'list' | 'map';
      readonly element: () => Shape;
      /** What restXml calls an element of a list that is wrapped. */
      readonly elementName?: string;
    }
  | Structure;

export interface Structure {
  readonly kind: 'structure' | 'union';
  readonly name: string;
  /** Name of the element that it is in XML, where that is not its own. */
  readonly xmlName?: string;
  readonly members: readonly Member[];
}

export interface Member {
  readonly name: string;
  readonly required: boolean;
  readonly bindings: Bindings;
  /** How restXml spells it, where that is not its name, and a list's elements not wrapped. */
  readonly xml?: { readonly name?: string; readonly flattened?: true };
  readonly shape: () => Shape;
}

/** Where a REST protocol carries a member; none: in the body. */
export interface Bindings {
  readonly label?: true;
  readonly payload?: true;
  readonly statusCode?: true;
  readonly header?: string;
  /** Of all headers that begin so, each an entry of a map. */
  readonly prefixHeaders?: string;
  readonly query?: string;
}

export interface OperationSchema {
  readonly name: string;
  readonly http: { readonly method: string; readonly uri: string; readonly status: number } | undefined;
  readonly input: () => Shape;
  readonly output: () => Shape;
  /** Carries a stream of events or bytes: outside of what the local cloud speaks. */
  readonly streams: () => boolean;
}

export interface ErrorSchema {
  /** Name of the exception, as the SDK throws it. */
  readonly name: string;
  /** Code in the awsQuery protocol, where it differs from the name. */
  readonly queryCode: string | undefined;
  readonly status: number | undefined;
  readonly server: boolean;
  readonly structure: Structure;
}

const KIND = { list: 1, map: 2, structure: 3, union: 4, operation: 9, error: -3, simple: 0 } as const;
const STREAMING_BLOB = 42;
const SIMPLE: Readonly<Record<number, Shape>> = {
  0: { kind: 'string' },
  1: { kind: 'number' },
  2: { kind: 'boolean' },
  4: { kind: 'timestamp' },
  // Told to be written as a date and time, as HTTP writes dates, in seconds: readers of text understand all of them.
  5: { kind: 'timestamp', format: 'date-time' },
  6: { kind: 'timestamp', format: 'http-date' },
  15: { kind: 'document' },
  21: { kind: 'blob' },
  [STREAMING_BLOB]: { kind: 'blob' },
};
/** Traits that this reader understands or may ignore. */
const HARMLESS = new Set([
  'error',
  'httpError',
  'awsQueryError',
  'http',
  'endpoint',
  'httpHeader',
  'httpQuery',
  'httpPayload',
  'httpPrefixHeaders',
  'httpChecksum',
  'hostLabel',
  'idempotencyToken',
  'streaming',
  'eventPayload',
  'xmlName',
  'xmlFlattened',
  'xmlAttribute',
  'xmlNamespace',
]);
/** Bits of a numeric trait set. */
const BIT = { label: 1, payload: 16, statusCode: 32, queryParams: 64 };

const shapes = new WeakMap<object, Shape>();

/** The operation of an export, or undefined when the export is something else. @throws Error on an unknown layout */
export function operationSchema(exported: unknown): OperationSchema | undefined {
  if (!Array.isArray(exported) || exported[0] !== KIND.operation) return undefined;
  const [, , name, traits, input, output] = exported as [number, string, unknown, unknown, unknown, unknown];
  if (typeof name !== 'string' || exported.length < 6) throw unexpected('operation', exported);
  const http = traitsOf(traits, name).http;
  return {
    name,
    http: Array.isArray(http) ? { method: text(http[0]), uri: text(http[1]), status: Number(http[2]) } : undefined,
    input: () => shapeOf(input),
    output: () => shapeOf(output),
    streams: () => carriesStream(input) || carriesStream(output),
  };
}

/** The error of an export, or undefined when the export is something else. @throws Error on an unknown layout */
export function errorSchema(exported: unknown): ErrorSchema | undefined {
  if (!Array.isArray(exported) || exported[0] !== KIND.error) return undefined;
  // The client's base class is in the list, too; no service answers it.
  if (text(exported[1]).startsWith('smithy.ts.sdk.synthetic.')) return undefined;
  const structure = shapeOf(exported);
  if (structure.kind !== 'structure') throw unexpected('error', exported);
  const traits = traitsOf(exported[3], structure.name);
  const queryError = traits.awsQueryError;
  const status = traits.httpError;
  return {
    name: structure.name,
    queryCode: Array.isArray(queryError) ? text(queryError[0]) : undefined,
    status: typeof status === 'number' ? status : undefined,
    server: traits.error === 'server',
    structure,
  };
}

/** The type behind a schema reference. Memoised: the same reference gives the same object. @throws Error on an unknown layout */
export function shapeOf(reference: unknown): Shape {
  const schema = dereference(reference);
  if (schema === 'unit') return { kind: 'unit' };
  if (typeof schema === 'number') return numericShape(schema);
  if (!Array.isArray(schema)) throw unexpected('schema', schema);
  if (schema.length === 2) return shapeOf(schema[0]);
  let shape = shapes.get(schema);
  if (!shape) {
    shape = staticShape(schema);
    shapes.set(schema, shape);
  }
  return shape;
}

function numericShape(schema: number): Shape {
  const simple = SIMPLE[schema];
  if (simple) return simple;
  const modifier = schema & 0b1100_0000;
  const element = SIMPLE[schema & 0b11_1111];
  if (!element || (modifier !== 64 && modifier !== 128)) throw unexpected('simple schema', schema);
  return { kind: modifier === 64 ? 'list' : 'map', element: () => element };
}

function staticShape(schema: readonly unknown[]): Shape {
  const [kind, , name] = schema;
  if (typeof name !== 'string' || schema.length < 5) throw unexpected('schema', schema);
  switch (kind) {
    case KIND.simple:
      return shapeOf(schema[4]);
    case KIND.list:
      return {
        kind: 'list',
        element: () => shapeOf(schema[4]),
        elementName: xmlOf(schema[4], name).xml?.name ?? 'member',
      };
    case KIND.map:
      return { kind: 'map', element: () => shapeOf(schema[5]) };
    case KIND.structure:
    case KIND.error:
    case KIND.union:
      return structureOf(kind === KIND.union ? 'union' : 'structure', name, schema);
    default:
      throw unexpected('schema', schema);
  }
}

function structureOf(kind: Structure['kind'], name: string, schema: readonly unknown[]): Structure {
  const [names, references, requiredCount = 0] = schema.slice(4);
  if (!Array.isArray(names) || !Array.isArray(references) || names.length !== references.length) {
    throw unexpected(`members of ${name}`, schema);
  }
  if (typeof requiredCount !== 'number') throw unexpected(`required members of ${name}`, schema);
  const members = names.map((member: unknown, index): Member => {
    const reference: unknown = references[index];
    const where = `${name}.${member}`;
    return {
      name: text(member),
      required: index < requiredCount,
      bindings: bindingsOf(reference, where),
      ...xmlOf(reference, where),
      shape: () => shapeOf(reference),
    };
  });
  const { xmlName } = traitsOf(schema[3], name);
  return { kind, name, members, ...(xmlName === undefined ? {} : { xmlName: text(xmlName) }) };
}

function bindingsOf(reference: unknown, where: string): Bindings {
  if (!Array.isArray(reference) || reference.length !== 2) return {};
  const traits: unknown = reference[1];
  if (typeof traits === 'number') {
    if (traits & BIT.queryParams)
      throw new Error(`${where}: bound to all query parameters, which the local cloud does not know`);
    return {
      ...(traits & BIT.label ? { label: true } : {}),
      ...(traits & BIT.payload ? { payload: true } : {}),
      ...(traits & BIT.statusCode ? { statusCode: true } : {}),
    };
  }
  const { httpHeader, httpQuery, httpPayload, httpPrefixHeaders } = traitsOf(traits, where);
  return {
    ...(httpPayload === undefined ? {} : { payload: true }),
    ...(httpHeader === undefined ? {} : { header: text(httpHeader).toLowerCase() }),
    ...(httpPrefixHeaders === undefined ? {} : { prefixHeaders: text(httpPrefixHeaders).toLowerCase() }),
    ...(httpQuery === undefined ? {} : { query: text(httpQuery) }),
  };
}

function xmlOf(reference: unknown, where: string): Pick<Member, 'xml'> {
  if (!Array.isArray(reference) || reference.length !== 2) return {};
  const { xmlName, xmlFlattened } = traitsOf(reference[1], where);
  if (xmlName === undefined && xmlFlattened === undefined) return {};
  return {
    xml: {
      ...(xmlName === undefined ? {} : { name: text(xmlName) }),
      ...(xmlFlattened === undefined ? {} : { flattened: true }),
    },
  };
}

function traitsOf(traits: unknown, where: string): Readonly<Record<string, unknown>> {
  if (typeof traits === 'number') return {};
  if (typeof traits !== 'object' || traits === null) throw unexpected(`traits of ${where}`, traits);
  for (const trait of Object.keys(traits)) {
    if (!HARMLESS.has(trait)) throw new Error(`${where}: the trait ${trait} is new to the local cloud`);
  }
  return traits as Readonly<Record<string, unknown>>;
}

function carriesStream(reference: unknown): boolean {
  const schema = dereference(reference);
  if (!Array.isArray(schema) || !Array.isArray(schema[5])) return false;
  return schema[5].some((member: unknown) => {
    const target = dereference(Array.isArray(member) && member.length === 2 ? member[0] : member);
    const traits: unknown = Array.isArray(target) ? target[3] : undefined;
    return target === STREAMING_BLOB || (typeof traits === 'object' && traits !== null && 'streaming' in traits);
  });
}

function dereference(reference: unknown): unknown {
  return typeof reference === 'function' ? reference() : reference;
}

function text(value: unknown): string {
  if (typeof value !== 'string') throw unexpected('name', value);
  return value;
}

function unexpected(what: string, found: unknown): Error {
  const shown = JSON.stringify(found, (_key, value: unknown) => (typeof value === 'function' ? 'function' : value));
  return new Error(`The SDK's ${what} is not laid out as the local cloud expects: ${String(shown).slice(0, 200)}`);
}
