import { describe, expect, it } from 'vitest';
import { taskDefinition } from '../../src/kinds/index.ts';
import { awsFailure, CALL, fakeIo, TAGS } from './fakes.ts';

const HASH = 'lambdacontainer.dev/hash';

/** The task definitions of one account. */
class World {
  readonly revisions: {
    arn: string;
    family: string;
    revision: number;
    status: string;
    tags: { key: string; value: string }[];
  }[] = [];
  pageSize = 100;

  readonly fake = fakeIo({
    ecs: {
      listTaskDefinitions: ({ familyPrefix, nextToken, sort, status }) => {
        expect(sort).toBe('DESC');
        const arns = this.revisions
          .filter((one) => one.family === familyPrefix && one.status === status)
          .map(({ arn }) => arn)
          .reverse();
        const from = Number(nextToken ?? 0);
        const until = from + this.pageSize;
        return {
          taskDefinitionArns: arns.slice(from, until),
          ...(until < arns.length ? { nextToken: `${until}` } : {}),
        };
      },
      describeTaskDefinition: ({ taskDefinition }) => {
        const found = this.revisions.find(({ arn }) => arn === taskDefinition);
        if (!found) throw awsFailure('ClientException');
        const { tags, arn, ...definition } = found;
        return { taskDefinition: { ...definition, taskDefinitionArn: arn }, tags };
      },
      registerTaskDefinition: ({ family, tags }) => {
        this.register(family, tags);
      },
      deregisterTaskDefinition: ({ taskDefinition }) => {
        const found = this.revisions.find(({ arn }) => arn === taskDefinition);
        if (found?.status !== 'ACTIVE') throw awsFailure('InvalidParameterException');
        found.status = 'INACTIVE';
      },
      untagResource: ({ resourceArn, tagKeys }) => {
        for (const one of this.revisions) {
          if (one.arn === resourceArn) one.tags = one.tags.filter(({ key }) => !tagKeys.includes(key));
        }
      },
    },
  });

  register(family: string, tags: { key: string; value: string }[]) {
    const revision = this.revisions.filter((one) => one.family === family).length + 1;
    this.revisions.push({
      arn: `arn:aws:ecs:::task-definition/${family}:${revision}`,
      family,
      revision,
      status: 'ACTIVE',
      tags,
    });
  }

  withHash(...hashes: string[]) {
    for (const value of hashes) this.register('shop', [{ key: HASH, value }]);
  }

  observe = (hash: string) => taskDefinition.observe(this.fake.io, { family: 'shop', hash }, {});
}

const desired = { register: { containerDefinitions: [] } };

describe('task-definition', () => {
  it('is found by the hash of its content among the active revisions of its own family', async () => {
    const world = new World();
    world.withHash('one');
    world.register('shop-two', [{ key: HASH, value: 'two' }]);
    expect(await world.observe('two')).toBeUndefined();
    await taskDefinition.create(world.fake.io, { family: 'shop', hash: 'two' }, desired, CALL);
    expect(await world.observe('two')).toEqual({
      arn: 'arn:aws:ecs:::task-definition/shop:2',
      family: 'shop',
      revision: 2,
      tags: { ...TAGS, [HASH]: 'two' },
    });
  });

  it('asks for the newest alone, and for no revision twice', async () => {
    const world = new World();
    world.withHash('one', 'two', 'three', 'four', 'five', 'six');
    await world.observe('six');
    expect(world.fake.calls).toEqual(['ecs.listTaskDefinitions', 'ecs.describeTaskDefinition']);
    await world.observe('six');
    await world.observe('two');
    await world.observe('nothing');
    const described = world.fake.calls.filter((call) => call === 'ecs.describeTaskDefinition');
    expect(described.length).toBe(6);
  });

  it('reads every page before it says that there is none', async () => {
    const world = new World();
    world.pageSize = 2;
    world.withHash('one', 'two', 'three', 'four', 'five');
    expect((await world.observe('one'))?.revision).toBe(1);
    expect(await world.observe('nothing')).toBeUndefined();
  });

  it('prefers the newest of twins', async () => {
    const world = new World();
    world.withHash('same', 'same');
    expect((await world.observe('same'))?.revision).toBe(2);
  });

  it('is gone after it was deregistered; a second time is fine, another refusal is not', async () => {
    const world = new World();
    world.withHash('one');
    const observed = await world.observe('one');
    if (!observed) throw new Error('registered');
    await taskDefinition.delete(world.fake.io, { family: 'shop', hash: 'one' }, observed, {});
    expect(await world.observe('one')).toBeUndefined();
    await taskDefinition.delete(world.fake.io, { family: 'shop', hash: 'one' }, observed, {});
    const refusing = fakeIo({
      ecs: {
        deregisterTaskDefinition: () => {
          throw awsFailure('InvalidParameterException');
        },
        describeTaskDefinition: () => ({ taskDefinition: { status: 'ACTIVE' } }),
      },
    });
    await expect(taskDefinition.delete(refusing.io, {}, observed, {})).rejects.toMatchObject({ kind: 'invalid' });
  });

  it('keeps its hash when released, and what is remembered of it is forgotten', async () => {
    const world = new World();
    const identity = { family: 'shop', hash: 'one' };
    await taskDefinition.create(world.fake.io, identity, desired, CALL);
    const observed = await world.observe('one');
    if (!observed) throw new Error('registered');
    await taskDefinition.release(world.fake.io, identity, observed, {});
    expect((await world.observe('one'))?.tags).toEqual({ [HASH]: 'one' });
  });
});
