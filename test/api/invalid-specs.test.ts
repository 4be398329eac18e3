/** Invalid LambdaContainer specs, each with the line that a person reads. */
import { describe, expect, it } from 'vitest';
import { formatDefect, validateClass, validateLambdaContainer } from '../../src/api/index.ts';
import { CLASS_SPEC, MINIMAL_SPEC, ROLE, SECRET_ARN, withValue } from './fixtures.ts';

/** path, value, the expected line (its part after `spec.`) */
type Case = [path: string, value: unknown, line: string];

const FIELDS: Case[] = [
  // types
  ['className', 5, 'className: 5 is a number, not text; put it in quotes: "5" (in a DynamoDB item {"S": "5"})'],
  ['className', true, 'className: true is true or false, not text; put it in quotes: "true"'],
  ['className', null, 'className: null stands where text is expected; remove the field to use its default'],
  ['className', [], 'className: is a list, not text; give text'],
  ['className', {}, 'className: is an object, not text; give text'],
  ['compute', 'big', "compute: 'big' is text, not an object; give an object"],
  ['compute', 3, 'compute: 3 is a number, not an object; give an object'],
  ['compute', [], 'compute: is a list, not an object; give an object'],
  ['compute', null, 'compute: null stands where an object is expected; remove the field to use its default'],
  [
    'suspend',
    'true',
    'suspend: \'true\' is text, not true or false; write true without quotes (in a DynamoDB item {"BOOL": true})',
  ],
  [
    'suspend',
    'no',
    'suspend: \'no\' is text, not true or false; write false without quotes (in a DynamoDB item {"BOOL": false})',
  ],
  ['suspend', 'maybe', "suspend: 'maybe' is text, not true or false; give true or false"],
  ['suspend', 1, 'suspend: 1 is a number, not true or false; give true or false'],
  ['traffic.hosts', 'a.example.com', "traffic.hosts: 'a.example.com' is text, not a list; write [ … ] around it"],
  ['traffic.hosts', { a: 1 }, 'traffic.hosts: is an object, not a list; write [ … ]'],
  [
    'scaling.min',
    '2',
    'scaling.min: \'2\' is text, not a number; write 2 without quotes (in a DynamoDB item {"N": "2"})',
  ],
  ['scaling.min', 'two', "scaling.min: 'two' is text, not a number; give a number"],
  ['scaling.min', 1.5, 'scaling.min: 1.5 is not a whole number; use 2'],
  ['scaling.min', Number.NaN, 'scaling.min: NaN is not a finite number; give a finite one'],
  ['scaling.max', Number.POSITIVE_INFINITY, 'scaling.max: Infinity is not a finite number; give a finite one'],
  ['scaling.max', 10n, 'scaling.max: 10 is too large a number; use one below 2^53'],
  [
    'environment',
    new Map([['A', 'b']]),
    'environment: is not a plain object; use text, numbers, true, false, lists and objects',
  ],
  [
    'traffic.hosts',
    new Set(['a.example.com']),
    'traffic.hosts: is a DynamoDB set; use a list instead: {"L": [{"S": "…"}]}',
  ],
  ['className', new Uint8Array([1]), 'className: is binary; write it as text instead: {"S": "…"}'],
  ['className', new Date(0), 'className: is a date; put it in quotes to make it text'],
  // unknown fields
  ['compute.memry', 512, "compute.memry: 'memry' is not a field here; did you mean 'memory'?"],
  ['enviroment', {}, "enviroment: 'enviroment' is not a field here; did you mean 'environment'?"],
  ['Source', {}, "Source: 'Source' is not a field here; did you mean 'source'?"],
  ['cpu', 256, "cpu: 'cpu' is not a field here; did you mean spec.compute.cpu?"],
  [
    'functionRef',
    { name: 'x' },
    "functionRef: 'functionRef' is not a field here; did you mean spec.source.functionRef?",
  ],
  ['hosts', [], "hosts: 'hosts' is not a field here; did you mean spec.traffic.hosts?"],
  ['scaling.replicas', 3, "scaling.replicas: 'replicas' is not a field here; use min, max, targets, schedules"],
  ['constructor', 1, "constructor: 'constructor' is not a field here; use className"],
  ['toString', 1, "toString: 'toString' is not a field here; use className"],
  [
    'traffic.healthCheck.intervall',
    '15s',
    "traffic.healthCheck.intervall: 'intervall' is not a field here; did you mean 'interval'?",
  ],
  // source
  ['source', undefined, 'source: is missing; give exactly one of functionRef, image, archive, repository'],
  ['source', {}, 'source: is missing; give exactly one of functionRef, image, archive, repository'],
  [
    'source.functionRef',
    {},
    'source.functionRef.name: is missing and has no default; add it (Name of the existing Lambda function)',
  ],
  ['source.functionRef.name', '', "source.functionRef.name: '' is not a function name; Lambda allows 1 to 64 letters"],
  [
    'source.functionRef.name',
    'a b',
    "source.functionRef.name: 'a b' is not a function name; Lambda allows 1 to 64 letters",
  ],
  ['source.functionRef.name', 'x'.repeat(65), 'is not a function name; Lambda allows 1 to 64 letters'],
  [
    'source.functionRef.name',
    'arn:aws:lambda:eu-west-1:111122223333:function:checkout:live',
    "is an ARN; give the function's name 'checkout' and put 'live' into qualifier",
  ],
  [
    'source.functionRef.name',
    'checkout:live',
    "source.functionRef.name: 'checkout:live' contains a colon; give the name alone and use qualifier",
  ],
  [
    'source.functionRef.qualifier',
    'a.b',
    "source.functionRef.qualifier: 'a.b' is not a version or alias; use an alias such as 'live'",
  ],
  ['source.functionRef.qualifier', 3, 'source.functionRef.qualifier: 3 is a number, not text; put it in quotes: "3"'],
  // enums
  ['interface', 'htpp', "interface: 'htpp' is not one of lambda, http; did you mean 'http'?"],
  ['interface', 'grpc', "interface: 'grpc' is not one of lambda, http; use lambda, http"],
  [
    'placement.mode',
    'fargat',
    "placement.mode: 'fargat' is not one of lambda, fargate, split, auto; did you mean 'fargate'?",
  ],
  [
    'placement.mode',
    'Lambda',
    "placement.mode: 'Lambda' is not one of lambda, fargate, split, auto; did you mean 'lambda'?",
  ],
  ['compute.architecture', 'amd64', "compute.architecture: 'amd64' is not one of x86_64, arm64"],
  ['deletionPolicy', 'Retain', "deletionPolicy: 'Retain' is not one of delete, retain; did you mean 'retain'?"],
  ['deletionPolicy', 'keep', "deletionPolicy: 'keep' is not one of delete, retain; use delete, retain"],
  // compute
  ['compute.cpu', 300, 'compute.cpu: 300 is not a Fargate size; use 256, 512, 1024, 2048, 4096, 8192, 16384, 32768'],
  ['compute.cpu', '256', "compute.cpu: '256' is not a Fargate size; use 256, 512"],
  [
    'compute.memory',
    3072,
    'compute.memory: 3072 MiB does not go with cpu 256 (the default) on Fargate; use 512, 1024, 2048, or another cpu',
  ],
  [
    'compute',
    { cpu: 4096, memory: 4096 },
    'compute.memory: 4096 MiB does not go with cpu 4096 on Fargate; use 8192 to 30720 in steps of 1024',
  ],
  [
    'compute',
    { cpu: 8192, memory: 17408 },
    'compute.memory: 17408 MiB does not go with cpu 8192 on Fargate; use 16384 to 61440 in steps of 4096',
  ],
  [
    'compute',
    { cpu: 32768, memory: 65536 },
    'compute.memory: 65536 MiB does not go with cpu 32768 on Fargate; use 61440, 122880, 249856',
  ],
  [
    'compute.memory',
    100,
    'compute.memory: 100 is too small; the least is 512 (Fargate sells fixed pairs of CPU and memory)',
  ],
  ['compute.processes', 0, 'compute.processes: 0 is too small; the least is 1'],
  [
    'compute.processes',
    10,
    'compute.processes: 10 is too large; the most is 9 (a task has at most 10 containers and one of them is the runtime adapter)',
  ],
  ['compute.spot.weight', 101, 'compute.spot.weight: 101 is too large; the most is 100'],
  ['compute.spot.weight', -1, 'compute.spot.weight: -1 is too small; the least is 0'],
  [
    'compute.ephemeralStorage',
    20,
    'compute.ephemeralStorage: 20 is too small; the least is 21 (Fargate allows 21 to 200)',
  ],
  [
    'compute.ephemeralStorage',
    201,
    'compute.ephemeralStorage: 201 is too large; the most is 200 (Fargate allows 21 to 200)',
  ],
  ['compute.timeout', 30, 'compute.timeout: 30 is a number, not text; put it in quotes: "30"'],
  ['compute.timeout', '30', "compute.timeout: '30' is not a duration; write it like 90s, 10m or 2h"],
  ['compute.timeout', '500ms', "compute.timeout: '500ms' is too short; the least is 1s"],
  ['compute.timeout', '8d', "compute.timeout: '8d' is too long; the most is 7d"],
  // build
  [
    'build.baseImage',
    'nodejs:22',
    "build.baseImage: 'nodejs:22' is not an image reference with its registry; write it like public.ecr.aws/lambda/nodejs:22",
  ],
  ['build.baseImage', 'https://public.ecr.aws/lambda/nodejs', 'is not an image reference with its registry'],
  // placement
  [
    'placement',
    { mode: 'split' },
    "placement.mode: 'split' needs the shares; add placement.split, e.g. { lambda: 10, fargate: 90 }",
  ],
  [
    'placement',
    { mode: 'split', split: { lambda: 10, fargate: 80 } },
    'placement.split: lambda 10 and fargate 80 sum to 90; they are percentages and must sum to 100',
  ],
  [
    'placement',
    { mode: 'split', split: { lambda: 10 } },
    'placement.split.fargate: is missing and has no default; add it',
  ],
  [
    'placement',
    { mode: 'split', split: { lambda: 101, fargate: 0 } },
    'placement.split.lambda: 101 is too large; the most is 100',
  ],
  [
    'placement',
    { mode: 'fargate', split: { lambda: 50, fargate: 50 } },
    "placement.split: is only for mode 'split', and mode is 'fargate'; remove it or set mode: split",
  ],
  // scaling
  ['scaling', { min: 5, max: 3 }, 'scaling.min: 5 is more than max, which is 3; raise max or lower min'],
  ['scaling', { min: 0 }, 'scaling.min: 0 leaves nobody to serve: target tracking never leaves zero; use at least 1'],
  ['scaling.min', -1, 'scaling.min: -1 is too small; the least is 0 (ECS runs at most 5,000 tasks in a service)'],
  ['scaling.max', 5001, 'scaling.max: 5001 is too large; the most is 5000 (ECS runs at most 5,000 tasks in a service)'],
  ['scaling.targets.cpu', 0, 'scaling.targets.cpu: 0 is too small; the least is 1'],
  [
    'scaling.targets.memory',
    60,
    "scaling.targets.memory: 'memory' is not a field here; did you mean spec.compute.memory?",
  ],
  // traffic
  [
    'traffic.hosts',
    ['https://a.example.com'],
    "traffic.hosts[0]: 'https://a.example.com' is not a host name; leave scheme, port and path out",
  ],
  [
    'traffic.hosts',
    ['localhost'],
    "traffic.hosts[0]: 'localhost' is not a host that a load balancer rule accepts; it needs a dot",
  ],
  [
    'traffic.hosts',
    ['a_b.example.com'],
    "traffic.hosts[0]: 'a_b.example.com' has characters that a host name cannot have",
  ],
  ['traffic.hosts', ['10.0.0.1'], "traffic.hosts[0]: '10.0.0.1' is not a host that a load balancer rule accepts"],
  [
    'traffic.hosts',
    ['-a.example.com'],
    "traffic.hosts[0]: '-a.example.com' is not a DNS name; each label has 1 to 63 characters",
  ],
  ['traffic.hosts', ['a..example.com'], "traffic.hosts[0]: 'a..example.com' is not a DNS name"],
  ['traffic.hosts', [`${'a'.repeat(64)}.example.com`], 'is not a DNS name; each label has 1 to 63 characters'],
  [
    'traffic.hosts',
    ['a.example.com', 'A.Example.com'],
    "traffic.hosts[1]: 'A.Example.com' is given twice; remove one of them",
  ],
  ['traffic.hosts', [5], 'traffic.hosts[0]: 5 is a number, not text; put it in quotes: "5"'],
  [
    'traffic.hosts',
    ['a.io', 'b.io', 'c.io', 'd.io'],
    'traffic: 4 hosts and the 2 default paths are 6 values; a load balancer rule holds 5',
  ],
  [
    'traffic',
    { hosts: ['a.io', 'b.io'], paths: ['/a', '/b', '/c', '/d'] },
    'traffic: 2 hosts and 4 paths are 6 values; a load balancer rule holds 5',
  ],
  [
    'traffic.paths',
    ['/a*b*c*', '/*d*e*', '/*f*'],
    'traffic: hosts and paths have 8 wildcards; a load balancer rule holds 6',
  ],
  ['traffic.paths', ['shop/*'], "traffic.paths[0]: 'shop/*' is not a path pattern of a load balancer; begin with /"],
  ['traffic.paths', ['/shop?x=1'], "traffic.paths[0]: '/shop?x=1' is not a path pattern of a load balancer"],
  ['traffic.paths', ['/a', '/a'], "traffic.paths[1]: '/a' is given twice; remove one of them"],
  ['traffic.paths', [], 'traffic.paths: is an empty list and there are no hosts, so that no request would match'],
  ['traffic.paths', [`/${'a'.repeat(128)}`], 'is too long: 129 characters; the most is 128'],
  [
    'traffic.paths',
    ['/1', '/2', '/3', '/4', '/5', '/6'],
    'traffic.paths: has 6 entries; the most is 5 (a rule has at most 5 values',
  ],
  [
    'traffic.healthCheck.path',
    'health',
    "traffic.healthCheck.path: 'health' is not a path; begin with /, e.g. /health",
  ],
  ['traffic.healthCheck.interval', '1s', "traffic.healthCheck.interval: '1s' is too short; the least is 5s"],
  ['traffic.healthCheck.interval', '10m', "traffic.healthCheck.interval: '10m' is too long; the most is 300s"],
  [
    'traffic.healthCheck.interval',
    '7500ms',
    "traffic.healthCheck.interval: '7500ms' is not a whole number of seconds; use e.g. 15s",
  ],
  [
    'traffic.healthCheck.interval',
    'soon',
    "traffic.healthCheck.interval: 'soon' is not a duration; write it like 90s, 10m or 2h",
  ],
  [
    'traffic.healthCheck.healthyThreshold',
    1,
    'traffic.healthCheck.healthyThreshold: 1 is too small; the least is 2 (ELB allows 2 to 10)',
  ],
  ['traffic.healthCheck.healthyThreshold', 11, 'traffic.healthCheck.healthyThreshold: 11 is too large; the most is 10'],
  // interface and port
  ['port', 8080, "port: 8080 is only for interface 'http'; remove it, the runtime adapter has its own port"],
  ['port', 70_000, 'port: 70000 is too large; the most is 65535'],
  // environment, secrets
  ['environment.PORT', 8080, 'environment.PORT: 8080 is a number, not text; put it in quotes: "8080"'],
  ['environment.DEBUG', true, 'environment.DEBUG: true is true or false, not text; put it in quotes: "true"'],
  ['environment.a-b', 'x', "environment.a-b: 'a-b' is not a variable name; use letters, digits and underscores"],
  ['environment.1A', 'x', 'environment["1A"]: \'1A\' is not a variable name'],
  ['environment._HANDLER', 'x', "environment._HANDLER: '_HANDLER' is set by the runtime or by the platform; remove it"],
  [
    'environment.AWS_LAMBDA_RUNTIME_API',
    'x',
    "environment.AWS_LAMBDA_RUNTIME_API: 'AWS_LAMBDA_RUNTIME_API' is set by the runtime",
  ],
  [
    'environment.DB_PASSWORD',
    'hunter2',
    'environment.DB_PASSWORD: looks like a secret, and a task definition keeps environment in plain text; move it to secrets',
  ],
  ['environment.apiKey', 'abcdef', 'environment.apiKey: looks like a secret'],
  ['environment.CONFIG', 'AKIAIOSFODNN7EXAMPLE', 'environment.CONFIG: looks like a secret'],
  ['environment.DATABASE', 'postgres://app:s3cret@db/shop', 'environment.DATABASE: looks like a secret'],
  ['environment.BIG', 'x'.repeat(32_769), 'is too long: 32769 characters; the most is 32768'],
  [
    'environment',
    { A: 'x'.repeat(20_000), B: 'y'.repeat(20_000) },
    'environment: has 40015 bytes; a task definition holds 64 KiB in all',
  ],
  ['secrets.DB', {}, 'secrets.DB: says nowhere to read from; give secretsManager (ARN) or parameter'],
  [
    'secrets.DB',
    { secretsManager: 'db' },
    "secrets.DB.secretsManager: 'db' is not the ARN of a secret; write it like arn:aws:secretsmanager",
  ],
  [
    'secrets.DB',
    { secretsManager: SECRET_ARN, parameter: '/db' },
    'secrets.DB: has both secretsManager and parameter; keep one of them',
  ],
  [
    'secrets.DB',
    { parameter: '/db', key: 'x' },
    'secrets.DB: has key or versionStage, which only secretsManager knows; remove them',
  ],
  ['secrets.DB', 'hunter2', "secrets.DB: 'hunter2' is text, not an object; give an object"],
  // roles, network
  [
    'roles.task',
    'task',
    "roles.task: 'task' is not the ARN of a role; write it like arn:aws:iam::111122223333:role/name",
  ],
  ['roles.build', ROLE, "roles.build: 'build' is not a field here; did you mean spec.build?"],
  [
    'network.subnets',
    ['10.0.0.0/24'],
    "network.subnets[0]: '10.0.0.0/24' is not a subnet id; write it like subnet-0a1b2c3d",
  ],
  [
    'network.securityGroups',
    ['default'],
    "network.securityGroups[0]: 'default' is not a security group id; write it like sg-0a1b2c3d",
  ],
  [
    'network.securityGroups',
    ['1', '2', '3', '4', '5', '6'].map((n) => `sg-${n}`),
    'network.securityGroups: has 6 entries; the most is 5 (ECS allows 5)',
  ],
  [
    'network.assignPublicIp',
    'ENABLED',
    "network.assignPublicIp: 'ENABLED' is text, not true or false; give true or false",
  ],
  // rollout
  ['rollout.history', 0, 'rollout.history: 0 is too small; the least is 1'],
  [
    'rollout.rollbackOnFailure',
    'yes',
    "rollout.rollbackOnFailure: 'yes' is text, not true or false; write true without quotes",
  ],
  ['className', 'Standard', "className: 'Standard' is not a valid name; use lower-case letters, digits and hyphens"],
  ['className', 'x'.repeat(64), 'is too long: 64 characters; the most is 63'],
];

