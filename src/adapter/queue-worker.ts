/**
 * The worker of a queue as one object: a Runtime API per function container, the dispatcher over them, the poller that
 * feeds them, and a port that says how it is. What `adapter.ts` is to users' requests, this is to messages.
 */
import { type Clock, type Logger, type Random, UserError } from '../core/index.ts';
import type { WorkerConfig } from './config.ts';
import { ControlServer } from './control-server.ts';
import { Dispatcher } from './dispatcher.ts';
import { functionFacts } from './extensions.ts';
import { Measures } from './measures.ts';
import { type Handled, Poller } from './queue/poller.ts';
import { type Queue, QueueError, type QueueFacts } from './queue/queue.ts';
import { RequestIds } from './request-ids.ts';
import { RuntimeApi, settled } from './runtime-api.ts';
import { TaskProtection } from './task-protection.ts';

/** How long a loop waits for a runtime before it looks again whether it should. */
const READY_WAIT_MS = 1_000;

export interface WorkerPorts {
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly queue: Queue;
}

export interface QueueWorker {
  readonly httpPort: number;
  readonly runtimePorts: readonly number[];
  readonly measures: Measures;
  /** Resolves when the poller has ended: after `stop`. Rejects for a programmer's error. */
  readonly ended: Promise<void>;
  /** Receives nothing more, finishes what is under way, closes everything. False: it took longer than the drain may. */
  stop(): Promise<boolean>;
}

/** @throws UserError when the queue refuses to say what it is; nothing is left open then */
export async function startQueueWorker(config: WorkerConfig, ports: WorkerPorts): Promise<QueueWorker> {
  const { clock, random, logger, queue } = ports;
  const { functionArn, maxConcurrency, timeoutMs, runtimeApis } = config;
  const facts = await factsOf(queue);
  logger.info({ ...facts }, 'queue found');
  const about = functionFacts(functionArn);
  const runtimes = runtimeApis.map(() => new RuntimeApi({ clock, maxConcurrency, facts: about, logger }));
  const loops = runtimes.length * maxConcurrency;
  const dispatcher = new Dispatcher({ runtimes, clock, functionArn, queueMax: loops, timeoutMs });
  const measures = new Measures(dispatcher, clock);
  const ids = new RequestIds(random);

  const handle = async (event: Buffer): Promise<Handled> => {
    const invocation = { requestId: ids.request(), event, traceId: ids.trace(clock.now()) };
    const dispatched = await dispatcher.dispatch(invocation);
    const { outcome } = dispatched;
    const whole = outcome.kind === 'stream' ? await settled(outcome) : outcome;
    measures.answered(whole.kind === 'response' ? 200 : 502, dispatched);
    if (whole.kind === 'response') return { kind: 'answered', payload: whole.payload };
    return { kind: 'failed', reason: whole.kind === 'error' ? whole.type : whole.kind };
  };
  const { batchSize, reportsItems } = config;
  const whenReady = () => dispatcher.whenReady(READY_WAIT_MS);
  const poller = new Poller({
    ...{ queue, facts, clock, random, logger, loops, batchSize, reportsItems },
    ...{ whenReady, handle },
  });
  const control = new ControlServer({ ready: () => dispatcher.ready, metrics: () => measures.text() });
  const closeAll = async () => {
    await Promise.all(runtimes.map((runtime) => runtime.close()));
    await control.close();
  };
  const listening = Promise.all(runtimeApis.map(({ port, host }, i) => (runtimes[i] as RuntimeApi).listen(port, host)));
  let runtimePorts: number[];
  let httpPort: number;
  try {
    httpPort = await control.listen(config.httpPort);
    runtimePorts = await listening;
  } catch (error) {
    await listening.catch(() => {});
    await Promise.all(runtimes.map((runtime) => runtime.close()));
    throw error;
  }
  const protection =
    config.ecsAgentUri === undefined
      ? undefined
      : new TaskProtection({ clock, logger, agentUri: config.ecsAgentUri, busyMs: () => dispatcher.longestMs });
  protection?.start();
  const ended = poller.run();
  return {
    httpPort,
    runtimePorts,
    measures,
    ended,
    async stop() {
      protection?.stop();
      poller.stop();
      let inTime = true;
      await new Promise<void>((resolve, reject) => {
        const limit = clock.after(config.drainMs, () => {
          inTime = false;
          resolve();
        });
        ended.then(() => {
          limit.cancel();
          resolve();
        }, reject);
      });
      await Promise.all(runtimes.map((runtime) => runtime.shutdown()));
      await closeAll();
      return inTime;
    },
  };
}

async function factsOf(queue: Queue): Promise<QueueFacts> {
  try {
    return await queue.facts();
  } catch (error) {
    if (!(error instanceof QueueError)) throw error;
    throw new UserError(`the queue cannot be read: ${error.message}`, error.transient ? 1 : 2);
  }
}
