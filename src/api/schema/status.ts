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
        codeSha256: described("SHA-256 of the function's code as Lambda gives it.").optional(),
        lastModified: described('When the function was last changed.').optional(),
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
