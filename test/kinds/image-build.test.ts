import { describe, expect, it } from 'vitest';
import type { Failure } from '../../src/core/index.ts';
import { tailOf } from '../../src/kinds/image-build/log-tail.ts';
import { imageBuild, type ObservedBuild } from '../../src/kinds/index.ts';
import { awsFailure, CALL, fakeIo } from './fakes.ts';

const IDENTITY = { repositoryName: 'lc/shop', tag: 'v1-abc', projectName: 'lc' };
const DIGEST = `sha256:${'a'.repeat(64)}`;
const MINUTE = 60_000;

/** ECR with one repository and CodeBuild with one project, as far as an image needs them. */
class World {
  readonly images = new Map<string, string>();
  readonly builds: { id: string; status: string; tag: string; startMs: number; endMs?: number; failure?: string }[] =
    [];
  readonly tokens: string[] = [];
  /** What builds print. */
  log: readonly string[] | 'denied' = [];
  accountIsFull = false;
  nowMs = 0;
  started = 0;
  repository = true;
  project = true;
  /** Happens between two reads. */
  beforeListing: () => void = () => {};

  readonly fake = fakeIo({
    ecr: {
      describeImages: ({ imageIds }) => {
        if (!this.repository) throw awsFailure('RepositoryNotFoundException');
        const digest = this.images.get(imageIds[0].imageTag);
        if (!digest) throw awsFailure('ImageNotFoundException');
        return { imageDetails: [{ imageDigest: digest }] };
      },
      describeRepositories: () => {
        if (!this.repository) throw awsFailure('RepositoryNotFoundException');
        return { repositories: [{ repositoryUri: 'registry.example/lc/shop' }] };
      },
      batchDeleteImage: ({ imageIds }) =>
        this.images.delete(imageIds[0].imageTag)
          ? { imageIds, failures: [] }
          : { failures: [{ imageId: imageIds[0], failureCode: 'ImageNotFound' }] },
    },
    logs: {
      getLogEvents: ({ logGroupName, logStreamName }) => {
        if (this.log === 'denied') throw awsFailure('AccessDeniedException');
        return { events: this.log.map((message) => ({ message: `${logGroupName} ${logStreamName} ${message}` })) };
      },
    },
    codebuild: {
      listBuildsForProject: () => {
        this.beforeListing();
        if (!this.project) throw awsFailure('ResourceNotFoundException');
        return { ids: this.builds.map(({ id }) => id) };
      },
      batchGetBuilds: ({ ids }) => ({
        builds: this.builds
          .filter(({ id }) => ids.includes(id))
          .map(({ id, status, tag, startMs, endMs, failure }) => ({
            id,
            buildStatus: status,
            currentPhase: status === 'IN_PROGRESS' ? 'BUILD' : 'COMPLETED',
            startTime: new Date(startMs),
            ...(endMs === undefined ? {} : { endTime: new Date(endMs) }),
            environment: { environmentVariables: [{ name: 'LAMBDACONTAINER_INPUTS', value: tag }] },
            logs: { groupName: 'builds', streamName: id },
            phases: [
              { phaseType: 'QUEUED', phaseStatus: 'SUCCEEDED' },
              ...(failure ? [{ phaseType: 'BUILD', phaseStatus: 'FAILED', contexts: [{ message: failure }] }] : []),
            ],
          })),
      }),
      startBuild: ({ idempotencyToken, environmentVariablesOverride }) => {
        if (this.accountIsFull) throw awsFailure('AccountLimitExceededException');
        if (this.tokens.includes(idempotencyToken)) return { build: { id: this.builds[0]?.id } };
        this.tokens.push(idempotencyToken);
        const tag = environmentVariablesOverride.find(
          ({ name }: { name: string }) => name === 'LAMBDACONTAINER_INPUTS',
        );
        this.begin(tag.value);
        return { build: { id: this.builds[0]?.id } };
      },
      stopBuild: ({ id }) => {
        for (const build of this.builds) if (build.id === id) build.status = 'STOPPED';
      },
      batchDeleteBuilds: ({ ids }) => {
        for (const id of ids)
          this.builds.splice(
            this.builds.findIndex((build) => build.id === id),
            1,
          );
      },
    },
  });

