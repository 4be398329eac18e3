/** How a new revision takes over: the member `rollout` of a LambdaContainer's spec. */
import * as z from 'zod';
import { duration, durationMs, integer, notes, text } from './fields.ts';

export const rollout = z.strictObject({
  strategy: z
    .enum(['rolling', 'blueGreen', 'canary', 'linear'])
    .meta(notes({ description: 'How a new revision takes over.' }))
    .default('rolling'),
  steps: z
    .array(
      z
        .strictObject({
          weight: integer(1, 100).meta(notes({ description: 'Share of the new revision.', unit: 'percent' })),
          bake: duration('0s', '1d').meta(notes({ description: 'Time to watch it.', unit: 'duration' })),
        })
        .transform(({ weight, bake }) => ({ weight, bakeMs: durationMs(bake) })),
    )
    .max(20)
    .meta(notes({ description: 'Steps of `canary` and `linear`.' }))
    .default([]),
  analysis: z
    .strictObject({
      alarms: z
        .array(text(255))
        .max(20)
        .meta(notes({ description: 'CloudWatch alarms that stop the rollout.' }))
        .default([]),
      minimumSamples: integer(0, 1_000_000)
        .meta(notes({ description: 'Requests that a step must have seen.' }))
        .default(0),
    })
    .meta(notes({ description: 'What must hold while a step bakes.' }))
    .optional(),
  rollbackOnFailure: z
    .boolean()
    .meta(notes({ description: 'Return to the last good revision when the new one fails.' }))
    .default(true),
  approval: z
    .enum(['none', 'manual'])
    .meta(notes({ description: '`manual` waits for a person.' }))
    .default('none'),
  history: integer(1, 100)
    .meta(notes({ description: 'Revisions kept reachable for a rollback.' }))
    .default(5),
});
