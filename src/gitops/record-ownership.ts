/**
 * Which fields of a record are its source's, and which are people's. The source owns the spec, and of labels and
 * annotations those that the manifest names or named before; whatever else people or verbs add stays. `spec.suspend` is
 * a person's brake: it is the source's only while the manifest says it. What was applied stands in an annotation, so
 * that a difference can be told from a change of the manifest after any restart. Pure.
 */
import {
  ANNOTATION_PROTECTED,
  ANNOTATION_SOURCE,
  ANNOTATION_SOURCE_RECONCILE,
  API_VERSION,
  type ApiObject,
  objectFromRecord,
} from '../api/index.ts';
import { canonicalJson, sameJson } from '../core/index.ts';
import { type Content, contentOf, type RenderedObject } from './rendering.ts';

/** What the source wrote last: the manifest's hash, and the fields that came from it. */
export const ANNOTATION_APPLIED = 'gitops.lambdacontainer.dev/applied';

interface Applied {
  readonly hash?: string;
  readonly labels?: readonly string[];
  readonly annotations?: readonly string[];
  readonly suspend?: boolean;
}

export interface Comparison {
  /** The record as it should be. */
  readonly object: ApiObject;
  /** The fields of the source that differ, a few of them; empty when nothing does, `(record)` when there is none to read. */
  readonly differing: readonly string[];
  /** The manifest is the one that was applied: a difference is somebody's edit. */
  readonly isSameManifest: boolean;
}

const DIFFERING_MAX = 5;

/** The source that applied a record, by its annotation, even of a record that is otherwise not valid. */
export function sourceOf(item: Record<string, unknown>): string | undefined {
  return annotationOf(item, ANNOTATION_SOURCE);
}

/** A person took the record out of its source's hands. */
export function isExempt(item: Record<string, unknown>): boolean {
  return annotationOf(item, ANNOTATION_SOURCE_RECONCILE) === 'disabled';
}

export function isProtected(item: Record<string, unknown>): boolean {
  return annotationOf(item, ANNOTATION_PROTECTED) === 'true';
}

/** Compares a record, as it stands, with what the commit wants of it. Without a record everything differs. */
export function compareRecord(
  rendered: RenderedObject,
  source: string,
  item: Record<string, unknown> | undefined,
): Comparison {
  const wanted = contentOf(rendered);
  const existing = item && objectFromRecord(item).object;
  const applied = appliedOf(existing);
  const object: ApiObject = {
    apiVersion: API_VERSION,
    kind: rendered.kind,
    namespace: rendered.key.namespace,
    name: rendered.name,
    labels: { ...without(existing?.labels, applied.labels), ...wanted.labels },
    annotations: {
      ...without(existing?.annotations, applied.annotations),
      ...wanted.annotations,
      [ANNOTATION_SOURCE]: source,
      [ANNOTATION_APPLIED]: appliedText(rendered.hash, wanted),
    },
    spec: specOf(wanted.spec, existing?.spec, applied),
  };
  return {
    object,
    differing: existing ? differences(existing, object) : ['(record)'],
    isSameManifest: applied.hash === rendered.hash,
  };
}

/** The wanted spec, with a person's brake where the manifest says nothing about it. */
function specOf(wanted: unknown, existing: unknown, applied: Applied): unknown {
  if (!isObject(wanted) || !isObject(existing) || applied.suspend === true) return wanted;
  if (Object.hasOwn(wanted, 'suspend') || !Object.hasOwn(existing, 'suspend')) return wanted;
  return { ...wanted, suspend: existing.suspend };
}

function appliedText(hash: string, { labels, annotations, spec }: Content): string {
  const [labelNames, annotationNames] = [Object.keys(labels).sort(), Object.keys(annotations).sort()];
  return canonicalJson({
    hash,
    ...(labelNames.length > 0 ? { labels: labelNames } : {}),
    ...(annotationNames.length > 0 ? { annotations: annotationNames } : {}),
    ...(isObject(spec) && Object.hasOwn(spec, 'suspend') ? { suspend: true } : {}),
  } satisfies Applied);
}

/** What was applied, as far as it can be read: somebody may have edited it. */
function appliedOf(existing: ApiObject | undefined): Applied {
  const text = existing?.annotations[ANNOTATION_APPLIED];
  if (text === undefined) return {};
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return {};
  }
  if (!isObject(value)) return {};
  return {
    ...(typeof value.hash === 'string' ? { hash: value.hash } : {}),
    labels: names(value.labels),
    annotations: names(value.annotations),
    suspend: value.suspend === true,
  };
}

function names(value: unknown): string[] {
  return Array.isArray(value) ? value.filter((name): name is string => typeof name === 'string') : [];
}

function without(map: Readonly<Record<string, string>> = {}, dropped: readonly string[] = []): Record<string, string> {
  return Object.fromEntries(Object.entries(map).filter(([key]) => !dropped.includes(key)));
}

function differences(existing: ApiObject, wanted: ApiObject): string[] {
  const found: string[] = [];
  for (const member of ['labels', 'annotations', 'spec'] as const)
    collect(existing[member], wanted[member], member, found);
  return found.slice(0, DIFFERING_MAX);
}

/** Paths only: values may be secrets. */
function collect(a: unknown, b: unknown, path: string, found: string[]): void {
  if (found.length > DIFFERING_MAX || sameJson(a, b)) return;
  if (!isObject(a) || !isObject(b)) {
    found.push(path);
    return;
  }
  for (const key of new Set([...Object.keys(a), ...Object.keys(b)])) {
    collect(a[key], b[key], /^[\w-]+$/.test(key) ? `${path}.${key}` : `${path}[${JSON.stringify(key)}]`, found);
  }
}

function annotationOf(item: Record<string, unknown>, name: string): string | undefined {
  const annotations = item.annotations;
  if (!isObject(annotations) || !Object.hasOwn(annotations, name)) return undefined;
  const value = annotations[name];
  return typeof value === 'string' ? value : undefined;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
