/** The documents that both judge: valid ones by hand, those of the tables of invalid ones, and generated ones. */
import fc from 'fast-check';
import type * as z from 'zod';
import { type JsonSchema, jsonSchema } from '../../../scripts/structural-schema.ts';
import { classSpecSchema } from '../../../src/api/schema/class.ts';
import { containerSpecSchema } from '../../../src/api/schema/container.ts';
import { gitSourceSpecSchema } from '../../../src/api/schema/git-source.ts';
import { CLASS_SPEC, LISTENER, MINIMAL_SPEC, ROLE, SECRET_ARN, SOURCE_SPEC, withValue } from '../../api/fixtures.ts';
import { INVALID_CLASSES } from '../../api/invalid/classes.ts';
import { INVALID_CONTAINERS, UNAVAILABLE_CONTAINERS } from '../../api/invalid/containers.ts';
import { INVALID_MANIFESTS } from '../../api/invalid/manifests.ts';
import { INVALID_SOURCES } from '../../api/invalid/sources.ts';

export interface Sample {
  readonly name: string;
  readonly text: string;
  /** Exactly one thing is wrong with it: both must complain about the same place. */
  readonly single: boolean;
}

const API_VERSION = 'lambdacontainer.dev/v1alpha1';
const KINDS = {
  LambdaContainer: { good: MINIMAL_SPEC as Record<string, unknown>, schema: containerSpecSchema as z.ZodType },
  LambdaContainerClass: { good: CLASS_SPEC as Record<string, unknown>, schema: classSpecSchema as z.ZodType },
  GitSource: { good: SOURCE_SPEC as Record<string, unknown>, schema: gitSourceSpecSchema as z.ZodType },
} as const;
type Kind = keyof typeof KINDS;

function sample(name: string, kind: Kind, spec: unknown, single = false, metadata: object = { name: 'a' }): Sample {
  return { name, text: JSON.stringify({ apiVersion: API_VERSION, kind, metadata, spec }), single };
}

// ---------------------------------------------------------------------------------------------------------- by hand

const SIGNER =
  'alice@example.com ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIBqE2wOGYjOCu5i3BF0YwSxQ3jTb8rPM0sPVV1OV9vbW alice';
const ARMOUR = '-----BEGIN PGP PUBLIC KEY BLOCK-----\n\nmDMEZQ==\n=abcd\n-----END PGP PUBLIC KEY BLOCK-----\n';

