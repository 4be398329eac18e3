/** What a commit means: the objects that it wants, as compact text, so that ten thousand of them can be kept. */
import type { ApiKind, ObjectKey } from '../api/index.ts';

/** One object as the commit wants it. */
export interface RenderedObject {
  readonly key: ObjectKey;
  readonly kind: ApiKind;
  /** Without the prefix of its record. */
  readonly name: string;
  /** `file:line`, for messages. */
  readonly place: string;
  /** Names of objects that are written first. */
  readonly dependsOn: readonly string[];
  /** Canonical JSON of `{ annotations, labels, spec }`. */
  readonly content: string;
  /** Of the content: the same manifest has the same, in every commit. */
  readonly hash: string;
}

export interface Content {
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  readonly spec: unknown;
}

export interface Rendering {
  readonly commit: string;
  /** By `namespace/record name`, in the order of files. */
  readonly objects: ReadonlyMap<string, RenderedObject>;
  readonly skipped: readonly string[];
}

export function contentOf(object: RenderedObject): Content {
  return JSON.parse(object.content) as Content;
}
