/** How people name objects: `hello`, `lc hello other`, `class/standard`, `source/shop`. */
import {
  type ApiKind,
  DEFAULT_NAMESPACE,
  KIND_CLASS,
  KIND_CONTAINER,
  KIND_GIT_SOURCE,
  keyOf,
  SYSTEM_NAMESPACE,
} from '../../api/index.ts';
import { UserError } from '../../core/index.ts';
import type { ObjectKey } from '../../resource/index.ts';

const ALIASES: Readonly<Record<string, ApiKind>> = {
  lambdacontainer: KIND_CONTAINER,
  lambdacontainers: KIND_CONTAINER,
  lc: KIND_CONTAINER,
  lambdacontainerclass: KIND_CLASS,
  lambdacontainerclasses: KIND_CLASS,
  lcc: KIND_CLASS,
  class: KIND_CLASS,
  classes: KIND_CLASS,
  gitsource: KIND_GIT_SOURCE,
  gitsources: KIND_GIT_SOURCE,
  lcgit: KIND_GIT_SOURCE,
  source: KIND_GIT_SOURCE,
  sources: KIND_GIT_SOURCE,
};

/** The word for each kind that people type and that completion offers. */
export const KIND_WORDS: Readonly<Record<ApiKind, string>> = {
  [KIND_CONTAINER]: 'lc',
  [KIND_CLASS]: 'class',
  [KIND_GIT_SOURCE]: 'source',
};

export interface Reference {
  readonly kind: ApiKind;
  readonly namespace: string;
  readonly name: string;
}

export interface Selection {
  /** The kind that was asked for; of a listing when there are no references. */
  readonly kind: ApiKind;
  readonly references: readonly Reference[];
}

function kindOf(word: string): ApiKind | undefined {
  return Object.hasOwn(ALIASES, word.toLowerCase()) ? ALIASES[word.toLowerCase()] : undefined;
}

/**
 * Words after a verb: an optional kind, then names, or `kind/name` each.
 * @throws UserError for a kind that is not known here
 */
export function select(words: readonly string[], namespace: string = DEFAULT_NAMESPACE): Selection {
  const first = words[0] === undefined ? undefined : kindOf(words[0]);
  const kind = first ?? KIND_CONTAINER;
  const names = first === undefined ? words : words.slice(1);
  return { kind, references: names.map((word) => referenceOf(word, kind, namespace)) };
}

function referenceOf(word: string, kind: ApiKind, namespace: string): Reference {
  const slash = word.indexOf('/');
  if (slash < 0) return inNamespace(kind, word, namespace);
  const named = kindOf(word.slice(0, slash));
  if (named === undefined) {
    throw new UserError(
      `'${word}': '${word.slice(0, slash)}' is not a kind; use lc/NAME, class/NAME or source/NAME, and -n for the namespace`,
      2,
    );
  }
  return inNamespace(named, word.slice(slash + 1), namespace);
}

function inNamespace(kind: ApiKind, name: string, namespace: string): Reference {
  return { kind, name, namespace: kind === KIND_CONTAINER ? namespace : SYSTEM_NAMESPACE };
}

/** `lambdacontainer/hello`, as kubectl names things in messages. */
export function display(reference: Pick<Reference, 'kind' | 'name'>): string {
  return `${reference.kind.toLowerCase()}/${reference.name}`;
}

/** For messages: ` in namespace 'shop'`; nothing for kinds that have no namespace. */
export function whereOf(reference: Pick<Reference, 'kind' | 'namespace'>): string {
  return reference.kind === KIND_CONTAINER ? ` in namespace '${reference.namespace}'` : '';
}

export function recordKey(reference: Reference): ObjectKey {
  return keyOf(reference);
}
