/**
 * Makes a failing scenario small: delta debugging over its acts, then over its faults, its events, its objects and its daemons. What
 * is left still fails for the same reason, and is what a person wants to read.
 */
import type { Act, Rates, Scenario } from './scenario.ts';

/** The kind of a violation: its words without what differs from run to run. */
export function kindOf(violation: string): string {
  return violation
    .split('\n', 1)[0]
    ?.replace(/^\S+Z /, '')
    .replace(/[0-9a-f]{8,}/g, '#')
    .replace(/\bapp-\d+|\bd\d\b|\d+(\.\d+)?/g, '#') as string;
}

export type Fails = (scenario: Scenario) => Promise<boolean>;

/** `budget`: how many scenarios may be played. */
export async function shrink(scenario: Scenario, fails: Fails, budget = 150): Promise<Scenario> {
  let left = budget;
  const tried = async (candidate: Scenario) => left-- > 0 && (await fails(candidate));
  let least = scenario;
  const attempt = async (candidate: Scenario): Promise<boolean> => {
    if (!(await tried(candidate))) return false;
    least = candidate;
    return true;
  };
  least = { ...least, acts: await without(least.acts, (acts) => attempt({ ...least, acts })) };
  for (const rate of Object.keys(least.rates) as (keyof Rates)[]) {
    if (least.rates[rate] > 0) await attempt({ ...least, rates: { ...least.rates, [rate]: 0 } });
  }
  if (least.events) {
    const { events: _, ...rest } = least;
    await attempt(rest);
  }
  while (least.skewsMs.length > 1 && (await attempt({ ...least, skewsMs: least.skewsMs.slice(0, -1) })));
  if (least.skewsMs.some((skew) => skew !== 0)) await attempt({ ...least, skewsMs: least.skewsMs.map(() => 0) });
  while (least.objects > 1 && (await attempt({ ...least, objects: least.objects - 1 })));
  const lastMs = least.acts.at(-1)?.atMs ?? 0;
  if (lastMs + 60_000 < least.stormMs) await attempt({ ...least, stormMs: lastMs + 60_000 });
  return { ...least, acts: await without(least.acts, (acts) => attempt({ ...least, acts })) };
}

/** Zeller's ddmin: the smallest part found of `all` for which `holds`. */
async function without(
  all: readonly Act[],
  holds: (acts: readonly Act[]) => Promise<boolean>,
): Promise<readonly Act[]> {
  let acts = all;
  for (let parts = 2; acts.length > 0; ) {
    const size = Math.ceil(acts.length / parts);
    let isSmaller = false;
    for (let from = 0; from < acts.length; from += size) {
      const rest = [...acts.slice(0, from), ...acts.slice(from + size)];
      if (await holds(rest)) {
        acts = rest;
        parts = Math.max(2, parts - 1);
        isSmaller = true;
        break;
      }
    }
    if (isSmaller) continue;
    if (size === 1) break;
    parts = Math.min(acts.length, parts * 2);
  }
  return acts;
}
