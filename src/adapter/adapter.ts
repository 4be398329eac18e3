/**
 * The adapter as one object: a Runtime API per function container, the dispatcher over them, the front before it.
 * Everything that it needs of the outer world comes in as an argument; `main.ts` is the program around it.
 */
import type { Clock, Logger, Random, Timer } from '../core/index.ts';
import type { AdapterConfig } from './config.ts';
import { Dispatcher } from './dispatcher.ts';
import { functionFacts } from './extensions.ts';
import { Front } from './front.ts';
import { Measures } from './measures.ts';
import { RuntimeApi, type RuntimeState } from './runtime-api.ts';
import { TaskProtection } from './task-protection.ts';

/** How often metrics are written to the log, where they are. */
const EMBEDDED_METRICS_MS = 60_000;

export interface Adapter {
  /** The ports really listened on: `port` 0 in the configuration means a free one. */
  readonly httpPort: number;
  readonly runtimePorts: readonly number[];
  readonly front: Front;
  /** Drains, then closes everything. Resolves with the number of requests that had to be cut off. */
  close(limitMs?: number): Promise<number>;
  readonly measures: Measures;
}

export interface AdapterPorts {
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly access: (line: string) => void;
  /** Address of the front; undefined: all. */
  readonly host?: string;
}

/** Opens all ports. Rejects, with nothing left open, when one is taken. */
export async function startAdapter(config: AdapterConfig, ports: AdapterPorts): Promise<Adapter> {
  const { clock, random, logger, access, host } = ports;
  const { maxConcurrency, functionArn, targetGroupArn, queueMax, timeoutMs, format } = config;
  const facts = functionFacts(functionArn);
  const runtimes = config.runtimeApis.map(
    (_, index) => new RuntimeApi({ clock, maxConcurrency, facts, logger: logger.child({ runtime: index }) }),
  );
  const dispatcher = new Dispatcher({ runtimes, clock, functionArn, queueMax, timeoutMs, waitMs: timeoutMs });
  const measures = new Measures(dispatcher, clock);
  const front = new Front({
    dispatcher,
    measures,
    format,
    functionArn,
    targetGroupArn,
    clock,
    random,
    logger,
    access,
    timeoutMs,
  });
  runtimes.forEach((runtime, index) => {
    logStates(runtime, logger.child({ runtime: index }));
  });
  const closeRuntimes = () => Promise.all(runtimes.map((runtime) => runtime.close()));
  try {
    const runtimePorts = await Promise.all(
      config.runtimeApis.map((address, index) => (runtimes[index] as RuntimeApi).listen(address.port, address.host)),
    );
    const httpPort = await front.listen(config.httpPort, host);
    const protection =
      config.ecsAgentUri === undefined
        ? undefined
        : new TaskProtection({ clock, logger, agentUri: config.ecsAgentUri, busyMs: () => dispatcher.longestMs });
    protection?.start();
    const { metricsNamespace } = config;
    const embedded =
      metricsNamespace === undefined
        ? undefined
        : every(clock, EMBEDDED_METRICS_MS, () => access(measures.embedded(metricsNamespace, facts.functionName)));
    return {
      httpPort,
      runtimePorts,
      front,
      measures,
      async close(limitMs = config.drainMs) {
        protection?.stop();
        embedded?.cancel();
        const abandoned = await front.drain(limitMs);
        await Promise.all(runtimes.map((runtime) => runtime.shutdown()));
        await closeRuntimes();
        return abandoned;
      },
    };
  } catch (error) {
    await closeRuntimes();
    throw error;
  }
}

/** Calls `step` again and again until it is cancelled. */
function every(clock: Clock, intervalMs: number, step: () => void): Timer {
  let timer: Timer;
  const arm = (): void => {
    timer = clock.after(
      intervalMs,
      () => {
        step();
        arm();
      },
      { unref: true },
    );
  };
  arm();
  return { cancel: () => timer.cancel() };
}

const LOGGED: Partial<Record<RuntimeState, 'info' | 'warn' | 'error'>> = { gone: 'warn', failed: 'error' };

/** Logs when a runtime first asks for work, dies, fails to start or comes back: not the turns between ready and busy. */
function logStates(runtime: RuntimeApi, logger: Logger): void {
  const dispatch = runtime.onChange;
  let known: RuntimeState = 'starting';
  runtime.onChange = () => {
    // With work, or waiting for some: it lives, as is known. This is asked twice per request.
    if (known === 'ready' && (runtime.inFlight > 0 || runtime.free > 0)) {
      dispatch();
      return;
    }
    const { state } = runtime;
    const seen: RuntimeState = state === 'busy' ? 'ready' : state;
    if (seen !== known) {
      known = seen;
      const initError = runtime.initError;
      const fields = initError ? { errorType: initError.type, error: initError.payload.toString('utf8') } : {};
      logger[LOGGED[seen] ?? 'info'](fields, `runtime is ${seen}`);
    }
    dispatch();
  };
}
