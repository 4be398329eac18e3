/**
 * What cannot work, with the real program: it is said why, what served goes on serving, and mended input is taken up by
 * itself. The tests of this file run in order on one cloud.
 */
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { classSpec, code, conditionOf, createFunction, putClass, ROLE, source } from './local-account.ts';
import { cli, eventually, get, LocalRun, ROOT, ready, removeFolder, stalled, temporaryFolder } from './local-run.ts';

const LONG = 60_000;
let folder = '';
let run: LocalRun;

beforeAll(async () => {
  folder = temporaryFolder();
  run = new LocalRun(folder);
  await run.says('Try next');
}, LONG);

beforeEach(({ onTestFailed }) => {
  onTestFailed(async () => {
    process.stderr.write(`${await run.explain()}\n`);
  });
});

afterAll(async () => {
  await run?.stop();
  removeFolder(folder);
}, LONG);

describe('what cannot work says why, and recovers by itself', () => {
  it(
    'a function that does not exist',
    async () => {
      await run.put('nowhere', { source: { functionRef: { name: 'nowhere' } } });
      const condition = await stalled(run, 'nowhere', 'NotFound');
      expect(condition.message).toContain('nowhere does not exist');
      await createFunction(run, 'nowhere', code('found'));
      await ready(run, 'nowhere');
      expect((await get(`${run.url}/nowhere`)).body).toBe('found');
    },
    LONG,
  );

  it(
    'a record with an unknown field and a wrong type touches nothing',
    async () => {
      await run.put('hello', {
        source: { functionRef: { name: 'hello' } },
        comput: { cpu: 256 },
        scaling: { min: '1' },
      });
      const condition = await stalled(run, 'hello', 'InvalidSpec');
      expect(condition.message).toMatch(/spec\.comput.*compute/s);
      expect(condition.message).toContain('spec.scaling.min');
      expect((await get(`${run.url}/hello`)).status).toBe(200);
      await cli(['apply', '-f', join(ROOT, 'examples/hello/lambdacontainer.yaml')], folder);
      await ready(run, 'hello');
    },
    LONG,
  );

  it(
    'a role that ECS cannot assume: the exact trust statement to add',
    async () => {
      await run.put('hello', {
        source: { functionRef: { name: 'hello' } },
        roles: { task: ROLE },
      });
      const condition = await stalled(run, 'hello', 'RoleNotAssumable');
      expect(condition.message).toContain('"Service":"ecs-tasks.amazonaws.com"');
      expect((await get(`${run.url}/hello`)).status).toBe(200);
      await cli(['apply', '-f', join(ROOT, 'examples/hello/lambdacontainer.yaml')], folder);
      await ready(run, 'hello');
    },
    LONG,
  );

  it('a handler that throws at start: what served goes on serving, and mended code takes over', async () => {
    await createFunction(run, 'throwing', code('two'));
    await run.put('throwing', { source: { functionRef: { name: 'throwing' } } });
    await ready(run, 'throwing');
    await run.aws.lambda.updateFunctionCode({
      FunctionName: 'throwing',
      ZipFile: source('throw new Error("no database");'),
    });
    const condition = await stalled(run, 'throwing', 'DeploymentFailed');
    expect(condition.message).toContain('function-1');
    expect((await get(`${run.url}/throwing`)).body).toBe('two');
    await run.aws.lambda.updateFunctionCode({ FunctionName: 'throwing', ZipFile: code('three') });
    await ready(run, 'throwing');
    await eventually(async () => (await get(`${run.url}/throwing`)).body === 'three');
  }, 120_000);

  it('code that never becomes healthy: what the load balancer says, and mended code is served', async () => {
    const sick = (status: number) =>
      source(
        `export const handler = async (event) => ({ statusCode: event.path === '/health' ? ${status} : 200, body: 'well' });`,
      );
    await createFunction(run, 'sick', sick(500));
    await run.put('sick', {
      source: { functionRef: { name: 'sick' } },
      traffic: { healthCheck: { path: '/health', interval: '5s' } },
    });
    await eventually(async () => (await conditionOf(run, 'sick', 'TrafficShifted'))?.message.includes('[500]'));
    expect(await conditionOf(run, 'sick', 'Ready')).toMatchObject({ status: 'False' });
    await run.aws.lambda.updateFunctionCode({ FunctionName: 'sick', ZipFile: sick(200) });
    await ready(run, 'sick');
    expect((await get(`${run.url}/sick`)).body).toBe('well');
    await run.remove('sick');
    await eventually(async () => (await run.status('sick')) === undefined);
  }, 120_000);

  it('a build that fails: its phase and its log; with the class mended it is built', async () => {
    const standard = await classSpec(run);
    const broken = {
      ...standard,
      build: { ...(standard.build as object), image: (standard.adapter as { image: string }).image },
    };
    await putClass(run, 'frail', broken);
    await run.put('frail', { className: 'frail', source: { functionRef: { name: 'sick' } } });
    const condition = await stalled(run, 'frail', 'BuildFailed');
    expect(condition.message).toMatch(/phase BUILD.*lambdacontainer-build/s);
    expect(condition.message).toContain('/aws/codebuild/lambdacontainer-frail');
    await putClass(run, 'frail', standard);
    // A failed build waits its backoff out, unless somebody asks.
    expect((await cli(['reconcile', 'frail'], folder)).status).toBe(0);
    await ready(run, 'frail');
    expect((await get(`${run.url}/frail`)).body).toBe('well');
    await run.remove('frail');
    await eventually(async () => (await run.status('frail')) === undefined);
  }, 150_000);

  it(
    'a listener that does not exist',
    async () => {
      const spec = (await classSpec(run)) as { listeners: { arn: string }[] };
      const listeners = spec.listeners.map((listener) => ({
        ...listener,
        arn: listener.arn.replace(/[^/]+$/, '0123456789abcdef'),
      }));
      await putClass(run, 'lost', { ...spec, listeners });
      await run.put('lost', {
        className: 'lost',
        source: { functionRef: { name: 'hello' } },
        placement: { mode: 'lambda' },
      });
      const condition = await eventually(async () =>
        (await run.status('lost'))?.conditions.find(({ type, status }) => type === 'Stalled' && status === 'True'),
      );
      expect(condition.message).toMatch(/[Ll]istener/);
      await run.remove('lost');
      await eventually(async () => (await run.status('lost')) === undefined);
    },
    LONG,
  );
});
