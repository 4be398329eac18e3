import { describe, expect, it } from 'vitest';
import { type Call, Pacing, type Ports, paced } from '../../src/aws/index.ts';
import { Metrics, seededRandom, VirtualClock } from '../../src/core/index.ts';
import { type Answer, failure, quiet, scriptedPorts } from './scripted-ports.ts';

function make(answer?: Answer, options: { scale?: number; metrics?: Metrics; latencyMs?: number } = {}) {
  const { latencyMs, ...pacingOptions } = options;
  const clock = new VirtualClock();
  const script = scriptedPorts(clock, answer, latencyMs);
  const pacing = new Pacing({ clock, ...pacingOptions });
  return { clock, pacing, calls: script.calls, ports: paced(script.ports, pacing) };
}

type One = (ports: Ports, call?: Call) => Promise<unknown>;
const describeRules: One = ({ elbv2 }, call) => elbv2.describeRules({ RuleArns: ['r'] }, call);
const modifyRule: One = ({ elbv2 }, call) => elbv2.modifyRule({ RuleArn: 'r' }, call);

/** Makes `count` calls at once and swallows nothing: resolves when all are answered. */
function many(ports: Ports, count: number, one: One, call?: Call): Promise<unknown> {
  return Promise.all(Array.from({ length: count }, () => one(ports, call)));
}

