/** Who serves and how much of it runs: the members `placement` and `scaling` of a LambdaContainer's spec. */
import * as z from 'zod';
import { cron, dnsLabel, duration, durationMs, integer, notes, pattern, timeZone } from './fields.ts';

const auto = z
  .strictObject({
    minimumDwell: duration('1m', '1d')
      .meta(notes({ description: 'Least time between two decisions.', unit: 'duration' }))
      .default('10m'),
    hysteresis: pattern(/^[0-9]{1,2}%$/, 'is not a percentage; write it like 20%')
      .meta(notes({ description: 'How much better the other side must be.', unit: 'percentage' }))
      .default('20%'),
    maxShiftsPerDay: integer(1, 1000)
      .meta(notes({ description: 'Most decisions in a day.' }))
      .default(12),
    objective: z
      .enum(['cost', 'latency'])
      .meta(notes({ description: 'What is optimised.' }))
      .default('cost'),
  })
  .transform(({ minimumDwell, ...rest }) => ({ ...rest, minimumDwellMs: durationMs(minimumDwell) }));

export const placement = z
  .strictObject({
    mode: z
      .enum(['lambda', 'fargate', 'split', 'auto'])
      .meta(
        notes({
          description: 'Who serves: the Lambda function, tasks on Fargate, both by fixed shares, or the cheaper one.',
        }),
      )
      .default('fargate'),
    split: z
      .strictObject({
        lambda: integer(0, 100).meta(notes({ description: 'Share of the Lambda function.', unit: 'percent' })),
        fargate: integer(0, 100).meta(notes({ description: 'Share of the tasks on Fargate.', unit: 'percent' })),
      })
      .meta(
        notes({
          description: 'Shares for mode `split`; together 100.',
          cel: [{ rule: 'self.lambda + self.fargate == 100', message: 'lambda and fargate must sum to 100' }],
        }),
      )
      .optional(),
    auto: auto.meta(notes({ description: 'How mode `auto` decides.' })).optional(),
  })
  .meta(
    notes({
      description: 'Who serves the traffic.',
      cel: [
        {
          rule: "!has(self.split) || !has(self.mode) || self.mode == 'split'",
          message: "split is only for mode 'split'",
        },
      ],
    }),
  );

const schedule = z.strictObject({
  name: dnsLabel.meta(notes({ description: 'Name of the schedule, unique in the object.' })),
  cron: cron.meta(notes({ description: "AWS's six-field cron, e.g. `0 17 ? * MON-FRI *`." })),
  timezone: timeZone.meta(notes({ description: 'IANA time zone.' })).default('UTC'),
  min: integer(0, 5000)
    .meta(notes({ description: 'Least number of tasks from then on.' }))
    .optional(),
  max: integer(0, 5000)
    .meta(notes({ description: 'Most tasks from then on.' }))
    .optional(),
});

const TASK_LIMIT = 'ECS runs at most 5,000 tasks in a service';

export const scaling = z
  .strictObject({
    min: integer(0, 5000)
      .meta(notes({ description: 'Least number of tasks. 0 only where Lambda serves meanwhile.', limits: TASK_LIMIT }))
      .default(1),
    max: integer(0, 5000)
      .meta(notes({ description: 'Most tasks.', limits: TASK_LIMIT, defaultText: 'the greater of min and 2' }))
      .optional(),
    targets: z
      .strictObject({
        cpu: integer(1, 100)
          .meta(notes({ description: 'Average CPU use that Application Auto Scaling keeps.', unit: 'percent' }))
          .optional(),
        requestsPerTask: integer(1, 1_000_000)
          .meta(notes({ description: 'Requests that a task should get.', unit: 'requests per minute' }))
          .optional(),
      })
      .meta(notes({ description: 'What the number of tasks follows; nothing: it stays at `min`.' }))
      .prefault({}),
    schedules: z
      .array(schedule)
      .max(20)
      .meta(notes({ description: 'Bounds by time of day, to be warm before a peak.' }))
      .default([]),
  })
  .meta(
    notes({
      description: 'How many tasks run. Application Auto Scaling owns the number between the bounds.',
      cel: [{ rule: '!has(self.min) || !has(self.max) || self.min <= self.max', message: 'min must not exceed max' }],
    }),
  )
  .transform(({ max, ...rest }) => ({ ...rest, max: max ?? Math.max(rest.min, 2) }));
