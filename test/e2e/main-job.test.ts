/**
 * The main job with the real program: the embedded cloud, the controller as its own process, real tasks, real requests.
 * The tests of this file run in order on one cloud, as a newcomer would go on with what he has.
 */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { CreateFunctionCommand, LambdaClient, PublishLayerVersionCommand } from '@aws-sdk/client-lambda';
import { zipSync } from 'fflate';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { classSpec, code, codeThatKnows, createFunction, createSecret, putClass, ROLE } from './local-account.ts';
import { cli, eventually, get, LocalRun, load, ready, removeFolder, temporaryFolder } from './local-run.ts';

const CLUSTER = 'lambdacontainer';
/** Of the object `changing`, which is there until the end. */
const PLANTED = {
  secret: 'planted0secret0of0secrets0manager',
  functionEnvironment: 'planted1key1of1the1function',
  environment: 'planted2token2of2the2spec',
};
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

/** As extensions are: an executable that registers, and asks for one event after the other. */
const EXTENSION = `#!/usr/bin/env node
const api = 'http://' + process.env.AWS_LAMBDA_RUNTIME_API + '/2020-01-01/extension';
(async () => {
  const registered = await fetch(api + '/register', {
    method: 'POST',
    headers: { 'Lambda-Extension-Name': 'witness' },
    body: JSON.stringify({ events: ['INVOKE', 'SHUTDOWN'] }),
  });
  const id = registered.headers.get('lambda-extension-identifier');
  console.log('the extension is registered');
  for (;;) {
    const next = await fetch(api + '/event/next', { headers: { 'Lambda-Extension-Identifier': id } });
    const { eventType } = await next.json();
    console.log('the extension saw ' + eventType);
    if (eventType === 'SHUTDOWN') return;
  }
})();
`;

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

async function serviceOf(name: string): Promise<string> {
  const status = await run.status(name);
  const service = status?.inventory
    .find(({ kind }) => kind === 'ecs-service')
    ?.name.split('/')
    .at(-1);
  if (!service) throw new Error(`no service: ${JSON.stringify(status, undefined, 1)}`);
  return service;
}

async function ruleOf(name: string) {
  const status = await run.status(name);
  const RuleArn = status?.inventory.find(({ kind }) => kind === 'listener-rule')?.arn ?? '';
  const { Rules } = await run.aws.elbv2.describeRules({ RuleArns: [RuleArn] });
  return { RuleArn, groups: Rules?.[0]?.Actions?.[0]?.ForwardConfig?.TargetGroups ?? [] };
}

/** Breaks something and waits until an event says that it was put right. What is shared is put right by one of its users. */
async function heals(name: string, breakIt: () => Promise<unknown>, users: readonly string[] = [name]): Promise<void> {
  const heard = async (user: string) => (await run.events(user)).filter(({ reason }) => reason === 'Healed');
  const before = await Promise.all(users.map(async (user) => (await heard(user)).length));
  await breakIt();
  const healed = await eventually(async () => {
    const now = await Promise.all(users.map(heard));
    return now.flatMap((events, index) => events[before[index] ?? 0] ?? [])[0];
  });
  expect(healed.message).toMatch(/^put right: /);
  expect(healed.tookMs).toBeGreaterThanOrEqual(0);
  await ready(run, name);
  await eventually(async () => (await get(`${run.url}/${name}`)).status === 200);
}

describe('a newcomer', () => {
  it('sees the example served, and how long it took', async () => {
    expect(run.output).toMatch(/answers 200, [\d.]+s after the start/);
    const answer = await get(`${run.url}/hello`);
    expect(answer.status).toBe(200);
    expect(JSON.parse(answer.body)).toMatchObject({ message: 'Hello from fargate', path: '/hello' });
  });

  it('finds the local cloud by its file', () => {
    expect(run.local).toMatchObject({
      awsEndpoint: expect.stringMatching(/^http:\/\/127\.0\.0\.1:\d+$/),
      tables: { desired: 'lambdacontainer-desired', state: 'lambdacontainer-state' },
    });
  });

  it('lists and describes', async () => {
    const list = await cli(['get'], folder);
    expect(list).toMatchObject({ status: 0, stdout: expect.stringMatching(/hello\s.*Ready/) });
    const described = await cli(['describe', 'hello'], folder);
    expect(described.stdout).toContain('TrafficShifted');
    expect(described.stdout).toContain('ecs-service');
  });

  it('applies a manifest, and is told of a mistake with file, line and remedy', async () => {
    const wrong = await cli(
      ['apply', '-f', '-'],
      folder,
      'apiVersion: lambdacontainer.dev/v1alpha1\nkind: LambdaContainer\nmetadata: {name: x}\nspec:\n  source: {functionRef: {name: hello}}\n  compute: {cpu: 300}\n',
    );
    expect(wrong.status).toBe(1);
    expect(wrong.stderr).toMatch(/:6:.*spec\.compute\.cpu: 300 is not a Fargate size; use 256/);
    expect(wrong.stderr).not.toContain('    at ');
  });

  it(
    'puts a bare record: it is served by the same image, without another build',
    async () => {
      const builds = (await run.builds()).length;
      await run.put('twin', { source: { functionRef: { name: 'hello' } } });
      await ready(run, 'twin');
      expect((await get(`${run.url}/twin`)).status).toBe(200);
      expect((await run.builds()).length).toBe(builds);
      expect((await run.status('twin'))?.revision?.image).toBe((await run.status('hello'))?.revision?.image);
    },
    LONG,
  );
});

