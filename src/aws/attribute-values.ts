/**
 * DynamoDB's attribute values to plain values and back. Numbers become JavaScript numbers when that loses nothing and
 * stay text otherwise; sets become `Set`, binary `Uint8Array`: the API's validation refuses both with a remedy.
 */
import type { AttributeValue } from '@aws-sdk/client-dynamodb';
import { marshall, unmarshall } from '@aws-sdk/util-dynamodb';

export type Item = Record<string, AttributeValue>;

/** @throws TypeError for values that DynamoDB cannot hold (functions, symbols) */
export function toItem(value: Record<string, unknown>): Item {
  return marshall(value, { removeUndefinedValues: true, convertEmptyValues: false });
}

export function fromItem(item: Item): Record<string, unknown> {
  return unmarshall(item, {
    wrapNumbers: (text: string) => {
      const number = Number(text);
      return Number.isSafeInteger(number) || String(number) === text ? number : text;
    },
  }) as Record<string, unknown>;
}