/** Each changes one or several members of a good spec. */
const VALID: Readonly<Record<Kind, readonly Record<string, unknown>[]>> = {
  LambdaContainer: [
    {},
    { className: 'fast', suspend: true, deletionPolicy: 'retain', adoption: 'never' },
    { source: { functionRef: { name: 'checkout', qualifier: 'live' } } },
    { source: { functionRef: { name: 'checkout', qualifier: '$LATEST' } } },
    { interface: 'http' },
    { interface: 'http', port: 8081, compute: { processes: 1 } },
    { compute: { cpu: 256, memory: 2048, architecture: 'arm64', processes: 9, timeout: null } },
    { compute: { cpu: 32768, memory: 249856, ephemeralStorage: 200, spot: { weight: 100 } } },
    { compute: { cpu: 8192, memory: 20480, timeout: '7d' } },
    { compute: { timeout: '1h30m15s' } },
    { placement: { mode: 'lambda' }, scaling: { min: 0, max: 0 } },
    { placement: { mode: 'split', split: { lambda: 10, fargate: 90 } } },
    { scaling: { min: 2, max: 5000, targets: { cpu: 60, requestsPerTask: 1000 } } },
    { traffic: { hosts: ['shop.example.com', '*.Example.org'], paths: ['/checkout', '/checkout/*'] } },
    { traffic: { paths: ['/a', '/b', '/c', '/d', '/e'] } },
    { traffic: { hosts: ['a.io'], paths: [] } },
    { traffic: { healthCheck: { path: '/health?deep=1', interval: '300s', healthyThreshold: 10 } } },
    { rollout: { strategy: 'rolling', rollbackOnFailure: false, history: 100 } },
    { environment: { LOG_LEVEL: 'info', EMPTY: '', AWS_LAMBDA_EXEC_WRAPPER: '/opt/wrap', SECRET_ARN: SECRET_ARN } },
    { environment: { DB_PASSWORD: 'hunter2' }, acknowledgePlaintextEnvironment: true },
    { secrets: { DB: { secretsManager: SECRET_ARN, key: 'password', versionStage: 'AWSCURRENT' } } },
    { secrets: { DB: { parameter: '/shop/db' } } },
    { roles: { task: ROLE, execution: ROLE } },
    { network: { subnets: ['subnet-0a1b2c3d'], securityGroups: ['sg-0a1b2c3d'], assignPublicIp: true } },
    { build: { baseImage: 'public.ecr.aws/lambda/nodejs:22', trackBaseImage: true, dockerfile: null } },
    { triggers: [], dependsOn: [], drift: {} },
  ],
  LambdaContainerClass: [
    {},
    { region: 'eu-west-1', assignPublicIp: true, namespaces: ['shop', 'blog'] },
    { listeners: [{ arn: LISTENER, url: 'http://127.0.0.1:8080/' }] },
    { logs: { retentionDays: null } },
    { logs: { retentionDays: 3653 }, ecr: { repositoryPrefix: 'a/b-c_d.e' } },
    { health: { intervalSec: 5, healthyThreshold: 10, deregistrationDelaySec: 0 } },
    { deletion: { maxDeletePercent: 0 }, disruption: { maxConcurrent: 5 } },
    { deletion: { maxDeletePercent: 100 }, disruption: { maxConcurrent: '100%' } },
    { caps: { cpuMax: 4096, memoryMax: 8192, maxTasks: 10 }, defaults: { compute: { cpu: 4096, memory: 8192 } } },
    { defaults: { scaling: { min: 1, max: 4 }, placement: { mode: 'split', split: { lambda: 50, fargate: 50 } } } },
    {
      defaults: { environment: { LOG_LEVEL: 'info' }, secrets: { DB: { parameter: 'db' } }, deletionPolicy: 'retain' },
    },
    { defaults: { traffic: { healthCheck: { interval: '30s' } }, rollout: { history: 3 }, drift: { policy: 'heal' } } },
    { tags: { team: 'payments', 'cost center': '12+3=15', überschrift: 'ü' } },
  ],
  GitSource: [
    {},
    ...[
      'https://git.example.com:8443/shop/deploy.git',
      'ssh://git@github.com/shop/deploy.git',
      'ssh://git.example.com:2222/shop/deploy',
      'file:///srv/git/deploy.git',
      'http://127.0.0.1:8080/deploy.git',
      'http://localhost/deploy.git',
    ].map((url) => ({ url })),
    ...[
      { branch: 'feature/a-b_c.d' },
      { tag: 'v1.2.3' },
      { semver: '>=1.2.0 <2.0.0' },
      { commit: '0123456789abcdef0123456789abcdef01234567' },
    ].map((ref) => ({ ref })),
    { path: '.', interval: '10s', timeout: '1h', drift: 'report', suspend: true },
    { path: 'a/b..c/.d', interval: '1d', timeout: '1500ms' },
    { secretRef: 'git/deploy', roleArn: ROLE, externalId: 'shared-id' },
    { secretRef: SECRET_ARN },
    { verify: { signers: [SIGNER, ARMOUR, `*@example.com namespaces="git" ${SIGNER.slice(18)}`] } },
    { prune: { enabled: true, maxDeletePercent: 100 }, targetNamespace: 'shop' },
    { substitute: { REGION: 'eu-west-1', EMPTY: '' }, dependsOn: ['base', 'platform'] },
  ],
};

/** Valid ones, each of all kinds. */
export function valid(): Sample[] {
  return Object.entries(VALID).flatMap(([kind, changes]) =>
    changes.map((change) =>
      sample(`${kind} ${JSON.stringify(change)}`, kind as Kind, { ...KINDS[kind as Kind].good, ...change }),
    ),
  );
}

// --------------------------------------------------------------------------------------------------------- metadata

