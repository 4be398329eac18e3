/**
 * The controller's policy is enough and no more than that. The local cloud evaluates it on every call: a scenario that is
 * denied anything fails, and statements and actions that no scenario used are reported. Then each statement is taken away
 * in turn, and a scenario that used it has to end in a denial.
 */
import { afterAll, describe, expect, it } from 'vitest';
import { controllerPolicy, type Policy } from '../../src/cli/policy.ts';
import { DeniedAt, SCENARIOS, UNUSED } from './permission-scenarios.ts';
import { World } from './world.ts';

const POLICY = controllerPolicy();

/** `Sid action` → the scenarios that used it. */
const used = new Map<string, Set<string>>();

async function play(name: string, policy: Policy): Promise<{ world: World; denied: DeniedAt | undefined }> {
  const world = new World(7, { policy, events: { delayMs: 400 } });
  try {
    await world.bootstrap();
    await SCENARIOS[name]?.(world);
    return { world, denied: undefined };
  } catch (error) {
    if (error instanceof DeniedAt) return { world, denied: error };
    const [denied] = world.denials;
    if (denied) return { world, denied: new DeniedAt(denied) };
    throw error;
  } finally {
    await world.stop().catch(() => {});
    world.cloud.close();
  }
}

describe('the policy is enough for a life in which an object', () => {
  it.each(Object.keys(SCENARIOS))('%s', async (name) => {
    const { world, denied } = await play(name, POLICY);
    expect(denied?.message).toBeUndefined();
    expect(world.denials).toEqual([]);
    for (const { sid, action } of world.cloud.ledger.uses()) {
      const key = `${sid} ${action}`;
      used.set(key, (used.get(key) ?? new Set()).add(name));
    }
  });
});

describe('and no more than enough', () => {
  it('every action of every statement was used, or says why it need not be', () => {
    const unused = POLICY.Statement.flatMap(({ Sid, Action }) =>
      Action.filter((action) => !used.has(`${Sid} ${action}`) && !(action in UNUSED)).map(
        (action) => `${Sid} ${action}`,
      ),
    );
    expect(unused).toEqual([]);
  });

  it('and what says so was not used', () => {
    const actions = new Set([...used.keys()].map((key) => key.split(' ')[1] ?? ''));
    expect(Object.keys(UNUSED).filter((action) => actions.has(action))).toEqual([]);
  });
});

describe('without one of its statements', () => {
  it.each(POLICY.Statement.map(({ Sid }) => Sid))('%s: what needed it is denied', async (sid) => {
    const scenario = [...used]
      .find(([key]) => key.startsWith(`${sid} `))?.[1]
      .values()
      .next().value;
    if (scenario === undefined) throw new Error(`no scenario uses ${sid}`);
    const without = { ...POLICY, Statement: POLICY.Statement.filter(({ Sid }) => Sid !== sid) };
    const { denied } = await play(scenario, without);
    const actions = POLICY.Statement.find(({ Sid }) => Sid === sid)?.Action;
    expect(actions).toContain(denied?.denied.action);
  });
});

afterAll(() => used.clear());