describe('placement', () => {
  it(
    'lambda: the function behind the load balancer, no task',
    async () => {
      await run.put('by-lambda', { source: { functionRef: { name: 'hello' } }, placement: { mode: 'lambda' } });
      const status = await ready(run, 'by-lambda');
      expect(status.placement?.serving).toEqual({ lambda: 100, fargate: 0 });
      expect(JSON.parse((await get(`${run.url}/by-lambda`)).body)).toMatchObject({ message: 'Hello from lambda' });
      expect(status.inventory.map(({ kind }) => kind)).not.toContain('ecs-service');
    },
    LONG,
  );

  it(
    'split: one rule with two groups and the weights as asked, both sides answer',
    async () => {
      await run.put('both', {
        source: { functionRef: { name: 'hello' } },
        placement: { mode: 'split', split: { lambda: 50, fargate: 50 } },
        environment: { LAMBDACONTAINER_SIDE: 'fargate' },
      });
      const status = await ready(run, 'both');
      expect(status.placement?.serving).toEqual({ lambda: 50, fargate: 50 });
      expect((await ruleOf('both')).groups.map(({ Weight }) => Weight).sort()).toEqual([50, 50]);
      const sides = new Set<string>();
      await eventually(async () => {
        sides.add((JSON.parse((await get(`${run.url}/both`)).body) as { message: string }).message);
        return sides.size === 2;
      });
      expect([...sides].sort()).toEqual(['Hello from fargate', 'Hello from lambda']);
    },
    LONG,
  );

  it(
    'moves from split to lambda without a failed request, and takes the tasks away',
    async () => {
      const requests = load(`${run.url}/both`, 20);
      await run.put('both', { source: { functionRef: { name: 'hello' } }, placement: { mode: 'lambda' } });
      await ready(
        run,
        'both',
        ({ placement, inventory }) =>
          placement?.serving.lambda === 100 && inventory.every(({ kind }) => kind !== 'ecs-service'),
      );
      const answers = await requests.stop();
      expect(answers.filter(({ status }) => status !== 200)).toEqual([]);
    },
    LONG,
  );
});

describe('the function changes', () => {
  it(
    'is rebuilt and rolled out without a failed request under 50 a second',
    async () => {
      const secretsManager = await createSecret(run, 'changing', JSON.stringify({ password: PLANTED.secret }));
      const hash = createHash('sha256').update(PLANTED.secret).digest('hex');
      const first = codeThatKnows('one', 'DB_PASSWORD', hash);
      await createFunction(run, 'changing', first, { API_KEY: PLANTED.functionEnvironment });
      await run.put('changing', {
        source: { functionRef: { name: 'changing' } },
        secrets: { DB_PASSWORD: { secretsManager, key: 'password' } },
        environment: { SESSION_TOKEN: PLANTED.environment },
        acknowledgePlaintextEnvironment: true,
      });
      run.plant({ name: 'changing', values: PLANTED });
      await ready(run, 'changing');
      const requests = load(`${run.url}/changing`, 50);
      await eventually(async () => requests.answers.length > 20);
      await run.aws.lambda.updateFunctionCode({ FunctionName: 'changing', ZipFile: code('two') });
      await ready(run, 'changing', ({ revision }) => revision?.current === 2);
      await eventually(async () => requests.answers.slice(-20).every(({ body }) => body === 'two'));
      const answers = await requests.stop();
      expect(answers.filter(({ status }) => status !== 200)).toEqual([]);
      expect(new Set(answers.map(({ body }) => body))).toEqual(new Set(['one', 'two']));
    },
    LONG,
  );
});