  begin(tag = IDENTITY.tag) {
    const number = ++this.started;
    this.builds.unshift({ id: `lc:${number}`, status: 'IN_PROGRESS', tag, startMs: number * MINUTE });
  }

  end(status: string, failure?: string) {
    const [newest] = this.builds;
    if (!newest) throw new Error('no build');
    Object.assign(newest, { status, endMs: newest.startMs + MINUTE, ...(failure ? { failure } : {}) });
    if (status === 'SUCCEEDED') this.images.set(newest.tag, DIGEST);
  }

  observe = () => imageBuild.observe({ ...this.fake.io, nowMs: () => this.nowMs }, IDENTITY, {});
}

const desired = { environment: { LAMBDACONTAINER_INPUTS: IDENTITY.tag } };

describe('image-build', () => {
  it('goes from nothing to an image by one build', async () => {
    const world = new World();
    expect(await world.observe()).toBeUndefined();
    await imageBuild.create(world.fake.io, IDENTITY, desired, CALL);
    const building = await world.observe();
    expect(building && imageBuild.readiness(building, desired)).toMatchObject({
      state: 'pending',
      reason: 'Building',
      message: 'build lc:1 is in phase BUILD; log: builds/lc:1',
      acceptsUpdate: false,
      usable: false,
      sinceMs: MINUTE,
    });
    await imageBuild.create(world.fake.io, IDENTITY, desired, CALL);
    expect(world.builds.length, 'a repeated create finds the build in progress').toBe(1);
    world.end('SUCCEEDED');
    const built = await world.observe();
    expect(built).toEqual({ image: { digest: DIGEST, uri: `registry.example/lc/shop@${DIGEST}` }, builds: [] });
    expect(built && imageBuild.readiness(built, desired)).toEqual({ state: 'ready' });
    expect(built && imageBuild.outputs(built)).toEqual({ digest: DIGEST, uri: `registry.example/lc/shop@${DIGEST}` });
  });

  it('asks CodeBuild to read secrets, and hands on their names alone', async () => {
    const asked: unknown[] = [];
    const { io } = fakeIo({
      codebuild: {
        listBuildsForProject: () => ({ ids: [] }),
        startBuild: (input) => {
          asked.push(...input.environmentVariablesOverride);
          return { build: { id: 'lc:1' } };
        },
      },
    });
    await imageBuild.create(io, IDENTITY, { environment: { A: 'b' }, secrets: { KEY: 'sources/acme' } }, CALL);
    expect(asked).toEqual([
      { name: 'A', value: 'b', type: 'PLAINTEXT' },
      { name: 'KEY', value: 'sources/acme', type: 'SECRETS_MANAGER' },
    ]);
  });

  it('costs one call once it is there', async () => {
    const world = new World();
    world.images.set(IDENTITY.tag, DIGEST);
    await world.observe();
    world.fake.calls.length = 0;
    await world.observe();
    expect(world.fake.calls).toEqual(['ecr.describeImages']);
  });

  it('does not take a build that pushed between two reads for a lost image', async () => {
    const world = new World();
    world.begin();
    world.beforeListing = () => world.end('SUCCEEDED');
    expect((await world.observe())?.image?.digest).toBe(DIGEST);
  });

  it('is absent when its image was deleted, and is then built anew within the life of a token', async () => {
    const world = new World();
    await imageBuild.create(world.fake.io, IDENTITY, desired, CALL);
    world.end('SUCCEEDED');
    world.images.clear();
    world.nowMs = 2 * MINUTE + 15_000;
    expect(await world.observe()).toBeUndefined();
    await imageBuild.create(world.fake.io, IDENTITY, desired, CALL);
    expect(world.builds.map(({ status }) => status)).toEqual(['IN_PROGRESS', 'SUCCEEDED']);
  });

  it('is neither absent nor let go of while what a build has just pushed may not be shown yet', async () => {
    const world = new World();
    world.begin();
    world.end('SUCCEEDED');
    world.images.clear();
    world.nowMs = 2 * MINUTE + 14_000;
    const observed = await world.observe();
    if (!observed) throw new Error('it is not absent');
    const reason = 'AwaitingVisibility';
    expect(imageBuild.readiness(observed, desired)).toMatchObject({ state: 'pending', reason, acceptsUpdate: false });
    expect(imageBuild.readiness(observed, undefined)).toMatchObject({ state: 'ending', reason });
  });

  it.each([
    { name: 'no repository', change: (world: World) => Object.assign(world, { repository: false }) },
    { name: 'no project', change: (world: World) => Object.assign(world, { project: false }) },
    { name: "another image's build", change: (world: World) => world.begin('v1-other') },
  ])('is absent with $name', async ({ change }) => {
    const world = new World();
    change(world);
    expect(await world.observe()).toBeUndefined();
  });

  it('is not begun on an answer from before there was a project, which knows of no build that runs', async () => {
    const world = new World();
    world.project = false;
    const refusal = { code: 'AwaitingBuildSlot', kind: 'throttled', retryAfterMs: 2_000 };
    await expect(imageBuild.create(world.fake.io, IDENTITY, desired, CALL)).rejects.toMatchObject(refusal);
    expect(world.builds).toEqual([]);
    world.project = true;
    await imageBuild.create(world.fake.io, IDENTITY, desired, CALL);
    expect(world.builds).toHaveLength(1);
  });

  it('is not begun while what the leader before may have begun is not listed yet', async () => {
    const world = new World();
    const create = (nowMs: number) =>
      imageBuild.create({ ...world.fake.io, nowMs: () => nowMs }, IDENTITY, desired, {
        ...CALL,
        inheritedAtMs: MINUTE,
      });
    const refusal = { code: 'AwaitingBuildSlot', kind: 'throttled', retryAfterMs: 20_000 };
    await expect(create(MINUTE + 10_000)).rejects.toMatchObject(refusal);
    expect(world.builds).toEqual([]);
    await create(MINUTE + 30_000);
    expect(world.builds).toHaveLength(1);
  });

  it('says what failed and where to read it, and tries again when asked', async () => {
    const world = new World();
    world.begin();
    world.end('FAILED', 'Superseded: the function changed');
    const failed = await world.observe();
    if (!failed) throw new Error('a failed build is not absent');
    expect(imageBuild.readiness(failed, desired)).toEqual({
      state: 'failed',
      reason: 'BuildFailed',
      message: 'build lc:1 FAILED in phase BUILD: Superseded: the function changed; log: builds/lc:1',
      sinceMs: 2 * MINUTE,
      retryAfterMs: MINUTE,
    });
    await imageBuild.update(world.fake.io, IDENTITY, desired, failed, [], CALL);
    await imageBuild.update(world.fake.io, IDENTITY, desired, failed, [], CALL);
    expect(
      world.builds.map(({ status }) => status),
      'the same attempt asked twice is one',
    ).toEqual(['IN_PROGRESS', 'FAILED']);
  });

  const build = (status: string): ObservedBuild => ({
    id: 'lc:1',
    status,
    phase: 'BUILD',
    startedAtMs: 1,
    endedAtMs: 2,
    failure: null,
    log: null,
  });
  it.each([
    { builds: ['FAILED'], retryAfterMs: MINUTE, reason: 'the first failure' },
    { builds: ['FAULT', 'TIMED_OUT'], retryAfterMs: 2 * MINUTE, reason: 'every way not to succeed counts' },
    { builds: ['STOPPED', 'FAILED', 'FAILED'], retryAfterMs: 4 * MINUTE, reason: 'doubles' },
    {
      builds: ['FAILED', 'SUCCEEDED', 'FAILED', 'FAILED'],
      retryAfterMs: MINUTE,
      reason: 'a success in between starts anew',
    },
    { builds: Array<string>(6).fill('FAILED'), retryAfterMs: 30 * MINUTE, reason: 'no more than half an hour' },
    { builds: Array<string>(100).fill('FAILED'), retryAfterMs: 30 * MINUTE, reason: 'however long it goes on' },
  ])('waits $retryAfterMs ms after $builds.length builds: $reason', ({ builds, retryAfterMs }) => {
    const readiness = imageBuild.readiness({ image: null, builds: builds.map(build) }, desired);
    expect(readiness).toMatchObject({ state: 'failed', retryAfterMs });
  });

  it.each([
    { name: 'an image', prepare: (world: World) => world.images.set(IDENTITY.tag, DIGEST), rounds: 1 },
    {
      name: 'failed builds',
      prepare: (world: World) => {
        world.begin();
        world.end('FAILED', 'no');
      },
      rounds: 1,
    },
    { name: 'a running build', prepare: (world: World) => world.begin(), rounds: 2 },
  ])('is gone after deleting $name', async ({ prepare, rounds }) => {
    const world = new World();
    prepare(world);
    for (let round = 0; round < rounds; round++) {
      const observed = await world.observe();
      if (!observed) throw new Error('gone too early');
      await imageBuild.delete(world.fake.io, IDENTITY, observed, {});
      await imageBuild.delete(world.fake.io, IDENTITY, { ...observed, builds: [] }, {});
    }
    expect(await world.observe()).toBeUndefined();
  });

  it('does not swallow that ECR refused to delete', async () => {
    const { io } = fakeIo({
      ecr: { batchDeleteImage: () => ({ failures: [{ failureCode: 'ImageReferencedByManifestList' }] }) },
    });
    const observed = { image: { digest: DIGEST, uri: 'u' }, builds: [] };
    await expect(imageBuild.delete(io, IDENTITY, observed, {})).rejects.toMatchObject({ kind: 'conflict' });
  });
});

