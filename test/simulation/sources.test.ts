/** Objects without a function: an image whose tag moves, a repository, an archive, a base image that moves. */
import { afterEach, expect, it } from 'vitest';
import { fromItem, toItem } from '../../src/aws/index.ts';
import { createEventRules, EVENTS_QUEUE } from '../../src/cli/local/event-rules.ts';
import { functionCode, World } from './world.ts';

let world: World | undefined;
afterEach(async () => {
  await world?.stop();
  world?.cloud.close();
  world = undefined;
});

const URI = '127.0.0.1:4577/team/checkout:1.4';
let first: string;
let second: string;

async function started(): Promise<World> {
  world = new World(7);
  await world.bootstrap();
  first = world.putImage('team/checkout', 'first');
  second = world.putImage('team/checkout', 'second');
  world.digests.set(URI, first);
  world.start();
  return world;
}

const ready = (w: World) => w.until('Ready', () => w.isReady('shop', 'checkout'));

/** What the service's tasks run now. */
async function imageOf(w: World): Promise<string | undefined> {
  const { serviceArns = [] } = await w.aws.ecs.listServices({ cluster: 'lambdacontainer' });
  const { services = [] } = await w.aws.ecs.describeServices({ cluster: 'lambdacontainer', services: serviceArns });
  const { taskDefinition } = services[0] ?? {};
  if (!taskDefinition) return undefined;
  const described = await w.aws.ecs.describeTaskDefinition({ taskDefinition });
  const containers = described.taskDefinition?.containerDefinitions ?? [];
  return containers.find(({ name }) => name !== 'front')?.image?.split('@')[1] ?? containers[0]?.image?.split('@')[1];
}

async function condition(w: World, type: string) {
  const status = await w.status('shop', 'checkout');
  return status?.conditions.find((candidate) => candidate.type === type);
}

it('follows the tag of an image, through a rollout, and settles', async () => {
  const w = await started();
  await w.put('shop', 'checkout', { source: { image: { uri: URI, interval: '1m' } } });
  await ready(w);
  expect(await imageOf(w)).toBe(first);
  expect((await w.status('shop', 'checkout'))?.revision).toMatchObject({ current: 1, image: first });
  expect((await w.status('shop', 'checkout'))?.source).toMatchObject({ codeSha256: first });
  expect(w.builds, 'an image is not built').toBe(0);

  w.digests.set(URI, second);
  const tookMs = await w.until('the second image', async () => (await imageOf(w)) === second);
  expect(tookMs).toBeLessThanOrEqual(70_000);
  await ready(w);
  await w.until('its revision', async () => (await w.status('shop', 'checkout'))?.revision?.image === second);
  await w.run(120_000);
  w.mutations.length = 0;
  await w.run(300_000);
  expect(w.mutations).toEqual([]);
});

it('keeps the digest of a tag that it does not follow, says so, and takes it when it may', async () => {
  const w = await started();
  const spec = { source: { image: { uri: URI, track: 'digest' } } };
  await w.put('shop', 'checkout', spec);
  await ready(w);
  w.digests.set(URI, second);
  await w.put('shop', 'checkout', { ...spec, environment: { ANY: 'change' } });
  await w.until('told', async () => (await condition(w, 'SourceResolved'))?.reason === 'ImageOutdated');
  await ready(w);
  expect(await imageOf(w)).toBe(first);
  expect((await condition(w, 'SourceResolved'))?.message).toContain(`${URI} means ${second} by now; ${first} is kept`);

  await w.put('shop', 'checkout', { ...spec, source: { image: { uri: URI, track: 'tag' } } });
  await w.until('the second image', async () => (await imageOf(w)) === second);
});

