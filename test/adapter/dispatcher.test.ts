import { Agent } from 'node:http';
import fc from 'fast-check';
import { describe, expect, onTestFinished, test } from 'vitest';
import { type Dispatched, Dispatcher, type DispatcherOptions, NO_TIMEOUT_MS } from '../../src/adapter/dispatcher.ts';
import { RuntimeApi, settled } from '../../src/adapter/runtime-api.ts';
import { type Clock, systemClock, VirtualClock } from '../../src/core/index.ts';
import { ask, FUNCTION_ARN } from './support.ts';

interface Job {
  readonly id: string;
  readonly event: string;
  readonly deadlineMs: number;
}

/** A runtime in this process: asks for work over a real connection, and answers what `handle` resolves with. */
class ScriptedRuntime {
  readonly jobs: Job[] = [];
  readonly #port: number;
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 1 });
  readonly #handle: (job: Job) => Promise<string>;
  #ended = false;

  constructor(port: number, handle: (job: Job) => Promise<string>) {
    this.#port = port;
    this.#handle = handle;
  }

  async run(): Promise<void> {
    const headers = { 'User-Agent': 'lambdacontainer-runtime-test/1' };
    while (!this.#ended) {
      const next = await ask(this.#port, '/2018-06-01/runtime/invocation/next', { agent: this.#agent, headers }).catch(
        () => undefined,
      );
      if (!next) return;
      const job = {
        id: String(next.headers['lambda-runtime-aws-request-id']),
        deadlineMs: Number(next.headers['lambda-runtime-deadline-ms']),
        event: next.body.toString(),
      };
      this.jobs.push(job);
      const body = await this.#handle(job);
      await ask(this.#port, `/2018-06-01/runtime/invocation/${job.id}/response`, {
        agent: this.#agent,
        headers,
        method: 'POST',
        body,
      }).catch(() => undefined);
    }
  }

  /** The process dies: its connection breaks. */
  end(): void {
    this.#ended = true;
    this.#agent.destroy();
  }
}

async function fleet(
  count: number,
  handle: (job: Job) => Promise<string>,
  options: Partial<DispatcherOptions> & { clock?: Clock } = {},
) {
  const clock = options.clock ?? systemClock;
  const runtimes = Array.from({ length: count }, () => new RuntimeApi({ clock, graceMs: 50 }));
  const dispatcher = new Dispatcher({ runtimes, clock, functionArn: FUNCTION_ARN, queueMax: 100, ...options });
  const ports = await Promise.all(runtimes.map((runtime) => runtime.listen()));
  const scripted = ports.map((port) => new ScriptedRuntime(port, handle));
  onTestFinished(async () => {
    await Promise.all(runtimes.map((runtime) => runtime.close()));
    for (const runtime of scripted) runtime.end();
  });
  const start = (index: number) => {
    void scripted[index]?.run();
    return new Promise<void>((resolve) => {
      const api = runtimes[index] as RuntimeApi;
      const pump = api.onChange;
      api.onChange = () => {
        pump();
        if (api.state === 'ready') resolve();
      };
    });
  };
  return { dispatcher, runtimes, ports, scripted, start };
}

function job(requestId: string) {
  return { requestId, event: Buffer.from(requestId) };
}

function gate(): { opened: Promise<void>; open: () => void } {
  let open = () => {};
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { opened, open };
}

test('no request is mixed up with another, whatever finishes first', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 1, max: 4 }),
      fc.array(fc.integer({ min: 0, max: 3 }), { minLength: 1, maxLength: 40 }),
      async (processes, turns) => {
        // Each handler takes a generated number of turns of the event loop, so that answers overtake each other.
        const handle = async ({ event }: Job) => {
          for (let i = 0; i < Number(event.split('-')[1]); i++) await new Promise((resolve) => setImmediate(resolve));
          return `answer to ${event}`;
        };
        const clock = systemClock;
        const runtimes = Array.from({ length: processes }, () => new RuntimeApi({ clock }));
        const dispatcher = new Dispatcher({ runtimes, clock, functionArn: FUNCTION_ARN, queueMax: 100 });
        const ports = await Promise.all(runtimes.map((runtime) => runtime.listen()));
        const scripted = ports.map((port) => new ScriptedRuntime(port, handle));
        try {
          for (const runtime of scripted) void runtime.run();
          const tickets = turns.map((turn, index) => dispatcher.dispatch(job(`${index}-${turn}`)));
          for (const [index, ticket] of tickets.entries()) {
            const { outcome } = await ticket;
            expect(outcome).toMatchObject({ kind: 'response' });
            expect((outcome as { payload: Buffer }).payload.toString()).toBe(`answer to ${index}-${turns[index]}`);
          }
          expect(scripted.flatMap(({ jobs }) => jobs.map(({ id }) => id)).sort()).toEqual(
            turns.map((turn, index) => `${index}-${turn}`).sort(),
          );
        } finally {
          for (const runtime of runtimes) await runtime.close();
          for (const runtime of scripted) runtime.end();
        }
      },
    ),
    { numRuns: 25 },
  );
});

