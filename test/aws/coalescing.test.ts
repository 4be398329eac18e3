import { describe, expect, it } from 'vitest';
import { Coalescing, coalesced, layered, Pacing, type Ports } from '../../src/aws/index.ts';
import { Metrics, seededRandom, VirtualClock } from '../../src/core/index.ts';
import { type Answer, failure, quiet, scriptedPorts } from './scripted-ports.ts';

/** ECS as far as DescribeServices goes: `missing` services are listed as failures, as AWS does. */
function services(missing: readonly string[] = []): Answer {
  return (_name, { services: names = [] }) => ({
    services: (names as string[]).filter((name) => !missing.includes(name)).map((serviceName) => ({ serviceName })),
    failures: (names as string[])
      .filter((name) => missing.includes(name))
      .map((name) => ({ arn: `arn:aws:ecs:us-east-1:0:service/main/${name}`, reason: 'MISSING' })),
  });
}

/** ELB as far as DescribeTargetGroups goes: one that is missing fails the whole call. */
function groups(missing: ReadonlySet<string>): Answer {
  return (_name, { Names }) => {
    if ((Names as string[]).some((name) => missing.has(name)))
      throw failure('notFound', 'TargetGroupNotFoundException');
    return { TargetGroups: (Names as string[]).map((TargetGroupName) => ({ TargetGroupName })) };
  };
}

function make(answer?: Answer, { latencyMs = 50, windowMs = 35 } = {}) {
  const clock = new VirtualClock();
  const script = scriptedPorts(clock, answer, latencyMs);
  const metrics = new Metrics();
  const coalescing = new Coalescing({ clock, windowMs, metrics });
  return { clock, metrics, coalescing, calls: script.calls, ports: coalesced(script.ports, coalescing) };
}

const service = (ports: Ports, name: string, signal?: AbortSignal) =>
  ports.ecs.describeServices({ cluster: 'main', services: [name], include: ['TAGS'] }, signal ? { signal } : {});
const group = (ports: Ports, name: string) => ports.elbv2.describeTargetGroups({ Names: [name] });
const names = (count: number, prefix = 's') => Array.from({ length: count }, (_, i) => `${prefix}${i}`);

/** Settles everything under virtual time. */
async function all<T>(clock: VirtualClock, promises: readonly Promise<T>[]): Promise<PromiseSettledResult<T>[]> {
  const settled = Promise.allSettled(promises);
  await quiet(clock);
  return settled;
}

