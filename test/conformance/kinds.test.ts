/**
 * What every registered resource kind must do, against the local cloud. A new kind is tested by being registered; all
 * that it brings is an entry in `fixtures.ts`.
 */
import { describe, expect, it } from 'vitest';
import { Failure } from '../../src/core/index.ts';
import { KINDS } from '../../src/kinds/index.ts';
import { AwsError } from '../../src/local-cloud/contract.ts';
import { ownershipKeys } from '../../src/resource/index.ts';
import { heldToItsCalls } from './declared-calls.ts';
import { FIXTURES } from './fixtures.ts';
import { CALL, Life, TAGS } from './life.ts';

it('there is a fixture for every registered kind, and for no other', () => {
  expect([...FIXTURES.keys()].sort()).toEqual([...KINDS.keys()].sort());
});

/** Ports whose name is not the prefix of their IAM actions. */
const PREFIXES: Readonly<Record<string, string>> = {
  autoscaling: 'application-autoscaling',
  elbv2: 'elasticloadbalancing',
};
/** Asked of the caller by operations of another name: roles handed on, alarms of scaling policies, tags at creation. */
const IMPLIED = /^(iam|cloudwatch):|:(TagResource|AddTags)$/;

for (const [name, registered] of KINDS) {
  const fixture = FIXTURES.get(name);
  if (!fixture) continue;
  const kind = heldToItsCalls(registered);

  const begin = () => new Life(kind, fixture).begin();

  describe(name, () => {
    if (!kind.external) {
      it('goes from absent to desired, and then has no drift', async () => {
        const life = await begin();
        if (!life.scenario.facet) expect(await life.find()).toBeUndefined();
        await life.create();
        expect(await life.diff()).toEqual([]);
        const observed = await life.observe();
        expect(JSON.parse(JSON.stringify(observed)), 'what is observed is plain JSON').toStrictEqual(observed);
        const outputs = kind.outputs(observed);
        expect(JSON.parse(JSON.stringify(outputs)), 'so are outputs').toStrictEqual(outputs);
        expect(kind.readiness(observed, undefined).state, 'an orphan can be judged').toBe('ready');
      });

      it('carries the proof that it is ours, where it can', async () => {
        const life = await begin();
        await life.create();
        const tags = kind.tags(await life.observe());
        if (tags) expect(tags).toMatchObject(TAGS);
      });

      it('is the same after being asked for twice', async () => {
        const life = await begin();
        await life.create();
        if (!life.scenario.facet) {
          // A create that finds it there is refused by AWS or changes nothing; it never spoils it.
          await kind.create(life.io, life.identity, life.scenario.desired, CALL).catch((error: unknown) => {
            if (!(error instanceof Failure)) throw error;
            expect(['conflict', 'invalid']).toContain(error.kind);
          });
        }
        await life.settled();
        await life.update(life.scenario.desired);
        expect(await life.diff()).toEqual([]);
      });

      it('notices each change of desire and puts it right, there and back', async () => {
        const life = await begin();
        await life.create();
        for (const [mutation, props] of Object.entries(life.scenario.mutations)) {
          const changes = await life.diff(props);
          expect(changes.length, `${mutation}: ${JSON.stringify(await life.observe())}`).toBeGreaterThan(0);
          for (const { reason } of changes) expect(reason, 'a typed reason').toMatch(/^([A-Z][a-z]+)+$/);
          if (changes.some(({ replace }) => replace)) continue;
          await life.update(props);
          expect(await life.diff(props), mutation).toEqual([]);
          await life.update(life.scenario.desired);
          expect(await life.diff(), `back from ${mutation}`).toEqual([]);
        }
      });

      it('changes nothing when there is nothing to change', async () => {
        const life = await begin();
        await life.create();
        life.cloud.calls.length = 0;
        await life.find();
        await life.find();
        expect(life.cloud.mutations).toEqual([]);
      });

      it('goes, and may be asked to go again', async () => {
        const life = await begin();
        await life.create();
        const observed = await life.observe();
        life.cloud.calls.length = 0;
        await kind.delete(life.io, life.identity, observed, {});
        if (life.scenario.facet) {
          expect(life.cloud.calls, 'a part of another resource goes with that').toEqual([]);
          return;
        }
        const after = await life.find();
        if (after !== undefined)
          expect(kind.readiness(after, undefined).state, 'still visible only while it ends').toBe('ending');
        await kind.delete(life.io, life.identity, observed, {});
        await life.absent();
        await kind.delete(life.io, life.identity, observed, {});
        await kind.release(life.io, life.identity, observed, {});
      });

      it('is left running, without our marks, when released', async () => {
        const life = await begin();
        await life.create();
        await kind.release(life.io, life.identity, await life.observe(), {});
        const observed = await life.observe();
        const tags = kind.tags(observed);
        if (tags) expect(ownershipKeys(tags)).toEqual([]);
        expect(kind.diff(life.scenario.desired, observed)).toEqual([]);
        life.cloud.calls.length = 0;
        await kind.release(life.io, life.identity, observed, {});
        expect(life.cloud.calls, 'a second release has nothing to do').toEqual([]);
      });
    }

    if (kind.external) {
      it('is found when the user made it, and never touched', async () => {
        const life = await begin();
        expect(await life.find()).toBeUndefined();
        await life.appear();
        const observed = await life.observe();
        expect(kind.readiness(observed, life.scenario.desired)).toEqual({ state: 'ready' });
        expect(kind.diff(life.scenario.desired, observed)).toEqual([]);
        expect(JSON.parse(JSON.stringify(observed)), 'what is observed is plain JSON').toStrictEqual(observed);
        await kind.delete(life.io, life.identity, observed, {});
        await kind.release(life.io, life.identity, observed, {});
        await expect(kind.create(life.io, life.identity, life.scenario.desired, CALL)).rejects.toThrow('external');
        await expect(kind.update(life.io, life.identity, life.scenario.desired, observed, [], CALL)).rejects.toThrow(
          'external',
        );
        expect(life.cloud.mutations).toEqual([]);
        expect(await life.observe()).toEqual(observed);
      });
    }

    it('declares a call for every permission to change something, and no other', () => {
      const declared = Object.values(kind.calls)
        .flat()
        .map((call) => {
          const [service = '', operation = ''] = call.split(' ');
          return `${PREFIXES[service] ?? service}:${operation}`;
        });
      const permitted = kind.permissions
        .flatMap(({ actions }) => actions)
        .filter((action) => !IMPLIED.test(action) && !/:(Describe|List|Get|BatchGet)/.test(action));
      expect([...new Set(declared)].sort()).toEqual([...new Set(permitted)].sort());
    });

    it('costs as many calls per look as its fixture says', async () => {
      const life = await begin();
      if (kind.external) await life.appear();
      else await life.create();
      life.cloud.calls.length = 0;
      await life.observe();
      expect([...life.cloud.calls].sort()).toEqual(life.scenario.reads);
    });

    it.each([
      { code: 'ThrottlingException', status: 400, kind: 'throttled' },
      { code: 'AccessDeniedException', status: 403, kind: 'denied' },
      { code: 'InternalFailure', status: 500, kind: 'transient' },
    ])('is not absent because of $code', async ({ code, status, kind: expected }) => {
      const life = await begin();
      life.cloud.fault = new AwsError(code, 'not now', status);
      const failure = await life.find().catch((error: unknown) => error);
      expect(failure).toBeInstanceOf(Failure);
      if (!['base-image', 'git-commit'].includes(name)) expect((failure as Failure).kind).toBe(expected);
    });
  });
}
