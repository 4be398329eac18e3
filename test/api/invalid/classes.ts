/** LambdaContainerClasses that are not valid: one member of a good spec is replaced. */
import { CLASS_SPEC, ROLE } from '../fixtures.ts';
import type { SpecCase } from './case.ts';

const LISTENER = CLASS_SPEC.listeners[0]?.arn ?? '';
/** As a message shows it. */
const SHOWN = `${LISTENER.slice(0, 59)}…`;

export const INVALID_CLASSES: readonly SpecCase[] = [
  ['cluster', undefined, 'spec.cluster: is missing and has no default; add it (Name of the ECS cluster)'],
  [
    'cluster',
    'arn:aws:ecs:eu-west-1:111122223333:cluster/shop',
    "spec.cluster: 'arn:aws:ecs:eu-west-1:111122223333:cluster/shop' is not a cluster name; give the name, not the ARN",
  ],
  ['vpcId', 'shop', "spec.vpcId: 'shop' is not a VPC id; write it like vpc-0a1b2c3d"],
  ['subnets', [], 'spec.subnets: has too few entries; give at least 1'],
  ['subnets', undefined, 'spec.subnets: is missing and has no default; add it (Subnets of the tasks)'],
  [
    'roles',
    { task: ROLE },
    'spec.roles.execution: is missing and has no default; add it (Role that pulls images, reads secrets and writes logs)',
    'spec.roles.build: is missing and has no default; add it (Service role of the CodeBuild project)',
  ],
  [
    'roles.execution',
    'execution',
    "spec.roles.execution: 'execution' is not the ARN of a role; write it like arn:aws:iam::111122223333:role/name",
  ],
  ...(
    [
      [
        'ssh://git@github.com/acme/',
        'is for ssh, which builds do not speak; write https://host/path/ and give a token in the secret',
      ],
      [
        'git@github.com:acme/shop',
        'is for ssh, which builds do not speak; write https://host/path/ and give a token in the secret',
      ],
      ['http://github.com/acme/', 'is not encrypted, which is allowed for this machine (127.0.0.1) only; use https'],
      ['https://github.com', 'names a host alone; with / at its end it stands for all of its repositories'],
      [
        'https://github.com/acme/../',
        'is not the beginning of repository URLs; write it in lower case up to the path, like https://github.com/acme/',
      ],
    ] as const
  ).map(
    ([url, says]): SpecCase => [
      'build.gitCredentials',
      [{ url, secretRef: 'acme' }],
      `spec.build.gitCredentials[0].url: '${url}' ${says}`,
    ],
  ),
  [
    'build.gitCredentials',
    [{ url: 'https://me@github.com/acme/', secretRef: 'acme' }],
    'spec.build.gitCredentials[0].url: (hidden) contains a user; leave it out and put credentials into the secret',
  ],
  [
    'build.gitCredentials',
    [{ url: 'https://github.com/acme/', secretRef: 'a secret' }],
    "spec.build.gitCredentials[0].secretRef: 'a secret' is neither the name nor the ARN of a Secrets Manager secret; names have letters, digits and /_+=.@-",
  ],
  [
    'build.gitCredentials',
    [
      { url: 'https://github.com/acme/', secretRef: 'a' },
      { url: 'https://github.com/acme/', secretRef: 'b' },
    ],
    "spec.build.gitCredentials[1].url: 'https://github.com/acme/' is given twice; remove one of them",
  ],
  ['region', 'Ireland', "spec.region: 'Ireland' is not a region; write it like eu-west-1"],
  [
    'region',
    'us-east-2',
    `spec.listeners[0].arn: '${SHOWN}' is in ${LISTENER.split(':')[3]}, but spec.region is us-east-2; name a listener there, or correct spec.region`,
  ],
  ['account', '1111', "spec.account: '1111' is not an account; give its 12 digits in quotes"],
  [
    'account',
    '999999999999',
    `spec.listeners[0].arn: '${SHOWN}' is of account ${LISTENER.split(':')[4]}, but the class is for account 999999999999; name a listener of that account`,
  ],
  [
    'assumeRole',
    { externalId: 'shop-7' },
    'spec.assumeRole.roleArn: is missing and has no default; add it (Role that the controller assumes for the objects of this class. It must trust the controller)',
  ],
  [
    'assumeRole',
    { roleArn: ROLE, externalId: 'a' },
    "spec.assumeRole.externalId: 'a' is not an external id; use 2 letters, digits or +=,.@:/- at least",
  ],
  [
    'listeners',
    [{ arn: 'arn:aws:elasticloadbalancing:x', url: 'http://a' }],
    "spec.listeners[0].arn: 'arn:aws:elasticloadbalancing:x' is not the ARN of an Application Load Balancer's listener; it looks like arn:aws:elasticloadbalancing:eu-west-1:111122223333:listener/app/name/id/id",
  ],
  [
    'listeners',
    [{ arn: CLASS_SPEC.listeners[0]?.arn, url: 'shop.example.com' }],
    "spec.listeners[0].url: 'shop.example.com' is not a URL; write it like http://host/path",
  ],
  [
    'listeners',
    [{ arn: CLASS_SPEC.listeners[0]?.arn, url: 'http://a', priorities: { from: 9, to: 3 } }],
    'spec.listeners[0].priorities.from: 9 is more than to, which is 3; swap them',
  ],
  [
    'listeners',
    [{ arn: CLASS_SPEC.listeners[0]?.arn, url: 'http://a', priorities: { to: 50_001 } }],
    'spec.listeners[0].priorities.to: 50001 is too large; the most is 50000',
  ],
  [
    'listeners',
    [CLASS_SPEC.listeners[0], CLASS_SPEC.listeners[0]],
    "spec.listeners[1].arn: 'arn:aws:elasticloadbalancing:eu-west-1:111122223333:listene…' is given twice; remove one of them",
  ],
  [
    'logs',
    { retentionDays: 31 },
    'spec.logs.retentionDays: 31 is not a retention that CloudWatch Logs accepts; use 1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653 or null to keep logs for ever',
  ],
  [
    'build.timeoutMinutes',
    4,
    'spec.build.timeoutMinutes: 4 is too small; the least is 5 (CodeBuild allows 5 to 2,160)',
  ],
  [
    'build.computeType',
    'SMALL',
    "spec.build.computeType: 'SMALL' is not one of BUILD_GENERAL1_SMALL, BUILD_GENERAL1_MEDIUM, BUILD_GENERAL1_LARGE, BUILD_GENERAL1_XLARGE, BUILD_GENERAL1_2XLARGE; use BUILD_GENERAL1_SMALL, BUILD_GENERAL1_MEDIUM, BUILD_GENERAL1_LARGE, BUILD_GENERAL1_XLARGE, BUILD_GENERAL1_2XLARGE",
  ],
  [
    'ecr',
    { repositoryPrefix: 'Shop' },
    "spec.ecr.repositoryPrefix: 'Shop' is not a repository name; use lower-case letters, digits and single ._-/ between them",
  ],
  ['namespaces', ['*', 'shop'], "spec.namespaces: '*' admits all namespaces already; remove the others, or '*'"],
  ['namespaces', [], 'spec.namespaces: has too few entries; give at least 1'],
  [
    'namespaces',
    ['Shop'],
    "spec.namespaces[0]: 'Shop' is not a namespace; use lower-case letters, digits and hyphens, or '*' for all",
  ],
  [
    'tags',
    { 'aws:x': 'y' },
    "spec.tags[\"aws:x\"]: 'aws:x' begins with 'aws:', which AWS reserves; choose another key",
  ],
  [
    'tags',
    { 'lambdacontainer.dev/owner': 'me' },
    "spec.tags[\"lambdacontainer.dev/owner\"]: 'lambdacontainer.dev/owner' begins with 'lambdacontainer.dev/', which marks ownership; choose another key",
  ],
  [
    'tags',
    Object.fromEntries(Array.from({ length: 41 }, (_, n) => [`k${n}`, 'v'])),
    'spec.tags: has 41 members; the most is 40',
  ],
  [
    'defaults',
    { source: {} },
    "spec.defaults.source: 'source' is not a field here; use build, compute, placement, scaling, traffic, rollout, environment, secrets, drift, deletionPolicy",
  ],
  [
    'defaults',
    { compute: { cpu: 256, memory: 8192 } },
    'spec.defaults.compute.memory: 8192 MiB does not go with cpu 256 on Fargate; use 512, 1024, 2048',
  ],
  [
    'defaults',
    { rollout: { strategy: 'canary' } },
    "spec.defaults.rollout.strategy: 'canary' is not available in this version; use 'rolling'",
  ],
  [
    'defaults',
    { environment: { API_TOKEN: 'abc' } },
    'spec.defaults.environment.API_TOKEN: looks like a secret, and a task definition keeps environment in plain text; move it to defaults.secrets',
  ],
  [
    'caps',
    { cpuMax: 300 },
    'spec.caps.cpuMax: 300 is not a Fargate size; use 256, 512, 1024, 2048, 4096, 8192, 16384, 32768',
  ],
  ['health', { intervalSec: 1 }, 'spec.health.intervalSec: 1 is too small; the least is 5 (ELB allows 5 to 300)'],
  [
    'health',
    { deregistrationDelaySec: 3601 },
    'spec.health.deregistrationDelaySec: 3601 is too large; the most is 3600 (ELB allows 0 to 3,600)',
  ],
  [
    'maxSize',
    1,
    "spec.maxSize: 'maxSize' is not a field here; use region, account, assumeRole, cluster, vpcId, subnets, securityGroups, assignPublicIp, listeners, roles, ecr, build, adapter, logs, health, namespaces, allowed, defaults, caps, deletion, disruption, tags",
  ],
  ['deletion', { maxDeletePercent: 101 }, 'spec.deletion.maxDeletePercent: 101 is too large; the most is 100'],
  [
    'deletion',
    { maxDeletePercent: '20%' },
    "spec.deletion.maxDeletePercent: '20%' is text, not a number; write 20, without quotes and %",
  ],
  ['deletion', { maxDeletePercent: -1 }, 'spec.deletion.maxDeletePercent: -1 is too small; the least is 0'],
  ['deletion', { maxDeletes: 5 }, "spec.deletion.maxDeletes: 'maxDeletes' is not a field here; use maxDeletePercent"],
  ['deletion', 20, 'spec.deletion: 20 is a number, not an object; give an object'],
  [
    'disruption',
    { maxConcurrent: '0%' },
    "spec.disruption.maxConcurrent: '0%' is not a percentage from 1% to 100%; write it like 10%",
  ],
  [
    'disruption',
    { maxConcurrent: '10' },
    "spec.disruption.maxConcurrent: '10' is not a percentage from 1% to 100%; write it like 10%",
  ],
  [
    'disruption',
    { maxConcurrent: '120%' },
    "spec.disruption.maxConcurrent: '120%' is not a percentage from 1% to 100%; write it like 10%",
  ],
  ['disruption', { maxConcurrent: 0 }, 'spec.disruption.maxConcurrent: 0 is too small; the least is 1'],
  [
    'disruption',
    { maxConcurrent: 1.5 },
    'spec.disruption.maxConcurrent: 1.5 is neither a percentage nor a whole number; write it like 10% or 5',
  ],
  [
    'disruption',
    { maxConcurrent: null },
    'spec.disruption.maxConcurrent: null is neither a percentage nor a whole number; write it like 10% or 5',
  ],
  [
    'disruption',
    { maxConcurrent: true },
    'spec.disruption.maxConcurrent: true is neither a percentage nor a whole number; write it like 10% or 5',
  ],
  [
    'disruption',
    { maxConcurent: 1 },
    "spec.disruption.maxConcurent: 'maxConcurent' is not a field here; did you mean 'maxConcurrent'?",
  ],
  [
    'defaults',
    { environment: { AWS_REGION: 'eu-west-1' } },
    "spec.defaults.environment.AWS_REGION: 'AWS_REGION' is set by the runtime or by the platform; remove it",
  ],
  [
    'defaults',
    { secrets: { DB: {} } },
    'spec.defaults.secrets.DB: says nowhere to read from; give secretsManager (ARN) or parameter',
  ],
  [
    'defaults',
    { scaling: { min: 5, max: 3 } },
    'spec.defaults.scaling.min: 5 is more than max, which is 3; raise max or lower min',
  ],
  [
    'defaults',
    { placement: { split: { lambda: 5, fargate: 5 } } },
    'spec.defaults.placement.split: must sum to 100; its members are percentages',
  ],
  [
    'defaults',
    { compute: { cpu: 300 } },
    'spec.defaults.compute.cpu: 300 is not a Fargate size; use 256, 512, 1024, 2048, 4096, 8192, 16384, 32768',
  ],
  [
    'defaults',
    { traffic: { hosts: ['a.io'] } },
    "spec.defaults.traffic.hosts: 'hosts' is not a field here; use healthCheck",
  ],
  [
    'defaults',
    { className: 'other' },
    "spec.defaults.className: 'className' is not a field here; use build, compute, placement, scaling, traffic, rollout, environment, secrets, drift, deletionPolicy",
  ],
  ['caps', { memoryMax: 100 }, 'spec.caps.memoryMax: 100 is too small; the least is 512'],
  ['caps', { maxTasks: 0 }, 'spec.caps.maxTasks: 0 is too small; the least is 1'],
  ['vpcId', 5, 'spec.vpcId: 5 is a number, not text; put it in quotes: "5" (in a DynamoDB item {"S": "5"})'],
  [
    'listeners',
    [{ url: 'http://a' }],
    'spec.listeners[0].arn: is missing and has no default; add it (ARN of the listener)',
  ],
  [
    'listeners',
    [{ arn: CLASS_SPEC.listeners[0]?.arn, url: 'https://me:secret@a' }],
    'spec.listeners[0].url: (hidden) contains a user or password; leave them out of URLs',
  ],
  [
    'listeners',
    [{ arn: CLASS_SPEC.listeners[0]?.arn, url: 'ftp://a' }],
    "spec.listeners[0].url: 'ftp://a' is not a URL; write it like http://host/path",
  ],
  [
    'listeners',
    [{ arn: CLASS_SPEC.listeners[0]?.arn, url: 'http://a/?q' }],
    "spec.listeners[0].url: 'http://a/?q' has a space, a query or a fragment; leave it out",
  ],
  [
    'build',
    { image: 'builder' },
    "spec.build.image: 'builder' is not an image reference with its registry; write it like public.ecr.aws/lambda/nodejs:22",
  ],
  ['adapter', {}, 'spec.adapter.image: is missing and has no default; add it (Image of the runtime adapter)'],
  ['tags', { 'a!': 'b' }, 'spec.tags["a!"]: \'a!\' is not a tag key; use letters, digits, spaces and _.:/=+-@'],
  [
    'tags',
    { team: 5 },
    'spec.tags.team: 5 is a number, not text; put it in quotes: "5" (in a DynamoDB item {"S": "5"})',
  ],
  [
    'toString',
    1,
    "spec.toString: 'toString' is not a field here; use region, account, assumeRole, cluster, vpcId, subnets, securityGroups, assignPublicIp, listeners, roles, ecr, build, adapter, logs, health, namespaces, allowed, defaults, caps, deletion, disruption, tags",
  ],
];
