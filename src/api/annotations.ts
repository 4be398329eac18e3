/**
 * Annotations that mean something to the controller. They are how a person or a tool asks for what is not desired
 * state: the record is the only thing that people write, and the controller never writes it.
 */

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

export const ANNOTATION_PREFIX = 'lambdacontainer.dev/';
export const ANNOTATIONS = [
  ANNOTATION_PROTECTED,
  ANNOTATION_RECONCILE,
  ANNOTATION_RESTART,
  ANNOTATION_CASCADE,
  ANNOTATION_SOURCE,
  ANNOTATION_SOURCE_RECONCILE,
] as const;
