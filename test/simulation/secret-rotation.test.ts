/**
 * A secret that several objects share is rotated: the production controller on the local cloud, under virtual time, with
 * IAM enforced. Each object's tasks are replaced once, as many objects at a time as the class's disruption budget says,
 * and the values are nowhere but in the tasks.
 */
import { pino } from 'pino';
import { afterEach, expect, it } from 'vitest';
import { putClassPolicies } from '../../src/cli/local/controller-identity.ts';
import { createEventRules } from '../../src/cli/local/event-rules.ts';
import { World } from './world.ts';

const OLD = 'planted-old-password';
const NEW = 'planted-new-password';
const CLUSTER = 'lambdacontainer';
const TRAIL_MS = 20_000;
const ON_FARGATE = { source: { functionRef: { name: 'hello' } }, placement: { mode: 'fargate' } };

let world: World | undefined;
const lines: string[] = [];

afterEach(async () => {
  await world?.stop();
  world?.cloud.close();
  world = undefined;
  lines.length = 0;
});

interface Served {
  readonly w: World;
  readonly names: readonly string[];
  readonly arn: string;
}

async function served(size: number, maxConcurrent: number): Promise<Served> {
  const w = new World(11, { events: { delayMs: 400, trail: { delayMs: TRAIL_MS } } });
  world = w;
  w.logger = pino({ level: 'debug' }, { write: (line: string) => void lines.push(line) });
  await w.bootstrap();
  putClassPolicies(w.cloud);
  w.eventsQueue = await createEventRules(w.aws, w);
  const { ARN: arn } = w.cloud.call('secretsmanager', 'CreateSecret', {
    Name: 'lambdacontainer/tasks/db',
    SecretString: JSON.stringify({ password: OLD, user: 'shop' }),
  }) as { ARN: string };
  const record = await w.desired.get({ namespace: '_system', name: 'class/standard' });
  const { spec = {}, ...rest } = (record?.item ?? {}) as { spec?: object };
  await w.putRecord({ ...rest, spec: { ...spec, disruption: { maxConcurrent } } });
  w.start();
  const names = Array.from({ length: size }, (_, index) => `app-${index}`);
  const secrets = {
    DB_PASSWORD: { secretsManager: arn, key: 'password' },
    DB_USER: { secretsManager: arn, key: 'user' },
  };
  for (const name of names) await w.put('shop', name, { ...ON_FARGATE, secrets });
  await w.until('all are Ready', () => allReady(w, names));
  await w.run(TRAIL_MS + 60_000);
  w.mutations.length = 0;
  return { w, names, arn };
}

async function allReady(w: World, names: readonly string[]): Promise<boolean> {
  for (const name of names) if (!(await w.isReady('shop', name))) return false;
  return true;
}

function rotate(w: World, password: string): void {
  w.cloud.call('secretsmanager', 'PutSecretValue', {
    SecretId: 'lambdacontainer/tasks/db',
    SecretString: JSON.stringify({ password, user: 'shop' }),
  });
}

/** What the code of each task that runs has for its password. */
function passwords(w: World): string[] {
  return w.launches.flatMap(({ containers }) =>
    containers.flatMap(({ name, environment }) => (name === 'front' ? [] : [environment.DB_PASSWORD ?? ''])),
  );
}

async function services(w: World) {
  const { serviceArns = [] } = await w.aws.ecs.listServices({ cluster: CLUSTER });
  const { services: found = [] } = await w.aws.ecs.describeServices({ cluster: CLUSTER, services: serviceArns });
  return found;
}

/** Runs until all tasks have the password and all is well; the most services that were being replaced at once. */
async function rolledOut(w: World, names: readonly string[], password: string): Promise<number> {
  let rolling = 0;
  for (let seconds = 0; seconds < 1_800; seconds += 2) {
    const all = await services(w);
    rolling = Math.max(rolling, all.filter(({ deployments = [] }) => deployments.length > 1).length);
    for (const { runningCount = 0, desiredCount = 0, serviceName, deployments = [] } of all) {
      expect(runningCount, `${serviceName} serves`).toBeGreaterThanOrEqual(desiredCount);
      expect(deployments.map(({ failedTasks }) => failedTasks ?? 0).every((failed) => failed === 0)).toBe(true);
    }
    const tasks = passwords(w);
    if (tasks.length === names.length && tasks.every((has) => has === password) && (await allReady(w, names))) {
      return rolling;
    }
    await w.run(2_000);
  }
  throw new Error('not within half an hour');
}