it('builds another commit of a repository once, and no commit twice', async () => {
  const w = await started();
  const repository = { url: 'https://git.example.com/shop.git', ref: 'main' };
  w.commits.set(`${repository.url} main`, 'a'.repeat(40));
  await w.put('shop', 'checkout', { source: { repository } });
  await ready(w);
  expect(w.builds).toBe(1);
  expect((await w.status('shop', 'checkout'))?.source?.codeSha256).toBe('a'.repeat(40));
  const before = await imageOf(w);

  w.commits.set(`${repository.url} main`, 'b'.repeat(40));
  await w.put('shop', 'checkout', { source: { repository }, environment: { ANY: 'change' } });
  await w.until('another image', async () => (await imageOf(w)) !== before);
  await ready(w);
  w.commits.set(`${repository.url} main`, 'a'.repeat(40));
  await w.put('shop', 'checkout', { source: { repository } });
  await w.until('the first image', async () => (await imageOf(w)) === before);
  expect(w.builds).toBe(2);
});

it('builds again when the base image moves, unless it is told to keep it', async () => {
  const w = await started();
  const base = 'public.ecr.aws/lambda/nodejs:22';
  w.digests.set(base, first);
  const spec = { source: { functionRef: { name: 'hello' } }, build: { trackBaseImage: false } };
  await w.put('shop', 'checkout', spec);
  await ready(w);
  expect(w.builds).toBe(1);
  w.digests.set(base, second);
  await w.put('shop', 'checkout', { ...spec, environment: { ANY: 'change' } });
  await w.until('told', async () => (await condition(w, 'ImageBuilt'))?.reason === 'BaseImageOutdated');
  await ready(w);
  expect(w.builds).toBe(1);

  // Another leader knows from the state table what was kept.
  await w.stop();
  w.start();
  await w.put('shop', 'checkout', { ...spec, environment: { ANY: 'other change' } });
  await w.run(60_000);
  expect(w.builds).toBe(1);

  await w.put('shop', 'checkout', { ...spec, build: { trackBaseImage: true } });
  await w.until('another build', async () => w.builds === 2);
  await ready(w);
});

it('removes images and task definitions that no kept revision needs, and no others', async () => {
  const w = await started();
  const spec = { source: { functionRef: { name: 'hello' } }, rollout: { history: 2 } };
  await w.put('shop', 'checkout', spec);
  await ready(w);
  for (const code of ['two', 'three']) {
    const before = (await w.status('shop', 'checkout'))?.revision?.current ?? 0;
    await w.aws.lambda.updateFunctionCode({ FunctionName: 'hello', ZipFile: functionCode(code) });
    await w.put('shop', 'checkout', { ...spec, environment: { CODE: code } });
    await w.until(
      `a revision of ${code}`,
      async () => ((await w.status('shop', 'checkout'))?.revision?.current ?? 0) > before,
    );
    await ready(w);
  }
  await w.run(120_000);
  const { imageDetails = [] } = await w.aws.ecr.describeImages({ repositoryName: 'lambdacontainer/shop' });
  const { taskDefinitionArns = [] } = await w.aws.ecs.listTaskDefinitions({ status: 'ACTIVE' });
  const revisions = [...(await w.state.loadAll())].flatMap(([, stored]) => [...stored.revisions.values()]);
  expect(revisions).toHaveLength(2);
  expect(imageDetails.map(({ imageDigest }) => imageDigest).sort()).toEqual(
    revisions.map(({ body }) => body.image).sort(),
  );
  expect([...taskDefinitionArns].sort()).toEqual(revisions.map(({ body }) => body.taskDefinition).sort());
});

