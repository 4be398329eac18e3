/**
 * Annotations that mean something to the controller. They are how a person or a tool asks for what is not desired
 * state: the record is the only thing that people write, and the controller never writes it.
 * This file judges only the annotations under our prefix; all others are anybody's.
 */
import { type Defect, defect, type Path, plainDefect, quote, suggestion } from './defects.ts';

/** `"true"`: should the record vanish, nothing is deleted until somebody confirms it. */
export const ANNOTATION_PROTECTED = 'lambdacontainer.dev/protected';
/** Any text; a new one asks for a pass now, whatever backoff the object is in. The status repeats it when it was done. */
export const ANNOTATION_RECONCILE = 'lambdacontainer.dev/reconcile-requested-at';
/** Any text; a new one becomes part of the task definition, so that a rolling deployment replaces every task. */
export const ANNOTATION_RESTART = 'lambdacontainer.dev/restarted-at';
/** `orphan`: should the record vanish, what runs is left running, as with `deletionPolicy: retain`. */
export const ANNOTATION_CASCADE = 'lambdacontainer.dev/cascade';
/** The GitSource that applied the record. */
export const ANNOTATION_SOURCE = 'lambdacontainer.dev/source';
/** `disabled`: the GitSource that owns the record neither corrects nor prunes it. */
export const ANNOTATION_SOURCE_RECONCILE = 'lambdacontainer.dev/source-reconcile';
/** On a GitSource: the commit whose removals are confirmed, however many they are. */
export const ANNOTATION_ALLOW_PRUNE = 'lambdacontainer.dev/allow-prune';

/** What stands in them ends up in status and in a docker label. */
const MARK_LENGTH_MAX = 256;

export const ANNOTATION_PREFIX = 'lambdacontainer.dev/';
export const ANNOTATIONS = [
  ANNOTATION_PROTECTED,
  ANNOTATION_RECONCILE,
  ANNOTATION_RESTART,
  ANNOTATION_CASCADE,
  ANNOTATION_SOURCE,
  ANNOTATION_SOURCE_RECONCILE,
  ANNOTATION_ALLOW_PRUNE,
] as const;

/** For the reference page. */
export const ANNOTATION_NOTES: readonly {
  readonly annotation: string;
  readonly value: string;
  readonly meaning: string;
}[] = [
  {
    annotation: ANNOTATION_PROTECTED,
    value: '`"true"` or `"false"`',
    meaning: 'Should the record vanish, nothing is deleted until a person confirms it.',
  },
  {
    annotation: ANNOTATION_RECONCILE,
    value: 'any text, e.g. a time',
    meaning:
      'A new value asks for a pass now, without backoff; `status.lastHandledReconcileAt` repeats it when it is done.',
  },
  {
    annotation: ANNOTATION_RESTART,
    value: 'any text, e.g. a time',
    meaning: 'A new value replaces every task by a rolling deployment.',
  },
  {
    annotation: ANNOTATION_CASCADE,
    value: '`orphan`',
    meaning: 'Should the record vanish, what runs is left running, as with `deletionPolicy: retain`.',
  },
  {
    annotation: ANNOTATION_SOURCE,
    value: 'name of a GitSource',
    meaning: 'The source that applied the record; it writes it.',
  },
  {
    annotation: ANNOTATION_SOURCE_RECONCILE,
    value: '`disabled`',
    meaning: 'The source that owns the record neither corrects nor prunes it.',
  },
];

/** The only values that mean something, for annotations that have such. */
const VALUES: Readonly<Record<string, { readonly values: readonly string[]; readonly remedy: string }>> = {
  [ANNOTATION_PROTECTED]: { values: ['true', 'false'], remedy: 'write "true" or "false" in quotes' },
  [ANNOTATION_CASCADE]: { values: ['orphan'], remedy: "write 'orphan', or remove the annotation" },
  [ANNOTATION_SOURCE_RECONCILE]: { values: ['disabled'], remedy: "write 'disabled', or remove the annotation" },
};

/** What is wrong with annotations under our prefix: a misspelt one would otherwise protect nothing, silently. */
export function annotationDefects(annotations: Readonly<Record<string, string>>, path: Path): Defect[] {
  return Object.entries(annotations).flatMap(([key, value]) => {
    if (!key.startsWith(ANNOTATION_PREFIX)) return [];
    if (!ANNOTATIONS.some((known) => known === key)) {
      return [
        plainDefect([...path, key], value, `${quote(key)} is not an annotation; ${suggestion(key, ANNOTATIONS)}`),
      ];
    }
    const allowed = VALUES[key];
    if (allowed && !allowed.values.includes(value))
      return [defect([...path, key], value, `means nothing here; ${allowed.remedy}`)];
    if (value.length > MARK_LENGTH_MAX)
      return [plainDefect([...path, key], undefined, `has ${value.length} characters; use at most ${MARK_LENGTH_MAX}`)];
    return [];
  });
}
