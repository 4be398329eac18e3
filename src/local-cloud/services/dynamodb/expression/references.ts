/**
 * What `#name` and `:value` stand for in the expressions of one request, and which of them were used: DynamoDB refuses
 * a request that defines more than its expressions mention.
 */
import type { AttributeValue } from '@aws-sdk/client-dynamodb';
import { AwsError } from '../../../contract.ts';
import { invalid, type Value, valueFromWire } from '../attribute-value.ts';

export class References {
  readonly #names: ReadonlyMap<string, string>;
  readonly #values: ReadonlyMap<string, Value>;
  readonly #unused: { readonly names: Set<string>; readonly values: Set<string> };

  /** @throws AwsError ValidationException for keys or values that cannot be */
  constructor(names: Record<string, string> | undefined, values: Record<string, AttributeValue> | undefined) {
    this.#names = new Map(entries('ExpressionAttributeNames', '#', names));
    this.#values = new Map(
      entries('ExpressionAttributeValues', ':', values).map(([key, wire]) => [key, checkedValue(key, wire)]),
    );
    this.#unused = { names: new Set(this.#names.keys()), values: new Set(this.#values.keys()) };
  }

  name(reference: string): string | undefined {
    this.#unused.names.delete(reference);
    return this.#names.get(reference);
  }

  value(reference: string): Value | undefined {
    this.#unused.values.delete(reference);
    return this.#values.get(reference);
  }

  /** To be called when every expression of the request is parsed. */
  refuseUnused(): void {
    for (const [kind, keys] of [
      ['Names', this.#unused.names],
      ['Values', this.#unused.values],
    ] as const) {
      if (keys.size === 0) continue;
      throw invalid(
        `Value provided in ExpressionAttribute${kind} unused in expressions: keys: {${[...keys].join(', ')}}`,
      );
    }
  }
}

function entries<T>(parameter: string, sigil: string, map: Record<string, T> | undefined): [string, T][] {
  if (map === undefined) return [];
  const all = Object.entries(map);
  if (all.length === 0) throw invalid(`${parameter} must not be empty`);
  for (const [key] of all) {
    if (key[0] !== sigil || !/^.[A-Za-z0-9_]+$/.test(key)) {
      throw invalid(`${parameter} contains invalid key: Syntax error; key: "${key}"`);
    }
  }
  return all;
}

function checkedValue(key: string, wire: AttributeValue): Value {
  try {
    return valueFromWire(wire);
  } catch (error) {
    if (!(error instanceof AwsError)) throw error;
    throw invalid(`ExpressionAttributeValues contains invalid value: ${error.message} for key ${key}`);
  }
}