export function metadata(): Sample[] {
  const cases: [string, object][] = [
    ['labels', { name: 'a', labels: { 'example.com/team': 'shop', empty: '' }, annotations: { note: 'x y z' } }],
    ['what Kubernetes adds', { name: 'a', uid: 'x', generation: 3, resourceVersion: '5', creationTimestamp: null }],
    ['a label with a space', { name: 'a', labels: { team: 'a b' } }],
    ['a long label', { name: 'a', labels: { team: 'x'.repeat(64) } }],
    ['a label with a bad name', { name: 'a', labels: { 'a b': 'x' } }],
    ['an annotation with a bad name', { name: 'a', annotations: { 'a/b/c': 'x' } }],
    ['a label that is a number', { name: 'a', labels: { team: 5 } }],
    ['an unknown member', { name: 'a', nmespace: 'x' }],
    ['no name', {}],
    ['capitals', { name: 'A' }],
    ['a name of 63', { name: 'x'.repeat(63) }],
    ['a name of 64', { name: 'x'.repeat(64) }],
    ['a dot in a name', { name: 'a.b' }],
    ['protection by another word', { name: 'a', annotations: { 'lambdacontainer.dev/protected': 'yes' } }],
    ['an unknown annotation of ours', { name: 'a', annotations: { 'lambdacontainer.dev/protect': 'true' } }],
    ['many labels', { name: 'a', labels: Object.fromEntries(Array.from({ length: 65 }, (_, n) => [`l${n}`, 'x'])) }],
    ['finalizers', { name: 'a', finalizers: ['example.com/x'] }],
    ['owners', { name: 'a', ownerReferences: [] }],
    ['a generated name', { name: 'a', generateName: 'a-' }],
    ['an empty namespace', { name: 'a', namespace: null }],
    ['a generation that is text', { name: 'a', generation: 'x' }],
  ];
  return cases.map(([name, given]) => sample(`metadata: ${name}`, 'LambdaContainer', MINIMAL_SPEC, true, given));
}

// ---------------------------------------------------------------------------------------------- beyond the tables

/** What the rules over several fields refuse, and limits that only one of both has. */
export function combinations(): Sample[] {
  const cases: [Kind, Record<string, unknown>][] = [
    ['LambdaContainer', { interface: 'http', compute: { processes: 2 } }],
    ['LambdaContainer', { workload: 'job', traffic: { hosts: ['a.io'] } }],
    ['LambdaContainer', { workload: 'worker' }],
    [
      'LambdaContainer',
      { placement: { mode: 'split', split: { lambda: 1, fargate: 99 } }, rollout: { strategy: 'linear' } },
    ],
    ['LambdaContainer', { placement: { mode: 'fargate' }, scaling: { min: 0 } }],
    ['LambdaContainer', { placement: { mode: 'split', split: { lambda: 50, fargate: 50 } }, scaling: { min: 0 } }],
    ['LambdaContainer', { environment: { A: 'x' }, secrets: { A: { parameter: 'a' } } }],
    ['LambdaContainer', { environment: { ['A'.repeat(257)]: 'x' } }],
    [
      'LambdaContainer',
      { environment: Object.fromEntries(['A', 'B', 'C', 'D', 'E'].map((name) => [name, '€'.repeat(9000)])) },
    ],
    [
      'LambdaContainer',
      { environment: Object.fromEntries(Array.from({ length: 15 }, (_, n) => [`K${n}`, 'x'.repeat(30_000)])) },
    ],
    ['LambdaContainer', { placement: { auto: { minimumDwell: '1s' } } }],
    ['LambdaContainer', { drift: { fields: { '': 'heal' } } }],
    ['LambdaContainerClass', { caps: { cpuMax: 512 }, defaults: { compute: { cpu: 1024 } } }],
    ['LambdaContainerClass', { caps: { memoryMax: 1024 }, defaults: { compute: { memory: 2048 } } }],
    ['LambdaContainerClass', { caps: { maxTasks: 2 }, defaults: { scaling: { max: 3 } } }],
    ['LambdaContainerClass', { tags: { ['k'.repeat(129)]: 'v' } }],
    ['LambdaContainerClass', { tags: { team: '🛒'.repeat(200) } }],
  ];
  return cases.map(([kind, change]) =>
    sample(`${kind} ${JSON.stringify(change).slice(0, 100)}`, kind, { ...KINDS[kind].good, ...change }),
  );
}

const HEAD = 'apiVersion: lambdacontainer.dev/v1alpha1\nkind: LambdaContainer\nmetadata:\n  name: a\n';
const SPEC = 'spec:\n  source: { functionRef: { name: a } }\n';

