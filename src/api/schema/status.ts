/**
 * The shape of status, for types, the CRDs and the reference. Only the controller writes it, so nothing validates
 * against it at run time.
 */
import * as z from 'zod';
import { notes } from './fields.ts';

const time = (description: string) =>
  z.string().meta({ ...notes({ description, unit: 'ISO time' }), format: 'date-time' });
const described = (description: string) => z.string().meta(notes({ description }));

export const conditionSchema = z
  .object({
    type: described('Which aspect.'),
    status: z.enum(['True', 'False', 'Unknown']).meta(notes({ description: 'Whether it holds.' })),
    reason: described('A constant in PascalCase, for machines.'),
    message: described('For people.'),
    lastTransitionTime: time('Last change of `status`.'),
    observedGeneration: z
      .int()
      .min(0)
      .meta(notes({ description: 'Generation that this was said of.' })),
  })
  .readonly();

const drift = z
  .object({
    node: described('The node, e.g. `ecs-service`.'),
    path: described('The field.'),
    desired: z.unknown().meta(notes({ description: 'What we want.' })),
    observed: z.unknown().meta(notes({ description: 'What AWS has.' })),
    reason: z.string().meta(notes({ description: 'Kind of drift, e.g. `WeightDrift`.' })),
    since: time('When it was first seen.'),
    policy: z.enum(['heal', 'warn', 'ignore']).meta(notes({ description: 'What is done about it.' })),
    owner: described('Who owns the field: `lambdacontainer`, `autoscaling`, `ecs`, `user`.'),
    contended: z
      .boolean()
      .meta(notes({ description: 'Somebody else makes it other again and again: it is left alone for a while.' }))
      .optional(),
  })
  .readonly();

const inventory = z
  .object({
    kind: described('Kind of the resource.'),
    name: described('Its name.'),
    arn: described('Its ARN.').optional(),
    uid: described('The object that it was made for.').optional(),
    createdByUs: z.boolean().meta(notes({ description: 'False for what was adopted or is only read.' })),
    generation: z
      .int()
      .min(0)
      .meta(notes({ description: 'Generation that it was last changed for.' }))
      .optional(),
  })
  .readonly();

export const containerStatusSchema = z
  .object({
    uid: described('Identity of the object: another one of the same name has another uid.').optional(),
    observedGeneration: z
      .int()
      .min(0)
      .meta(notes({ description: 'Generation of the spec that this speaks of.' })),
    phase: z
      .enum(['Pending', 'Reconciling', 'Ready', 'Stalled', 'Deleting', 'DeletionHeld', 'Suspended'])
      .meta(notes({ description: 'One word for people; machines read conditions.' })),
    url: described('Where it is served.').optional(),
    placement: z
      .object({
        serving: z
          .object({
            lambda: z.number().meta(notes({ description: 'Share of the Lambda function.', unit: 'percent' })),
            fargate: z.number().meta(notes({ description: 'Share of the tasks on Fargate.', unit: 'percent' })),
          })
          .readonly()
          .meta(notes({ description: 'Shares as the rule has them now.' })),
        reason: described('Why.'),
        nextDecisionAt: time('When it is decided anew.').optional(),
      })
      .readonly()
      .meta(notes({ description: 'Who serves.' }))
      .optional(),
    revision: z
      .object({
        current: z
          .int()
          .min(0)
          .meta(notes({ description: 'Number of the revision that serves.' })),
        previous: z
          .int()
          .min(0)
          .meta(notes({ description: 'Number of the one before.' }))
          .optional(),
        image: described('Digest of the image.').optional(),
        functionVersion: described('Version of the function.').optional(),
        taskDefinition: described('ARN of the task definition.').optional(),
      })
      .readonly()
      .meta(notes({ description: 'What is deployed.' }))
      .optional(),
    source: z
      .object({
        codeSha256: described(
          "What identifies the code: a function's SHA-256 as Lambda gives it, the digest of an image, the ETag of an archive, the commit of a repository.",
        ).optional(),
        lastModified: described('When the function or the archive was last changed.').optional(),
      })
      .readonly()
      .meta(notes({ description: 'What was read from the source.' }))
      .optional(),
    conditions: z
      .array(conditionSchema)
      .readonly()
      .meta(notes({ description: 'What holds and what does not.' })),
    inventory: z
      .array(inventory)
      .readonly()
      .meta(notes({ description: 'What was made or is used.' })),
    drift: z
      .array(drift)
      .readonly()
      .meta(notes({ description: 'What differs from what is desired.' })),
    omitted: z
      .object({
        drift: z
          .int()
          .meta(notes({ description: 'Entries of `drift`.' }))
          .optional(),
        inventory: z
          .int()
          .meta(notes({ description: 'Entries of `inventory`.' }))
          .optional(),
      })
      .readonly()
      .meta(notes({ description: 'How many entries are not listed because the status would be too large to store.' }))
      .optional(),
    lastHandledReconcileAt: described(
      'The last value of the annotation `lambdacontainer.dev/reconcile-requested-at` whose pass is done.',
    ).optional(),
    nextReconcileAt: time('When it is looked at again without a cause.').optional(),
    lastAwsError: z
      .object({
        service: described('Service.'),
        operation: described('Operation.'),
        code: described('Error code.'),
        message: described('Message.').optional(),
        requestId: described("AWS's request id.").optional(),
        at: time('When.'),
      })
      .readonly()
      .meta(notes({ description: 'The last error that AWS answered.' }))
      .optional(),
  })
  .readonly()
  .meta(notes({ description: 'What the controller knows; it alone writes it.' }));