it('lets images wait for their turn to be built, without calling that a failure', async () => {
  const w = await started();
  const key = { namespace: '_system', name: 'class/standard' };
  const { Item } = await w.aws.dynamodb.getItem({ TableName: w.desiredTable, Key: toItem(key) });
  const { spec } = fromItem(Item ?? {}) as { spec: { build: object } };
  await w.putRecord({
    ...key,
    kind: 'LambdaContainerClass',
    spec: { ...spec, build: { ...spec.build, concurrency: 1 } },
  });
  const repository = { url: 'https://git.example.com/shop.git' };
  const names = ['one', 'two', 'three'];
  for (const [index, name] of names.entries()) {
    w.commits.set(`${repository.url} ${name}`, String(index + 1).repeat(40));
    await w.put('shop', name, { source: { repository: { ...repository, ref: name } } });
  }
  const seen = new Set<string>();
  let runningMax = 0;
  await w.until('all are Ready', async () => {
    const { ids = [] } = await w.aws.codebuild
      .listBuildsForProject({ projectName: 'lambdacontainer-standard' })
      .catch(() => ({ ids: [] }));
    const { builds = [] } = ids.length > 0 ? await w.aws.codebuild.batchGetBuilds({ ids }) : {};
    runningMax = Math.max(runningMax, builds.filter(({ buildStatus }) => buildStatus === 'IN_PROGRESS').length);
    for (const name of names) {
      const conditions = (await w.status('shop', name))?.conditions ?? [];
      const waits = conditions.some(({ type, reason }) => type === 'ImageBuilt' && reason === 'AwaitingBuildSlot');
      if (waits) seen.add(name);
      expect(waits && conditions.some(({ type, status }) => type === 'Stalled' && status === 'True')).toBe(false);
    }
    return (await Promise.all(names.map((name) => w.isReady('shop', name)))).every(Boolean);
  });
  expect(runningMax).toBe(1);
  expect(seen.size).toBe(2);
  expect(w.builds).toBe(3);
});

it('builds another content of an archive once, follows its bucket by events, and no content twice', async () => {
  world = new World(7, { events: { delayMs: 500 } });
  const w = world;
  await w.bootstrap();
  await createEventRules(w.aws, { accountId: '000000000000', region: w.region });
  w.eventsQueue = EVENTS_QUEUE;
  const Bucket = 'lambdacontainer-archives';
  w.cloud.call('s3', 'CreateBucket', { Bucket });
  w.cloud.call('s3', 'PutBucketNotificationConfiguration', {
    Bucket,
    NotificationConfiguration: { EventBridgeConfiguration: {} },
  });
  const put = (code: string) => {
    const answer = w.cloud.call('s3', 'PutObject', { Bucket, Key: 'shop.zip', Body: functionCode(code) });
    return (answer as { ETag: string }).ETag.replaceAll('"', '');
  };
  const one = put('one');
  w.start();
  const archive = { s3: { bucket: Bucket, key: 'shop.zip' }, runtime: 'nodejs22.x', handler: 'index.handler' };
  await w.put('shop', 'checkout', { source: { archive } });
  await ready(w);
  expect(w.builds).toBe(1);
  const before = await imageOf(w);
  const source = async () => (await w.status('shop', 'checkout'))?.source;
  expect(await source()).toMatchObject({ codeSha256: one, lastModified: expect.stringMatching(/Z$/) });
  await w.run(120_000);

  const two = put('two');
  const tookMs = await w.until('another build', async () => w.builds === 2);
  expect(tookMs).toBeLessThanOrEqual(10_000);
  await w.until('another image', async () => (await imageOf(w)) !== before);
  await ready(w);
  expect(await source()).toMatchObject({ codeSha256: two });

  put('one');
  await w.until('the first image', async () => (await imageOf(w)) === before);
  await ready(w);
  expect(w.builds).toBe(2);
  await w.run(120_000);
  w.mutations.length = 0;
  await w.run(300_000);
  expect(w.mutations).toEqual([]);

  w.cloud.call('s3', 'DeleteObject', { Bucket, Key: 'shop.zip' });
  await w.put('shop', 'checkout', { source: { archive }, environment: { ANY: 'change' } });
  await w.until('missed', async () => (await condition(w, 'SourceResolved'))?.status === 'False');
  expect(await imageOf(w), 'what runs goes on').toBe(before);
});