describe('coalescing', () => {
  it('reads that are made at the same time share full calls, and each gets its own part', async () => {
    const { clock, ports, calls, coalescing } = make(services());
    const answers = await all(
      clock,
      names(25).map((name) => service(ports, name)),
    );
    expect(calls.map(({ input }) => (input.services as string[]).length)).toEqual([10, 10, 5]);
    expect(calls[0]?.input).toMatchObject({ cluster: 'main', include: ['TAGS'] });
    for (const [i, answer] of answers.entries()) {
      expect(answer).toMatchObject({ value: { services: [{ serviceName: `s${i}` }], failures: [] } });
    }
    expect(coalescing.readings()).toEqual({ reads: 25, calls: 3, alone: 0 });
  });

  it('a single read goes out in the next turn, as it was asked', async () => {
    const { clock, ports, calls } = make(services());
    await all(clock, [service(ports, 's')]);
    expect(calls).toMatchObject([{ atMs: 0, input: { cluster: 'main', services: ['s'], include: ['TAGS'] } }]);
  });

  it('while a call is under way, others gather until it returns', async () => {
    const { clock, ports, calls } = make(services(), { latencyMs: 30, windowMs: 1_000 });
    const reads = [service(ports, 'first')];
    for (const [i, name] of names(6).entries()) clock.after(1 + i * 4, () => reads.push(service(ports, name)));
    await all(clock, [quiet(clock, 200)]);
    expect(calls.map(({ atMs, input }) => [atMs, (input.services as string[]).length])).toEqual([
      [0, 1],
      [30, 6],
    ]);
    expect((await Promise.all(reads)).length).toBe(7);
  });

  it('and no longer than the window, should it not return', async () => {
    const { clock, ports, calls } = make(services(), { latencyMs: 10_000, windowMs: 35 });
    const reads = [service(ports, 'first')];
    clock.after(5, () => reads.push(service(ports, 'second')));
    await quiet(clock);
    expect(calls.map(({ atMs }) => atMs)).toEqual([0, 40]);
    await Promise.all(reads);
  });

  it.each([
    { reason: 'another cluster', other: { cluster: 'other', services: ['b'], include: ['TAGS'] } },
    { reason: 'another detail', other: { cluster: 'main', services: ['b'] } },
  ])('reads of $reason do not share a call', async ({ other }) => {
    const { clock, ports, calls } = make(services());
    await all(clock, [service(ports, 'a'), ports.ecs.describeServices(other as { services: string[] })]);
    expect(calls.length).toBe(2);
  });

  it('sweeps and passes do not share a call: one waits longer for its limit than the other', async () => {
    const { clock, ports, calls } = make(services());
    const sweep = ports.ecs.describeServices(
      { cluster: 'main', services: ['a'], include: ['TAGS'] },
      { priority: 'sweep' },
    );
    await all(clock, [sweep, service(ports, 'b')]);
    expect(calls.length).toBe(2);
  });

  it('the same thing asked for twice is asked for once', async () => {
    const { clock, ports, calls } = make(services());
    const answers = await all(clock, [service(ports, 'a'), service(ports, 'a'), service(ports, 'b')]);
    expect(calls.map(({ input }) => input.services)).toEqual([['a', 'b']]);
    expect(answers.slice(0, 2)).toMatchObject(Array(2).fill({ value: { services: [{ serviceName: 'a' }] } }));
  });

  it('what is missing is told to whoever asked for it, and to nobody else', async () => {
    const { clock, ports, calls } = make(services(['gone']));
    const [here, gone] = await all(clock, [service(ports, 'here'), service(ports, 'gone')]);
    expect(calls.length).toBe(1);
    expect(here).toMatchObject({ value: { services: [{ serviceName: 'here' }], failures: [] } });
    expect(gone).toMatchObject({ value: { services: [], failures: [{ reason: 'MISSING' }] } });
  });

  it('a full list, an empty one and one that is not listable go their own way at once', async () => {
    const { clock, ports, calls } = make(() => ({}));
    await all<unknown>(clock, [
      ports.ecs.describeServices({ services: names(10) }),
      ports.elbv2.describeTargetGroups({}),
      ports.ecr.describeImages({ repositoryName: 'r', imageIds: [{ imageTag: 't', imageDigest: 'sha256:1' }] }),
      ports.autoscaling.describeScalableTargets({ ServiceNamespace: 'ecs', ResourceIds: ['service/a/b'] }),
      ports.ecs.updateService({ service: 's' }),
    ]);
    expect(calls.map(({ atMs }) => atMs)).toEqual([0, 0, 0, 0, 0]);
    expect(calls.map(({ input }) => input)).toEqual([
      { services: names(10) },
      {},
      { repositoryName: 'r', imageIds: [{ imageTag: 't', imageDigest: 'sha256:1' }] },
      { ServiceNamespace: 'ecs', ResourceIds: ['service/a/b'] },
      { service: 's' },
    ]);
  });

  it('what was never made goes alone, and fails nobody else', async () => {
    const { clock, ports, calls } = make(groups(new Set(['new'])));
    const unmade = ports.elbv2.describeTargetGroups({ Names: ['new'] }, { unmade: true });
    const answers = await all(clock, [group(ports, 'a'), unmade, group(ports, 'b')]);
    expect(answers.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
    expect(calls.map(({ input }) => input.Names)).toEqual([['new'], ['a', 'b']]);
  });

  it('equal reads of what many use are made once: the rules of one listener', async () => {
    const { clock, ports, calls } = make((_name, { ListenerArn }) => ({ Rules: [{ RuleArn: `${ListenerArn}/1` }] }));
    const rules = (ListenerArn: string) => ports.elbv2.describeRules({ ListenerArn, PageSize: 400 });
    const answers = await all(clock, [rules('a'), rules('b'), rules('a'), rules('a')]);
    expect(calls.map(({ input }) => input.ListenerArn)).toEqual(['a', 'b']);
    expect(answers[3]).toMatchObject({ value: { Rules: [{ RuleArn: 'a/1' }] } });
  });

  it('remembers nothing: what is asked after a call left is asked anew', async () => {
    let revision = 0;
    const { clock, ports, calls } = make(() => ({ Rules: [{ RuleArn: 'r', Priority: String(++revision) }] }));
    const rules = () => ports.elbv2.describeRules({ ListenerArn: 'a' });
    const first = rules();
    await quiet(clock, 1);
    expect(calls.length).toBe(1);
    const second = rules();
    await quiet(clock);
    expect((await first).Rules?.[0]?.Priority).toBe('1');
    expect((await second).Rules?.[0]?.Priority).toBe('2');
  });

  describe('one missing thing that fails the whole call', () => {
    it('costs the others nothing but a call of their own', async () => {
      const { clock, ports, calls, coalescing } = make(groups(new Set(['gone'])));
      const answers = await all(
        clock,
        ['a', 'gone', 'b'].map((name) => group(ports, name)),
      );
      expect(answers).toMatchObject([
        { value: { TargetGroups: [{ TargetGroupName: 'a' }] } },
        { reason: { kind: 'notFound', code: 'TargetGroupNotFoundException' } },
        { value: { TargetGroups: [{ TargetGroupName: 'b' }] } },
      ]);
      expect(calls.map(({ input }) => input.Names)).toEqual([['a', 'gone', 'b'], ['a'], ['gone'], ['b']]);
      expect(coalescing.readings()).toEqual({ reads: 3, calls: 4, alone: 3 });
    });

    it('is asked for apart from then on, until it is there', async () => {
      const missing = new Set(['gone']);
      const { clock, ports, calls } = make(groups(missing));
      await all(
        clock,
        ['a', 'gone', 'b'].map((name) => group(ports, name)),
      );
      calls.length = 0;
      await all(
        clock,
        ['a', 'gone', 'b'].map((name) => group(ports, name)),
      );
      expect(calls.map(({ input }) => input.Names)).toEqual([['a', 'b'], ['gone']]);
      missing.clear();
      await all(
        clock,
        ['a', 'gone', 'b'].map((name) => group(ports, name)),
      );
      calls.length = 0;
      await all(
        clock,
        ['a', 'gone', 'b'].map((name) => group(ports, name)),
      );
      expect(calls.map(({ input }) => input.Names)).toEqual([['a', 'gone', 'b']]);
    });

    it('things that were all missing share the call in which they turn out to be there', async () => {
      const missing = new Set(names(20, 'g'));
      const { clock, ports, calls } = make(groups(missing));
      await all(
        clock,
        names(20, 'g').map((name) => group(ports, name)),
      );
      expect(calls.length).toBe(21);
      calls.length = 0;
      missing.clear();
      const answers = await all(
        clock,
        names(20, 'g').map((name) => group(ports, name)),
      );
      expect(calls.length).toBe(1);
      expect(answers.every(({ status }) => status === 'fulfilled')).toBe(true);
    });

    it.each([
      { code: 'ValidationException', kind: 'invalid' as const, reason: 'one of the names is not a name' },
      { code: 'AccessDeniedException', kind: 'denied' as const, reason: 'one of the things may not be seen' },
    ])('$code: $reason', async ({ code, kind }) => {
      const { clock, ports } = make((_name, { Names }) => {
        if ((Names as string[]).includes('bad')) throw failure(kind, code);
        return { TargetGroups: (Names as string[]).map((TargetGroupName) => ({ TargetGroupName })) };
      });
      const answers = await all(
        clock,
        ['a', 'bad'].map((name) => group(ports, name)),
      );
      expect(answers).toMatchObject([{ status: 'fulfilled' }, { reason: { code } }]);
    });
  });

  it.each([
    { code: 'ThrottlingException', kind: 'throttled' as const, reason: 'asking again alone would make it worse' },
    { code: 'InternalFailure', kind: 'transient' as const, reason: 'the service is broken for all of them' },
    { code: 'ExpiredTokenException', kind: 'denied' as const, reason: 'it is the caller that is refused' },
    { code: 'ClusterNotFoundException', kind: 'notFound' as const, reason: 'what all share is missing' },
  ])('$code is one failure for all: $reason', async ({ code, kind }) => {
    const { clock, ports, calls } = make(() => {
      throw failure(kind, code);
    });
    const answers = await all(
      clock,
      names(5).map((name) => service(ports, name)),
    );
    expect(calls.length).toBe(1);
    expect(answers).toMatchObject(Array(5).fill({ reason: { code } }));
  });

  it('an answer that is not complete is not divided: each asks alone', async () => {
    const { clock, ports, calls } = make((_name, { ResourceIds }) => ({
      ScalableTargets: [],
      ...((ResourceIds as string[]).length > 1 ? { NextToken: 'more' } : {}),
    }));
    const target = (id: string) =>
      ports.autoscaling.describeScalableTargets({
        ServiceNamespace: 'ecs',
        ScalableDimension: 'ecs:service:DesiredCount',
        ResourceIds: [id],
      });
    const answers = await all(clock, [target('a'), target('b')]);
    expect(calls.length).toBe(3);
    expect(answers.every((answer) => answer.status === 'fulfilled' && answer.value.NextToken === undefined)).toBe(true);
  });

  it('an error of ours is thrown to every caller as it is', async () => {
    const { clock, ports } = make(() => {
      throw new TypeError('a defect');
    });
    const answers = await all(
      clock,
      names(2).map((name) => service(ports, name)),
    );
    expect(answers).toMatchObject(Array(2).fill({ reason: new TypeError('a defect') }));
  });

  describe('a caller that gives up', () => {
    it('before the call leaves takes its things with it', async () => {
      const { clock, ports, calls } = make(services());
      const abort = new AbortController();
      const reads = [service(ports, 'a', abort.signal), service(ports, 'b')];
      abort.abort();
      expect(await all(clock, reads)).toMatchObject([{ reason: { code: 'AbortError' } }, { status: 'fulfilled' }]);
      expect(calls.map(({ input }) => input.services)).toEqual([['b']]);
    });

    it('alone: the call never leaves', async () => {
      const { clock, ports, calls } = make(services());
      const abort = new AbortController();
      const read = service(ports, 'a', abort.signal);
      abort.abort();
      await expect(read).rejects.toMatchObject({ kind: 'transient', code: 'AbortError', service: 'ecs' });
      await expect(service(ports, 'a', abort.signal)).rejects.toMatchObject({ code: 'AbortError' });
      expect(clock.nextAtMs()).toBeUndefined();
      expect(calls).toEqual([]);
    });

    it('under way does not end the call of the others, the last one does', async () => {
      const { clock, ports, calls } = make(services());
      const [one, two] = [new AbortController(), new AbortController()];
      const reads = [service(ports, 'a', one.signal), service(ports, 'b', two.signal)];
      const settled = Promise.allSettled(reads);
      await quiet(clock, 10);
      one.abort();
      expect(calls[0]?.signal?.aborted).toBe(false);
      two.abort();
      expect(calls[0]?.signal?.aborted).toBe(true);
      expect(await settled).toMatchObject(Array(2).fill({ reason: { code: 'AbortError' } }));
      await quiet(clock);
      const again = service(ports, 'a');
      await quiet(clock);
      expect((await again).services?.[0]?.serviceName).toBe('a');
    });
  });

  it('with pacing, whoever comes while the call waits for its limit still joins it', async () => {
    const clock = new VirtualClock();
    const script = scriptedPorts(clock, services(), 50);
    const pacing = new Pacing({ clock });
    const ports = layered(script.ports, new Coalescing({ clock }).layer, pacing.layer);
    const burst = Promise.all(names(90, 'task').map((name) => ports.ecs.listServices({ cluster: name })));
    const reads: Promise<unknown>[] = [];
    for (const [i, name] of names(9).entries()) clock.after(i * 5, () => reads.push(service(ports, name)));
    await quiet(clock);
    await burst;
    await Promise.all(reads);
    const described = script.calls.filter(({ name }) => name === 'ecs.describeServices');
    expect(described.map(({ atMs, input }) => [atMs, (input.services as string[]).length])).toEqual([[50, 9]]);
  });

  it('and the call gives way meanwhile to what nobody can join', async () => {
    const clock = new VirtualClock();
    const script = scriptedPorts(clock, (_name, { Names = [] }) => groups(new Set())(_name, { Names }));
    const pacing = new Pacing({ clock });
    const ports = layered(script.ports, new Coalescing({ clock }).layer, pacing.layer);
    const health = (count: number) =>
      Promise.all(Array.from({ length: count }, () => ports.elbv2.describeTargetHealth({ TargetGroupArn: 'g' })));
    // The burst, so that all further ones wait; and then twice as many as AWS takes.
    const all: Promise<unknown>[] = [health(36), group(ports, 'g0')];
    for (let atMs = 10; atMs < 3_000; atMs += 50) clock.after(atMs, () => all.push(health(1)));
    clock.after(1_900, () => all.push(group(ports, 'g1')));
    await quiet(clock);
    await Promise.all(all);
    const [groupsCall, ...more] = script.calls.filter(({ name }) => name === 'elbv2.describeTargetGroups');
    expect(groupsCall?.input.Names).toEqual(['g0', 'g1']);
    expect(more).toEqual([]);
    expect(groupsCall?.atMs, 'no longer than that').toBeGreaterThanOrEqual(2_000);
    expect(groupsCall?.atMs).toBeLessThan(2_200);
  });

  it('a throttled call slows its limit once, though it was made for many', async () => {
    const clock = new VirtualClock();
    const script = scriptedPorts(clock, () => {
      throw failure('throttled', 'ThrottlingException');
    });
    const pacing = new Pacing({ clock });
    const ports = layered(script.ports, new Coalescing({ clock }).layer, pacing.layer);
    await all(
      clock,
      names(10).map((name) => service(ports, name)),
    );
    expect(script.calls.length).toBe(1);
    expect(pacing.readings().buckets).toMatchObject([{ name: 'ecs service read', slowed: 1 }]);
  });

  it.each([{ seed: 1 }, { seed: 2 }, { seed: 3 }])(
    'gives everybody what it would have got alone, whoever comes, fails and gives up (seed $seed)',
    async ({ seed }) => {
      const missing = new Set(['g3', 'g7']);
      const { clock, ports, calls } = make(groups(missing), { latencyMs: 40 });
      const random = seededRandom(seed);
      const outcomes: Promise<void>[] = [];
      let reads = 0;
      for (let i = 0; i < 500; i++) {
        const name = `g${Math.floor(random.next() * 60)}`;
        const abort = new AbortController();
        clock.after(random.next() * 5_000, () => {
          reads++;
          outcomes.push(
            ports.elbv2.describeTargetGroups({ Names: [name] }, { signal: abort.signal }).then(
              ({ TargetGroups }) => {
                expect(TargetGroups?.map(({ TargetGroupName }) => TargetGroupName)).toEqual([name]);
              },
              ({ code }: { code: string }) => {
                if (code === 'AbortError') expect(abort.signal.aborted).toBe(true);
                else expect([code, missing.has(name)]).toEqual(['TargetGroupNotFoundException', true]);
              },
            ),
          );
        });
        if (random.next() < 0.1) clock.after(random.next() * 5_000, () => abort.abort());
      }
      await quiet(clock);
      await Promise.all(outcomes);
      expect(reads).toBe(500);
      expect(calls.length).toBeLessThan(300);
      expect(Math.max(...calls.map(({ input }) => (input.Names as string[]).length))).toBeLessThanOrEqual(20);
    },
  );
});
