/**
 * The simulation itself: a seed gives the same history every time, seeds that ever failed stay green, and a scenario that
 * breaks the rules is found out. Many seeds are played by `npm run sim`, which CI and the nightly run call.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { OBJECTS_PER_LISTENER } from '../fleet.ts';
import { MUTATIONS, mutated } from './mutations.ts';
import { play } from './play.ts';
import { type Scenario, scenarioOf } from './scenario.ts';
import { kindOf, shrink } from './shrink.ts';

const REGRESSIONS = join(import.meta.dirname, 'regressions');
/** Short: what many seeds find is the command's business. */
const SHORT = { ...scenarioOf(3), stormMs: 60_000, objects: 1 };

it('a scenario gives the same history every time, and another seed another one', async () => {
  const [first, second, other] = [await play(SHORT), await play(SHORT), await play({ ...SHORT, seed: 4 })];
  expect(first.violations).toEqual([]);
  expect(second).toEqual(first);
  expect(other.fingerprint).not.toBe(first.fingerprint);
  expect(first.steps).toBeGreaterThan(50);
}, 120_000);

it('a fleet that one listener has no room for is served as a whole', async () => {
  const { violations } = await play({ ...SHORT, objects: OBJECTS_PER_LISTENER + 1, stormMs: 10_000, acts: [] });
  expect(violations).toEqual([]);
}, 120_000);

it('a scenario survives being written and read', () => {
  expect(JSON.parse(JSON.stringify(scenarioOf(5)))).toEqual(scenarioOf(5));
});

describe('scenarios that once failed', () => {
  it.each(readdirSync(REGRESSIONS))(
    '%s',
    async (file) => {
      const scenario = JSON.parse(readFileSync(join(REGRESSIONS, file), 'utf8')) as Scenario & { reason: string };
      const { violations, history } = await play(scenario);
      expect(violations, `${scenario.reason}\n${history.slice(-30).join('\n')}`).toEqual([]);
    },
    120_000,
  );
});

it('a failing scenario is shrunk to what makes it fail', async () => {
  const scenario = scenarioOf(7);
  const guilty = scenario.acts.filter(({ act }) => act === 'kill' || act === 'pause');
  let played = 0;
  const fails = async ({ acts }: Scenario) => {
    played++;
    return guilty.slice(0, 2).every((act) => acts.includes(act));
  };
  const least = await shrink(scenario, fails);
  expect(least.acts).toEqual(guilty.slice(0, 2));
  expect(Object.values(least.rates)).toEqual([0, 0, 0, 0, 0]);
  expect(least.objects).toBe(1);
  expect(played).toBeLessThanOrEqual(150);
});

it.each(MUTATIONS)('a deliberate bug still applies: $name', (mutation) => {
  const text = readFileSync(join(import.meta.dirname, '../../../src', mutation.file), 'utf8');
  expect(mutated(mutation, text)).not.toBe(text);
});

it('violations of one kind are recognised whatever their names and times', () => {
  const one =
    '2026-01-01T00:05:28.610Z d2 elbv2 deregisterTargets: lc-shop-app-0-0a648089-fn had traffic 1702.05 ms ago';
  const two = '2026-01-01T00:09:28.610Z d1 elbv2 deregisterTargets: lc-shop-app-1-44a7cf0b-fn had traffic 961.5 ms ago';
  expect(kindOf(one)).toBe(kindOf(two));
});
