/**
 * A table's primary key: which attributes, of which types; the checks of keys in requests, and the key's text forms by
 * which items are stored and ordered.
 */
import {
  type Item,
  invalid,
  invalidParameter,
  keyText,
  member,
  typeOf,
  type Value,
  valueSize,
} from './attribute-value.ts';

export interface KeyAttribute {
  readonly name: string;
  readonly type: 'S' | 'N' | 'B';
}

export interface KeySchema {
  readonly hash: KeyAttribute;
  readonly range?: KeyAttribute;
}

/** A primary key by text; the texts order as DynamoDB orders the values. */
export interface ItemKey {
  readonly hash: string;
  /** Empty in a table without a sort key. */
  readonly sort: string;
  /** Both, in one text: the name under which the item is stored. */
  readonly id: string;
}

const HASH_BYTES_MAX = 2048;
const RANGE_BYTES_MAX = 1024;

export function keyAttributes(schema: KeySchema): KeyAttribute[] {
  return schema.range ? [schema.hash, schema.range] : [schema.hash];
}

/** The key attributes alone of an item. */
export function keyOf(schema: KeySchema, item: Item): Item {
  return Object.fromEntries(keyAttributes(schema).map(({ name }) => [name, item[name] as Value]));
}

/** The key of a request that names an item. @throws AwsError ValidationException when it does not fit the table */
export function requestedKey(schema: KeySchema, key: Item): ItemKey {
  const attributes = keyAttributes(schema);
  const fits =
    Object.keys(key).length === attributes.length &&
    attributes.every(({ name, type }) => {
      const value = member(key, name);
      return value !== undefined && typeOf(value) === type;
    });
  if (!fits) throw invalid('The provided key element does not match the schema');
  for (const { name } of attributes) refuseEmpty(name, key[name] as Value, 'were invalid: ');
  return itemKey(schema, key);
}

/** The key of an item to be stored. @throws AwsError ValidationException when it lacks one that fits the table */
export function storedKey(schema: KeySchema, item: Item): ItemKey {
  for (const { name, type } of keyAttributes(schema)) {
    const value = member(item, name);
    if (value === undefined) throw invalidParameter(`Missing the key ${name} in the item`);
    if (typeOf(value) !== type) {
      throw invalidParameter(`Type mismatch for key ${name} expected: ${type} actual: ${typeOf(value)}`);
    }
    refuseEmpty(name, value, 'are not valid. ');
  }
  return itemKey(schema, item);
}

function refuseEmpty(name: string, value: Value, wording: string): void {
  const kind = 'S' in value && value.S === '' ? 'string' : 'B' in value && value.B === '' ? 'binary' : undefined;
  if (kind === undefined) return;
  throw invalid(
    `One or more parameter values ${wording}The AttributeValue for a key attribute cannot contain an empty ${kind} value. Key: ${name}`,
  );
}

function itemKey(schema: KeySchema, item: Item): ItemKey {
  const hash = item[schema.hash.name] as Value;
  const range = schema.range && (item[schema.range.name] as Value);
  if (valueSize(hash) > HASH_BYTES_MAX) {
    throw invalidParameter('Size of hashkey has exceeded the maximum size limit of2048 bytes');
  }
  if (range && valueSize(range) > RANGE_BYTES_MAX) {
    throw invalidParameter('Aggregated size of all range keys has exceeded the size limit of 1024 bytes');
  }
  return keyFromTexts(keyText(hash), range ? keyText(range) : '');
}

function keyFromTexts(hash: string, sort: string): ItemKey {
  return { hash, sort, id: `${hash.length}:${hash}${sort}` };
}

/** The key whose `id` this is. */
export function keyFromId(id: string): ItemKey {
  const colon = id.indexOf(':');
  const end = colon + 1 + Number(id.slice(0, colon));
  return { hash: id.slice(colon + 1, end), sort: id.slice(end), id };
}