describe('a build that failed', () => {
  it('is told with its last lines, read once', async () => {
    const world = new World();
    world.begin();
    world.end('FAILED', 'exit status 1');
    world.log = ['first', 'token=abcdef', 'the last word'];
    const observed = await world.observe();
    if (!observed) throw new Error('absent');
    const readiness = imageBuild.readiness(observed, desired);
    expect(readiness).toMatchObject({ state: 'failed', reason: 'BuildFailed' });
    expect((readiness as { message: string }).message.split('\n').slice(1)).toEqual([
      'builds lc:1 first',
      'builds lc:1 token=(hidden)',
      'builds lc:1 the last word',
    ]);
    world.fake.calls.length = 0;
    expect(await world.observe()).toEqual(observed);
    expect(world.fake.calls).not.toContain('logs.getLogEvents');
  });

  it('is told without them where they may not be read', async () => {
    const world = new World();
    world.begin();
    world.end('FAILED', 'exit status 1');
    world.log = 'denied';
    const observed = await world.observe();
    expect(observed && imageBuild.readiness(observed, desired)).toMatchObject({
      message: 'build lc:1 FAILED in phase BUILD: exit status 1; log: builds/lc:1',
    });
  });
});

describe('the last lines of a build', () => {
  const cases: { reason: string; line: string; told: string }[] = [
    { reason: 'an access key', line: 'using AKIAABCDEFGHIJKLMNOP now', told: 'using (hidden) now' },
    { reason: 'a variable', line: 'export DB_PASSWORD="hunter2" # x', told: 'export DB_PASSWORD=(hidden)" # x' },
    { reason: 'JSON', line: '{"apiKey": "abc", "a": 1}', told: '{"apiKey": (hidden)", "a": 1}' },
    { reason: 'a header', line: 'Authorization: Bearer abc.def', told: 'Authorization: (hidden)' },
    { reason: 'a URL with a user', line: 'GET https://u:pw@host/x', told: 'GET https://u:(hidden)@host/x' },
    {
      reason: 'a signed URL',
      line: 'GET https://b/k?X-Amz-Signature=abc&versionId=1',
      told: 'GET https://b/k?X-Amz-Signature=(hidden)&versionId=1',
    },
    { reason: 'nothing to hide', line: 'npm ERR! code E404', told: 'npm ERR! code E404' },
  ];
  it.each(cases)('hide what looks like a secret in $reason', ({ line, told }) => {
    expect(tailOf([line])).toEqual([told]);
  });

  it('are five, none of them the agent’s, and not longer than one reads', () => {
    const lines = ['1', '2', '3', '4', '5', '6'];
    expect(tailOf([...lines, '[Container] 2026/11/21 10:00:00.000000 Phase complete: BUILD', ''])).toEqual(
      lines.slice(1),
    );
    expect(tailOf(['x'.repeat(1000)])[0]).toHaveLength(300);
  });
});

