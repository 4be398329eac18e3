/**
 * The schema of LambdaContainer's spec: every field with its type, default, unit and limits. It is the only source of
 * validation, types, the CRD and the reference page. Rules that look at several fields are in `../rules.ts`; what this
 * version refuses although the schema knows it is in `../unsupported.ts`.
 */
import * as z from 'zod';
import { scheduleDefect } from '../cron.ts';
import { FARGATE_CPU, memorySizes } from '../fargate.ts';
import {
  atMost,
  cron,
  dnsLabel,
  duration,
  durationMs,
  imageReference,
  integer,
  notes,
  pattern,
  roleArn,
  securityGroupId,
  subnetId,
  text,
  timeZone,
  url,
  variableName,
} from './fields.ts';

// ----------------------------------------------------------------------------------------------------------- source

const functionName = z
  .string()
  .max(2048)
  .superRefine((value, context) => {
    const arn = /^arn:[^:]*:lambda:[^:]*:[^:]*:function:([^:]+)(?::(.+))?$/.exec(value);
    if (arn) {
      const qualifier = arn[2] ? ` and put '${arn[2]}' into qualifier` : '';
      context.addIssue({
        code: 'custom',
        message: `is an ARN; give the function's name '${arn[1]}'${qualifier} (the function must be in the account and region of the class)`,
      });
    } else if (value.includes(':')) {
      context.addIssue({
        code: 'custom',
        message: 'contains a colon; give the name alone and use qualifier for a version or alias',
      });
    } else if (!/^[A-Za-z0-9_-]{1,64}$/.test(value)) {
      context.addIssue({
        code: 'custom',
        message: 'is not a function name; Lambda allows 1 to 64 letters, digits, hyphens and underscores',
      });
    }
  });

const qualifier = pattern(
  /^(\$LATEST|[0-9]+|[A-Za-z0-9_-]*[A-Za-z_-][A-Za-z0-9_-]*)$/,
  "is not a version or alias; use an alias such as 'live', a version number or '$LATEST'",
  128,
);

const functionRef = z.strictObject({
  name: functionName.meta(
    notes({ description: 'Name of the existing Lambda function.', limits: '1 to 64 characters; not an ARN' }),
  ),
  qualifier: qualifier
    .meta(
      notes({
        description:
          'Alias or version. With an alias, code changes only when the alias moves; without one Lambda serves $LATEST at once while Fargate needs a build first.',
        defaultText: 'none: $LATEST',
      }),
    )
    .optional(),
});

const image = z.strictObject({
  uri: imageReference.meta(notes({ description: 'Image in a registry; a tag is resolved to a digest.' })),
  track: z
    .enum(['tag'])
    .meta(notes({ description: '`tag` deploys again when the tag moves.' }))
    .optional(),
});

const archive = z.strictObject({
  s3: z
    .strictObject({
      bucket: pattern(
        /^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/,
        'is not a bucket name; use 3 to 63 lower-case letters, digits, dots and hyphens',
        63,
      ).meta(notes({ description: 'Bucket that holds the archive.' })),
      key: text(1024).meta(notes({ description: 'Key of the zip file.' })),
      versionId: text(1024)
        .meta(notes({ description: 'Version of the object.' }))
        .optional(),
    })
    .meta(notes({ description: 'Where the zip file is.' })),
  runtime: text(64).meta(notes({ description: 'Lambda runtime, e.g. `nodejs22.x`.' })),
  handler: text(128).meta(notes({ description: 'Handler, e.g. `index.handler`.' })),
});

const repository = z.strictObject({
  url: url(['https', 'ssh', 'file']).meta(notes({ description: 'Git repository.' })),
  ref: text(255)
    .meta(notes({ description: 'Branch, tag or commit.' }))
    .default('main'),
  context: text(1024)
    .meta(notes({ description: 'Folder that is built.' }))
    .default('.'),
  dockerfile: text(1024)
    .meta(notes({ description: 'Dockerfile, relative to the context.' }))
    .default('Dockerfile'),
});

const source = z
  .strictObject({
    functionRef: functionRef
      .meta(notes({ description: 'An existing Lambda function (zip or image) that is only read.' }))
      .optional(),
    image: image.meta(notes({ description: 'An image of your own.' })).optional(),
    archive: archive.meta(notes({ description: 'A zip archive without a function.' })).optional(),
    repository: repository.meta(notes({ description: 'A Git repository with a Dockerfile.' })).optional(),
  })
  .meta(
    notes({
      description: 'Where the code comes from: exactly one of the members.',
      mandatory: true,
      cel: [
        {
          rule: '[has(self.functionRef), has(self.image), has(self.archive), has(self.repository)].filter(x, x).size() == 1',
          message: 'give exactly one of functionRef, image, archive, repository',
        },
      ],
    }),
  );