describe('queue', () => {
  test('first come, first served; beyond its bound refused; a cancelled one leaves', async () => {
    const first = gate();
    const { dispatcher, scripted, start } = await fleet(
      1,
      async ({ event }) => {
        if (event === 'a') await first.opened;
        return event;
      },
      { queueMax: 3 },
    );
    await start(0);
    const [a, b] = ['a', 'b'].map((id) => dispatcher.dispatch(job(id)));
    const cancelled: Dispatched[] = [];
    const c = dispatcher.submit(job('c'), (dispatched) => cancelled.push(dispatched));
    const d = dispatcher.dispatch(job('d'));
    expect(dispatcher.queued).toBe(3);
    expect((await dispatcher.dispatch(job('e'))).outcome).toEqual({ kind: 'overloaded', retryAfterSec: 1 });
    c.cancel();
    c.cancel();
    expect(cancelled.map(({ outcome }) => outcome)).toEqual([{ kind: 'cancelled' }]);
    first.open();
    await Promise.all([a, b, d]);
    expect(scripted[0]?.jobs.map(({ id }) => id)).toEqual(['a', 'b', 'd']);
  });

  test('the deadline is a day away without a timeout', async () => {
    const { dispatcher, scripted, start } = await fleet(1, async () => '1');
    await start(0);
    const before = Date.now();
    await dispatcher.dispatch(job('a'));
    const deadline = (scripted[0]?.jobs[0]?.deadlineMs ?? 0) - NO_TIMEOUT_MS;
    expect(deadline).toBeGreaterThanOrEqual(before);
    expect(deadline).toBeLessThanOrEqual(Date.now());
  });

  test('runtimes take turns', async () => {
    const { dispatcher, scripted, start } = await fleet(3, async () => '1');
    await Promise.all([start(0), start(1), start(2)]);
    for (const id of ['a', 'b', 'c']) await dispatcher.dispatch(job(id));
    expect(scripted.map(({ jobs }) => jobs.length)).toEqual([1, 1, 1]);
  });
});

describe('readiness', () => {
  test('comes with the first runtime that asks and goes with the last', async () => {
    const { dispatcher, runtimes, scripted, start } = await fleet(2, async () => '1');
    expect(dispatcher.ready).toBe(false);
    await start(0);
    expect(dispatcher.ready).toBe(true);
    const gone = new Promise<void>((resolve) => {
      const api = runtimes[0] as RuntimeApi;
      api.onChange = () => {
        if (api.state === 'gone') resolve();
      };
    });
    scripted[0]?.end();
    await gone;
    expect(dispatcher.ready).toBe(false);
  });
});

test('a crash in mid-invocation costs only its own request', async () => {
  const held = gate();
  const crash = gate();
  const { dispatcher, scripted, start } = await fleet(2, async ({ event }) => {
    if (event === 'crash') {
      crash.open();
      await held.opened;
    }
    return event;
  });
  await Promise.all([start(0), start(1)]);
  const crashing = dispatcher.dispatch(job('crash'));
  await crash.opened;
  const others = Array.from({ length: 10 }, (_, index) => dispatcher.dispatch(job(`ok-${index}`)));
  scripted[0]?.end();
  const { outcome } = await crashing;
  expect(outcome).toMatchObject({ kind: 'error', type: 'Runtime.ExitError' });
  for (const [index, ticket] of others.entries()) {
    expect((await ticket).outcome).toMatchObject({ payload: Buffer.from(`ok-${index}`) });
  }
});

test('when every runtime failed to start, the init error answers what waits and what comes', async () => {
  const { dispatcher, ports } = await fleet(2, async () => '1');
  const waiting = dispatcher.dispatch(job('a'));
  const body = '{"errorType":"Runtime.ImportModuleError","errorMessage":"no such module"}';
  for (const port of ports) await ask(port, '/2018-06-01/runtime/init/error', { method: 'POST', body });
  const expected = { kind: 'error', type: 'Runtime.ImportModuleError' };
  expect((await waiting).outcome).toMatchObject(expected);
  expect((await dispatcher.dispatch(job('b'))).outcome).toMatchObject(expected);
  expect(dispatcher.ready).toBe(false);
});

describe('timeout', () => {
  test('the caller is told at the timeout, the runtime is out of use until it answers, and then serves again', async () => {
    const clock = new VirtualClock();
    const taken = gate();
    const slow = gate();
    const { dispatcher, runtimes, scripted, start } = await fleet(
      1,
      async ({ event }) => {
        if (event === 'slow') {
          taken.open();
          await slow.opened;
        }
        return event;
      },
      { clock, timeoutMs: 3000 },
    );
    await start(0);
    const ticket = dispatcher.dispatch(job('slow'));
    await taken.opened;
    expect(scripted[0]?.jobs[0]?.deadlineMs).toBe(clock.now() + 3000);
    expect(dispatcher.ready).toBe(true);
    clock.step();
    const dispatched = await ticket;
    expect(dispatched).toMatchObject({ outcome: { kind: 'timeout' }, runtimeMs: 3000, runtime: 0 });
    expect(dispatcher.ready).toBe(false);
    const next = dispatcher.dispatch(job('next'));
    expect(runtimes[0]?.state).toBe('busy');
    slow.open();
    const { outcome } = await next;
    expect((await settled(outcome as never)).payload.toString()).toBe('next');
    expect(dispatcher.ready).toBe(true);
  });

  test('what waits in the queue for as long is refused as never started', async () => {
    const clock = new VirtualClock();
    const { dispatcher } = await fleet(1, async () => '1', { clock, waitMs: 3000 });
    const ticket = dispatcher.dispatch(job('a'));
    clock.step();
    expect(await ticket).toMatchObject({ outcome: { kind: 'overloaded' }, queueMs: 3000 });
    expect(dispatcher.queued).toBe(0);
  });
});
