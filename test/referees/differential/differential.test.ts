/**
 * The same journey in the local cloud and in an implementation that is not ours; each difference is theirs, with AWS's own
 * page for it, or the test fails. Run alone, it writes the table:
 * `WRITE_REPORT=1 npx vitest run test/referees/differential`. Skipped by name where a referee is not installed.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { Failure } from '../../../src/core/index.ts';
import { comparable, differences } from './comparison.ts';
import { JOURNEYS, type Journey, type Kept } from './journeys.ts';
import { localCloud, missing, type Place, REFEREES, type Referee } from './places.ts';
import { VERDICTS } from './verdicts.ts';

const REPORT = join(import.meta.dirname, '../../../docs/conformance.md');

interface Found {
  readonly where: string;
  readonly ours: unknown;
  readonly theirs: unknown;
}

async function answers(place: Place, { steps }: Journey): Promise<unknown[]> {
  const kept: Kept = {};
  const all: unknown[] = [];
  for (const [, run] of steps) {
    try {
      all.push(comparable(await run(place, kept)));
    } catch (error) {
      if (!(error instanceof Failure)) throw error;
      all.push(comparable(error));
    }
  }
  return all;
}

async function compared(journey: Journey, here: Place, there: Place): Promise<Found[]> {
  const ours = await answers(here, journey);
  const theirs = await answers(there, journey);
  return journey.steps.flatMap(([step], index) =>
    differences(ours[index], theirs[index]).map(({ path, ...both }) => ({
      where: `${journey.referee}: ${journey.name}: ${step}: ${path}`,
      ...both,
    })),
  );
}

function covers(pattern: string, where: string): boolean {
  const parts = pattern.split('*').map((part) => part.replace(/[.+?^${}()|[\]\\]/g, '\\$&'));
  return new RegExp(`^${parts.join('[^:]*?')}`).test(where);
}

const steps = new Map<string, number>();
const seen: Found[] = [];

describe.each(Object.keys(REFEREES) as Referee[])('%s', (referee) => {
  const why = missing(referee);
  it.skipIf(why)(
    `answers as the local cloud does, or its difference is known${why ? ` (${why})` : ''}`,
    async () => {
      const [here, there] = await Promise.all([localCloud(), REFEREES[referee]()]);
      try {
        const found: Found[] = [];
        for (const journey of JOURNEYS.filter((one) => one.referee === referee)) {
          steps.set(`${referee}: ${journey.name}`, journey.steps.length);
          found.push(...(await compared(journey, here, there)));
        }
        seen.push(...found);
        expect(found.filter(({ where }) => !VERDICTS.some((one) => covers(one.where, where)))).toEqual([]);
        const stale = VERDICTS.filter(
          (one) => one.where.startsWith(`${referee}:`) && !found.some(({ where }) => covers(one.where, where)),
        );
        expect(stale, 'explained, but no difference any more').toEqual([]);
      } finally {
        await Promise.all([here.close(), there.close()]);
      }
    },
    60_000,
  );
});

it.skipIf(!process.env.WRITE_REPORT)('is written down', () => {
  expect(Object.keys(REFEREES).filter((referee) => missing(referee as Referee))).toEqual([]);
  const rows = VERDICTS.map(({ where, theirs, page }) => {
    const count = seen.filter((one) => covers(where, one.where)).length;
    return `| ${where.replaceAll('*', '…')} | ${count} | theirs: ${theirs} | ${page} |`;
  });
  const journeys = [...steps].map(([name, count]) => `${name} (${count} steps)`).join(', ');
  const text = readFileSync(REPORT, 'utf8');
  const table = `<!-- differential: written by test/referees/differential/differential.test.ts -->
Played in both places: ${journeys}. Open differences: 0.

| where | members | verdict | AWS's own page |
| --- | --- | --- | --- |
${rows.join('\n')}
<!-- end of differential -->`;
  expect(text).toContain('<!-- differential');
  writeFileSync(
    REPORT,
    text.replace(/<!-- differential[\s\S]*end of differential -->/, () => table),
  );
});