// --------------------------------------------------------------------------------------------------- build, compute

const build = z.strictObject({
  baseImage: imageReference
    .meta(
      notes({
        description: "Base image of a zip function's container; its digest is recorded.",
        defaultText: "AWS's base image of the function's runtime",
      }),
    )
    .optional(),
  trackBaseImage: z
    .boolean()
    .meta(notes({ description: "Build again when the base image's digest moves." }))
    .default(true),
  dockerfile: text(65_536)
    .nullable()
    .meta(notes({ description: 'Dockerfile template instead of the daemonless composition.' }))
    .default(null),
});

const computeFields = z.strictObject({
  cpu: z
    .literal(FARGATE_CPU, { error: `is not a Fargate size; use ${FARGATE_CPU.join(', ')}` })
    .meta(notes({ description: 'CPU of a task.', unit: 'CPU units (1024 = 1 vCPU)', defaultText: '256' }))
    .optional(),
  memory: integer(512, 249_856)
    .meta(
      notes({
        description: 'Memory of a task.',
        unit: 'MiB',
        limits: 'Fargate sells fixed pairs of CPU and memory',
        defaultText: 'the least that Fargate allows for the CPU (512 for 256)',
      }),
    )
    .optional(),
  architecture: z
    .enum(['x86_64', 'arm64'])
    .meta(notes({ description: 'CPU architecture.', defaultText: "the function's" }))
    .optional(),
  processes: integer(1, 9)
    .meta(
      notes({
        description: 'Runtime processes in a task: so many invocations run in a task at once.',
        limits: 'a task has at most 10 containers and one of them is the runtime adapter',
      }),
    )
    .default(1),
  spot: z
    .strictObject({
      weight: integer(0, 100)
        .meta(notes({ description: 'Share of the tasks that run on FARGATE_SPOT.', unit: 'percent' }))
        .default(0),
    })
    .meta(notes({ description: 'Use of spare capacity, which AWS may take back with two minutes of notice.' }))
    .prefault({}),
  ephemeralStorage: integer(21, 200)
    .meta(notes({ description: "A task's disk.", unit: 'GiB', limits: 'Fargate allows 21 to 200' }))
    .default(21),
  timeout: duration('1s', '7d')
    .nullable()
    .meta(
      notes({
        description: "Longest time of one invocation. HTTP is bounded by the load balancer's idle timeout too.",
        unit: 'duration',
        defaultText: 'null: none',
      }),
    )
    .optional(),
});

const compute = computeFields
  .meta(
    notes({
      description: 'Size of a task on Fargate.',
      cel: [
        {
          rule: `!has(self.cpu) || !has(self.memory) || (${FARGATE_CPU.map(
            (cpu) => `(self.cpu == ${cpu} && ${celMemory(cpu)})`,
          ).join(' || ')})`,
          message: 'cpu and memory are not a pair that Fargate sells',
        },
      ],
    }),
  )
  .transform(({ timeout, cpu, memory, ...rest }) => {
    const cpuUnits: number = cpu ?? 256;
    return {
      ...rest,
      cpu: cpuUnits,
      memory: memory ?? memorySizes(cpuUnits)[0] ?? 512,
      timeoutMs: typeof timeout === 'string' ? durationMs(timeout) : null,
    };
  });

function celMemory(cpu: number): string {
  const sizes = memorySizes(cpu);
  if (sizes.length <= 4) return `self.memory in [${sizes.join(', ')}]`;
  const step = (sizes[1] ?? 0) - (sizes[0] ?? 0);
  return `self.memory >= ${sizes[0]} && self.memory <= ${sizes.at(-1)} && self.memory % ${step} == 0`;
}

// ---------------------------------------------------------------------------------------------------- who serves

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

const placement = z
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
      cel: [{ rule: "!has(self.mode) || self.mode != 'split' || has(self.split)", message: 'mode split needs split' }],
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

const scaling = z
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

// --------------------------------------------------------------------------------------------------------- traffic

