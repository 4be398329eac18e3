/**
 * What the code is given and what starts it: the members `environment`, `secrets`, `drift` and `triggers` of a
 * LambdaContainer's spec.
 */
import * as z from 'zod';
import { scheduleDefect } from '../cron.ts';
import { atMost, celOfKeys, celText, notes, pattern, text, timeZone, variableName } from './fields.ts';

const secret = z
  .strictObject({
    secretsManager: pattern(
      /^arn:aws[a-z-]*:secretsmanager:[a-z0-9-]+:[0-9]{12}:secret:[\w/+=.@-]+$/,
      'is not the ARN of a secret; write it like arn:aws:secretsmanager:eu-west-1:111122223333:secret:name-AbCdEf',
    )
      .meta(notes({ description: 'ARN of a Secrets Manager secret.' }))
      .optional(),
    key: text(255)
      .meta(notes({ description: "Key in the secret's JSON.", defaultText: 'the whole secret' }))
      .optional(),
    versionStage: text(256)
      .meta(notes({ description: 'Staging label.', defaultText: 'AWSCURRENT' }))
      .optional(),
    parameter: pattern(
      /^(arn:aws[a-z-]*:ssm:[a-z0-9-]+:[0-9]{12}:parameter\/[\w./-]+|[\w./-]+)$/,
      'is not an SSM parameter; give its name or its ARN',
    )
      .meta(notes({ description: 'Name or ARN of an SSM parameter.' }))
      .optional(),
  })
  .meta(
    notes({
      description: 'Where the value is: exactly one of secretsManager and parameter.',
      cel: [
        {
          rule: 'has(self.secretsManager) != has(self.parameter)',
          message: 'give exactly one of secretsManager, parameter',
        },
        {
          rule: '!has(self.parameter) || (!has(self.key) && !has(self.versionStage))',
          message: 'key and versionStage are for secretsManager alone',
        },
      ],
    }),
  );

/** Set by Lambda's runtime contract or by us in every container; `AWS_LAMBDA_EXEC_WRAPPER` is a person's to set. */
const RESERVED_NAME =
  /^(_HANDLER|_X_AMZN_TRACE_ID|AWS_LAMBDA_.*|LAMBDA_TASK_ROOT|LAMBDA_RUNTIME_DIR|LAMBDACONTAINER_(HTTP_PORT|RUNTIME_APIS|EVENT_FORMAT|TARGET_GROUP_ARN|FUNCTION_ARN|TIMEOUT_MS|QUEUE_MAX|HOST_NODE|HOST_PYTHON)|AWS_REGION|AWS_DEFAULT_REGION|AWS_EXECUTION_ENV|AWS_ACCESS_KEY_ID|AWS_SECRET_ACCESS_KEY|AWS_SESSION_TOKEN|AWS_CONTAINER_.*|ECS_CONTAINER_METADATA_URI.*)$/;
const FREE_NAME = 'AWS_LAMBDA_EXEC_WRAPPER';

/** Whether the runtime or the platform sets the variable. */
export function isReservedVariable(name: string): boolean {
  return RESERVED_NAME.test(name) && name !== FREE_NAME;
}

const NONE_RESERVED = celOfKeys(
  `!key.matches(${celText(RESERVED_NAME.source)}) || key == '${FREE_NAME}'`,
  'a variable is set by the runtime or by the platform',
);

export const environment = z
  .record(variableName, z.string().max(32_768))
  .check(atMost(200))
  .meta(
    notes({
      maxProperties: 200,
      cel: [NONE_RESERVED],
      description:
        "Variables, merged over the function's own. A task definition keeps them in plain text: use `secrets` for secrets.",
    }),
  )
  .default({});

export const secrets = z
  .record(variableName, secret)
  .check(atMost(200))
  .meta(
    notes({
      maxProperties: 200,
      cel: [NONE_RESERVED],
      description: 'Variables whose values ECS reads from Secrets Manager or SSM when a task starts.',
    }),
  )
  .default({});

const driftPolicy = z.enum(['heal', 'warn', 'ignore']);

export const drift = z.strictObject({
  policy: driftPolicy
    .meta(
      notes({
        description:
          'What to do with changes that somebody else made: `heal` puts them right, `warn` sets the condition Drifted and writes nothing, `ignore` does neither. What the spec changes is written all the same.',
      }),
    )
    .default('heal'),
  fields: z
    .record(text(256), driftPolicy)
    .check(atMost(100))
    .meta(
      notes({
        maxProperties: 100,
        description:
          'Policies of single fields, e.g. `ecsService.desiredCount` or `targetGroup.healthCheck.*`. A single field that is ignored belongs to whoever sets it: it is written when its resource is made, and never again.',
      }),
    )
    .default({}),
});

export const trigger = z.strictObject({
  schedule: z
    .string()
    .max(256)
    .superRefine((value, context) => {
      const message = scheduleDefect(value);
      if (message) context.addIssue({ code: 'custom', message });
    })
    .meta(notes({ description: '`cron(…)`, `rate(…)` or `at(…)`.' }))
    .optional(),
  timezone: timeZone.meta(notes({ description: 'IANA time zone of a cron schedule.' })).optional(),
  input: z
    .unknown()
    .meta(notes({ description: 'Event that is handed over.' }))
    .optional(),
  eventPattern: z
    .record(z.string(), z.unknown())
    .meta(notes({ description: 'EventBridge pattern.' }))
    .optional(),
});
