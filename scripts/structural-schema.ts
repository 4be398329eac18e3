/**
 * From our schemas to the structural schemas of Kubernetes: one type for each node, refinements as patterns and CEL
 * rules, names of map members as CEL rules (structural schemas know no `propertyNames`). Defaults are left out on
 * purpose: the API server would write them into the object, and then those of a class could never win.
 */
import * as z from 'zod';
import { type CelRule, celText, type FieldNotes } from '../src/api/schema/fields.ts';

export type JsonSchema = Partial<FieldNotes> & {
  type?: string;
  properties?: Record<string, JsonSchema>;
  required?: string[];
  additionalProperties?: JsonSchema | false;
  /** What the names of a map's members must be. */
  keys?: JsonSchema;
  items?: JsonSchema;
  anyOf?: JsonSchema[];
  enum?: unknown[];
  nullable?: boolean;
  default?: unknown;
  minimum?: number;
  maximum?: number;
  minLength?: number;
  maxLength?: number;
  [key: string]: unknown;
};

/** Of the document as written, before defaults. */
export function jsonSchema(schema: z.ZodType): JsonSchema {
  return z.toJSONSchema(schema, {
    target: 'openapi-3.0',
    io: 'input',
    unrepresentable: 'any',
    override: ({ zodSchema, jsonSchema: node }) => {
      const definition = zodSchema._zod.def;
      if (definition.type === 'record') (node as JsonSchema).keys = jsonSchema(definition.keyType as z.ZodType);
    },
  }) as JsonSchema;
}

const NOTES = ['unit', 'limits', 'defaultText', 'mandatory', 'default', 'listType', 'keys', 'readOnly', 'required'];

export function structural(node: JsonSchema): JsonSchema {
  const { cel = [], additionalProperties, description: _, anyOf, ...rest } = node;
  const description = sentence(node);
  const out: JsonSchema = description === '' ? rest : { description, ...rest };
  for (const note of NOTES) delete out[note];
  if (anyOf) Object.assign(out, intOrString(anyOf));
  if (node.properties) {
    out.properties = mapValues(node.properties, structural);
    const required = requiredOf(node);
    if (required.length > 0) out.required = required;
  }
  if (node.items) out.items = structural(node.items);
  if (additionalProperties && Object.keys(additionalProperties).length > 0) {
    out.additionalProperties = structural(additionalProperties);
  } else if (additionalProperties !== undefined && !node.properties) out['x-kubernetes-preserve-unknown-fields'] = true;
  if (out.type === undefined && !anyOf) out['x-kubernetes-preserve-unknown-fields'] = true;
  if (out.type === 'number' && out.enum?.every(Number.isInteger)) out.type = 'integer';
  const rules = [...cel, ...(node.keys ? keyRules(node.keys) : [])];
  if (out.nullable && out.enum) {
    // `nullable` and `enum` exclude each other there: null would have to be in the list. Rules are not asked about null.
    rules.push({ rule: `self in ${JSON.stringify(out.enum)}`, message: `is not one of ${out.enum.join(', ')}` });
    delete out.enum;
  }
  if (node.listType === 'set') out['x-kubernetes-list-type'] = 'set';
  else if (node.listType) {
    out['x-kubernetes-list-type'] = 'map';
    out['x-kubernetes-list-map-keys'] = [...node.listType];
  }
  if (rules.length > 0) out['x-kubernetes-validations'] = rules.map(({ rule, message }) => ({ rule, message }));
  return out;
}

/** The one choice of types that a structural schema allows. */
function intOrString(choices: readonly JsonSchema[]): JsonSchema {
  const integer = choices.find(({ type }) => type === 'integer');
  const text = choices.find(({ type }) => type === 'string');
  if (!integer || !text || choices.length !== 2) throw new Error('a choice of types must be of integer and string');
  const { pattern, maxLength } = text;
  return {
    anyOf: [{ type: 'integer' }, { type: 'string' }],
    'x-kubernetes-int-or-string': true,
    minimum: integer.minimum ?? 0,
    maximum: integer.maximum ?? Number.MAX_SAFE_INTEGER,
    ...(pattern === undefined ? {} : { pattern }),
    ...(maxLength === undefined ? {} : { maxLength }),
  };
}

/** The schema of a map's names as rules over the map. */
function keyRules(keys: JsonSchema): CelRule[] {
  const rules: CelRule[] = [];
  const add = (condition: string, message: string): void => {
    rules.push({ rule: `self.all(key, ${condition})`, message: `a name in this map ${message}` });
  };
  if (keys.maxLength !== undefined) add(`key.size() <= ${keys.maxLength}`, `is longer than ${keys.maxLength}`);
  if (keys.minLength !== undefined) add(`key.size() >= ${keys.minLength}`, 'is empty');
  if (keys.pattern !== undefined) add(`key.matches(${celText(keys.pattern)})`, `does not match ${keys.pattern}`);
  for (const { rule, message } of keys.cel ?? []) add(rule.replaceAll(/\bself\b/g, 'key'), message);
  return rules;
}

/** Members that a document must have. */
export function requiredOf(node: JsonSchema): string[] {
  const marked = Object.entries(node.properties ?? {})
    .filter(([, member]) => member.mandatory === true)
    .map(([name]) => name);
  return [...new Set([...(node.required ?? []), ...marked])];
}

function sentence(node: JsonSchema): string {
  const parts = [node.description ?? ''];
  if (node.unit) parts.push(`Unit: ${node.unit}.`);
  const fallback = defaultOf(node);
  if (fallback) parts.push(`Default: ${fallback}.`);
  if (node.limits) parts.push(`Limits: ${node.limits}.`);
  return parts.filter((part) => part !== '').join(' ');
}

/** The default as a person reads it. */
export function defaultOf(node: JsonSchema): string | undefined {
  if (node.defaultText) return node.defaultText;
  if (node.default === undefined || node.properties) return undefined;
  return typeof node.default === 'string' ? node.default : JSON.stringify(node.default);
}

function mapValues(
  record: Record<string, JsonSchema>,
  change: (value: JsonSchema) => JsonSchema,
): Record<string, JsonSchema> {
  return Object.fromEntries(Object.entries(record).map(([key, value]) => [key, change(value)]));
}