const host = z
  .string()
  .max(128)
  .superRefine((value, context) => {
    const fail = (message: string) => context.addIssue({ code: 'custom', message });
    if (value.includes('/') || value.includes(':')) {
      fail('is not a host name; leave scheme, port and path out, e.g. shop.example.com');
    } else if (!/^[A-Za-z0-9*?.-]+$/.test(value)) {
      fail('has characters that a host name cannot have; use letters, digits, hyphens, dots and the wildcards * and ?');
    } else if (!/\.[A-Za-z]+$/.test(value)) {
      fail(
        'is not a host that a load balancer rule accepts; it needs a dot and only letters after the last one, e.g. shop.example.com',
      );
    } else if (value.split('.').some((label) => label === '' || label.length > 63 || /^-|-$/.test(label))) {
      fail('is not a DNS name; each label has 1 to 63 characters and neither begins nor ends with a hyphen');
    }
  });

const pathPattern = pattern(
  /^(\/|\*)[A-Za-z0-9_.$/~"'@:+&*?-]*$/,
  'is not a path pattern of a load balancer; begin with / and use letters, digits, _-.$/~"\'@:+& and the wildcards * and ?, without query',
  128,
);

const healthCheckFields = z.strictObject({
  path: pattern(/^\/[^\s?#]*(\?[^\s#]*)?$/, 'is not a path; begin with /, e.g. /health', 1024)
    .meta(
      notes({
        description: 'Path that the load balancer asks.',
        defaultText: "the adapter's own readiness for interface lambda, / for http",
      }),
    )
    .optional(),
  interval: duration('5s', '300s')
    .refine((value) => durationMs(value) % 1000 === 0, { error: 'is not a whole number of seconds; use e.g. 15s' })
    .meta(notes({ description: 'Time between two checks.', unit: 'duration', limits: '5s to 300s in whole seconds' }))
    .default('15s'),
  healthyThreshold: integer(2, 10)
    .meta(notes({ description: 'Successes in a row after which a task gets traffic.', limits: 'ELB allows 2 to 10' }))
    .default(2),
});

const healthCheck = healthCheckFields
  .transform(({ interval, ...rest }) => ({ ...rest, intervalMs: durationMs(interval) }))
  .prefault({});

const traffic = z.strictObject({
  hosts: z
    .array(host)
    .max(5)
    .meta(
      notes({
        description: 'Host names that lead here.',
        limits: 'a rule has at most 5 values, hosts and paths together',
      }),
    )
    .default([]),
  paths: z
    .array(pathPattern)
    .max(5)
    .meta(
      notes({
        description: 'Path patterns that lead here.',
        limits: 'a rule has at most 5 values, hosts and paths together',
        defaultText: '`/<name>` and `/<name>/*`',
      }),
    )
    .optional(),
  healthCheck: healthCheck.meta(notes({ description: "The load balancer's check of the tasks." })),
  apiGateway: z
    .strictObject({
      apiId: text(64).meta(notes({ description: 'Id of an existing HTTP API.' })),
      routes: z
        .array(text(256))
        .min(1)
        .max(300)
        .meta(notes({ description: 'Routes, e.g. `ANY /shop/{proxy+}`.' })),
    })
    .meta(notes({ description: 'Routes of an API Gateway HTTP API that lead here.' }))
    .optional(),
});

// --------------------------------------------------------------------------------------------------------- rollout

const rollout = z.strictObject({
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

// ---------------------------------------------------------------------------------------------------- configuration

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
      ],
    }),
  );

const environment = z
  .record(variableName, z.string().max(32_768))
  .check(atMost(200))
  .meta(
    notes({
      maxProperties: 200,
      description:
        "Variables, merged over the function's own. A task definition keeps them in plain text: use `secrets` for secrets.",
    }),
  )
  .default({});

const secrets = z
  .record(variableName, secret)
  .meta(notes({ description: 'Variables whose values ECS reads from Secrets Manager or SSM when a task starts.' }))
  .default({});

const driftPolicy = z.enum(['heal', 'warn', 'ignore']);

const drift = z.strictObject({
  policy: driftPolicy.meta(notes({ description: 'What to do with changes that somebody else made.' })).default('heal'),
  fields: z
    .record(text(256), driftPolicy)
    .check(atMost(100))
    .meta(notes({ maxProperties: 100, description: 'Policies of single fields, e.g. `ecsService.desiredCount`.' }))
    .default({}),
});

const trigger = z.strictObject({
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

/** The members that a class may give defaults for, undefaulted. */
export const sections = {
  build,
  compute: computeFields,
  placement,
  rollout,
  environment,
  secrets,
  drift,
  healthCheck: healthCheckFields,
} as const;

export const scalingFields = scaling.in;

export const containerSpecSchema = z
  .strictObject({
    className: dnsLabel
      .meta(notes({ description: 'The LambdaContainerClass: cluster, network, listeners, roles, build settings.' }))
      .default('standard'),
    // Prefaulted so that the rules can name what is missing together with all other defects.
    source: source.prefault({}),
    interface: z
      .enum(['lambda', 'http'])
      .meta(
        notes({
          description:
            '`lambda`: a handler behind the runtime adapter. `http`: the image itself serves HTTP on `port`.',
        }),
      )
      .default('lambda'),
    port: integer(1, 65_535)
      .meta(
        notes({
          description: 'Port that the image serves on; only with interface `http`.',
          defaultText: '8080 with http',
        }),
      )
      .optional(),
    workload: z
      .enum(['service', 'worker', 'job'])
      .meta(
        notes({
          description: '`service` behind a load balancer, `worker` polling a queue, `job` running to completion.',
        }),
      )
      .default('service'),
    queue: pattern(
      /^arn:aws[a-z-]*:sqs:[a-z0-9-]+:[0-9]{12}:[\w-]+(\.fifo)?$/,
      'is not the ARN of a queue; write it like arn:aws:sqs:eu-west-1:111122223333:orders',
    )
      .meta(notes({ description: 'Queue that a `worker` polls.' }))
      .optional(),
    build: build.meta(notes({ description: 'How a zip function becomes an image.' })).prefault({}),
    compute: compute.prefault({}),
    placement: placement.prefault({}),
    scaling: scaling.prefault({}),
    traffic: traffic.meta(notes({ description: 'Which requests lead here.' })).prefault({}),
    rollout: rollout.meta(notes({ description: 'How a new revision takes over.' })).prefault({}),
    environment,
    acknowledgePlaintextEnvironment: z
      .boolean()
      .meta(notes({ description: 'Accept environment values that look like secrets.' }))
      .default(false),
    secrets,
    roles: z
      .strictObject({
        task: roleArn
          .meta(notes({ description: 'Role of the code.', defaultText: "the class's, else the function's own" }))
          .optional(),
        execution: roleArn
          .meta(
            notes({
              description: 'Role that pulls images, reads secrets and writes logs.',
              defaultText: "the class's",
            }),
          )
          .optional(),
      })
      .meta(notes({ description: 'IAM roles of the tasks. They must trust ecs-tasks.amazonaws.com.' }))
      .prefault({}),
    network: z
      .strictObject({
        subnets: z
          .array(subnetId)
          .max(16)
          .meta(notes({ description: 'Subnets of the tasks.', limits: 'ECS allows 16', defaultText: "the class's" }))
          .default([]),
        securityGroups: z
          .array(securityGroupId)
          .max(5)
          .meta(
            notes({ description: 'Security groups of the tasks.', limits: 'ECS allows 5', defaultText: "the class's" }),
          )
          .default([]),
        assignPublicIp: z
          .boolean()
          .meta(notes({ description: 'Give each task a public address.', defaultText: "the class's" }))
          .default(false),
        serviceConnect: z
          .strictObject({
            port: integer(1, 65_535).meta(notes({ description: 'Port.' })),
            alias: dnsLabel.meta(notes({ description: 'Name by which others reach it.' })),
          })
          .meta(notes({ description: 'ECS Service Connect.' }))
          .optional(),
      })
      .meta(notes({ description: 'Network of the tasks; empty lists mean those of the class.' }))
      .prefault({}),
    triggers: z
      .array(trigger)
      .max(100)
      .meta(notes({ description: 'Schedules and events that start it.' }))
      .default([]),
    drift: drift.meta(notes({ description: 'What to do with changes that somebody else made.' })).prefault({}),
    adoption: z
      .enum(['never', 'ifExists', 'only'])
      .meta(notes({ description: 'Whether resources that exist already under our names are taken over.' }))
      .default('never'),
    deletionPolicy: z
      .enum(['delete', 'retain'])
      .meta(notes({ description: 'What deleting the object does with what was made for it.' }))
      .default('delete'),
    dependsOn: z
      .array(dnsLabel)
      .max(50)
      .meta(notes({ description: 'Objects that must be Ready first.' }))
      .default([]),
    suspend: z
      .boolean()
      .meta(notes({ description: 'Leave everything as it is.' }))
      .default(false),
  })
  .meta(notes({ description: 'What is desired.' }))
  .transform((spec) => ({ ...spec, port: spec.interface === 'http' ? (spec.port ?? 8080) : spec.port }));