describe('pacing', () => {
  const rates: { reason: string; one: One; count: number; burst: number; lastAtMs: number }[] = [
    { reason: 'reading a load balancer: 40, then 10/s', one: describeRules, count: 56, burst: 36, lastAtMs: 2_000 },
    { reason: 'changing one: 20, then 3/s', one: modifyRule, count: 24, burst: 18, lastAtMs: 2_000 },
    {
      reason: 'registering task definitions: 20, then 1/s',
      one: ({ ecs }) => ecs.registerTaskDefinition({ family: 'f', containerDefinitions: [] }),
      count: 23,
      burst: 18,
      lastAtMs: 5_000,
    },
    {
      reason: 'reading services: 100, then 20/s',
      one: ({ ecs }) => ecs.describeServices({ services: ['s'] }),
      count: 130,
      burst: 90,
      lastAtMs: 2_000,
    },
    {
      reason: 'reading policies: 15/s',
      one: ({ lambda }) => lambda.getPolicy({ FunctionName: 'f' }),
      count: 43,
      burst: 13,
      lastAtMs: 1_967,
    },
  ];
  it.each(rates)(
    'keeps to the published rate, and to nine tenths of the burst, of $reason',
    async ({ one, count, burst, lastAtMs }) => {
      const { clock, ports, calls } = make();
      const all = many(ports, count, one);
      await quiet(clock);
      await all;
      expect(calls.filter(({ atMs }) => atMs === 0).length).toBe(burst);
      expect(Math.abs((calls.at(-1)?.atMs ?? 0) - lastAtMs)).toBeLessThanOrEqual(2);
    },
  );

  it('never delays tables: lease and state are not paced', async () => {
    const { clock, ports, calls } = make();
    const waiting = many(ports, 60, describeRules);
    await many(ports, 1000, ({ dynamodb }) => dynamodb.updateItem({ TableName: 't', Key: {} }));
    expect(calls.filter(({ name }) => name === 'dynamodb.updateItem').length).toBe(1000);
    expect(clock.now()).toBe(new VirtualClock().now());
    await quiet(clock);
    await waiting;
  });

  it('a call waits only for what it needs itself: reading goes on while changing waits', async () => {
    const { clock, ports, calls } = make();
    const changes = many(ports, 25, modifyRule);
    const reads = many(ports, 18, describeRules);
    await reads;
    expect(calls.filter(({ name }) => name === 'elbv2.describeRules').length).toBe(18);
    expect(calls.filter(({ name }) => name === 'elbv2.modifyRule').length).toBe(18);
    await quiet(clock);
    await changes;
  });

  it('counts a change against both of its limits', async () => {
    const { clock, ports, calls } = make();
    const reads = many(ports, 36, describeRules);
    const changes = many(ports, 5, modifyRule);
    await quiet(clock);
    await Promise.all([reads, changes]);
    const changedAt = calls.filter(({ name }) => name === 'elbv2.modifyRule').map(({ atMs }) => atMs);
    expect(changedAt[0]).toBe(100);
    expect(changedAt[4]).toBe(500);
  });

  it('passes go before sweeps, first come first served within both, and one call in ten is a sweep all the same', async () => {
    const { clock, ports, calls } = make();
    await many(ports, 36, describeRules);
    const named = (name: string, priority: 'pass' | 'sweep') =>
      ports.elbv2.describeRules({ RuleArns: [name] }, { priority });
    const all = [
      ...Array.from({ length: 5 }, (_, i) => named(`sweep-${i}`, 'sweep')),
      ...Array.from({ length: 20 }, (_, i) => named(`pass-${i}`, 'pass')),
    ];
    await quiet(clock);
    await Promise.all(all);
    const order = calls.slice(36).map(({ input }) => (input.RuleArns as string[])[0]);
    expect(order.filter((name) => name?.startsWith('pass'))).toEqual(Array.from({ length: 20 }, (_, i) => `pass-${i}`));
    expect(order.filter((name) => name?.startsWith('sweep'))).toEqual(
      Array.from({ length: 5 }, (_, i) => `sweep-${i}`),
    );
    expect([order.indexOf('sweep-0'), order.indexOf('sweep-1'), order.indexOf('sweep-2')]).toEqual([9, 19, 22]);
  });

  it('a caller that gives up leaves the line, is told so as by the SDK, and costs no token', async () => {
    const { clock, ports, calls, pacing } = make();
    await many(ports, 36, describeRules);
    const abort = new AbortController();
    const given = many(ports, 10, describeRules, { signal: abort.signal });
    const patient = describeRules(ports);
    expect(pacing.readings().depth).toBe(11);
    abort.abort();
    await expect(given).rejects.toMatchObject({ kind: 'transient', code: 'AbortError', operation: 'describeRules' });
    expect(pacing.readings().depth).toBe(1);
    await quiet(clock);
    await patient;
    expect(calls.length).toBe(37);
    expect(calls.at(-1)?.atMs).toBe(100);
    await expect(describeRules(ports, { signal: abort.signal })).rejects.toMatchObject({ code: 'AbortError' });
    expect(clock.nextAtMs()).toBeUndefined();
  });

  it('nobody overtakes who waits, not even in the moment in which a token is there and not yet given out', async () => {
    const { clock, ports, calls } = make();
    await many(ports, 36, describeRules);
    const named = (name: string) => ports.elbv2.describeRules({ RuleArns: [name] });
    const reads: Promise<unknown>[] = [];
    clock.after(100, () => reads.push(named('newcomer')));
    reads.push(named('waiting'));
    await quiet(clock);
    await Promise.all(reads);
    expect(calls.slice(36).map(({ atMs, input }) => [atMs, input.RuleArns])).toEqual([
      [100, ['waiting']],
      [200, ['newcomer']],
    ]);
  });

  it('when all in line have given up, nothing is waited for any more', async () => {
    const { clock, ports } = make();
    await many(ports, 36, describeRules);
    const abort = new AbortController();
    const given = many(ports, 3, describeRules, { signal: abort.signal });
    expect(clock.nextAtMs()).toBeDefined();
    abort.abort();
    await expect(given).rejects.toMatchObject({ code: 'AbortError' });
    expect(clock.nextAtMs()).toBeUndefined();
  });

  it('a change that waited is asked at the last moment whether it may still be made', async () => {
    const { clock, ports, calls } = make();
    await many(ports, 18, modifyRule);
    let held = true;
    const fence = () => {
      if (!held) throw failure('conflict', 'LeaseLost');
    };
    const [first, second] = [modifyRule(ports, { fence }), modifyRule(ports, { fence })];
    const refused = expect(second).rejects.toMatchObject({ code: 'LeaseLost' });
    clock.after(400, () => {
      held = false;
    });
    await quiet(clock);
    await first;
    await refused;
    expect(calls.length).toBe(19);
  });

  it('passes on what AWS answered, and the signal with the call', async () => {
    const { ports, calls } = make((name) => ({ name }));
    const { signal } = new AbortController();
    expect(await ports.elbv2.describeRules({ RuleArns: ['r'] }, { signal })).toEqual({ name: 'elbv2.describeRules' });
    expect(calls[0]).toMatchObject({ input: { RuleArns: ['r'] }, signal });
    const { ports: failing } = make(() => {
      throw failure('notFound', 'RuleNotFound');
    });
    await expect(describeRules(failing)).rejects.toMatchObject({ code: 'RuleNotFound' });
  });

  describe('a throttled answer', () => {
    it('slows the bucket once, not once per caller, and reaches each caller', async () => {
      let throttled = true;
      const { clock, ports, calls, pacing } = make(
        () => {
          if (throttled) throw failure('throttled', 'ThrottlingException');
          return {};
        },
        { latencyMs: 50 },
      );
      const crowd = Promise.allSettled(Array.from({ length: 30 }, () => describeRules(ports)));
      await quiet(clock, 1_000);
      expect((await crowd).map(({ status }) => status)).toEqual(Array(30).fill('rejected'));
      const bucket = pacing.readings().buckets.find(({ name }) => name === 'elbv2 account');
      expect(bucket).toMatchObject({ slowed: 1, perSec: 5 });
      throttled = false;
      const before = calls.length;
      const next = many(ports, 10, describeRules);
      await quiet(clock);
      await next;
      const gaps = calls.slice(before).map(({ atMs }, i, all) => atMs - (all[i - 1]?.atMs ?? atMs));
      // Half as fast, and a little faster with each call that AWS takes.
      expect(Math.min(...gaps.slice(1, 5))).toBeGreaterThan(180);
    });

    it('slows the narrowest of the limits that the call counts against', async () => {
      const { ports, pacing } = make(() => {
        throw failure('throttled', 'ThrottlingException');
      });
      await expect(modifyRule(ports)).rejects.toMatchObject({ kind: 'throttled' });
      const slowed = pacing.readings().buckets.filter((bucket) => bucket.slowed > 0);
      expect(slowed.map(({ name }) => name)).toEqual(['elbv2 mutating']);
    });

    it.each([
      { code: 'AccountLimitExceededException', kind: 'throttled' as const, reason: 'as many builds run as may' },
      { code: 'ServerException', kind: 'transient' as const, reason: 'AWS is broken, not busy' },
    ])('$code slows nothing: $reason', async ({ code, kind }) => {
      const { ports, pacing } = make(() => {
        throw failure(kind, code);
      });
      await expect(ports.codebuild.startBuild({ projectName: 'p' })).rejects.toMatchObject({ code });
      expect(pacing.readings().buckets.every(({ slowed }) => slowed === 0)).toBe(true);
    });

    it('an account with a tenth of the rates is found out: few calls are refused once that is known', async () => {
      // AWS's own bucket: a tenth of 40 and 10/s, used by nobody else.
      const clock = new VirtualClock();
      let tokens = 4;
      let atMs = clock.now();
      const script = scriptedPorts(clock, () => {
        tokens = Math.min(4, tokens + (clock.now() - atMs) / 1000);
        atMs = clock.now();
        if (tokens < 1) throw failure('throttled', 'ThrottlingException');
        tokens -= 1;
        return {};
      });
      const ports = paced(script.ports, new Pacing({ clock }));
      let refused = 0;
      let done = 0;
      const worker = async () => {
        while (done < 200) {
          try {
            await describeRules(ports);
            done++;
          } catch {
            refused++;
            await new Promise<void>((resolve) => clock.after(1_000, resolve));
          }
        }
      };
      const workers = Promise.all(Array.from({ length: 8 }, worker));
      await quiet(clock);
      await workers;
      expect(done).toBeGreaterThanOrEqual(200);
      // Without slowing down, eight workers that try once a second are refused seven times for each call that goes.
      expect(refused / done).toBeLessThan(1);
    });
  });

  it('with a scale, leaves room for others in the account', async () => {
    const { clock, ports, calls } = make(undefined, { scale: 0.5 });
    const all = many(ports, 28, describeRules);
    await quiet(clock);
    await all;
    expect(calls.filter(({ atMs }) => atMs === 0).length).toBe(18);
    expect(calls.at(-1)?.atMs).toBe(2_000);
  });

  it.each([{ scale: 0 }, { scale: -1 }, { scale: Number.NaN }, { scale: Number.POSITIVE_INFINITY }])(
    'refuses a scale of $scale',
    ({ scale }) => {
      expect(() => new Pacing({ clock: new VirtualClock(), scale })).toThrow(RangeError);
    },
  );

  it('can be read: tokens, depth, waits; and is measured', async () => {
    const metrics = new Metrics();
    const { clock, ports, pacing } = make(undefined, { metrics });
    const all = many(ports, 41, describeRules);
    expect(pacing.readings()).toMatchObject({ depth: 5, waits: 0 });
    expect(metrics.text()).toContain('lambdacontainer_aws_rate_depth{place=""} 5');
    await quiet(clock);
    await all;
    expect(pacing.readings()).toMatchObject({ depth: 0, waits: 5, waitedMs: 1500 });
    expect(metrics.text()).toContain('lambdacontainer_aws_rate_wait_seconds_count{service="elbv2"} 5');
    expect(metrics.text()).toContain('lambdacontainer_aws_rate_wait_seconds_sum{service="elbv2"} 1.5');
  });

  it.each([{ seed: 1 }, { seed: 2 }, { seed: 3 }])(
    'never exceeds any published limit, loses no call and leaves nobody waiting (seed $seed)',
    async ({ seed }) => {
      const { clock, ports, calls } = make();
      const random = seededRandom(seed);
      const operations: One[] = [
        describeRules,
        modifyRule,
        (p, call) => p.elbv2.registerTargets({ TargetGroupArn: 'g', Targets: [] }, call),
      ];
      const outcomes: Promise<'done' | 'gone'>[] = [];
      for (let i = 0; i < 600; i++) {
        const abort = new AbortController();
        const one = operations[Math.floor(random.next() * 3)] ?? describeRules;
        const call: Call = { signal: abort.signal, priority: random.next() < 0.3 ? 'sweep' : 'pass' };
        clock.after(random.next() * 20_000, () => {
          outcomes.push(
            one(ports, call).then(
              () => 'done' as const,
              () => 'gone' as const,
            ),
          );
        });
        if (random.next() < 0.2) clock.after(random.next() * 40_000, () => abort.abort());
      }
      await quiet(clock);
      const ended = await Promise.all(outcomes);
      expect(ended.length).toBe(600);
      expect(ended.filter((outcome) => outcome === 'done').length).toBe(calls.length);
      const within = (names: string[], burst: number, perSec: number) => {
        const at = calls.filter(({ name }) => names.includes(name)).map(({ atMs }) => atMs);
        // In any window, at most the burst and what was gained in it.
        const over = at.filter((fromMs, i) =>
          at.slice(i).some((toMs, j) => j + 1 > burst + ((toMs - fromMs) / 1000) * perSec + 1e-6),
        );
        expect(over).toEqual([]);
      };
      within(['elbv2.describeRules', 'elbv2.modifyRule', 'elbv2.registerTargets'], 40, 10);
      within(['elbv2.modifyRule'], 20, 3);
      within(['elbv2.registerTargets'], 20, 4);
    },
  );
});
