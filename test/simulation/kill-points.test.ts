/**
 * The controller is killed before and after single calls of a scenario, and started again: the end is the same, with no
 * twin of anything and no second build. Here at some calls of each scenario; `npm run sim:kills` around every change of all of
 * them (`--every`: around every call), with the table of scenarios and calls.
 */
import { expect, it } from 'vitest';
import { isSameEnd, type KillPoint, played } from './kill-points.ts';
import { KILL_SCENARIOS } from './kill-scenarios.ts';

/** So many kills of a scenario; more of the first, which is a creation. */
const POINTS = { first: 4, others: 1 };

/** Spread over the scenario, other ones in each, before and after in turn. */
function someOf(calls: number, index: number): KillPoint[] {
  const count = index === 0 ? POINTS.first : POINTS.others;
  return Array.from({ length: count }, (_, at) => ({
    call: 1 + Math.floor(((at + ((index * 0.37) % 1)) / count) * Math.min(calls, 60)),
    done: (index + at) % 2 === 0,
  }));
}

it.each(KILL_SCENARIOS.map((scenario, index) => [scenario.name, scenario, index] as const))(
  '%s: wherever it is killed, the end is the same',
  async (_name, scenario, index) => {
    const undisturbed = await played(scenario);
    expect(undisturbed.end.unproven).toEqual([]);
    for (const point of someOf(undisturbed.operations.length, index)) {
      const { end, killed } = await played(scenario, point);
      const where = `killed ${point.done ? 'after' : 'before'} call ${point.call}`;
      expect(end, where).toEqual({ ...undisturbed.end, builds: end.builds });
      expect(isSameEnd(end, undisturbed.end), `${where}: ${end.builds} builds`).toBe(true);
      expect(killed, `call ${point.call} was never made`).toBe(true);
    }
  },
  120_000,
);
