/** What IAM remembers, and the checks of names, paths, tags and documents that all its entities share. */
import type { Tag } from '@aws-sdk/client-iam';
import type { Random } from '../../../core/index.ts';
import { AwsError } from '../../contract.ts';
import { PolicyDefect, type PolicyKind, parsePolicy } from '../../iam/policy.ts';

/** Roles and users: what policies are attached to. */
export interface Entity {
  readonly name: string;
  readonly path: string;
  readonly id: string;
  readonly createdMs: number;
  readonly tags: Readonly<Record<string, string>>;
  /** Document by name. Absent in what older versions stored. */
  readonly inline?: Readonly<Record<string, string>>;
  /** ARNs of managed policies. */
  readonly attached?: readonly string[];
}

export interface StoredRole extends Entity {
  readonly description: string | undefined;
  readonly maxSessionSec: number;
  readonly trustPolicy: string;
}

export interface StoredUser extends Entity {
  readonly keys: readonly { readonly id: string; readonly createdMs: number }[];
}

export interface StoredPolicy {
  readonly arn: string;
  readonly name: string;
  readonly path: string;
  readonly id: string;
  readonly createdMs: number;
  readonly description: string | undefined;
  readonly tags: Readonly<Record<string, string>>;
  readonly versions: readonly { readonly id: string; readonly document: string; readonly createdMs: number }[];
  readonly defaultVersion: string;
}

/** Temporary credentials of a role, by access key. */
export interface StoredSession {
  readonly accessKeyId: string;
  readonly token: string;
  readonly roleName: string;
  readonly session: string;
  /** Undefined: the platform renews them as long as what they were given to runs. */
  readonly expiresMs: number | undefined;
}

const TAGS_MAX = 50;
const ID_ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567';

/** `AROA…`, `AKIA…`: a prefix that says what it is, and letters. */
export function uniqueId(random: Random, prefix: string, letters = 17): string {
  let id = prefix;
  for (let i = 0; i < letters; i++) id += ID_ALPHABET.charAt(Math.floor(random.next() * ID_ALPHABET.length));
  return id;
}

export function checkName(member: string, name: string, lengthMax = 64): void {
  if (name.length >= 1 && name.length <= lengthMax && /^[\w+=,.@-]+$/.test(name)) return;
  throw invalid(
    member,
    name,
    `have length less than or equal to ${lengthMax} and satisfy regular expression pattern: [\\w+=,.@-]+`,
  );
}

export function checkPath(path: string): void {
  if (!/^\/([\x21-\x7e]+\/)?$/.test(path))
    throw invalid('path', path, 'begin and end with / and contain printable ASCII characters');
}

/** The document as it is stored: as it was given. @throws AwsError MalformedPolicyDocument */
export function checkedDocument(document: string, kind: PolicyKind): string {
  try {
    parsePolicy(document, kind);
    return document;
  } catch (error) {
    if (error instanceof PolicyDefect) throw new AwsError('MalformedPolicyDocument', error.message);
    throw error;
  }
}

/** IAM counts no white space. */
export function sizeOf(documents: readonly string[]): number {
  return documents.reduce((size, document) => size + document.replace(/\s/g, '').length, 0);
}

export function withTags(tags: Readonly<Record<string, string>>, added: readonly Tag[] = []): Record<string, string> {
  const result = { ...tags };
  for (const { Key = '', Value = '' } of added) {
    if (Key.length < 1 || Key.length > 128) throw invalid('tags.1.member.key', Key, 'have length between 1 and 128');
    if (Value.length > 256) throw invalid('tags.1.member.value', Value, 'have length less than or equal to 256');
    if (/^aws:/i.test(Key)) throw new AwsError('InvalidInput', 'System tags cannot be added/updated by requester');
    result[Key] = Value;
  }
  if (Object.keys(result).length > TAGS_MAX) throw limitExceeded(`TagsPerRole: ${TAGS_MAX}`);
  return result;
}

export function tagList(tags: Readonly<Record<string, string>>): { Tags?: Tag[] } {
  const list = Object.entries(tags).map(([Key, Value]) => ({ Key, Value }));
  return list.length > 0 ? { Tags: list } : {};
}

/** A page of entities by name. */
export function pageOf<T extends { readonly name: string; readonly path: string }>(
  all: readonly T[],
  { PathPrefix = '/', MaxItems = 100, Marker = '' }: { PathPrefix?: string; MaxItems?: number; Marker?: string },
): { page: T[]; rest: { IsTruncated: boolean; Marker?: string } } {
  if (MaxItems < 1 || MaxItems > 1000) throw invalid('maxItems', String(MaxItems), 'be between 1 and 1000');
  const after = Buffer.from(Marker, 'base64').toString('utf8');
  const found = all
    .filter(({ name, path }) => path.startsWith(PathPrefix) && name > after)
    .sort((a, b) => (a.name < b.name ? -1 : 1));
  const page = found.slice(0, MaxItems);
  const last = page.at(-1);
  const more = found.length > page.length && last !== undefined;
  return {
    page,
    rest: { IsTruncated: more, ...(more ? { Marker: Buffer.from(last.name).toString('base64') } : {}) },
  };
}

export function missing(what: string): AwsError {
  return new AwsError('NoSuchEntity', what, 404);
}

export function alreadyThere(what: string): AwsError {
  return new AwsError('EntityAlreadyExists', `${what} already exists.`, 409);
}

export function limitExceeded(quota: string): AwsError {
  return new AwsError('LimitExceeded', `Cannot exceed quota for ${quota}`, 409);
}

export function invalid(path: string, value: string, constraint: string): AwsError {
  return new AwsError(
    'ValidationError',
    `1 validation error detected: Value '${value}' at '${path}' failed to satisfy constraint: Member must ${constraint}`,
  );
}

/** As RFC 3986 encodes: `encodeURIComponent` leaves five characters more. */
export function urlEncoded(text: string): string {
  return encodeURIComponent(text).replace(
    /[!'()*]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}