export const classStatusSchema = z
  .object({
    observedGeneration: z
      .int()
      .min(0)
      .meta(notes({ description: 'Generation of the spec that this speaks of.' }))
      .optional(),
    conditions: z
      .array(conditionSchema)
      .readonly()
      .meta(notes({ description: 'What holds and what does not.' }))
      .optional(),
  })
  .readonly()
  .meta(
    notes({ description: 'For tools in a cluster; the controller says what is wrong with a class in its objects.' }),
  );

const commit = (description: string) =>
  z.string().meta({ ...notes({ description }), pattern: '^[0-9a-f]{40}([0-9a-f]{24})?$' });
const count = (description: string) => z.int().min(0).meta(notes({ description }));

export const sourceStatusSchema = z
  .object({
    uid: described('Identity of the source: another one of the same name has another uid.').optional(),
    observedGeneration: z
      .int()
      .min(0)
      .meta(notes({ description: 'Generation of the spec that this speaks of.' })),
    phase: z
      .enum(['Pending', 'Reconciling', 'Ready', 'Stalled', 'DeletionHeld', 'Suspended'])
      .meta(notes({ description: 'One word for people; machines read conditions.' })),
    conditions: z
      .array(conditionSchema)
      .readonly()
      .meta(notes({ description: 'What holds and what does not.' })),
    lastAttemptedCommit: commit('Commit that was tried last.').optional(),
    lastAppliedCommit: commit('Commit that is applied; it stays while a newer one is refused.').optional(),
    lastFetchedAt: time('When a commit was last fetched; a look that finds nothing new is not noted.').optional(),
    lastHandledReconcileAt: described(
      'The last value of the annotation `lambdacontainer.dev/reconcile-requested-at` whose sync is done.',
    ).optional(),
    counts: z
      .object({
        created: count('Records that the last sync created.'),
        configured: count('Records that it changed because their manifests changed.'),
        unchanged: count('Records that were as their manifests say.'),
        corrected: count('Records that somebody had edited and that were put right.'),
        drifted: count('Records that somebody has edited and that are only reported.'),
        pruned: count('Records that were removed because their manifests are gone.'),
        held: count('Removals that wait for a person.'),
        failed: count('Records that could not be written.'),
      })
      .readonly()
      .meta(notes({ description: 'Objects of the last sync by result.' }))
      .optional(),
    objectChunks: count('Number of state items that hold the results of single objects, 500 in each.').optional(),
    message: described('What happened last, for people.').optional(),
  })
  .readonly()
  .meta(notes({ description: 'What the controller knows; it alone writes it.' }));

/** One line of a source's results; kept beside its status in items of their own, because there may be thousands. */
export const sourceObjectSchema = z
  .object({
    namespace: described('Namespace of the object; `_system` for classes and sources.'),
    name: described('Its name.'),
    kind: described('Its kind.'),
    result: z
      .enum(['created', 'configured', 'unchanged', 'corrected', 'drifted', 'pruned', 'held', 'failed'])
      .meta(notes({ description: 'What became of it.' })),
    message: described('Why, where that is not plain.').optional(),
  })
  .readonly();
