/**
 * The adapter as one object: a Runtime API per function container, the dispatcher over them, the front before it.
 * Everything that it needs of the outer world comes in as an argument; `main.ts` is the program around it.
 */
import type { Clock, Logger, Random } from '../core/index.ts';
import type { AdapterConfig } from './config.ts';
import { Dispatcher } from './dispatcher.ts';
import { Front } from './front.ts';
import { RuntimeApi, type RuntimeState } from './runtime-api.ts';

/** ECS sends SIGKILL 30 s after SIGTERM unless told otherwise. */
export const DRAIN_LIMIT_MS = 25_000;

export interface Adapter {
  /** The ports really listened on: `port` 0 in the configuration means a free one. */
  readonly httpPort: number;
  readonly runtimePorts: readonly number[];
  readonly front: Front;
  /** Drains, then closes everything. Resolves with the number of requests that had to be cut off. */
  close(limitMs?: number): Promise<number>;
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
  const runtimes = config.runtimeApis.map(() => new RuntimeApi({ clock, maxConcurrency }));
  const dispatcher = new Dispatcher({ runtimes, clock, functionArn, queueMax, timeoutMs });
  const front = new Front({
    dispatcher,
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
    return {
      httpPort,
      runtimePorts,
      front,
      async close(limitMs = DRAIN_LIMIT_MS) {
        const abandoned = await front.drain(limitMs);
        await closeRuntimes();
        return abandoned;
      },
    };
  } catch (error) {
    await closeRuntimes();
    throw error;
  }
}

const LOGGED: Partial<Record<RuntimeState, 'info' | 'warn' | 'error'>> = { gone: 'warn', failed: 'error' };

/** Logs when a runtime first asks for work, dies, fails to start or comes back: not the turns between ready and busy. */
function logStates(runtime: RuntimeApi, logger: Logger): void {
  const dispatch = runtime.onChange;
  let known: RuntimeState = 'starting';
  runtime.onChange = () => {
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
