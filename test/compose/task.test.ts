/** The task definition that is made of a spec and a function. */
import { describe, expect, it } from 'vitest';
import { validateClass, validateLambdaContainer } from '../../src/api/index.ts';
import type { ComposeInput, FunctionFacts } from '../../src/compose/compose.ts';
import { secretNodes, secretsOf, secretVersions } from '../../src/compose/secrets.ts';
import { registrationOf } from '../../src/compose/task.ts';
import { hideSecrets } from '../../src/plan/hidden-values.ts';
import type { Get } from '../../src/resource/index.ts';
import { CLASS_SPEC } from '../api/fixtures.ts';

const FACTS: FunctionFacts = {
  arn: 'arn:aws:lambda:eu-west-1:111122223333:function:checkout',
  functionName: 'checkout',
  version: '$LATEST',
  packageType: 'Zip',
  runtime: 'nodejs22.x',
  handler: 'index.handler',
  codeSha256: 'abc=',
  architecture: 'arm64',
  memoryMb: 512,
  environment: { DB_PASSWORD: 'plain, from the function', LOG_LEVEL: 'info' },
  layers: [],
  roleArn: 'arn:aws:iam::111122223333:role/checkout',
  imageUri: undefined,
  imageConfig: undefined,
};
const SPEC = { source: { functionRef: { name: 'checkout' } } };
const SECRET = 'arn:aws:secretsmanager:eu-west-1:111122223333:secret:db-AbCdEf';

function register(more: Record<string, unknown>, facts: Partial<FunctionFacts> = {}) {
  const klass = validateClass(CLASS_SPEC).spec;
  if (!klass) throw new Error('the fixture class is not valid');
  const raw = { source: { functionRef: { name: 'checkout' } }, ...more };
  const { spec, defects } = validateLambdaContainer(raw, klass, 'shop');
  if (!spec) throw new Error(JSON.stringify(defects));
  const allocation = { listenerArn: 'l', priority: 1, claims: [] };
  const key = { namespace: 'shop', name: 'checkout' };
  return registrationOf(
    { key, spec, klass, region: 'eu-west-1', allocation, incarnations: {} },
    { ...FACTS, ...facts },
    {
      image: 'repository@sha256:1',
      logGroupName: '/lambdacontainer/shop/checkout',
      targetGroupArn: 'arn:tg',
      taskRoleArn: FACTS.roleArn,
      secretVersions: {},
    },
  );
}

function container(definition: ReturnType<typeof register>, name: string) {
  return definition.containerDefinitions?.find((candidate) => candidate.name === name);
}

describe('what a function container finds in its environment', () => {
  it("keeps the function's own variables", () => {
    const found = container(register({}), 'function-1')?.environment;
    expect(found).toContainEqual({ name: 'LOG_LEVEL', value: 'info' });
    expect(found).toContainEqual({ name: 'DB_PASSWORD', value: 'plain, from the function' });
  });

  it('has a secret instead of the plain variable of that name: ECS refuses both together', () => {
    const found = container(register({ secrets: { DB_PASSWORD: { secretsManager: SECRET } } }), 'function-1');
    expect(found?.secrets).toEqual([{ name: 'DB_PASSWORD', valueFrom: SECRET }]);
    expect(found?.environment?.map(({ name }) => name)).not.toContain('DB_PASSWORD');
    expect(found?.environment).toContainEqual({ name: 'LOG_LEVEL', value: 'info' });
  });

  it('has it so with interface http, too', () => {
    const spec = { interface: 'http', secrets: { DB_PASSWORD: { secretsManager: SECRET } } };
    const found = container(register(spec), 'front');
    expect(found?.environment?.map(({ name }) => name)).not.toContain('DB_PASSWORD');
  });
});

