/**
 * How many steady objects the planner judges in a second on one core: what a look at the whole fleet costs beside the
 * calls. The baseline writes the same values out as JSON once, which is about the least that touching them can cost.
 */
import { KINDS } from '../src/kinds/index.ts';
import { plan } from '../src/plan/index.ts';
import type { Benchmark } from './harness.ts';
import { steadyWorlds } from './steady-worlds.ts';

const OBJECTS = 1_000;
const ROUNDS = 30;

export const planner: Benchmark = {
  name: 'planner',
  async run() {
    const worlds = await steadyWorlds(OBJECTS);
    const unsteady = worlds.findIndex((world) => !plan(world, KINDS).settled);
    if (unsteady >= 0) throw new Error(`copy ${unsteady} of the steady object is not steady`);
    const planned = perSecond(() => {
      for (const world of worlds) plan(world, KINDS);
    });
    const written = perSecond(() => {
      for (const { nodes, entries } of worlds) {
        for (const { resolved, observation } of nodes) JSON.stringify([resolved, observation]);
        JSON.stringify(entries);
      }
    });
    return [
      {
        what: 'plan() over steady objects',
        value: planned,
        unit: 'objects/s',
        baseline: { what: 'JSON.stringify of the same', value: written },
        goal: { of: 'value', atLeast: 20_000 },
      },
    ];
  },
};

/** Of the least disturbed round. */
function perSecond(once: () => void): number {
  let best = 0;
  for (let i = 0; i < ROUNDS; i++) {
    const started = process.hrtime.bigint();
    once();
    best = Math.max(best, (OBJECTS * 1e9) / Number(process.hrtime.bigint() - started));
  }
  return best;
}