/** Text that we accept as it stands. */
export function manifests(): Sample[] {
  const texts: [string, string][] = [
    ['comments', `# shop\n${HEAD}# more\n${SPEC}`],
    ['CRLF', `${HEAD}${SPEC}`.replaceAll('\n', '\r\n')],
    ['a byte order mark', `\uFEFF${HEAD}${SPEC}`],
    ['an anchor and a merge', `${HEAD}${SPEC}  environment: { <<: &e { A: x }, B: z }\n  secrets: {}\n`],
    [
      'block text',
      `${HEAD}${SPEC}  environment:\n    A: |\n      one\n      two\n    B: >-\n      three\n      four\n`,
    ],
    [
      'JSON with tabs',
      `{\n\t"apiVersion": "lambdacontainer.dev/v1alpha1",\n\t"kind": "LambdaContainer",\n\t"metadata": {"name": "a"},\n\t"spec": {"source": {"functionRef": {"name": "a"}}}\n}`,
    ],
    ['an explicit tag', `${HEAD}${SPEC}  environment: { A: !!str 5 }\n`],
    ['a date', `${HEAD}${SPEC}  environment: { A: 2026-01-31 }\n`],
    ['on as text', `${HEAD}${SPEC}  environment: { DEBUG: on }\n`],
    ['digits with underscores as text', `${HEAD}${SPEC}  environment: { BIG: 1_000 }\n`],
    ['1.0 for a whole number', `${HEAD}${SPEC}  scaling: { max: 4.0 }\n`],
    ['status', `${HEAD}${SPEC}status: { phase: Ready }\n`],
  ];
  return texts.map(([name, text]) => ({ name: `text: ${name}`, text, single: false }));
}

// ----------------------------------------------------------------------------------------------------- from tables

export function fromTables(): Sample[] {
  const tables = [
    { kind: 'LambdaContainer', cases: [...INVALID_CONTAINERS, ...UNAVAILABLE_CONTAINERS] },
    { kind: 'LambdaContainerClass', cases: INVALID_CLASSES },
    { kind: 'GitSource', cases: INVALID_SOURCES },
  ] as const;
  const specs = tables.flatMap(({ kind, cases }) =>
    cases.flatMap(([path, value, ...lines]) => {
      const spec = withValue(KINDS[kind].good, path, value);
      // Sets, dates and the like are for records.
      if (!isJson(spec)) return [];
      return [
        sample(`${kind} ${path} = ${String(JSON.stringify(value)).slice(0, 60)}`, kind, spec, lines.length === 1),
      ];
    }),
  );
  const texts = INVALID_MANIFESTS.filter(([, text]) => !/^(---|kind: List)/m.test(text) && text.length < 300_000).map(
    ([name, text]) => ({ name: `manifest: ${name}`, text, single: false }),
  );
  return [...specs, ...texts];
}

function isJson(value: unknown): boolean {
  if (value === undefined || value === null || typeof value !== 'object') {
    return typeof value !== 'bigint' && (typeof value !== 'number' || Number.isFinite(value));
  }
  if (!Array.isArray(value) && Object.getPrototypeOf(value) !== Object.prototype) return false;
  return Object.values(value).every(isJson);
}

// -------------------------------------------------------------------------------------------------------- generated

const JUNK = [
  null,
  '',
  'x',
  '5m',
  '20%',
  'a.example.com',
  0,
  -1,
  1,
  256,
  1.5,
  1e21,
  true,
  [],
  {},
  [null],
  ['a'],
  { a: 1 },
];

/** Specs from the schemas, and good specs with something changed, the same for a seed. */
export function generated(seed: number, count: number): Sample[] {
  const kinds = Object.keys(KINDS) as Kind[];
  const whole = (kind: Kind) => arbitraryOf(jsonSchema(KINDS[kind].schema)).map((spec) => ({ kind, spec }));
  const changed = (kind: Kind) =>
    fc
      .tuple(fc.constantFrom(...VALID[kind]), fc.nat(), fc.constantFrom(...JUNK), fc.constantFrom('set', 'drop', 'add'))
      .map(([change, place, junk, how]) => {
        const spec = structuredClone({ ...KINDS[kind].good, ...change }) as Record<string, unknown>;
        disturb(spec, place, junk, how);
        return { kind, spec };
      });
  const arbitrary = fc.oneof(...kinds.map(whole), ...kinds.map(changed));
  return fc
    .sample(arbitrary, { seed, numRuns: count })
    .map(({ kind, spec }, index) =>
      sample(`generated ${index}: ${kind} ${JSON.stringify(spec).slice(0, 300)}`, kind, spec),
    );
}