describe('which versions of its secrets a task is started with', () => {
  const OTHER = 'arn:aws:secretsmanager:us-east-1:111122223333:secret:far-AbCdEf';
  const secrets = {
    DB_PASSWORD: { secretsManager: SECRET, key: 'password' },
    DB_USER: { secretsManager: SECRET, key: 'user' },
    NEXT: { secretsManager: SECRET, versionStage: 'AWSPENDING' },
    FAR: { secretsManager: OTHER },
    PARAMETER: { parameter: '/team/value' },
  };
  const klass = validateClass({
    ...CLASS_SPEC,
    roles: { ...CLASS_SPEC.roles, execution: 'arn:aws:iam::111122223333:role/execution' },
  }).spec;
  const { spec } = klass ? validateLambdaContainer({ ...SPEC, secrets }, klass, 'shop') : {};
  if (!klass || !spec) throw new Error('the fixtures are not valid');
  const input: ComposeInput = {
    key: { namespace: 'shop', name: 'checkout' },
    spec,
    klass,
    region: 'eu-west-1',
    allocation: { listenerArn: 'l', priority: 1, claims: [] },
    incarnations: {},
  };
  const nodes = secretNodes(input);
  const seen = (version: string): Get => {
    return (nodeId) => ({ versionId: `${version} of ${nodeId === nodes[0]?.id ? 'current' : 'pending'}` });
  };

  it('one node for each secret and label within reach: no other region, no parameter', () => {
    const identities = nodes.map(({ resolve }) => resolve(seen('1')).identity);
    expect(identities).toEqual([
      { secretArn: SECRET, stage: 'AWSCURRENT', name: 'db' },
      { secretArn: SECRET, stage: 'AWSPENDING', name: 'db' },
    ]);
  });

  it('each variable has the version that its label is on; unless what was used is held', () => {
    const now = { DB_PASSWORD: '2 of current', DB_USER: '2 of current', NEXT: '2 of pending' };
    expect(secretVersions(input, seen('2'))).toEqual(now);
    const pins = Object.fromEntries(
      nodes.map(({ id, resolve }) => [id, { identity: resolve(seen('')).identity, digest: 'before', follows: true }]),
    );
    expect(secretVersions({ ...input, pins }, seen('2')), 'nobody holds them').toEqual(now);
    expect(secretVersions({ ...input, pins, holdsSecrets: true }, seen('2'))).toEqual({
      DB_PASSWORD: 'before',
      DB_USER: 'before',
      NEXT: 'before',
    });
    expect(secretVersions({ ...input, holdsSecrets: true }, seen('2')), 'none was used').toEqual(now);
  });

  it('is a label of the containers that have them, which is shown as it is; ECS is told where to read', () => {
    const made = secretsOf(spec, { DB_USER: 'v1', DB_PASSWORD: 'v1' });
    expect(made.labels).toEqual({ 'lambdacontainer.dev/secret-version': 'DB_PASSWORD=v1 DB_USER=v1' });
    expect(hideSecrets(made.labels)).toEqual(made.labels);
    expect(made.secrets).toEqual([
      { name: 'DB_PASSWORD', valueFrom: `${SECRET}:password::` },
      { name: 'DB_USER', valueFrom: `${SECRET}:user::` },
      { name: 'FAR', valueFrom: OTHER },
      { name: 'NEXT', valueFrom: `${SECRET}::AWSPENDING:` },
      { name: 'PARAMETER', valueFrom: '/team/value' },
    ]);
  });
});

describe('the modes of the runtime adapter', () => {
  const variable = (definition: ReturnType<typeof register>, of: string, name: string) =>
    container(definition, of)?.environment?.find((candidate) => candidate.name === name)?.value;

  it('one invocation at a time, load balancer events: nothing that would switch a runtime client over', () => {
    const definition = register({});
    expect(variable(definition, 'front', 'LAMBDACONTAINER_EVENT_FORMAT')).toBe('alb');
    expect(variable(definition, 'front', 'LAMBDACONTAINER_MAX_CONCURRENCY')).toBeUndefined();
    expect(variable(definition, 'function-1', 'AWS_LAMBDA_MAX_CONCURRENCY')).toBeUndefined();
    expect(variable(register({ compute: { concurrency: 1 } }), 'function-1', 'AWS_LAMBDA_MAX_CONCURRENCY')).toBe(
      undefined,
    );
  });

  it('several at a time: the adapter and the runtime client are both told', () => {
    const definition = register({ compute: { concurrency: 16, processes: 2 } });
    expect(variable(definition, 'front', 'LAMBDACONTAINER_MAX_CONCURRENCY')).toBe('16');
    expect(variable(definition, 'function-1', 'AWS_LAMBDA_MAX_CONCURRENCY')).toBe('16');
    expect(variable(definition, 'function-2', 'AWS_LAMBDA_MAX_CONCURRENCY')).toBe('16');
  });

  it('another event format', () => {
    const definition = register({ traffic: { eventFormat: 'http-api-v2' } });
    expect(variable(definition, 'front', 'LAMBDACONTAINER_EVENT_FORMAT')).toBe('http-api-v2');
  });

  it('ends its drain before ECS ends it', () => {
    const front = container(register({}), 'front');
    const drainMs = Number(variable(register({}), 'front', 'LAMBDACONTAINER_DRAIN_MS'));
    expect(drainMs).toBeGreaterThan(30_000);
    expect(drainMs).toBeLessThan((front?.stopTimeout ?? 0) * 1000);
  });
});

describe('external extensions', () => {
  it('are started by a shell that the runtime replaces, where layers may bring some', () => {
    const found = container(register({}, { layers: ['arn:layer:1'] }), 'function-1');
    expect(found?.entryPoint?.slice(0, 2)).toEqual(['/bin/sh', '-c']);
    expect(found?.entryPoint?.[2]).toMatch(/\/opt\/extensions\/.*exec \/lambda-entrypoint\.sh "\$@"$/);
    expect(found?.command).toEqual(['index.handler']);
  });

  it.each([
    ['no layers', {}],
    ['an image', { packageType: 'Image', layers: [], imageUri: 'repository@sha256:2' }],
  ] as const)('%s: the entry point is left as it is', (_case, facts) => {
    expect(container(register({}, facts), 'function-1')?.entryPoint).toBeUndefined();
  });
});