const UNAVAILABLE: Case[] = [
  ['workload', 'job', "workload: 'job' is not available in this version; use 'service'"],
  ['workload', 'worker', "workload: 'worker' is not available in this version; use 'service'"],
  [
    'source',
    { image: { uri: 'a.example.com/b:1' } },
    'source.image: is not available in this version; use source.functionRef',
  ],
  [
    'source',
    { image: { uri: 'a.example.com/b:1', track: 'tag' } },
    'source.image: is not available in this version; use source.functionRef',
  ],
  [
    'source',
    { archive: { s3: { bucket: 'bbb', key: 'k' }, runtime: 'nodejs22.x', handler: 'i.h' } },
    'source.archive: is not available in this version; use source.functionRef',
  ],
  [
    'source',
    { repository: { url: 'https://example.com/x.git' } },
    'source.repository: is not available in this version; use source.functionRef',
  ],
  ['build.dockerfile', 'FROM x', "build.dockerfile: 'FROM x' is not available in this version; remove it"],
  ['build.trackBaseImage', false, 'build.trackBaseImage: false is not available in this version; use true'],
  [
    'placement.mode',
    'auto',
    "placement.mode: 'auto' is not available in this version; use 'lambda', 'fargate' or 'split'",
  ],
  ['placement.auto', { objective: 'cost' }, 'placement.auto: is not available in this version; remove it'],
  [
    'scaling.schedules',
    [{ name: 'a', cron: '0 17 ? * MON-FRI *' }],
    'scaling.schedules: is not available in this version; remove it and set scaling.min',
  ],
  [
    'traffic.apiGateway',
    { apiId: 'a', routes: ['ANY /'] },
    'traffic.apiGateway: is not available in this version; remove it and use traffic.hosts',
  ],
  ['rollout.strategy', 'canary', "rollout.strategy: 'canary' is not available in this version; use 'rolling'"],
  ['rollout.strategy', 'blueGreen', "rollout.strategy: 'blueGreen' is not available in this version; use 'rolling'"],
  ['rollout.steps', [{ weight: 10, bake: '5m' }], 'rollout.steps: is not available in this version; remove it'],
  ['rollout.analysis', { alarms: ['a'] }, 'rollout.analysis: is not available in this version; remove it'],
  ['rollout.approval', 'manual', "rollout.approval: 'manual' is not available in this version; use 'none'"],
  [
    'network.serviceConnect',
    { port: 80, alias: 'a' },
    'network.serviceConnect: is not available in this version; remove it',
  ],
  ['triggers', [{ schedule: 'rate(5 minutes)' }], 'triggers: is not available in this version; remove it'],
  ['drift.policy', 'warn', "drift.policy: 'warn' is not available in this version; use 'heal'"],
  [
    'drift.fields',
    { 'ecsService.desiredCount': 'ignore' },
    'drift.fields: is not available in this version; remove it',
  ],
  ['adoption', 'only', "adoption: 'only' is not available in this version; use 'never'"],
  ['dependsOn', ['inventory'], 'dependsOn: is not available in this version; remove it'],
];