describe('layers', () => {
  it(
    'lie in /opt of the image, in order, and their extensions are started',
    async () => {
      const lambda = new LambdaClient({
        region: 'us-east-1',
        endpoint: run.local.awsEndpoint,
        credentials: { accessKeyId: 'test', secretAccessKey: 'test' },
      });
      const { LayerVersionArn = '' } = await lambda.send(
        new PublishLayerVersionCommand({
          LayerName: 'greeting',
          Content: {
            ZipFile: zipSync({
              'nodejs/node_modules/greeting/index.js': Buffer.from("module.exports = 'from the layer';"),
              'extensions/witness': [Buffer.from(EXTENSION), { os: 3, attrs: 0o755 << 16 }],
            }),
          },
        }),
      );
      await lambda.send(
        new CreateFunctionCommand({
          FunctionName: 'layered',
          Role: ROLE,
          Runtime: 'nodejs22.x',
          Handler: 'index.handler',
          Layers: [LayerVersionArn],
          Code: {
            ZipFile: zipSync({
              'index.js': Buffer.from(
                "exports.handler = async () => ({ statusCode: 200, body: require('greeting') });",
              ),
            }),
          },
        }),
      );
      lambda.destroy();
      await run.put('layered', { source: { functionRef: { name: 'layered' } } });
      await ready(run, 'layered');
      expect((await get(`${run.url}/layered`)).body).toBe('from the layer');
      const told = await eventually(async () => {
        const { stdout } = await cli(['logs', 'layered', '--side', 'fargate'], folder);
        return stdout.includes('the extension saw INVOKE') && stdout;
      });
      expect(told).toContain('the extension is registered');
      await run.remove('layered');
      await eventually(async () => (await run.status('layered')) === undefined);
    },
    LONG,
  );
});

describe('what somebody breaks is put right', () => {
  it(
    'a task is stopped',
    async () => {
      const service = await serviceOf('hello');
      const { taskArns = [] } = await run.aws.ecs.listTasks({ cluster: CLUSTER, serviceName: service });
      await heals('hello', () => run.aws.ecs.stopTask({ cluster: CLUSTER, task: taskArns[0] }));
    },
    LONG,
  );

  it(
    'the service is deleted: its name stays draining, another takes its place',
    async () => {
      const service = await serviceOf('hello');
      await heals('hello', () => run.aws.ecs.deleteService({ cluster: CLUSTER, service, force: true }));
      // What was healed first may still be of the task that was stopped before.
      await eventually(async () => (await serviceOf('hello')) !== service);
      await ready(run, 'hello');
    },
    LONG,
  );

  it(
    'the weights are edited',
    async () => {
      const { RuleArn, groups } = await ruleOf('hello');
      await heals('hello', () =>
        run.aws.elbv2.modifyRule({
          RuleArn,
          Actions: [
            {
              Type: 'forward',
              ForwardConfig: { TargetGroups: groups.map(({ TargetGroupArn }) => ({ TargetGroupArn, Weight: 0 })) },
            },
          ],
        }),
      );
    },
    LONG,
  );

  it(
    'the rule is pointed elsewhere',
    async () => {
      const { RuleArn } = await ruleOf('hello');
      const elsewhere = await ruleOf('twin');
      await heals('hello', () =>
        run.aws.elbv2.modifyRule({
          RuleArn,
          Actions: [{ Type: 'forward', TargetGroupArn: elsewhere.groups[0]?.TargetGroupArn }],
        }),
      );
    },
    LONG,
  );

  it(
    'rule and target group are deleted',
    async () => {
      const { RuleArn, groups } = await ruleOf('hello');
      await heals('hello', async () => {
        await run.aws.elbv2.deleteRule({ RuleArn });
        await run.aws.elbv2.deleteTargetGroup({ TargetGroupArn: groups[0]?.TargetGroupArn });
      });
    },
    LONG,
  );

  it(
    'the image is deleted',
    async () => {
      const builds = (await run.builds()).length;
      const { imageDetails = [] } = await run.aws.ecr.describeImages({ repositoryName: 'lambdacontainer/default' });
      const image = (await run.status('hello'))?.revision?.image;
      expect(imageDetails.map(({ imageDigest }) => imageDigest)).toContain(image);
      await heals(
        'hello',
        () =>
          run.aws.ecr.batchDeleteImage({
            repositoryName: 'lambdacontainer/default',
            imageIds: [{ imageDigest: image }],
          }),
        ['hello', 'twin'],
      );
      expect((await run.builds()).length).toBe(builds + 1);
      expect((await run.status('hello'))?.revision?.image).toBe(image);
    },
    LONG,
  );

  it(
    'the service is pointed at another task definition',
    async () => {
      const service = await serviceOf('hello');
      const other = (await run.status('twin'))?.revision?.taskDefinition;
      await heals('hello', () => run.aws.ecs.updateService({ cluster: CLUSTER, service, taskDefinition: other }));
    },
    LONG,
  );

  it(
    'the build project is deleted',
    async () => {
      const deleteProject = () => run.aws.codebuild.deleteProject({ name: 'lambdacontainer-standard' });
      await heals('hello', deleteProject, ['hello', 'twin', 'changing']);
      const { projects = [] } = await run.aws.codebuild.batchGetProjects({ names: ['lambdacontainer-standard'] });
      expect(projects).toHaveLength(1);
    },
    LONG,
  );
});

