/**
 * The schema of LambdaContainerClass's spec: what a platform team decides once. It lives in the reserved partition
 * `_system`, because it decides roles, networks and caps. Rules over several fields are in `../class-rules.ts`.
 */
import * as z from 'zod';
import { FARGATE_CPU } from '../fargate.ts';
import { scalingFields, sections } from './container.ts';
import {
  atMost,
  type CelRule,
  imageReference,
  integer,
  notes,
  pattern,
  refusing,
  roleArn,
  securityGroupId,
  subnetId,
  text,
  url,
} from './fields.ts';
import { secretName } from './git-source.ts';

/** The only retentions that CloudWatch Logs accepts. */
const RETENTION_DAYS = [
  1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653,
] as const;

const listener = z.strictObject({
  arn: pattern(
    /^arn:aws[a-z-]*:elasticloadbalancing:[a-z0-9-]+:[0-9]{12}:listener\/app\/[\w./-]+$/,
    "is not the ARN of an Application Load Balancer's listener; it looks like arn:aws:elasticloadbalancing:eu-west-1:111122223333:listener/app/name/id/id",
  ).meta(notes({ description: 'ARN of the listener.' })),
  url: url(['http', 'https'])
    .meta(notes({ description: 'Public base URL of the listener, e.g. `https://shop.example.com`.' }))
    .transform((value) => value.replace(/\/+$/, '')),
  priorities: z
    .strictObject({
      from: integer(1, 50_000)
        .meta(notes({ description: 'First priority.' }))
        .default(1),
      to: integer(1, 50_000)
        .meta(notes({ description: 'Last priority.' }))
        .default(50_000),
    })
    .meta(
      notes({
        description: 'Rule priorities that we may use on this listener.',
        limits: 'ELB allows 1 to 50,000; 100 target groups per load balancer are not adjustable',
        cel: [
          {
            rule: '(has(self.from) ? self.from : 1) <= (has(self.to) ? self.to : 50000)',
            message: 'from is more than to',
          },
        ],
      }),
    )
    .prefault({}),
});

const defaults = z
  .strictObject({
    build: sections.build.meta(notes({ description: 'Defaults for `spec.build`.' })).optional(),
    compute: sections.compute.meta(notes({ description: 'Defaults for `spec.compute`.' })).optional(),
    placement: sections.placement.meta(notes({ description: 'Defaults for `spec.placement`.' })).optional(),
    scaling: scalingFields.meta(notes({ description: 'Defaults for `spec.scaling`.' })).optional(),
    traffic: z
      .strictObject({
        healthCheck: sections.healthCheck
          .meta(notes({ description: 'Defaults for `spec.traffic.healthCheck`.' }))
          .optional(),
      })
      .meta(notes({ description: 'Defaults for `spec.traffic`.' }))
      .optional(),
    rollout: sections.rollout.meta(notes({ description: 'Defaults for `spec.rollout`.' })).optional(),
    environment: sections.environment,
    secrets: sections.secrets,
    drift: sections.drift.meta(notes({ description: 'Defaults for `spec.drift`.' })).optional(),
    deletionPolicy: z
      .enum(['delete', 'retain'])
      .meta(notes({ description: 'Default for `spec.deletionPolicy`.' }))
      .optional(),
  })
  .meta(notes({ description: 'Defaults for the specs that name this class: members of a LambdaContainer spec.' }));

const namespacePattern = pattern(
  /^(\*|[a-z0-9]([a-z0-9-]*[a-z0-9])?)$/,
  "is not a namespace; use lower-case letters, digits and hyphens, or '*' for all",
  63,
);

