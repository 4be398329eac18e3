/** The soak of a minute, in the nightly run (EVERY=1); and what it calls a defect, always. */
import { describe, expect, it } from 'vitest';
import { defectsOf, type SoakReport, soak } from './soak.ts';
import { trendOfLaterHalf } from './trend.ts';

const flat = { mean: 100, rise: 0, risePerHour: 0 };
const PASSED: SoakReport = {
  minutes: 1,
  requests: 10,
  failed: {},
  created: 1,
  deleted: 1,
  updated: 1,
  heap: flat,
  resident: undefined,
  descriptors: { daemon: [20, 22], cloud: [40, 40] },
  leftProcesses: [],
  leftFiles: [],
  exit: '0',
};

describe('what a soak must not show', () => {
  it.each<[string, Partial<SoakReport>, string[]]>([
    ['nothing', {}, []],
    ['a failed request', { failed: { 'a answered 503': 2 } }, ['2 requests failed: a answered 503']],
    [
      'growing memory',
      { heap: { mean: 100, rise: 11, risePerHour: 1 } },
      ['the daemon\'s heap grows: {"mean":100,"rise":11,"risePerHour":1}'],
    ],
    [
      'memory that was not measured',
      { heap: { mean: 0, rise: 0, risePerHour: 0 } },
      ['the daemon\'s heap grows: {"mean":0,"rise":0,"risePerHour":0}'],
    ],
    [
      'sockets',
      { descriptors: { daemon: [20, 20], cloud: [20, 60] } },
      ['the cloud holds more open than before: 20, then 60'],
    ],
    ['a process', { leftProcesses: ['7 node x'] }, ['a process is left: 7 node x']],
    ['a file', { leftFiles: ['x'] }, ['a temporary file is left: x']],
    ['a bad end', { exit: 'SIGKILL' }, ['the program ended with SIGKILL']],
    ['idleness', { created: 0 }, ['nothing was done']],
  ])('%s', (_name, shows, defects) => {
    expect(defectsOf({ ...PASSED, ...shows })).toEqual(defects);
  });

  it('takes the line through the later half', () => {
    const grows = [0, 1, 2, 3, 4].map((n) => ({ atMs: n * 1_000, value: n < 2 ? 999 : n }));
    expect(trendOfLaterHalf(grows)).toEqual({ mean: 3, rise: 2, risePerHour: 3_600 });
    expect(trendOfLaterHalf([])).toEqual({ mean: 0, rise: 0, risePerHour: 0 });
  });
});

describe.skipIf(!process.env.EVERY)('a soak (skipped outside of the nightly run: EVERY=1)', () => {
  it('of a minute shows no defect', async () => {
    expect(defectsOf(await soak({ minutes: 1, perSecond: 20 }))).toEqual([]);
  }, 600_000);
});