describe('more images than may be built at once', () => {
  const ask = (world: World, tag: string, concurrency = 1) => {
    const asked = { ...desired, environment: { LAMBDACONTAINER_INPUTS: tag }, concurrency };
    const { io } = world.fake;
    const call = { ...CALL, token: tag };
    return imageBuild
      .create({ ...io, nowMs: () => world.nowMs }, { ...IDENTITY, tag }, asked, call)
      .then(() => 'begun')
      .catch((error: Failure) => `${error.code}: ${error.message}`);
  };

  it('begin in the order in which they were asked for', async () => {
    const world = new World();
    expect(await ask(world, 'one')).toBe('begun');
    expect(await ask(world, 'two')).toBe('AwaitingBuildSlot: 1 of 1 builds of lc run, 1 begin before');
    expect(await ask(world, 'three')).toMatch(/^AwaitingBuildSlot: .* 2 begin before$/);
    world.end('SUCCEEDED');
    world.nowMs += 20_000;
    expect(await ask(world, 'three'), 'two was first').toMatch(/^AwaitingBuildSlot/);
    expect(await ask(world, 'two')).toBe('begun');
    world.end('SUCCEEDED');
    world.nowMs += 20_000;
    expect(await ask(world, 'three')).toBe('begun');
  });

  it('do not wait for one that does not ask any more', async () => {
    const world = new World();
    await ask(world, 'one');
    await ask(world, 'two');
    world.end('SUCCEEDED');
    world.nowMs += 61_000;
    expect(await ask(world, 'three')).toBe('begun');
  });

  it('count builds that were begun a moment ago and are not listed yet', async () => {
    const world = new World();
    expect(await ask(world, 'one', 2)).toBe('begun');
    world.builds.length = 0;
    expect(await ask(world, 'two', 2)).toBe('begun');
    world.builds.length = 0;
    expect(await ask(world, 'three', 2)).toMatch(/^AwaitingBuildSlot/);
  });

  it('are not begun twice on the word of an older listing', async () => {
    const world = new World();
    world.begin();
    world.end('FAILED');
    const before = [...world.builds];
    world.builds.length = 0;
    expect(await ask(world, IDENTITY.tag, 5)).toBe('begun');
    const [begun] = world.builds;
    world.builds.splice(0, 1, ...before);
    expect(await ask(world, IDENTITY.tag, 5)).toMatch(/was begun and is not listed yet$/);
    world.nowMs += 31_000;
    expect(await ask(world, IDENTITY.tag, 5), 'it never was').toBe('begun');
    expect(begun?.tag).toBe(IDENTITY.tag);
  });

  it('wait while the account is full, and that is no error of anybody’s', async () => {
    const world = new World();
    world.accountIsFull = true;
    expect(await ask(world, 'one', 5)).toMatch(/^AwaitingBuildSlot: the account allows no more builds at once/);
    expect(await ask(world, 'two', 5)).toMatch(/1 begin before$/);
    world.accountIsFull = false;
    expect(await ask(world, 'one', 5)).toBe('begun');
  });
});