/** What the namespaces of one entry may use; what an entry leaves out is not limited. */
const allowedEntry = z.strictObject({
  namespaces: z
    .array(namespacePattern)
    .min(1)
    .max(100)
    .meta(notes({ description: 'Whom the entry is for; `*` means all that have none of their own.' })),
  hosts: z
    .array(
      pattern(
        /^[A-Za-z0-9*?]([A-Za-z0-9.*?-]*[A-Za-z0-9*?])?$/,
        'is not a host name; use letters, digits, hyphens, dots and the wildcards * and ?',
        128,
      ),
    )
    .max(100)
    .meta(notes({ description: 'Hosts that `spec.traffic.hosts` may name, `*` and `?` as patterns.' }))
    .optional(),
  roles: z
    .array(
      pattern(
        /^arn:(aws[a-z-]*|\*):iam::([0-9]{12}|\*):role\/[\w+=,.@/*?-]+$/,
        'is not the ARN of roles; write it like arn:aws:iam::111122223333:role/lambdacontainer/tasks/shop-*',
        2048,
      ),
    )
    .max(100)
    .meta(notes({ description: "Roles that `spec.roles` may name beside the class's own, `*` and `?` as patterns." }))
    .optional(),
});

/** `10%` of something, or a whole number of it; validated as `{ percent }` or `{ count }`. */
const percentOrCount = z
  .union(
    [pattern(/^(100|[1-9][0-9]?)%$/, 'is not a percentage from 1% to 100%; write it like 10%'), integer(1, 10_000)],
    {
      error: 'is neither a percentage nor a whole number; write it like 10% or 5',
    },
  )
  .transform((value) => (typeof value === 'number' ? { count: value } : { percent: Number.parseInt(value, 10) }));

const GIT_PREFIX =
  /^(https:\/\/[a-z0-9]([a-z0-9.-]*[a-z0-9])?|http:\/\/(localhost|127\.0\.0\.1))(:[0-9]{1,5})?\/([\w~+@-][\w.~+@-]*(\/[\w~+@-][\w.~+@-]*)*\/?)?$/;

const gitCredential = z.strictObject({
  url: z
    .string()
    .max(2048)
    .superRefine((value, context) => {
      const message = gitPrefixDefect(value);
      if (message) context.addIssue({ code: 'custom', message });
    })
    .meta({ pattern: GIT_PREFIX.source })
    .meta(
      notes({
        description: 'A repository, or with `/` at its end all below it.',
        limits: '`https://`; `http://` for this machine only (`127.0.0.1`, `localhost`)',
      }),
    ),
  secretRef: secretName.meta(
    notes({
      description:
        'Name or ARN of a Secrets Manager secret in the account and region of the class: JSON with `token`, or `username` and `password`, as for a GitSource.',
    }),
  ),
});

function gitPrefixDefect(value: string): string | undefined {
  if (/^(ssh:|[\w.-]+@[\w.-]+:)/.test(value)) {
    return 'is for ssh, which builds do not speak; write https://host/path/ and give a token in the secret';
  }
  if (/^https?:\/\/[^/]*@/.test(value)) return 'contains a user; leave it out and put credentials into the secret';
  if (GIT_PREFIX.test(value) && URL.canParse(value)) return undefined;
  if (/^https:\/\/[^/]+$/.test(value)) {
    return 'names a host alone; with / at its end it stands for all of its repositories';
  }
  if (value.startsWith('http:')) {
    return 'is not encrypted, which is allowed for this machine (127.0.0.1) only; use https';
  }
  return 'is not the beginning of repository URLs; write it in lower case up to the path, like https://github.com/acme/';
}

const tagKey = refusing(
  pattern(/^[\p{L}\p{Z}\p{N}_.:/=+@-]+$/u, 'is not a tag key; use letters, digits, spaces and _.:/=+-@', 128),
  [
    { matches: /^[aA][wW][sS]:/, phrase: "begins with 'aws:', which AWS reserves; choose another key" },
    {
      matches: /^lambdacontainer\.dev\//,
      phrase: "begins with 'lambdacontainer.dev/', which marks ownership; choose another key",
    },
  ],
);

/** Defaults of a class within its own caps. */
const CAPS: CelRule[] = [
  { cap: 'cpuMax', section: 'compute', member: 'cpu' },
  { cap: 'memoryMax', section: 'compute', member: 'memory' },
  { cap: 'maxTasks', section: 'scaling', member: 'max' },
].map(({ cap, section, member }) => ({
  rule: `!has(self.caps) || !has(self.caps.${cap}) || !has(self.defaults) || !has(self.defaults.${section}) || !has(self.defaults.${section}.${member}) || self.defaults.${section}.${member} <= self.caps.${cap}`,
  message: `defaults.${section}.${member} is more than caps.${cap}`,
}));

export const classSpecSchema = z
  .strictObject({
    region: pattern(/^[a-z]{2}(-[a-z]+)+-[0-9]+$/, 'is not a region; write it like eu-west-1')
      .meta(
        notes({
          description: 'Region of everything that is made. It cannot change while the class has objects.',
          defaultText: "the daemon's",
        }),
      )
      .optional(),
    account: pattern(/^[0-9]{12}$/, 'is not an account; give its 12 digits in quotes')
      .meta(
        notes({
          description:
            "Account of everything that is made. Another than the daemon's own needs `assumeRole`. It cannot change while the class has objects.",
          defaultText: "that of `assumeRole`, else the daemon's own",
        }),
      )
      .optional(),
    assumeRole: z
      .strictObject({
        roleArn: roleArn.meta(
          notes({
            description:
              'Role that the controller assumes for the objects of this class. It must trust the controller.',
          }),
        ),
        externalId: pattern(
          /^[\w+=,.@:/-]{2,}$/,
          'is not an external id; use 2 letters, digits or +=,.@:/- at least',
          1224,
        )
          .meta(notes({ description: 'External id that the trust of the role asks for.' }))
          .optional(),
      })
      .meta(notes({ description: 'How another account is reached.', defaultText: "the daemon's own credentials" }))
      .optional(),
    cluster: pattern(/^[A-Za-z0-9_-]+$/, 'is not a cluster name; give the name, not the ARN', 255).meta(
      notes({ description: 'Name of the ECS cluster.' }),
    ),
    vpcId: pattern(/^vpc-[0-9a-z][0-9a-z-]*$/, 'is not a VPC id; write it like vpc-0a1b2c3d').meta(
      notes({ description: 'VPC of the target groups.' }),
    ),
    subnets: z
      .array(subnetId)
      .min(1)
      .max(16)
      .meta(notes({ description: 'Subnets of the tasks.', limits: 'ECS allows 16' })),
    securityGroups: z
      .array(securityGroupId)
      .max(5)
      .meta(
        notes({
          description: 'Security groups of the tasks.',
          limits: 'ECS allows 5',
          defaultText: "none: the VPC's default",
        }),
      )
      .default([]),
    assignPublicIp: z
      .boolean()
      .meta(notes({ description: 'Give each task a public address.' }))
      .default(false),
    listeners: z
      .array(listener)
      .max(50)
      .meta(notes({ description: 'Pool of listeners on which rules are made.', listType: ['arn'] }))
      .default([]),
    roles: z
      .strictObject({
        task: roleArn
          .meta(notes({ description: 'Role of the code.', defaultText: "the function's own, if ECS can assume it" }))
          .optional(),
        execution: roleArn.meta(notes({ description: 'Role that pulls images, reads secrets and writes logs.' })),
        build: roleArn.meta(notes({ description: 'Service role of the CodeBuild project.' })),
      })
      .meta(notes({ description: 'IAM roles.' })),
    ecr: z
      .strictObject({
        repositoryPrefix: pattern(
          /^[a-z0-9]+([._/-][a-z0-9]+)*$/,
          'is not a repository name; use lower-case letters, digits and single ._-/ between them',
          128,
        )
          .meta(notes({ description: 'Prefix of the repositories: one for each namespace.' }))
          .default('lambdacontainer'),
      })
      .meta(notes({ description: 'Where images go.' }))
      .prefault({}),
    build: z
      .strictObject({
        image: imageReference.meta(notes({ description: 'Builder image that CodeBuild runs.' })),
        recipe: z
          .enum(['composer', 'dockerfile'])
          .meta(
            notes({
              description:
                "How a zip becomes an image: `composer` lays its files on the base image without a daemon; `dockerfile` builds the template of the runtime's family with BuildKit.",
            }),
          )
          .default('composer'),
        dockerfile: text(65_536)
          .meta(
            notes({
              description: 'Template instead of those that we bring; only with recipe `dockerfile`.',
              defaultText: "the template of the runtime's family",
            }),
          )
          .optional(),
        buildspec: text(65_536)
          .meta(
            notes({
              description: 'Buildspec of the recipe instead of the one that we bring.',
              defaultText: "the recipe's own",
            }),
          )
          .optional(),
        dockerImage: pattern(
          /^[A-Za-z0-9][\w./:@-]*$/,
          'is not an image; name one of CodeBuild such as aws/codebuild/amazonlinux-x86_64-standard:5.0, or one of a registry',
        )
          .meta(
            notes({
              description: 'Environment of builds with a Dockerfile: privileged, with Docker and git.',
              defaultText: "CodeBuild's standard image of the environment's type",
            }),
          )
          .optional(),
        concurrency: integer(1, 1000)
          .meta(
            notes({
              description: 'Builds of this class that may run at once; others wait, the oldest first.',
              limits: "CodeBuild's own quota lies above it",
            }),
          )
          .default(20),
        computeType: z
          .enum([
            'BUILD_GENERAL1_SMALL',
            'BUILD_GENERAL1_MEDIUM',
            'BUILD_GENERAL1_LARGE',
            'BUILD_GENERAL1_XLARGE',
            'BUILD_GENERAL1_2XLARGE',
          ])
          .meta(notes({ description: 'Size of the build environment.' }))
          .default('BUILD_GENERAL1_SMALL'),
        environmentType: z
          .enum(['LINUX_CONTAINER', 'ARM_CONTAINER'])
          .meta(notes({ description: 'Kind of the build environment.' }))
          .default('LINUX_CONTAINER'),
        timeoutMinutes: integer(5, 2160)
          .meta(notes({ description: 'Longest build.', unit: 'minutes', limits: 'CodeBuild allows 5 to 2,160' }))
          .default(15),
        baseImageRegistry: pattern(
          /^[A-Za-z0-9][A-Za-z0-9.-]*(:[0-9]+)?(\/[a-z0-9._/-]+)?$/,
          'is not a registry; write it like public.ecr.aws',
        )
          .meta(notes({ description: "Registry of AWS's base images." }))
          .default('public.ecr.aws'),
        gitCredentials: z
          .array(gitCredential)
          .max(50)
          .meta(
            notes({
              description:
                'Credentials of private repositories that `spec.source.repository` may name. The longest `url` that a repository begins with is used, for whoever may use the class.',
              defaultText: 'none: repositories that anyone may read',
              listType: ['url'],
            }),
          )
          .optional(),
      })
      .meta(notes({ description: 'How images are built.' })),
    adapter: z
      .strictObject({ image: imageReference.meta(notes({ description: 'Image of the runtime adapter.' })) })
      .meta(notes({ description: 'The runtime adapter.' })),
    logs: z
      .strictObject({
        retentionDays: z
          .literal(RETENTION_DAYS, {
            error: `is not a retention that CloudWatch Logs accepts; use ${RETENTION_DAYS.join(', ')} or null to keep logs for ever`,
          })
          .nullable()
          .meta(notes({ description: 'How long logs are kept; null: for ever.', unit: 'days' }))
          .default(30),
      })
      .meta(notes({ description: 'Log groups of the tasks and builds.' }))
      .prefault({}),
    health: z
      .strictObject({
        intervalSec: integer(5, 300)
          .meta(
            notes({ description: 'Time between two health checks.', unit: 'seconds', limits: 'ELB allows 5 to 300' }),
          )
          .default(15),
        healthyThreshold: integer(2, 10)
          .meta(
            notes({ description: 'Successes in a row after which a task gets traffic.', limits: 'ELB allows 2 to 10' }),
          )
          .default(2),
        deregistrationDelaySec: integer(0, 3600)
          .meta(
            notes({
              description: 'Time that a task may finish its requests.',
              unit: 'seconds',
              limits: 'ELB allows 0 to 3,600',
            }),
          )
          .default(30),
      })
      .meta(notes({ description: 'Health checks of the target groups.' }))
      .prefault({}),
    namespaces: z
      .array(namespacePattern)
      .min(1)
      .max(1000)
      .meta(
        notes({
          description: 'Namespaces that may use the class; `*` means all.',
          cel: [{ rule: "!('*' in self) || self.size() == 1", message: "'*' admits all namespaces already" }],
        }),
      )
      .default(['*']),
    allowed: z
      .array(allowedEntry)
      .max(200)
      .meta(
        notes({
          description:
            'Which hosts and roles namespaces may use. Once there is an entry, a namespace that none is for may not use the class.',
          defaultText: 'none: every namespace may use any',
        }),
      )
      .default([]),
    defaults: defaults.prefault({}),
    caps: z
      .strictObject({
        cpuMax: z
          .literal(FARGATE_CPU, { error: `is not a Fargate size; use ${FARGATE_CPU.join(', ')}` })
          .meta(notes({ description: 'Most CPU of a task.', unit: 'CPU units' }))
          .optional(),
        memoryMax: integer(512, 249_856)
          .meta(notes({ description: 'Most memory of a task.', unit: 'MiB' }))
          .optional(),
        maxTasks: integer(1, 5000)
          .meta(notes({ description: 'Highest `scaling.max`.' }))
          .optional(),
      })
      .meta(notes({ description: 'Bounds for the specs that name this class; beyond them a spec is invalid.' }))
      .prefault({}),
    deletion: z
      .strictObject({
        maxDeletePercent: integer(0, 100)
          .meta(
            notes({
              description:
                'Share of the objects of this class that may be deleted within an hour; three always may. What is beyond is held until a person confirms it.',
              unit: 'percent',
            }),
          )
          .default(20),
      })
      .meta(notes({ description: 'Guard against the deletion of many objects at once.' }))
      .prefault({}),
    disruption: z
      .strictObject({
        maxConcurrent: percentOrCount
          .meta(
            notes({
              description:
                'How many objects of this class may at once be taken to a changed class and not be Ready yet: a share, rounded up, or a number.',
              unit: 'percentage or count',
            }),
          )
          .prefault('10%'),
      })
      .meta(notes({ description: 'How fast a change of this class reaches its objects.' }))
      .prefault({}),
    tags: z
      .record(tagKey, z.string().max(256))
      .check(atMost(40))
      .meta(
        notes({
          description: 'Tags for everything that is made.',
          limits: 'at most 40: AWS allows 50 and we need some',
          maxProperties: 40,
        }),
      )
      .default({}),
  })
  .meta(notes({ description: 'What the platform team decides.', cel: CAPS }));
