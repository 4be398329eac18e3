/** The task definition that is made of a spec and a function. */
import { describe, expect, it } from 'vitest';
import { validateClass, validateLambdaContainer } from '../../src/api/index.ts';
import { registrationOf } from '../../src/compose/task.ts';
import { CLASS_SPEC } from '../api/fixtures.ts';

const FACTS = {
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
const SECRET = 'arn:aws:secretsmanager:eu-west-1:111122223333:secret:db-AbCdEf';

function register(more: Record<string, unknown>) {
  const klass = validateClass(CLASS_SPEC).spec;
  if (!klass) throw new Error('the fixture class is not valid');
  const raw = { source: { functionRef: { name: 'checkout' } }, ...more };
  const { spec, defects } = validateLambdaContainer(raw, klass, 'shop');
  if (!spec) throw new Error(JSON.stringify(defects));
  const allocation = { listenerArn: 'l', priority: 1, claims: [] };
  const key = { namespace: 'shop', name: 'checkout' };
  return registrationOf({ key, spec, klass, region: 'eu-west-1', allocation, incarnations: {} }, FACTS, {
    image: 'repository@sha256:1',
    logGroupName: '/lambdacontainer/shop/checkout',
    targetGroupArn: 'arn:tg',
    taskRoleArn: FACTS.roleArn,
  });
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