/** Changes the member that `place` means, counted through the whole document. */
function disturb(spec: Record<string, unknown>, place: number, junk: unknown, how: string): void {
  const members: [Record<string, unknown>, string][] = [];
  const walk = (value: unknown): void => {
    if (value === null || typeof value !== 'object') return;
    for (const [key, member] of Object.entries(value)) {
      if (!Array.isArray(value)) members.push([value as Record<string, unknown>, key]);
      walk(member);
    }
  };
  walk(spec);
  const [parent, key] = members[place % members.length] ?? [spec, 'x'];
  if (how === 'set') parent[key] = junk;
  else if (how === 'drop') delete parent[key];
  else parent[`${key}x`] = junk;
}

const ABSENT = Symbol('absent');

function arbitraryOf(node: JsonSchema): fc.Arbitrary<unknown> {
  const plain = plainArbitrary(node);
  return node.nullable ? fc.option(plain, { freq: 4 }) : plain;
}

function plainArbitrary(node: JsonSchema): fc.Arbitrary<unknown> {
  if (node.enum) return fc.constantFrom(...node.enum);
  if (node.anyOf) return fc.oneof(...node.anyOf.map(arbitraryOf));
  if (node.properties) return membersOf(node, node.properties);
  if (node.items) {
    const { minItems = 0, maxItems = 3 } = node as { minItems?: number; maxItems?: number };
    return fc.array(arbitraryOf(node.items), { minLength: minItems, maxLength: Math.min(maxItems, minItems + 2) });
  }
  if (node.additionalProperties && Object.keys(node.additionalProperties).length > 0) {
    const names = node.keys ? arbitraryOf(node.keys) : fc.string();
    return fc
      .array(fc.tuple(names, arbitraryOf(node.additionalProperties)), { maxLength: 2 })
      .map((entries) => Object.fromEntries(entries) as unknown);
  }
  if (node.type === 'integer' || node.type === 'number') {
    return fc.integer({ min: node.minimum ?? 0, max: Math.min(node.maximum ?? 1e6, 1e6) });
  }
  if (node.type === 'boolean') return fc.boolean();
  if (node.type === 'string') return textOf(node);
  return fc.constantFrom({}, { detail: ['x'] });
}

function membersOf(node: JsonSchema, properties: Record<string, JsonSchema>): fc.Arbitrary<unknown> {
  const members = Object.entries(properties).map(([name, member]) => {
    const value = arbitraryOf(member);
    return [name, node.required?.includes(name) ? value : fc.option(value, { freq: 1, nil: ABSENT })] as const;
  });
  return fc
    .record(Object.fromEntries(members) as Record<string, fc.Arbitrary<unknown>>)
    .map((all) => Object.fromEntries(Object.entries(all).filter(([, value]) => value !== ABSENT)) as unknown);
}

function textOf(node: JsonSchema): fc.Arbitrary<string> {
  const { maxLength = 64, pattern } = node;
  if (pattern === undefined) return fc.string({ minLength: node.minLength ?? 0, maxLength: Math.min(maxLength, 12) });
  if (String(pattern).includes('(ms|s|m|h|d)')) {
    return fc.oneof(
      fc.constantFrom('500ms', '5s', '15s', '60s', '90s', '10m', '2h', '1d', '1h30m'),
      fc.stringMatching(new RegExp(String(pattern)), { size: 'xsmall' }),
    );
  }
  // Classes of characters by property are more than the generator knows.
  const simple = String(pattern)
    .replaceAll(/\[\^[^\]]*\\p[^\]]*\]/g, '[a-z0-9/._-]')
    .replaceAll(/\\p\{[A-Z]c?\}/g, 'ü');
  return fc.stringMatching(new RegExp(simple), { size: 'xsmall' }).filter((text) => text.length <= maxLength);
}
