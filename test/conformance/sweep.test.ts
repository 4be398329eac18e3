/**
 * How every registered kind is swept and rotated, against the local cloud: what is settled is steady, what `diff` would
 * put right is noticed, and what is gone is missed. A new kind is tested by being registered.
 */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { KINDS } from '../../src/kinds/index.ts';
import { sweptFingerprintOf, TAG_LISTING_PERMISSION } from '../../src/resource/index.ts';
import { makeZip } from '../oci/make-zip.ts';
import { makeFunction } from './account.ts';
import { FIXTURES } from './fixtures.ts';
import { Life } from './life.ts';
import type { TestCloud } from './test-cloud.ts';
import { Watch } from './watch.ts';

/** Longer than anything takes that goes on by itself: stabilisation, drains, periodic events. */
const LONG_MS = 30 * 60_000;

for (const [name, kind] of KINDS) {
  const fixture = FIXTURES.get(name);
  if (!fixture) continue;
  const begin = async () => {
    const life = await new Life(kind, fixture).begin();
    if (kind.external) await life.appear();
    else await life.create();
    return life;
  };

  describe(name, () => {
    it('is swept, or says what only looking at it by itself shows', () => {
      const reasons = Object.keys({ ...kind.sweep?.fields, ...kind.sweep?.ranges, ...kind.rotating });
      expect(reasons.length).toBeGreaterThan(0);
      for (const reason of reasons) expect(reason, 'a typed reason').toMatch(/^([A-Z][a-z]+)+Drift$/);
      const source = readFileSync(new URL(`../../src/kinds/${name}/index.ts`, import.meta.url), 'utf8');
      const given = [...source.matchAll(/'((?:[A-Z][a-z]+)+Drift)'/g)].map(([, reason = '']) => reason);
      for (const reason of given) expect(reasons, 'what diff gives can be noticed').toContain(reason);
      for (const reason of kind.sweep?.fromTags ?? []) expect(kind.sweep?.fields).toHaveProperty(reason);
      if (kind.sweep?.fromTags) expect(kind.permissions).toContain(TAG_LISTING_PERMISSION);
    });

    if (kind.sweep) {
      it('is in the listing what it is when it is looked at', async () => {
        const { sweep } = kind;
        const life = await begin();
        for (const desired of [life.scenario.desired, ...Object.values(life.scenario.mutations)]) {
          if ((await life.diff(desired)).some(({ replace }) => replace)) continue;
          if (!kind.external) await life.update(desired);
          const watch = await Watch.begin(kind, life, desired);
          expect(watch.place, 'the fixture can be listed').toBeDefined();
          const seen = await watch.listed();
          expect(seen, 'it is listed').toBeDefined();
          if (sweep) expect(sweptFingerprintOf(sweep, desired, seen)).toBe(watch.swept);
        }
      });
    }

    it('is steady while nobody touches it', async () => {
      const life = await begin();
      const watch = await Watch.begin(kind, life);
      await life.cloud.pass(LONG_MS);
      expect(await watch.notices()).toEqual([]);
    });

    it('is noticed when it differs from what is desired, by the reason that diff gives', async () => {
      const { mutations } = (await begin()).scenario;
      for (const mutation of Object.keys(mutations)) {
        const life = await begin();
        const watch = await Watch.begin(kind, life);
        const props = life.scenario.mutations[mutation];
        const replaced = (await life.diff(props)).some(({ replace }) => replace);
        if (replaced) {
          await life.delete();
          await life.absent();
          await life.create(props);
        } else await life.update(props);
        const reasons = [...new Set((await life.diff()).map(({ reason }) => reason))];
        const noticed = await watch.notices();
        expect(noticed, mutation).toEqual(expect.arrayContaining(reasons));
        for (const range of Object.keys(kind.sweep?.ranges ?? {})) {
          expect(noticed.includes(range), `${mutation}: ${range}`).toBe(reasons.includes(range));
        }
        // What is not ours to put right may be noticed once: the pass that finds nothing to do remembers it as it is.
        if (replaced || reasons.length === 0) continue;
        await life.update(life.scenario.desired);
        expect(await watch.notices(), `back from ${mutation}`).toEqual([]);
      }
    });

    it('is noticed when somebody changes it by hand', async () => {
      const { byHand = {} } = (await begin()).scenario;
      for (const hand of Object.keys(byHand)) {
        const life = await begin();
        const watch = await Watch.begin(kind, life);
        const change = life.scenario.byHand?.[hand];
        await change?.act(life.identity);
        const observed = await life.find();
        const diff =
          observed === undefined ? [] : kind.diff(life.scenario.desired, observed).map(({ reason }) => reason);
        expect(await watch.notices(), hand).toEqual(expect.arrayContaining([...new Set([...diff, change?.reason])]));
      }
    });

    if (!kind.external) {
      it('is noticed when its marks are taken off', async () => {
        const life = await begin();
        const observed = await life.observe();
        if (!kind.tags(observed)) return;
        const watch = await Watch.begin(kind, life);
        await kind.release(life.io, life.identity, observed, {});
        // Where no listing shows them the next look does: before anything of it is changed or deleted.
        if (kind.sweep) expect(await watch.notices()).toEqual(['OwnershipDrift']);
      });
    }

    it('is missed when it is gone', async () => {
      const life = await begin();
      const watch = await Watch.begin(kind, life);
      if (life.scenario.vanish) await life.scenario.vanish(life.identity);
      else await life.delete();
      expect(await watch.notices()).toContain('Missing');
    });
  });
}

describe('an alias of a function', () => {
  it('is in no listing, and is noticed in the rotation when it moves', async () => {
    const kind = KINDS.get('lambda-function');
    if (!kind) throw new Error('there is no such kind');
    const life = await new Life(kind, {
      kind,
      prepare: async (cloud) => ({
        identity: { functionName: 'shop', qualifier: 'live' },
        desired: {},
        mutations: {},
        reads: [],
        appear: async () => {
          await makeFunction(cloud);
          await publish(cloud, 'CreateAlias');
          return undefined;
        },
      }),
    }).begin();
    await life.appear();
    const watch = await Watch.begin(kind, life);
    expect(watch.place).toBeUndefined();
    expect(await watch.notices()).toEqual([]);
    await life.cloud.user.lambda.updateFunctionCode({ FunctionName: 'shop', ZipFile: makeZip([OTHER_CODE]) });
    await life.cloud.pass(60_000);
    expect(await watch.notices(), 'the alias stands where it stood').toEqual([]);
    await publish(life.cloud, 'UpdateAlias');
    expect(await watch.notices()).toEqual(['AliasDrift', 'CodeShaDrift']);
  });
});

const OTHER_CODE = { name: 'index.mjs', content: 'export const handler = () => ({ statusCode: 204 });' };

/** A new version, and the alias on it. */
async function publish(cloud: TestCloud, operation: 'CreateAlias' | 'UpdateAlias'): Promise<void> {
  const { Version } = cloud.cloud.call('lambda', 'PublishVersion', { FunctionName: 'shop' }) as { Version: string };
  await cloud.pass(60_000);
  cloud.cloud.call('lambda', operation, { FunctionName: 'shop', Name: 'live', FunctionVersion: Version });
}
