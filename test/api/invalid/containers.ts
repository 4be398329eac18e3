/** LambdaContainers that are not valid: one member of a good spec is replaced. */
import { ROLE, SECRET_ARN } from '../fixtures.ts';
import type { SpecCase } from './case.ts';

export const INVALID_CONTAINERS: readonly SpecCase[] = [
  // types
  ['className', 5, 'spec.className: 5 is a number, not text; put it in quotes: "5" (in a DynamoDB item {"S": "5"})'],
  ['className', true, 'spec.className: true is true or false, not text; put it in quotes: "true"'],
  ['className', null, 'spec.className: null stands where text is expected; remove the field to use its default'],
  ['className', [], 'spec.className: is a list, not text; give text'],
  ['className', {}, 'spec.className: is an object, not text; give text'],
  ['compute', 'big', "spec.compute: 'big' is text, not an object; give an object"],
  ['compute', 3, 'spec.compute: 3 is a number, not an object; give an object'],
  ['compute', [], 'spec.compute: is a list, not an object; give an object'],
  ['compute', null, 'spec.compute: null stands where an object is expected; remove the field to use its default'],
  [
    'suspend',
    'true',
    'spec.suspend: \'true\' is text, not true or false; write true without quotes (in a DynamoDB item {"BOOL": true})',
  ],
  [
    'suspend',
    'no',
    'spec.suspend: \'no\' is text, not true or false; write false without quotes (in a DynamoDB item {"BOOL": false})',
  ],
  ['suspend', 'maybe', "spec.suspend: 'maybe' is text, not true or false; give true or false"],
  ['suspend', 1, 'spec.suspend: 1 is a number, not true or false; give true or false'],
  ['traffic.hosts', 'a.example.com', "spec.traffic.hosts: 'a.example.com' is text, not a list; write [ … ] around it"],
  ['traffic.hosts', { a: 1 }, 'spec.traffic.hosts: is an object, not a list; write [ … ]'],
  [
    'scaling.min',
    '2',
    'spec.scaling.min: \'2\' is text, not a number; write 2 without quotes (in a DynamoDB item {"N": "2"})',
  ],
  ['scaling.min', 'two', "spec.scaling.min: 'two' is text, not a number; give a number"],
  ['scaling.min', 1.5, 'spec.scaling.min: 1.5 is not a whole number; use 2'],
  ['scaling.min', Number.NaN, 'spec.scaling.min: NaN is not a finite number; give a finite one'],
  ['scaling.max', Number.POSITIVE_INFINITY, 'spec.scaling.max: Infinity is not a finite number; give a finite one'],
  ['scaling.max', 10n, 'spec.scaling.max: 10 is too large a number; use one below 2^53'],
  [
    'environment',
    new Map([['A', 'b']]),
    'spec.environment: is not a plain object; use text, numbers, true, false, lists and objects',
  ],
  [
    'traffic.hosts',
    new Set(['a.example.com']),
    'spec.traffic.hosts: is a DynamoDB set; use a list instead: {"L": [{"S": "…"}]}',
  ],
  ['className', new Uint8Array([1]), 'spec.className: is binary; write it as text instead: {"S": "…"}'],
  ['className', new Date(0), 'spec.className: is a date; put it in quotes to make it text'],
  // unknown fields
  ['compute.memry', 512, "spec.compute.memry: 'memry' is not a field here; did you mean 'memory'?"],
  ['enviroment', {}, "spec.enviroment: 'enviroment' is not a field here; did you mean 'environment'?"],
  ['Source', {}, "spec.Source: 'Source' is not a field here; did you mean 'source'?"],
  ['cpu', 256, "spec.cpu: 'cpu' is not a field here; did you mean spec.compute.cpu?"],
  [
    'functionRef',
    { name: 'x' },
    "spec.functionRef: 'functionRef' is not a field here; did you mean spec.source.functionRef?",
  ],
  ['hosts', [], "spec.hosts: 'hosts' is not a field here; did you mean spec.traffic.hosts?"],
  ['scaling.replicas', 3, "spec.scaling.replicas: 'replicas' is not a field here; use min, max, targets, schedules"],
  [
    'constructor',
    1,
    "spec.constructor: 'constructor' is not a field here; use className, source, interface, port, workload, queue, build, compute, placement, scaling, traffic, rollout, environment, acknowledgePlaintextEnvironment, secrets, roles, network, triggers, drift, adoption, deletionPolicy, dependsOn, suspend",
  ],
  [
    'toString',
    1,
    "spec.toString: 'toString' is not a field here; use className, source, interface, port, workload, queue, build, compute, placement, scaling, traffic, rollout, environment, acknowledgePlaintextEnvironment, secrets, roles, network, triggers, drift, adoption, deletionPolicy, dependsOn, suspend",
  ],
  [
    'traffic.healthCheck.intervall',
    '15s',
    "spec.traffic.healthCheck.intervall: 'intervall' is not a field here; did you mean 'interval'?",
  ],
  // source
  [
    'source',
    undefined,
    'spec.source: is missing; give exactly one of functionRef, image, archive, repository, e.g. source: { functionRef: { name: my-function } }',
  ],
  [
    'source',
    {},
    'spec.source: is missing; give exactly one of functionRef, image, archive, repository, e.g. source: { functionRef: { name: my-function } }',
  ],
  [
    'source',
    { image: { uri: 'a.example.com/b:1', track: 'always' } },
    "spec.source.image.track: 'always' is not one of tag, digest; use tag, digest",
  ],
  [
    'source',
    { image: { uri: 'a.example.com/b:1', interval: '5s' } },
    "spec.source.image.interval: '5s' is too short; the least is 1m",
  ],
  [
    'source',
    { repository: { url: 'http://example.com/x.git' } },
    "spec.source.repository.url: 'http://example.com/x.git' can be read and changed on its way; use https",
  ],
  [
    'source',
    { repository: { url: 'https://example.com/x.git', context: '../other' } },
    "spec.source.repository.context: '../other' is not a folder of the repository; write it relative and without '..'",
  ],
  [
    'source.functionRef',
    {},
    'spec.source.functionRef.name: is missing and has no default; add it (Name of the existing Lambda function)',
  ],
  [
    'source.functionRef.name',
    '',
    "spec.source.functionRef.name: '' is not a function name; Lambda allows 1 to 64 letters, digits, hyphens and underscores",
  ],
  [
    'source.functionRef.name',
    'a b',
    "spec.source.functionRef.name: 'a b' is not a function name; Lambda allows 1 to 64 letters, digits, hyphens and underscores",
  ],
  [
    'source.functionRef.name',
    'x'.repeat(65),
    "spec.source.functionRef.name: 'xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx…' is not a function name; Lambda allows 1 to 64 letters, digits, hyphens and underscores",
  ],
  [
    'source.functionRef.name',
    'arn:aws:lambda:eu-west-1:111122223333:function:checkout:live',
    "spec.source.functionRef.name: 'arn:aws:lambda:eu-west-1:111122223333:function:checkout:live' is an ARN; give the function's name 'checkout' and put 'live' into qualifier (the function must be in the account and region of the class)",
  ],
  [
    'source.functionRef.name',
    'checkout:live',
    "spec.source.functionRef.name: 'checkout:live' contains a colon; give the name alone and use qualifier for a version or alias",
  ],
  [
    'source.functionRef.qualifier',
    'a.b',
    "spec.source.functionRef.qualifier: 'a.b' is not a version or alias; use an alias such as 'live', a version number or '$LATEST'",
  ],
  [
    'source.functionRef.qualifier',
    3,
    'spec.source.functionRef.qualifier: 3 is a number, not text; put it in quotes: "3" (in a DynamoDB item {"S": "3"})',
  ],
  // enums
  ['interface', 'htpp', "spec.interface: 'htpp' is not one of lambda, http; did you mean 'http'?"],
  ['interface', 'grpc', "spec.interface: 'grpc' is not one of lambda, http; use lambda, http"],
  [
    'placement.mode',
    'fargat',
    "spec.placement.mode: 'fargat' is not one of lambda, fargate, split, auto; did you mean 'fargate'?",
  ],
  [
    'placement.mode',
    'Lambda',
    "spec.placement.mode: 'Lambda' is not one of lambda, fargate, split, auto; did you mean 'lambda'?",
  ],
  [
    'compute.architecture',
    'amd64',
    "spec.compute.architecture: 'amd64' is not one of x86_64, arm64; use x86_64, arm64",
  ],
  ['deletionPolicy', 'Retain', "spec.deletionPolicy: 'Retain' is not one of delete, retain; did you mean 'retain'?"],
  ['deletionPolicy', 'keep', "spec.deletionPolicy: 'keep' is not one of delete, retain; use delete, retain"],
  // compute
  [
    'compute.cpu',
    300,
    'spec.compute.cpu: 300 is not a Fargate size; use 256, 512, 1024, 2048, 4096, 8192, 16384, 32768',
  ],
  [
    'compute.cpu',
    '256',
    'spec.compute.cpu: \'256\' is text, not a number; write 256 without quotes (in a DynamoDB item {"N": "256"})',
  ],
  [
    'compute.memory',
    3072,
    'spec.compute.memory: 3072 MiB does not go with cpu 256 (the default) on Fargate; use 512, 1024, 2048, or another cpu',
  ],
  [
    'compute',
    { cpu: 4096, memory: 4096 },
    'spec.compute.memory: 4096 MiB does not go with cpu 4096 on Fargate; use 8192 to 30720 in steps of 1024, or another cpu',
  ],
  [
    'compute',
    { cpu: 8192, memory: 17408 },
    'spec.compute.memory: 17408 MiB does not go with cpu 8192 on Fargate; use 16384 to 61440 in steps of 4096, or another cpu',
  ],
  [
    'compute',
    { cpu: 32768, memory: 65536 },
    'spec.compute.memory: 65536 MiB does not go with cpu 32768 on Fargate; use 61440, 122880, 249856, or another cpu',
  ],
  [
    'compute.memory',
    100,
    'spec.compute.memory: 100 is too small; the least is 512 (Fargate sells fixed pairs of CPU and memory)',
  ],
  [
    'compute.processes',
    0,
    'spec.compute.processes: 0 is too small; the least is 1 (a task has at most 10 containers and one of them is the runtime adapter)',
  ],
  [
    'compute.processes',
    10,
    'spec.compute.processes: 10 is too large; the most is 9 (a task has at most 10 containers and one of them is the runtime adapter)',
  ],
  [
    'source',
    { image: { uri: 'a.example.com/b:1', interval: '25h' } },
    "spec.source.image.interval: '25h' is too long; the most is 24h",
  ],
  ['compute.concurrency', 0, 'spec.compute.concurrency: 0 is too small; the least is 1'],
  ['compute.concurrency', 1001, 'spec.compute.concurrency: 1001 is too large; the most is 1000'],
  [
    'traffic.eventFormat',
    'lambda',
    "spec.traffic.eventFormat: 'lambda' is not one of alb, alb-multi-value, http-api-v2, function-url, rest-api-v1; use alb, alb-multi-value, http-api-v2, function-url, rest-api-v1",
  ],
  ['compute.spot.weight', 101, 'spec.compute.spot.weight: 101 is too large; the most is 100'],
  ['compute.spot.weight', -1, 'spec.compute.spot.weight: -1 is too small; the least is 0'],
  [
    'compute.ephemeralStorage',
    20,
    'spec.compute.ephemeralStorage: 20 is too small; the least is 21 (Fargate allows 21 to 200)',
  ],
  [
    'compute.ephemeralStorage',
    201,
    'spec.compute.ephemeralStorage: 201 is too large; the most is 200 (Fargate allows 21 to 200)',
  ],
  ['compute.timeout', 30, 'spec.compute.timeout: 30 is a number without its unit; write it like "30s"'],
  ['compute.timeout', '30', "spec.compute.timeout: '30' is not a duration; write it like 90s, 10m or 2h"],
  ['compute.timeout', '500ms', "spec.compute.timeout: '500ms' is too short; the least is 1s"],
  ['compute.timeout', '8d', "spec.compute.timeout: '8d' is too long; the most is 7d"],
  // build
  [
    'build.baseImage',
    'nodejs:22',
    "spec.build.baseImage: 'nodejs:22' is not an image reference with its registry; write it like public.ecr.aws/lambda/nodejs:22",
  ],
  [
    'build.baseImage',
    'https://public.ecr.aws/lambda/nodejs',
    "spec.build.baseImage: 'https://public.ecr.aws/lambda/nodejs' is not an image reference with its registry; write it like public.ecr.aws/lambda/nodejs:22",
  ],
  // placement
  [
    'placement',
    { mode: 'split' },
    "spec.placement.mode: 'split' needs the shares; add placement.split, e.g. { lambda: 10, fargate: 90 }",
  ],
  [
    'placement',
    { mode: 'split', split: { lambda: 10, fargate: 80 } },
    'spec.placement.split: lambda 10 and fargate 80 sum to 90; they are percentages and must sum to 100',
  ],
  [
    'placement',
    { mode: 'split', split: { lambda: 10 } },
    'spec.placement.split.fargate: is missing and has no default; add it (Share of the tasks on Fargate)',
  ],
  [
    'placement',
    { mode: 'split', split: { lambda: 101, fargate: 0 } },
    'spec.placement.split.lambda: 101 is too large; the most is 100',
  ],
  [
    'placement',
    { mode: 'fargate', split: { lambda: 50, fargate: 50 } },
    "spec.placement.split: is only for mode 'split', and mode is 'fargate'; remove it or set mode: split",
  ],
  // scaling
  ['scaling', { min: 5, max: 3 }, 'spec.scaling.min: 5 is more than max, which is 3; raise max or lower min'],
  [
    'scaling',
    { min: 0 },
    'spec.scaling.min: 0 leaves nobody to serve: target tracking never leaves zero; use at least 1, or a placement.mode in which Lambda serves',
  ],
  ['scaling.min', -1, 'spec.scaling.min: -1 is too small; the least is 0 (ECS runs at most 5,000 tasks in a service)'],
  [
    'scaling.max',
    5001,
    'spec.scaling.max: 5001 is too large; the most is 5000 (ECS runs at most 5,000 tasks in a service)',
  ],
  ['scaling.targets.cpu', 0, 'spec.scaling.targets.cpu: 0 is too small; the least is 1'],
  [
    'scaling.targets.memory',
    60,
    "spec.scaling.targets.memory: 'memory' is not a field here; did you mean spec.compute.memory?",
  ],
  // traffic
  [
    'traffic.hosts',
    ['https://a.example.com'],
    "spec.traffic.hosts[0]: 'https://a.example.com' is not a host name; leave scheme, port and path out, e.g. shop.example.com",
  ],
  [
    'traffic.hosts',
    ['localhost'],
    "spec.traffic.hosts[0]: 'localhost' is not a host that a load balancer rule accepts; it needs a dot and only letters after the last one, e.g. shop.example.com",
  ],
  [
    'traffic.hosts',
    ['a_b.example.com'],
    "spec.traffic.hosts[0]: 'a_b.example.com' has characters that a host name cannot have; use letters, digits, hyphens, dots and the wildcards * and ?",
  ],
  [
    'traffic.hosts',
    ['10.0.0.1'],
    "spec.traffic.hosts[0]: '10.0.0.1' is not a host that a load balancer rule accepts; it needs a dot and only letters after the last one, e.g. shop.example.com",
  ],
  [
    'traffic.hosts',
    ['-a.example.com'],
    "spec.traffic.hosts[0]: '-a.example.com' is not a DNS name; each label has 1 to 63 characters and neither begins nor ends with a hyphen",
  ],
  [
    'traffic.hosts',
    ['a..example.com'],
    "spec.traffic.hosts[0]: 'a..example.com' is not a DNS name; each label has 1 to 63 characters and neither begins nor ends with a hyphen",
  ],
  [
    'traffic.hosts',
    [`${'a'.repeat(64)}.example.com`],
    "spec.traffic.hosts[0]: 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa…' is not a DNS name; each label has 1 to 63 characters and neither begins nor ends with a hyphen",
  ],
  [
    'traffic.hosts',
    ['a.example.com', 'A.Example.com'],
    "spec.traffic.hosts[1]: 'A.Example.com' is given twice; remove one of them",
  ],
  [
    'traffic.hosts',
    [5],
    'spec.traffic.hosts[0]: 5 is a number, not text; put it in quotes: "5" (in a DynamoDB item {"S": "5"})',
  ],
  [
    'traffic.hosts',
    ['a.io', 'b.io', 'c.io', 'd.io'],
    'spec.traffic: 4 hosts and the 2 default paths are 6 values; a load balancer rule holds 5: use wildcards or fewer',
  ],
  [
    'traffic',
    { hosts: ['a.io', 'b.io'], paths: ['/a', '/b', '/c', '/d'] },
    'spec.traffic: 2 hosts and 4 paths are 6 values; a load balancer rule holds 5: use wildcards or fewer',
  ],
  [
    'traffic.paths',
    ['/a*b*c*', '/*d*e*', '/*f*'],
    'spec.traffic: hosts and paths have 8 wildcards; a load balancer rule holds 6: use fewer',
  ],
  [
    'traffic.paths',
    ['shop/*'],
    "spec.traffic.paths[0]: 'shop/*' is not a path pattern of a load balancer; begin with / and use letters, digits, _-.$/~\"'@:+& and the wildcards * and ?, without query",
  ],
  [
    'traffic.paths',
    ['/shop?x=1'],
    "spec.traffic.paths[0]: '/shop?x=1' is not a path pattern of a load balancer; begin with / and use letters, digits, _-.$/~\"'@:+& and the wildcards * and ?, without query",
  ],
  ['traffic.paths', ['/a', '/a'], "spec.traffic.paths[1]: '/a' is given twice; remove one of them"],
  [
    'traffic.paths',
    [],
    'spec.traffic.paths: is an empty list and there are no hosts, so that no request would match; remove it for the default /<name>/*',
  ],
  [
    'traffic.paths',
    [`/${'a'.repeat(128)}`],
    "spec.traffic.paths[0]: '/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa…' is too long: 129 characters; the most is 128",
  ],
  [
    'traffic.paths',
    ['/1', '/2', '/3', '/4', '/5', '/6'],
    'spec.traffic.paths: has 6 entries; the most is 5 (a rule has at most 5 values, hosts and paths together)',
  ],
  [
    'traffic.healthCheck.path',
    'health',
    "spec.traffic.healthCheck.path: 'health' is not a path; begin with /, e.g. /health",
  ],
  ['traffic.healthCheck.interval', '1s', "spec.traffic.healthCheck.interval: '1s' is too short; the least is 5s"],
  ['traffic.healthCheck.interval', '10m', "spec.traffic.healthCheck.interval: '10m' is too long; the most is 300s"],
  [
    'traffic.healthCheck.interval',
    '7500ms',
    "spec.traffic.healthCheck.interval: '7500ms' is not a whole number of seconds; use e.g. 15s",
  ],
  [
    'traffic.healthCheck.interval',
    'soon',
    "spec.traffic.healthCheck.interval: 'soon' is not a duration; write it like 90s, 10m or 2h",
  ],
  [
    'traffic.healthCheck.healthyThreshold',
    1,
    'spec.traffic.healthCheck.healthyThreshold: 1 is too small; the least is 2 (ELB allows 2 to 10)',
  ],
  [
    'traffic.healthCheck.healthyThreshold',
    11,
    'spec.traffic.healthCheck.healthyThreshold: 11 is too large; the most is 10 (ELB allows 2 to 10)',
  ],
  // interface and port
  ['port', 8080, "spec.port: 8080 is only for interface 'http'; remove it, the runtime adapter has its own port"],
  ['port', 70_000, 'spec.port: 70000 is too large; the most is 65535'],
  // environment, secrets
  [
    'environment.PORT',
    8080,
    'spec.environment.PORT: 8080 is a number, not text; put it in quotes: "8080" (in a DynamoDB item {"S": "8080"})',
  ],
  ['environment.DEBUG', true, 'spec.environment.DEBUG: true is true or false, not text; put it in quotes: "true"'],
  [
    'environment.a-b',
    'x',
    "spec.environment.a-b: 'a-b' is not a variable name; use letters, digits and underscores, not beginning with a digit",
  ],
  [
    'environment.1A',
    'x',
    'spec.environment["1A"]: \'1A\' is not a variable name; use letters, digits and underscores, not beginning with a digit',
  ],
  [
    'environment._HANDLER',
    'x',
    "spec.environment._HANDLER: '_HANDLER' is set by the runtime or by the platform; remove it",
  ],
  [
    'environment.AWS_LAMBDA_RUNTIME_API',
    'x',
    "spec.environment.AWS_LAMBDA_RUNTIME_API: 'AWS_LAMBDA_RUNTIME_API' is set by the runtime or by the platform; remove it",
  ],
  [
    'environment.DB_PASSWORD',
    'hunter2',
    'spec.environment.DB_PASSWORD: looks like a secret, and a task definition keeps environment in plain text; move it to secrets, or set acknowledgePlaintextEnvironment: true',
  ],
  [
    'environment.apiKey',
    'abcdef',
    'spec.environment.apiKey: looks like a secret, and a task definition keeps environment in plain text; move it to secrets, or set acknowledgePlaintextEnvironment: true',
  ],
  [
    'environment.CONFIG',
    'AKIAIOSFODNN7EXAMPLE',
    'spec.environment.CONFIG: looks like a secret, and a task definition keeps environment in plain text; move it to secrets, or set acknowledgePlaintextEnvironment: true',
  ],
  [
    'environment.DATABASE',
    'postgres://app:s3cret@db/shop',
    'spec.environment.DATABASE: looks like a secret, and a task definition keeps environment in plain text; move it to secrets, or set acknowledgePlaintextEnvironment: true',
  ],
  [
    'environment.BIG',
    'x'.repeat(32_769),
    "spec.environment.BIG: 'xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx…' is too long: 32769 characters; the most is 32768",
  ],
  [
    'environment',
    { A: 'x'.repeat(20_000), B: 'y'.repeat(20_000) },
    'spec.environment: has 40015 bytes; a task definition holds 64 KiB in all, so use at most 32768',
  ],
  ['secrets.DB', {}, 'spec.secrets.DB: says nowhere to read from; give secretsManager (ARN) or parameter'],
  [
    'secrets.DB',
    { secretsManager: 'db' },
    'spec.secrets.DB.secretsManager: (hidden) is not the ARN of a secret; write it like arn:aws:secretsmanager:eu-west-1:111122223333:secret:name-AbCdEf',
  ],
  [
    'secrets.DB',
    { secretsManager: SECRET_ARN, parameter: '/db' },
    'spec.secrets.DB: has both secretsManager and parameter; keep one of them',
  ],
  [
    'secrets.DB',
    { parameter: '/db', key: 'x' },
    'spec.secrets.DB: has key or versionStage, which only secretsManager knows; remove them',
  ],
  ['secrets.DB', 'hunter2', 'spec.secrets.DB: (hidden) is text, not an object; give an object'],
  // roles, network
  [
    'roles.task',
    'task',
    "spec.roles.task: 'task' is not the ARN of a role; write it like arn:aws:iam::111122223333:role/name",
  ],
  ['roles.build', ROLE, "spec.roles.build: 'build' is not a field here; did you mean spec.build?"],
  [
    'network.subnets',
    ['10.0.0.0/24'],
    "spec.network.subnets[0]: '10.0.0.0/24' is not a subnet id; write it like subnet-0a1b2c3d",
  ],
  [
    'network.securityGroups',
    ['default'],
    "spec.network.securityGroups[0]: 'default' is not a security group id; write it like sg-0a1b2c3d",
  ],
  [
    'network.securityGroups',
    ['1', '2', '3', '4', '5', '6'].map((n) => `sg-${n}`),
    'spec.network.securityGroups: has 6 entries; the most is 5 (ECS allows 5)',
  ],
  [
    'network.assignPublicIp',
    'ENABLED',
    "spec.network.assignPublicIp: 'ENABLED' is text, not true or false; give true or false",
  ],
  // rollout
  ['rollout.history', 0, 'spec.rollout.history: 0 is too small; the least is 1'],
  [
    'rollout.rollbackOnFailure',
    'yes',
    'spec.rollout.rollbackOnFailure: \'yes\' is text, not true or false; write true without quotes (in a DynamoDB item {"BOOL": true})',
  ],
  [
    'className',
    'Standard',
    "spec.className: 'Standard' is not a valid name; use lower-case letters, digits and hyphens, beginning and ending with a letter or digit",
  ],
  [
    'className',
    'x'.repeat(64),
    "spec.className: 'xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx…' is too long: 64 characters; the most is 63",
  ],
  // what members say together
  [
    'source',
    { functionRef: { name: 'a' }, image: { uri: 'a.example.com/b:1' } },
    'spec.source: has functionRef and image; keep exactly one of them',
  ],
  ['interface', { a: 1 }, 'spec.interface: is not one of lambda, http; use lambda, http'],
  [
    'queue',
    'arn:aws:sqs:eu-west-1:111122223333:orders',
    "spec.queue: 'arn:aws:sqs:eu-west-1:111122223333:orders' is not available in this version; remove it",
  ],
  ['environment.A', null, 'spec.environment.A: null stands where text is expected; give text, or remove it'],
  ['environment', ['A=b'], 'spec.environment: is a list, not an object; give an object'],
  [
    'environment',
    Object.fromEntries(Array.from({ length: 201 }, (_, n) => [`K${n}`, 'v'])),
    'spec.environment: has 201 members; the most is 200',
  ],
  [
    'secrets._HANDLER',
    { secretsManager: SECRET_ARN },
    "spec.secrets._HANDLER: '_HANDLER' is set by the runtime or by the platform; remove it",
  ],
  [
    'secrets.DB',
    { secretsManager: SECRET_ARN, ky: 'x' },
    "spec.secrets.DB.ky: 'ky' is not a field here; did you mean 'key'?",
  ],
  [
    'environment.GITHUB',
    `ghp_${'a'.repeat(36)}`,
    'spec.environment.GITHUB: looks like a secret, and a task definition keeps environment in plain text; move it to secrets, or set acknowledgePlaintextEnvironment: true',
  ],
  [
    'environment.KEY',
    '-----BEGIN RSA PRIVATE KEY-----',
    'spec.environment.KEY: looks like a secret, and a task definition keeps environment in plain text; move it to secrets, or set acknowledgePlaintextEnvironment: true',
  ],
  [
    'compute.cpu',
    256.5,
    'spec.compute.cpu: 256.5 is not a Fargate size; use 256, 512, 1024, 2048, 4096, 8192, 16384, 32768',
  ],
  [
    'compute.cpu',
    null,
    'spec.compute.cpu: null stands where a number is expected; remove the field to use its default',
  ],
  [
    'compute.memory',
    1e21,
    'spec.compute.memory: 1e+21 is too large; the most is 249856 (Fargate sells fixed pairs of CPU and memory)',
  ],
  ['compute.timeout', '', "spec.compute.timeout: '' is not a duration; write it like 90s, 10m or 2h"],
  ['compute.timeout', '1h30', "spec.compute.timeout: '1h30' is not a duration; write it like 90s, 10m or 2h"],
  ['compute.timeout', '-5s', "spec.compute.timeout: '-5s' is not a duration; write it like 90s, 10m or 2h"],
  ['rollout.history', 101, 'spec.rollout.history: 101 is too large; the most is 100'],
  ['scaling.targets.requestsPerTask', 0, 'spec.scaling.targets.requestsPerTask: 0 is too small; the least is 1'],
  [
    'scaling',
    { min: 0, max: 0 },
    'spec.scaling.min: 0 leaves nobody to serve: target tracking never leaves zero; use at least 1, or a placement.mode in which Lambda serves',
  ],
  ['traffic.hosts', [null], 'spec.traffic.hosts[0]: null stands where text is expected; give text, or remove it'],
  [
    'traffic.hosts',
    ['bücher.example.com'],
    "spec.traffic.hosts[0]: 'bücher.example.com' has characters that a host name cannot have; use letters, digits, hyphens, dots and the wildcards * and ?",
  ],
  [
    'traffic.paths',
    ['/ü'],
    "spec.traffic.paths[0]: '/ü' is not a path pattern of a load balancer; begin with / and use letters, digits, _-.$/~\"'@:+& and the wildcards * and ?, without query",
  ],
  [
    'traffic.healthCheck.path',
    '/a b',
    "spec.traffic.healthCheck.path: '/a b' is not a path; begin with /, e.g. /health",
  ],
  [
    'traffic.healthCheck.path',
    '/a#b',
    "spec.traffic.healthCheck.path: '/a#b' is not a path; begin with /, e.g. /health",
  ],
  [
    'network.subnets',
    Array.from({ length: 17 }, (_, n) => `subnet-${n}`),
    'spec.network.subnets: has 17 entries; the most is 16 (ECS allows 16)',
  ],
  [
    'roles.execution',
    'arn:aws:iam::111122223333:user/me',
    "spec.roles.execution: 'arn:aws:iam::111122223333:user/me' is not the ARN of a role; write it like arn:aws:iam::111122223333:role/name",
  ],
  [
    'hasOwnProperty',
    {},
    "spec.hasOwnProperty: 'hasOwnProperty' is not a field here; use className, source, interface, port, workload, queue, build, compute, placement, scaling, traffic, rollout, environment, acknowledgePlaintextEnvironment, secrets, roles, network, triggers, drift, adoption, deletionPolicy, dependsOn, suspend",
  ],
  [
    'source.functionRef.constructor',
    'x',
    "spec.source.functionRef.constructor: 'constructor' is not a field here; use name, qualifier",
  ],
];