it('a rotation replaces the tasks of each object once, one object after the other, and never a value shows', async () => {
  const { w, names, arn } = await served(2, 1);
  expect(passwords(w)).toEqual([OLD, OLD]);
  rotate(w, NEW);
  expect(await rolledOut(w, names, NEW), 'the budget of the class').toBe(1);
  await w.run(120_000);
  expect(w.mutations.filter((call) => call === 'ecs registerTaskDefinition')).toHaveLength(2);
  expect(w.mutations.filter((call) => call === 'ecs updateService')).toHaveLength(2);
  expect(w.unproven).toEqual([]);
  expect(w.denials).toEqual([]);

  // The revision says which version, and nobody says which value.
  const { versionId } = await currentVersion(w, arn);
  const { taskDefinitionArns = [] } = await w.aws.ecs.listTaskDefinitions({});
  const definitions = await Promise.all(
    taskDefinitionArns.map(async (taskDefinition) => w.aws.ecs.describeTaskDefinition({ taskDefinition })),
  );
  expect(JSON.stringify(definitions)).toContain(`DB_PASSWORD=${versionId} DB_USER=${versionId}`);
  const { Items = [] } = await w.aws.dynamodb.scan({ TableName: 'lambdacontainer-state' });
  const everything = [
    ...lines,
    ...definitions.map((one) => JSON.stringify(one)),
    ...Items.map((one) => JSON.stringify(one)),
  ];
  expect(lines.some((line) => line.includes('SecretVersionDrift') || line.includes('new version of a secret'))).toBe(
    true,
  );
  expect(everything.filter((text) => text.includes(OLD) || text.includes(NEW))).toEqual([]);

  // The same version once more, or another label: nothing to do.
  w.mutations.length = 0;
  w.cloud.call('secretsmanager', 'PutSecretValue', {
    SecretId: arn,
    SecretString: '{}',
    VersionStages: ['AWSPENDING'],
  });
  await w.run(TRAIL_MS + 60_000);
  expect(w.mutations).toEqual([]);
});

it.skipIf(!process.env.EVERY)('a controller that dies on the way goes on where it was', async () => {
  const { w, names } = await served(2, 1);
  rotate(w, NEW);
  await w.until('the first is being replaced', async () =>
    (await services(w)).some(({ deployments = [] }) => deployments.length > 1),
  );
  // Long enough for the other to be told of it, looked at, and made to wait.
  await w.run(10_000);
  w.kill();
  w.start();
  expect(await rolledOut(w, names, NEW)).toBe(1);
  await w.run(60_000);
  expect(w.mutations.filter((call) => call === 'ecs updateService')).toHaveLength(2);
});

it('a secret that is marked for deletion is told, and what runs goes on', async () => {
  const { w, names, arn } = await served(1, 1);
  const [name = ''] = names;
  w.cloud.call('secretsmanager', 'DeleteSecret', { SecretId: arn });
  await w.until('it is told', async () => {
    const { conditions = [] } = (await w.status('shop', name)) ?? {};
    return conditions.some(({ type, reason }) => type === 'Stalled' && reason === 'SecretDeleted');
  });
  expect(w.mutations).toEqual([]);
  expect((await services(w)).map(({ runningCount }) => runningCount)).toEqual([1]);
  w.cloud.call('secretsmanager', 'RestoreSecret', { SecretId: arn });
  await w.until('it is well again', () => w.isReady('shop', name));
  expect(w.mutations).toEqual([]);
});

async function currentVersion(w: World, SecretId: string): Promise<{ versionId: string | undefined }> {
  const { VersionIdsToStages = {} } = await w.aws.secretsmanager.describeSecret({ SecretId });
  const current = Object.entries(VersionIdsToStages).find(([, stages]) => stages.includes('AWSCURRENT'));
  return { versionId: current?.[0] };
}