describe('ends and beginnings', () => {
  it('a controller killed in the middle of a build starts again, with no twin and no second build', async () => {
    const builds = (await run.builds()).length;
    await run.aws.lambda.updateFunctionCode({ FunctionName: 'changing', ZipFile: code('three') });
    await eventually(async () => (await run.builds()).length > builds);
    process.kill(await run.controllerPid(), 'SIGKILL');
    await run.says('is started again');
    await ready(run, 'changing');
    await eventually(async () => (await get(`${run.url}/changing`)).body === 'three');
    expect((await run.builds()).length).toBe(builds + 1);
    const { serviceArns = [] } = await run.aws.ecs.listServices({ cluster: CLUSTER });
    expect(serviceArns.filter((arn) => arn.includes('changing'))).toHaveLength(1);
  }, 90_000);

  it(
    'deletes what it made in reverse, and nothing of the user’s',
    async () => {
      // So many of so few would be held.
      await putClass(run, 'standard', { ...(await classSpec(run)), deletion: { maxDeletePercent: 100 } });
      for (const name of ['hello', 'twin', 'by-lambda', 'both']) await run.remove(name);
      await eventually(
        async () => (await run.status('hello')) === undefined && (await run.status('twin')) === undefined,
      );
      await eventually(
        async () => (await run.status('both')) === undefined && (await run.status('by-lambda')) === undefined,
      );
      const { serviceArns = [] } = await run.aws.ecs.listServices({ cluster: CLUSTER });
      expect(serviceArns).toHaveLength(1);
      const { TargetGroups = [] } = await run.aws.elbv2.describeTargetGroups({});
      expect(TargetGroups).toHaveLength(1);
      await expect(run.aws.lambda.getPolicy({ FunctionName: 'hello' })).rejects.toMatchObject({ kind: 'notFound' });
      expect((await run.aws.lambda.getFunction({ FunctionName: 'hello' })).Configuration?.State).toBe('Active');
      expect((await get(`${run.url}/hello`)).status).toBe(404);
    },
    LONG,
  );

  it(
    'retain: our tags go, everything runs on',
    async () => {
      await run.put('kept', { source: { functionRef: { name: 'hello' } }, deletionPolicy: 'retain' });
      await ready(run, 'kept');
      await run.remove('kept');
      await eventually(async () => (await run.status('kept')) === undefined);
      expect((await get(`${run.url}/kept`)).status).toBe(200);
      const { serviceArns = [] } = await run.aws.ecs.listServices({ cluster: CLUSTER });
      const { services = [] } = await run.aws.ecs.describeServices({
        cluster: CLUSTER,
        services: serviceArns.filter((arn) => arn.includes('kept')),
        include: ['TAGS'],
      });
      expect(services[0]).toMatchObject({ status: 'ACTIVE', tags: [] });
    },
    LONG,
  );

  it('Ctrl-C ends everything quickly, and a new start goes on where it was without a build', async () => {
    const builds = await run.builds();
    const ended = await run.stop();
    expect(ended.status).toBe(0);
    expect(ended.tookMs).toBeLessThan(10_000);
    run = new LocalRun(folder);
    await run.says('Try next');
    expect(await run.builds()).toEqual(builds);
    expect((await get(`${run.url}/changing`)).body).toBe('three');
  }, 90_000);

  it(
    'SIGKILL of everything loses nothing',
    async () => {
      const builds = await run.builds();
      const controller = await run.controllerPid();
      run.signal('SIGKILL');
      await run.ended;
      await eventually(async () => !isAlive(controller));
      run = new LocalRun(folder);
      await run.says('Try next');
      expect(await run.builds()).toEqual(builds);
      expect((await get(`${run.url}/changing`)).body).toBe('three');
      expect(readFileSync(join(folder, 'local.json'), 'utf8')).toContain('awsEndpoint');
    },
    LONG,
  );
});