/** What the schema knows and this version does not do. */
export const UNAVAILABLE_CONTAINERS: readonly SpecCase[] = [
  ['workload', 'job', "spec.workload: 'job' is not available in this version; use 'service'"],
  ['workload', 'worker', "spec.workload: 'worker' is not available in this version; use 'service'"],
  [
    'placement.mode',
    'auto',
    "spec.placement.mode: 'auto' is not available in this version; use 'lambda', 'fargate' or 'split'",
  ],
  ['placement.auto', { objective: 'cost' }, 'spec.placement.auto: is not available in this version; remove it'],
  [
    'scaling.schedules',
    [{ name: 'a', cron: '0 17 ? * MON-FRI *' }],
    'spec.scaling.schedules: is not available in this version; remove it and set scaling.min and scaling.max',
  ],
  [
    'traffic.apiGateway',
    { apiId: 'a', routes: ['ANY /'] },
    'spec.traffic.apiGateway: is not available in this version; remove it and use traffic.hosts and traffic.paths',
  ],
  ['rollout.strategy', 'canary', "spec.rollout.strategy: 'canary' is not available in this version; use 'rolling'"],
  [
    'rollout.strategy',
    'blueGreen',
    "spec.rollout.strategy: 'blueGreen' is not available in this version; use 'rolling'",
  ],
  ['rollout.steps', [{ weight: 10, bake: '5m' }], 'spec.rollout.steps: is not available in this version; remove it'],
  ['rollout.analysis', { alarms: ['a'] }, 'spec.rollout.analysis: is not available in this version; remove it'],
  ['rollout.approval', 'manual', "spec.rollout.approval: 'manual' is not available in this version; use 'none'"],
  [
    'network.serviceConnect',
    { port: 80, alias: 'a' },
    'spec.network.serviceConnect: is not available in this version; remove it',
  ],
  ['triggers', [{ schedule: 'rate(5 minutes)' }], 'spec.triggers: is not available in this version; remove it'],
  ['adoption', 'only', "spec.adoption: 'only' is not available in this version; use 'never'"],
  ['dependsOn', ['inventory'], 'spec.dependsOn: is not available in this version; remove it'],
];