const CLASS_FIELDS: Case[] = [
  ['cluster', undefined, 'cluster: is missing and has no default; add it (Name of the ECS cluster)'],
  ['cluster', 'arn:aws:ecs:eu-west-1:111122223333:cluster/shop', 'is not a cluster name; give the name, not the ARN'],
  ['vpcId', 'shop', "vpcId: 'shop' is not a VPC id; write it like vpc-0a1b2c3d"],
  ['subnets', [], 'subnets: has too few entries; give at least 1'],
  ['subnets', undefined, 'subnets: is missing and has no default; add it (Subnets of the tasks)'],
  ['roles', { task: ROLE }, 'roles.execution: is missing and has no default; add it (Role that pulls images'],
  ['roles.execution', 'execution', "roles.execution: 'execution' is not the ARN of a role"],
  ['region', 'Ireland', "region: 'Ireland' is not a region; write it like eu-west-1"],
  [
    'listeners',
    [{ arn: 'arn:aws:elasticloadbalancing:x', url: 'http://a' }],
    "listeners[0].arn: 'arn:aws:elasticloadbalancing:x' is not the ARN of an Application",
  ],
  [
    'listeners',
    [{ arn: CLASS_SPEC.listeners[0]?.arn, url: 'shop.example.com' }],
    "listeners[0].url: 'shop.example.com' is not a URL; write it like http://host/path",
  ],
  [
    'listeners',
    [{ arn: CLASS_SPEC.listeners[0]?.arn, url: 'http://a', priorities: { from: 9, to: 3 } }],
    'listeners[0].priorities.from: 9 is more than to, which is 3; swap them',
  ],
  [
    'listeners',
    [{ arn: CLASS_SPEC.listeners[0]?.arn, url: 'http://a', priorities: { to: 50_001 } }],
    'listeners[0].priorities.to: 50001 is too large; the most is 50000',
  ],
  ['listeners', [CLASS_SPEC.listeners[0], CLASS_SPEC.listeners[0]], 'listeners[1].arn: '],
  [
    'logs',
    { retentionDays: 31 },
    'logs.retentionDays: 31 is not a retention that CloudWatch Logs accepts; use 1, 3, 5',
  ],
  ['build.timeoutMinutes', 4, 'build.timeoutMinutes: 4 is too small; the least is 5 (CodeBuild allows 5 to 2,160)'],
  ['build.computeType', 'SMALL', "build.computeType: 'SMALL' is not one of BUILD_GENERAL1_SMALL"],
  ['ecr', { repositoryPrefix: 'Shop' }, "ecr.repositoryPrefix: 'Shop' is not a repository name"],
  ['namespaces', ['*', 'shop'], "namespaces: '*' admits all namespaces already; remove the others"],
  ['namespaces', [], 'namespaces: has too few entries; give at least 1'],
  ['namespaces', ['Shop'], "namespaces[0]: 'Shop' is not a namespace; use lower-case letters"],
  ['tags', { 'aws:x': 'y' }, "'aws:x' begins with 'aws:', which AWS reserves; choose another key"],
  [
    'tags',
    { 'lambdacontainer.dev/owner': 'me' },
    "'lambdacontainer.dev/owner' begins with 'lambdacontainer.dev/', which marks ownership",
  ],
  [
    'tags',
    Object.fromEntries(Array.from({ length: 41 }, (_, n) => [`k${n}`, 'v'])),
    'tags: has 41 members; the most is 40',
  ],
  ['defaults', { source: {} }, "defaults.source: 'source' is not a field here"],
  [
    'defaults',
    { compute: { cpu: 256, memory: 8192 } },
    'defaults.compute.memory: 8192 MiB does not go with cpu 256 on Fargate',
  ],
  [
    'defaults',
    { rollout: { strategy: 'canary' } },
    "defaults.rollout.strategy: 'canary' is not available in this version; use 'rolling'",
  ],
  ['defaults', { environment: { API_TOKEN: 'abc' } }, 'defaults.environment.API_TOKEN: looks like a secret'],
  ['caps', { cpuMax: 300 }, 'caps.cpuMax: 300 is not a Fargate size; use 256, 512'],
  ['health', { intervalSec: 1 }, 'health.intervalSec: 1 is too small; the least is 5 (ELB allows 5 to 300)'],
  ['health', { deregistrationDelaySec: 3601 }, 'health.deregistrationDelaySec: 3601 is too large; the most is 3600'],
  ['maxSize', 1, "maxSize: 'maxSize' is not a field here; use region, cluster"],
];

function linesOf(defects: readonly { path: string; value: unknown; message: string }[]): string[] {
  return defects.map(formatDefect);
}

describe('invalid LambdaContainer specs', () => {
  it('are at least a hundred', () => {
    expect(FIELDS.length + UNAVAILABLE.length + CLASS_FIELDS.length).toBeGreaterThanOrEqual(150);
  });

  it.each([...FIELDS, ...UNAVAILABLE])('%s = %o', (path, value, line) => {
    const { spec, defects } = validateLambdaContainer(withValue(MINIMAL_SPEC, path, value), undefined);
    expect(spec).toBeUndefined();
    expect(linesOf(defects).filter((text) => text.startsWith('spec') && text.includes(line))).toHaveLength(1);
    // One cause, one defect: nothing follows from it.
    expect(linesOf(defects)).toHaveLength(1);
  });
});

describe('invalid LambdaContainerClass specs', () => {
  it.each(CLASS_FIELDS)('%s = %o', (path, value, line) => {
    const { spec, defects } = validateClass(withValue(CLASS_SPEC, path, value));
    expect(spec).toBeUndefined();
    expect(linesOf(defects).filter((text) => text.includes(line))).toHaveLength(1);
  });
});
