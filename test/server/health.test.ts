/** What `/healthz` and `/readyz` say of a daemon, for each way in which it may be well or not. */
import { describe, expect, it } from 'vitest';
import { daemonChecks } from '../../src/cli/checks.ts';
import type { Vitals } from '../../src/controller/index.ts';
import { type HttpAnswer, healthRoutes } from '../../src/server/index.ts';

const BOUNDS = { leaseMs: 15_000, callTimeoutMs: 5_000, relistMs: 300_000, sweepMs: 60_000 };
const LEADING: Vitals = {
  state: 'leading',
  leadingForMs: 3_600_000,
  leaseSilentMs: 4_000,
  relistAgeMs: 200_000,
  sweepAgeMs: 50_000,
  sweepPeriodMs: 60_000,
  longestPassMs: 900,
};
const FOLLOWING: Vitals = {
  ...LEADING,
  state: 'following',
  leadingForMs: undefined,
  relistAgeMs: undefined,
  sweepAgeMs: undefined,
  sweepPeriodMs: undefined,
  longestPassMs: 0,
};

async function ask(path: '/healthz' | '/readyz', vitals: Vitals): Promise<HttpAnswer> {
  const { alive, ready } = daemonChecks(() => vitals, BOUNDS);
  const route = healthRoutes(alive, ready).find((candidate) => 'path' in candidate && candidate.path === path);
  if (!route) throw new Error(`no route ${path}`);
  return route.handle({ rest: '', headers: {}, body: Buffer.alloc(0) });
}

describe('health of a daemon', () => {
  const cases: { reason: string; vitals: Vitals; alive?: string; ready?: string }[] = [
    { reason: 'it leads and does its work', vitals: LEADING },
    { reason: 'it follows and takes over when it must', vitals: FOLLOWING },
    {
      reason: 'it has just begun to lead',
      vitals: { ...LEADING, relistAgeMs: 10, sweepAgeMs: 10, sweepPeriodMs: undefined },
    },
    {
      reason: 'a large fleet is swept more seldom',
      vitals: { ...LEADING, sweepAgeMs: 900_000, sweepPeriodMs: 600_000 },
    },
    { reason: 'it drains', vitals: { ...LEADING, state: 'draining' }, ready: 'role: draining' },
    {
      reason: 'the state table does not answer',
      vitals: { ...FOLLOWING, leaseSilentMs: 21_000 },
      ready: 'state-table: the lease was last read or renewed before 21.0s; at most 20.0s',
    },
    {
      reason: 'the desired table cannot be read',
      vitals: { ...LEADING, relistAgeMs: 700_000 },
      ready: 'desired-table: last read whole before 11m40s; at most 11m00s',
    },
    {
      reason: 'nothing is swept any more',
      vitals: { ...LEADING, sweepAgeMs: 200_000 },
      ready: 'sweep: the last one ended before 3m20s; at most 3m00s',
    },
    {
      reason: 'a pass hangs',
      vitals: { ...LEADING, longestPassMs: 601_000 },
      alive: 'workers: the oldest pass under way has been running for 10m01s; at most 10m00s',
    },
  ];
  it.each(cases)('$reason', async ({ vitals, alive, ready }) => {
    const healthz = await ask('/healthz', vitals);
    const readyz = await ask('/readyz', vitals);
    expect([healthz.status, (healthz.body as { reason?: string }).reason]).toEqual([alive ? 503 : 200, alive]);
    expect([readyz.status, (readyz.body as { reason?: string }).reason]).toEqual([ready ? 503 : 200, ready]);
  });

  it('tells each check by name', async () => {
    expect((await ask('/readyz', FOLLOWING)).body).toEqual({
      status: 'ok',
      checks: [
        { name: 'role', ok: true, message: 'following' },
        { name: 'state-table', ok: true, message: 'the lease was last read or renewed before 4.0s' },
        { name: 'desired-table', ok: true, message: 'the leader’s' },
        { name: 'sweep', ok: true, message: 'the leader’s' },
      ],
    });
  });
});
