/** Manifests as text, and what is wrong with them: what YAML does to values, keys and structure. */
import type { ManifestCase } from './case.ts';

const HEAD = 'apiVersion: lambdacontainer.dev/v1alpha1\nkind: LambdaContainer\n';
/** Line 4 is the first of the spec. */
const UP_TO_SPEC = `${HEAD}metadata: { name: checkout }\nspec:\n  source: { functionRef: { name: checkout } }\n`;

export const INVALID_MANIFESTS: readonly ManifestCase[] = [
  // structure
  ['text', 'hello', 'f.yaml:1:1: (document): is not an object; a manifest has apiVersion, kind, metadata and spec'],
  ['a number', '5', 'f.yaml:1:1: (document): is not an object; a manifest has apiVersion, kind, metadata and spec'],
  ['a list', '\n- a\n', 'f.yaml:2:1: (document): is not an object; a manifest has apiVersion, kind, metadata and spec'],
  [
    'an item of a list that is text',
    'apiVersion: v1\nkind: List\nitems: [x]\n',
    'f.yaml:3:9: items[0]: is not an object; a manifest has apiVersion, kind, metadata and spec',
  ],
  [
    'an item of a list with a defect',
    `apiVersion: v1\nkind: List\nitems:\n- { apiVersion: lambdacontainer.dev/v1alpha1, kind: LambdaContainer, metadata: { name: A }, spec: { source: { functionRef: { name: f } } } }\n`,
    "f.yaml:4:82: metadata.name: 'A' has capital letters; use 'a'",
  ],
  [
    'another kind',
    'apiVersion: v1\nkind: Service\nmetadata: { name: a }\nspec: {}\n',
    "f.yaml:1:1: apiVersion: 'v1' is not a version that is known here; use lambdacontainer.dev/v1alpha1",
    "f.yaml:2:1: kind: 'Service' is not a kind that is known here; use LambdaContainer, LambdaContainerClass, GitSource",
  ],
  [
    'a misspelt kind',
    'apiVersion: lambdacontainer.dev/v1alpha1\nkind: LambdaContainerClas\nmetadata: { name: a }\nspec: {}\n',
    "f.yaml:2:1: kind: 'LambdaContainerClas' is not a kind that is known here; did you mean 'LambdaContainerClass'?",
  ],
  [
    'no kind',
    'apiVersion: lambdacontainer.dev/v1alpha1\nmetadata: { name: a }\nspec: {}\n',
    'f.yaml:1:1: kind: is missing; write one of LambdaContainer, LambdaContainerClass, GitSource',
  ],
  [
    'no version',
    'kind: LambdaContainer\nmetadata: { name: a }\nspec: { source: { functionRef: { name: f } } }\n',
    'f.yaml:1:1: apiVersion: is missing; write lambdacontainer.dev/v1alpha1',
  ],
  [
    'an older version',
    'apiVersion: lambdacontainer.dev/v1\nkind: LambdaContainer\nmetadata: { name: a }\nspec: { source: { functionRef: { name: f } } }\n',
    "f.yaml:1:1: apiVersion: 'lambdacontainer.dev/v1' is not a version that is known here; use lambdacontainer.dev/v1alpha1",
  ],
  [
    'no metadata',
    `${HEAD}spec: { source: { functionRef: { name: f } } }\n`,
    'f.yaml:1:1: metadata.name: is missing; give a name of lower-case letters, digits and hyphens',
  ],
  [
    'text for metadata',
    `${HEAD}metadata: checkout\nspec: { source: { functionRef: { name: f } } }\n`,
    'f.yaml:3:1: metadata: is not an object; write { name: … }',
  ],
  ['no spec', `${HEAD}metadata: { name: a }\n`, 'f.yaml:1:1: spec: is missing; say what is desired'],
  [
    'an empty spec',
    `${HEAD}metadata: { name: a }\nspec:\n`,
    'f.yaml:4:1: spec: null stands where an object is expected; give an object, or remove it',
  ],
  [
    'a misspelt member',
    `${UP_TO_SPEC}spek: {}\n`,
    "f.yaml:6:1: spek: 'spek' is not a field here; did you mean 'spec'?",
  ],
  [
    'a name in the wrong place',
    `${HEAD}name: a\nmetadata: { name: a }\nspec: { source: { functionRef: { name: f } } }\n`,
    "f.yaml:3:1: name: 'name' is not a field here; use apiVersion, kind, metadata, spec, status",
  ],
  [
    'an unknown member of metadata',
    `${HEAD}metadata: { name: a, nmespace: b }\nspec: { source: { functionRef: { name: f } } }\n`,
    "f.yaml:3:22: metadata.nmespace: 'nmespace' is not a field here; did you mean 'namespace'?",
  ],
  [
    'a class in a namespace',
    'apiVersion: lambdacontainer.dev/v1alpha1\nkind: LambdaContainerClass\nmetadata:\n  name: a\n  namespace: shop\nspec: {}\n',
    'f.yaml:5:3: metadata.namespace: is not for a LambdaContainerClass, which belongs to no namespace; remove it',
    'f.yaml:6:1: spec.cluster: is missing and has no default; add it (Name of the ECS cluster)',
    'f.yaml:6:1: spec.vpcId: is missing and has no default; add it (VPC of the target groups)',
    'f.yaml:6:1: spec.subnets: is missing and has no default; add it (Subnets of the tasks)',
    'f.yaml:6:1: spec.roles: is missing and has no default; add it (IAM roles)',
    'f.yaml:6:1: spec.build: is missing and has no default; add it (How images are built)',
    'f.yaml:6:1: spec.adapter: is missing and has no default; add it (The runtime adapter)',
  ],
  [
    'an envelope and a spec with defects',
    'kind: LambdaContainer\nmetadata: { name: Bad_Name }\nspec:\n  sorce: {}\n  compute: { cpu: 300 }\n',
    'f.yaml:1:1: apiVersion: is missing; write lambdacontainer.dev/v1alpha1',
    "f.yaml:2:13: metadata.name: 'Bad_Name' is not a valid name; use lower-case letters, digits and hyphens, beginning and ending with a letter or digit",
    'f.yaml:5:14: spec.compute.cpu: 300 is not a Fargate size; use 256, 512, 1024, 2048, 4096, 8192, 16384, 32768',
    "f.yaml:4:3: spec.sorce: 'sorce' is not a field here; did you mean 'source'?",
    'f.yaml:3:1: spec.source: is missing; give exactly one of functionRef, image, archive, repository, e.g. source: { functionRef: { name: my-function } }',
  ],
  [
    'the reserved namespace',
    `${HEAD}metadata: { name: a, namespace: _system }\nspec: { source: { functionRef: { name: f } } }\n`,
    "f.yaml:3:22: metadata.namespace: '_system' begins with an underscore, which is reserved; use letters, digits and hyphens",
  ],
  [
    'an empty namespace',
    `${HEAD}metadata:\n  name: a\n  namespace:\nspec: { source: { functionRef: { name: f } } }\n`,
    'f.yaml:5:3: metadata.namespace: is empty; give a name of lower-case letters, digits and hyphens, or remove the field',
  ],
  [
    'the second of two documents',
    `${UP_TO_SPEC}---\n${HEAD}metadata: { name: a, labels: { n: 1 } }\nspec: { source: { functionRef: { name: f } } }\n`,
    'f.yaml:9:32: metadata.labels.n: 1 is not text; put it in quotes: "1"',
  ],
  [
    'both of two documents',
    `${HEAD}metadata: {}\nspec: { source: { functionRef: { name: f } } }\n---\n${HEAD}metadata: {}\nspec: { source: { functionRef: { name: f } } }\n`,
    'f.yaml:3:1: metadata.name: is missing; give a name of lower-case letters, digits and hyphens',
    'f.yaml:8:1: metadata.name: is missing; give a name of lower-case letters, digits and hyphens',
  ],
  [
    'two documents without a line between',
    `${UP_TO_SPEC}--- ${UP_TO_SPEC}`,
    'f.yaml:6:5: (syntax): Block collection cannot start on same line with directives-end marker',
  ],
  // syntax
  [
    'a tab',
    `${HEAD}metadata:\n\tname: x\n`,
    'f.yaml:4:1: (syntax): a tab is used for indentation, which YAML forbids; use spaces',
  ],
  [
    'a tab after spaces',
    `${UP_TO_SPEC}  compute:\n  \tcpu: 256\n`,
    'f.yaml:7:3: (syntax): a tab is used for indentation, which YAML forbids; use spaces',
  ],
  [
    'a key twice',
    `${UP_TO_SPEC}  suspend: true\n  suspend: false\n`,
    'f.yaml:7:3: spec.suspend: the same key stands twice in one map; remove one of them',
  ],
  [
    'a key twice, quoted once',
    `${UP_TO_SPEC}  environment: { A: x, "A": y }\n`,
    'f.yaml:6:24: spec.environment.A: the same key stands twice in one map; remove one of them',
  ],
  [
    'a key twice at the top',
    `${UP_TO_SPEC}spec: {}\n`,
    'f.yaml:6:1: spec: the same key stands twice in one map; remove one of them',
  ],
  [
    'a key twice in JSON',
    '{"a": 1,\n "a": 2}',
    'f.yaml:2:2: a: the same key stands twice in one map; remove one of them',
  ],
  [
    'a member of every object twice',
    `${UP_TO_SPEC}  environment: { toString: x, toString: y }\n`,
    'f.yaml:6:31: spec.environment.toString: the same key stands twice in one map; remove one of them',
  ],
  [
    'two merges',
    `${UP_TO_SPEC}  environment: &a { A: x }\n  secrets: { <<: *a, <<: *a }\n`,
    'f.yaml:7:22: spec.secrets["<<"]: the same key stands twice in one map; remove one of them',
  ],
  [
    'a wrong indentation',
    `${HEAD}metadata:\n  name: a\n name: b\nspec: { source: { functionRef: { name: f } } }\n`,
    'f.yaml:5:1: (syntax): All mapping items must start at the same column',
  ],
  [
    'a brace that stays open',
    `${HEAD}metadata: { name: a\nspec: { source: { functionRef: { name: f } } }\n`,
    'f.yaml:4:1: (syntax): Flow map in block collection must be sufficiently indented and end with a }',
  ],
  [
    'a quote that stays open',
    `${HEAD}metadata: { name: "a }\nspec: { source: { functionRef: { name: f } } }\n`,
    'f.yaml:5:1: (syntax): Missing closing "quote',
    'f.yaml:5:1: (syntax): Flow map in block collection must be sufficiently indented and end with a }',
  ],
  [
    'a colon in text',
    `${HEAD}metadata: { name: a }\nspec:\n  className: a: b\n`,
    'f.yaml:5:14: (syntax): Nested mappings are not allowed in compact mappings; if this is text with a colon, put it in quotes',
  ],
  [
    'a percent sign',
    `${UP_TO_SPEC}  className: %a\n`,
    'f.yaml:6:14: (syntax): Plain value cannot start with directive indicator character %; put the text in quotes',
  ],
  [
    'an at sign',
    `${UP_TO_SPEC}  className: @a\n`,
    'f.yaml:6:14: (syntax): Plain value cannot start with reserved character @; put the text in quotes',
  ],
  [
    'JSON with a comma too many',
    '{"apiVersion": "lambdacontainer.dev/v1alpha1",, }',
    'f.yaml:1:47: (syntax): Unexpected , in flow map',
  ],
  [
    'JSON cut off',
    '{"apiVersion": "lambdacontainer.dev/v1alpha1", "spec": {',
    'f.yaml:1:57: (syntax): Flow map in block collection must be sufficiently indented and end with a }',
    'f.yaml:1:57: (syntax): Flow map must end with a }',
  ],
  [
    'an unknown alias',
    `${UP_TO_SPEC}  environment: *e\n`,
    'f.yaml:6:16: spec.environment: *e is the alias of an anchor that is not set before it; write &e where the value is',
  ],
  [
    'an unknown tag',
    `${UP_TO_SPEC}  className: !secret x\n`,
    'f.yaml:6:14: (syntax): has a tag that is not known here (Unresolved tag: !secret); remove the tag',
  ],
  [
    'a binary tag',
    `${UP_TO_SPEC}  className: !!binary aGk=\n`,
    'f.yaml:6:3: spec.className: is binary; write it as text instead: {"S": "…"}',
  ],
  [
    'a set',
    `${UP_TO_SPEC}  traffic: { hosts: !!set { a.io } }\n`,
    'f.yaml:6:14: spec.traffic.hosts: is a DynamoDB set; use a list instead: {"L": [{"S": "…"}]}',
  ],
  [
    'a cycle',
    `${UP_TO_SPEC}  environment: &e\n    A: *e\n`,
    'f.yaml:7:5: spec.environment.A: contains itself; remove the cycle',
  ],
  [
    'an empty key',
    `${UP_TO_SPEC}  environment: { : x }\n`,
    'f.yaml:6:17: spec.environment: has an empty key; write a word before the colon',
  ],
  [
    'a list as a key',
    `${UP_TO_SPEC}  environment:\n    ? [a]\n    : x\n`,
    'f.yaml:7:7: spec.environment: has a key that is not text; write a word before the colon',
  ],
  [
    'a prototype',
    `${UP_TO_SPEC}__proto__: { a: 1 }\n`,
    "f.yaml:6:1: __proto__: is not allowed as a name; remove the field '__proto__'",
  ],
  [
    'a prototype in a spec',
    `${UP_TO_SPEC}  environment: { __proto__: x }\n`,
    "f.yaml:6:18: spec.environment.__proto__: is not allowed as a name; remove the field '__proto__'",
  ],
  [
    'infinity',
    `${UP_TO_SPEC}  scaling: { max: .inf }\n`,
    'f.yaml:6:14: spec.scaling.max: Infinity is not a finite number; give a finite one',
  ],
  [
    'not a number',
    `${UP_TO_SPEC}  scaling: { max: .nan }\n`,
    'f.yaml:6:14: spec.scaling.max: NaN is not a finite number; give a finite one',
  ],
  [
    'deep',
    `${UP_TO_SPEC}  environment: ${'{ a: '.repeat(60)}1${' }'.repeat(60)}\n`,
    'f.yaml:6:208: spec.environment.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a: is nested more than 40 levels deep; flatten it',
  ],
  [
    'very deep',
    `${UP_TO_SPEC}  environment: ${'['.repeat(5000)}${']'.repeat(5000)}\n`,
    'f.yaml:1:1: (document): is nested too deeply; flatten it',
  ],
  [
    '400 KB',
    `${UP_TO_SPEC}  className: ${'x'.repeat(410_000)}\n`,
    'f.yaml:4:1: spec: is larger than 400 KB, which DynamoDB cannot store; make it smaller',
  ],
  // what readers of YAML take differently
  [
    'a leading zero',
    `${UP_TO_SPEC}  scaling: { max: 010 }\n`,
    'f.yaml:6:19: spec.scaling.max: 010 has a leading zero: an octal number to some readers of YAML, decimal to others; write 10, or "010" in quotes if it is text',
  ],
  [
    'an account with a leading zero',
    `${UP_TO_SPEC}  environment: { ACCOUNT: 012345678901 }\n`,
    'f.yaml:6:27: spec.environment.ACCOUNT: 012345678901 has a leading zero: an octal number to some readers of YAML, decimal to others; write 12345678901, or "012345678901" in quotes if it is text',
  ],
  [
    'a leading zero in a label',
    `${HEAD}metadata: { name: a, labels: { build: 0777 } }\nspec: { source: { functionRef: { name: f } } }\n`,
    'f.yaml:3:39: metadata.labels.build: 0777 has a leading zero: an octal number to some readers of YAML, decimal to others; write 777, or "0777" in quotes if it is text',
  ],
  [
    'no for false',
    `${UP_TO_SPEC}  suspend: no\n`,
    'f.yaml:6:3: spec.suspend: \'no\' is text, not true or false; write false without quotes (in a DynamoDB item {"BOOL": false})',
  ],
  [
    'On for true',
    `${UP_TO_SPEC}  suspend: On\n`,
    'f.yaml:6:3: spec.suspend: \'On\' is text, not true or false; write true without quotes (in a DynamoDB item {"BOOL": true})',
  ],
  [
    'an underscore in a number',
    `${UP_TO_SPEC}  scaling: { max: 1_000 }\n`,
    'f.yaml:6:14: spec.scaling.max: \'1_000\' is text, not a number; write 1000 without quotes (in a DynamoDB item {"N": "1000"})',
  ],
  [
    'a binary number',
    `${UP_TO_SPEC}  scaling: { max: 0b11 }\n`,
    "f.yaml:6:14: spec.scaling.max: '0b11' is text, not a number; give a number",
  ],
  // numbers as they are written
  [
    'a version that is a number',
    `${UP_TO_SPEC}  environment: { VERSION: 1.10 }\n`,
    'f.yaml:6:18: spec.environment.VERSION: 1.10 is a number, not text; put it in quotes: "1.10" (in a DynamoDB item {"S": "1.10"})',
  ],
  [
    'a version in a label',
    `${HEAD}metadata: { name: a, labels: { version: 1.10 } }\nspec: { source: { functionRef: { name: f } } }\n`,
    'f.yaml:3:32: metadata.labels.version: 1.10 is not text; put it in quotes: "1.10"',
  ],
  [
    'an account that is a number',
    `${UP_TO_SPEC}  environment: { ACCOUNT: 123456789012 }\n`,
    'f.yaml:6:18: spec.environment.ACCOUNT: 123456789012 is a number, not text; put it in quotes: "123456789012" (in a DynamoDB item {"S": "123456789012"})',
  ],
  [
    'an id beyond 2^53',
    `${UP_TO_SPEC}  environment: { ID: 12345678901234567890 }\n`,
    'f.yaml:6:18: spec.environment.ID: 12345678901234567890 is a number, not text; put it in quotes: "12345678901234567890" (in a DynamoDB item {"S": "12345678901234567890"})',
  ],
  [
    'an exponent',
    `${UP_TO_SPEC}  scaling: { max: 1e9 }\n`,
    'f.yaml:6:14: spec.scaling.max: 1e9 is too large; the most is 5000 (ECS runs at most 5,000 tasks in a service)',
  ],
  [
    'a hash that is a number',
    `${UP_TO_SPEC}  environment: { COMMIT: 1234e56 }\n`,
    'f.yaml:6:18: spec.environment.COMMIT: 1234e56 is a number, not text; put it in quotes: "1234e56" (in a DynamoDB item {"S": "1234e56"})',
  ],
  [
    'hexadecimal',
    `${UP_TO_SPEC}  scaling: { max: 0xFFFF }\n`,
    'f.yaml:6:14: spec.scaling.max: 0xFFFF is too large; the most is 5000 (ECS runs at most 5,000 tasks in a service)',
  ],
  [
    'a name that is a number',
    `${HEAD}metadata: { name: 1.0 }\nspec: { source: { functionRef: { name: f } } }\n`,
    'f.yaml:3:13: metadata.name: 1.0 is a number, not text; put it in quotes: "1.0"',
  ],
  [
    'a time of day',
    `${UP_TO_SPEC}  suspend: 12:30\n`,
    "f.yaml:6:3: spec.suspend: '12:30' is text, not true or false; give true or false",
  ],
  [
    'a date',
    `${UP_TO_SPEC}  suspend: 2026-01-31\n`,
    "f.yaml:6:3: spec.suspend: '2026-01-31' is text, not true or false; give true or false",
  ],
  [
    'null',
    `${UP_TO_SPEC}  environment: { A: ~ }\n`,
    'f.yaml:6:18: spec.environment.A: null stands where text is expected; give text, or remove it',
  ],
  // places
  [
    'a member of a list',
    `${UP_TO_SPEC}  traffic:\n    hosts:\n    - a.example.com\n    - localhost\n`,
    "f.yaml:9:7: spec.traffic.hosts[1]: 'localhost' is not a host that a load balancer rule accepts; it needs a dot and only letters after the last one, e.g. shop.example.com",
  ],
  [
    'a member of a flow list',
    `${UP_TO_SPEC}  traffic: { hosts: [a.example.com, localhost] }\n`,
    "f.yaml:6:37: spec.traffic.hosts[1]: 'localhost' is not a host that a load balancer rule accepts; it needs a dot and only letters after the last one, e.g. shop.example.com",
  ],
  [
    'through an alias',
    `${UP_TO_SPEC}  environment: &e { a-b: x }\n  secrets: *e\n`,
    "f.yaml:6:21: spec.environment.a-b: 'a-b' is not a variable name; use letters, digits and underscores, not beginning with a digit",
    "f.yaml:7:3: spec.secrets.a-b: 'a-b' is not a variable name; use letters, digits and underscores, not beginning with a digit",
  ],
  [
    'through a merge',
    `${UP_TO_SPEC}  environment: { <<: { A: 5 } }\n`,
    'f.yaml:6:3: spec.environment.A: 5 is a number, not text; put it in quotes: "5" (in a DynamoDB item {"S": "5"})',
  ],
  [
    'what is missing stands at its parent',
    `${UP_TO_SPEC}  placement:\n    split: { lambda: 5 }\n`,
    'f.yaml:7:5: spec.placement.split.fargate: is missing and has no default; add it (Share of the tasks on Fargate)',
  ],
  [
    'with CRLF',
    `${UP_TO_SPEC}  compute:\n    cpu: 300\n`.replaceAll('\n', '\r\n'),
    'f.yaml:7:5: spec.compute.cpu: 300 is not a Fargate size; use 256, 512, 1024, 2048, 4096, 8192, 16384, 32768',
  ],
  [
    'behind a byte order mark',
    `\uFEFF${UP_TO_SPEC}  compute: { cpu: 300 }\n`,
    'f.yaml:6:14: spec.compute.cpu: 300 is not a Fargate size; use 256, 512, 1024, 2048, 4096, 8192, 16384, 32768',
  ],
];
