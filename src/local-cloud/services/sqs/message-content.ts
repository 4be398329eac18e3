/**
 * What a message may hold, how large that is, and the MD5s by which the SDK proves that nothing was changed on the way.
 * https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-message-metadata.html
 */
import { createHash } from 'node:crypto';
import type { MessageAttributeValue } from '@aws-sdk/client-sqs';
import { AwsError } from '../../contract.ts';
import { invalidParameter, missingParameter, unsupported } from './defects.ts';

export interface StoredAttribute {
  readonly type: string;
  readonly text?: string;
  /** Base64: state is JSON. */
  readonly binary?: string;
}

export interface Content {
  readonly body: string;
  readonly attributes: Readonly<Record<string, StoredAttribute>>;
}

const ATTRIBUTES_MAX = 10;
const NAME = /^(?!aws\.|amazon\.)[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*$/i;
const TYPE = /^(String|Number|Binary)(\..+)?$/;
/** Everything else is refused, half a surrogate pair included. */
const ACCEPTED = /^[\t\n\r\x20-\ud7ff\ue000-\ufffd\u{10000}-\u{10ffff}]*$/u;

/** @throws AwsError when SQS would not take it */
export function contentOf(
  body: string | undefined,
  attributes: Readonly<Record<string, MessageAttributeValue>> | undefined,
): Content {
  if (body === undefined || body === '') throw missingParameter('MessageBody');
  if (!ACCEPTED.test(body)) {
    throw new AwsError(
      'InvalidMessageContents',
      'Invalid characters found. Valid unicode characters are #x9 | #xA | #xD | #x20 to #xD7FF | #xE000 to #xFFFD | #x10000 to #x10FFFF',
    );
  }
  const entries = Object.entries(attributes ?? {});
  if (entries.length > ATTRIBUTES_MAX) {
    throw invalidParameter(`Number of message attributes [${entries.length}] exceeds the allowed maximum [10].`);
  }
  return { body, attributes: Object.fromEntries(entries.map(([name, value]) => [name, attributeOf(name, value)])) };
}

function attributeOf(name: string, value: MessageAttributeValue): StoredAttribute {
  if (!NAME.test(name) || name.length > 256) {
    throw invalidParameter(
      `The message attribute name '${name}' is invalid. Attribute name can contain A-Z, a-z, 0-9, underscore (_), hyphen (-), and period (.), and must not start with AWS. or Amazon.`,
    );
  }
  const { DataType = '', StringValue, BinaryValue, StringListValues, BinaryListValues } = value;
  if (StringListValues || BinaryListValues) throw unsupported('list values of message attributes');
  if (!TYPE.test(DataType) || DataType.length > 256) {
    throw invalidParameter(
      `The type of message (user) attribute '${name}' is invalid. You must use only the following supported type prefixes: Binary, Number, String.`,
    );
  }
  const isBinary = DataType.startsWith('Binary');
  const holds = isBinary ? BinaryValue?.length : StringValue?.length;
  if (!holds) {
    throw invalidParameter(
      `The message (user) attribute '${name}' must contain a non-empty value of type '${DataType}'.`,
    );
  }
  if (DataType.startsWith('Number') && !/^-?\d+(\.\d+)?([eE][+-]?\d+)?$/.test(StringValue ?? '')) {
    throw invalidParameter(`Can't cast the value of message (user) attribute '${name}' to a number.`);
  }
  if (isBinary) return { type: DataType, binary: Buffer.from(BinaryValue ?? []).toString('base64') };
  return { type: DataType, text: StringValue ?? '' };
}

/** Bytes that count against the limits: body, and names, types and values of the attributes. */
export function sizeOf({ body, attributes }: Content): number {
  let bytes = Buffer.byteLength(body);
  for (const [name, { type, text, binary }] of Object.entries(attributes)) {
    bytes += Buffer.byteLength(name) + Buffer.byteLength(type) + Buffer.byteLength(text ?? '');
    bytes += binary === undefined ? 0 : Buffer.from(binary, 'base64').length;
  }
  return bytes;
}

/** What content-based deduplication compares. */
export function contentHash(body: string): string {
  return createHash('sha256').update(body).digest('hex');
}

export function md5OfBody(body: string): string {
  return createHash('md5').update(body).digest('hex');
}

/** Undefined for no attributes. */
export function md5OfAttributes(attributes: Content['attributes']): string | undefined {
  const names = Object.keys(attributes).sort();
  if (names.length === 0) return undefined;
  const hash = createHash('md5');
  const part = (bytes: Buffer) => {
    const length = Buffer.alloc(4);
    length.writeUInt32BE(bytes.length);
    hash.update(length).update(bytes);
  };
  for (const name of names) {
    const { type, text, binary } = attributes[name] as StoredAttribute;
    part(Buffer.from(name));
    part(Buffer.from(type));
    hash.update(Buffer.from([binary === undefined ? 1 : 2]));
    part(binary === undefined ? Buffer.from(text ?? '') : Buffer.from(binary, 'base64'));
  }
  return hash.digest('hex');
}

/** As ReceiveMessage answers them. */
export function attributeShapes(
  attributes: Content['attributes'],
  wanted: readonly string[],
): Record<string, MessageAttributeValue> | undefined {
  const all = wanted.some((name) => name === 'All' || name === '.*');
  const isWanted = (name: string) =>
    all || wanted.some((each) => each === name || (each.endsWith('.*') && name.startsWith(each.slice(0, -1))));
  const entries = Object.entries(attributes).filter(([name]) => isWanted(name));
  if (entries.length === 0) return undefined;
  return Object.fromEntries(
    entries.map(([name, { type, text, binary }]) => [
      name,
      binary === undefined
        ? { DataType: type, StringValue: text ?? '' }
        : { DataType: type, BinaryValue: new Uint8Array(Buffer.from(binary, 'base64')) },
    ]),
  );
}
