/**
 * One invocation and the end: what a job's task runs. Reads the event, hands it to the function when it asks for work,
 * writes what it answered (or the error that it reported) to the named place, and says by the exit code which it was.
 * There is no bound on how long the function may take unless the job sets one.
 *
 * The HTTP port only says that the adapter is healthy, which is what the function's container waits for.
 */
import { type Random, UserError } from '../core/index.ts';
import type { JobConfig } from './config.ts';
import { ControlServer } from './control-server.ts';
import { Dispatcher, type DispatchOutcome } from './dispatcher.ts';
import { functionFacts } from './extensions.ts';
import { SYNC_BYTES_MAX } from './invoke-api.ts';
import { Measures } from './measures.ts';
import { RequestIds } from './request-ids.ts';
import { errorPayload, RuntimeApi, settled } from './runtime-api.ts';
import { readFrom, type TransferPorts, writeTo } from './transfer.ts';

/** What a job's exit code says. */
export const EXIT = {
  answered: 0,
  /** The function reported an error, died or failed to start; the result is its error. */
  failed: 1,
  /** Nothing was run: a setting or the event is unusable. */
  notBegun: 2,
  /** The function has ended, but its result could not be put where it belongs. */
  resultLost: 3,
  /** As coreutils' `timeout` has it. */
  timedOut: 124,
  /** As a shell says of what SIGTERM has ended. */
  terminated: 143,
} as const;

export interface JobPorts extends TransferPorts {
  readonly random: Random;
}

export class Job {
  readonly #config: JobConfig;
  readonly #ports: JobPorts;
  readonly #runtime: RuntimeApi;
  readonly #dispatcher: Dispatcher;
  readonly #control: ControlServer;
  readonly #stopped: Promise<number>;
  #giveUp: () => void = () => {};

  constructor(config: JobConfig, ports: JobPorts) {
    const { clock, logger } = ports;
    const { functionArn, timeoutMs } = config;
    this.#config = config;
    this.#ports = ports;
    this.#runtime = new RuntimeApi({ clock, logger, facts: functionFacts(functionArn) });
    this.#dispatcher = new Dispatcher({ runtimes: [this.#runtime], clock, functionArn, queueMax: 1, timeoutMs });
    this.#stopped = new Promise((resolve) => {
      this.#giveUp = () => resolve(EXIT.terminated);
    });
    const measures = new Measures(this.#dispatcher, clock);
    this.#control = new ControlServer({ ready: () => this.#dispatcher.ready, metrics: () => measures.text() });
  }

  /** Opens both ports and resolves with the ones really listened on. Rejects, with nothing left open, when one is taken. */
  async listen(): Promise<{ httpPort: number; runtimePort: number }> {
    const { runtimeApi, httpPort } = this.#config;
    const runtimePort = await this.#runtime.listen(runtimeApi.port, runtimeApi.host);
    try {
      return { httpPort: await this.#control.listen(httpPort), runtimePort };
    } catch (error) {
      await this.#runtime.close();
      throw error;
    }
  }

  /**
   * Resolves with the exit code, when the function has ended, its result is where it belongs and the ports are closed.
   * @throws UserError when the event cannot be used; the function has then not been asked to do anything
   */
  async run(): Promise<number> {
    try {
      const ended = this.#readEvent().then((event) => this.#invoke(event));
      return await Promise.race([ended, this.#stopped]);
    } finally {
      await this.#runtime.shutdown();
      await this.#runtime.close();
      await this.#control.close();
    }
  }

  /** Gives the function the time of a drain to end; then it is given up, and `run` resolves with 143. */
  stop(): void {
    this.#ports.clock.after(this.#config.drainMs, () => this.#giveUp(), { unref: true });
  }

  async #readEvent(): Promise<Buffer> {
    let event: Buffer;
    try {
      event = await readFrom(this.#config.event, SYNC_BYTES_MAX, this.#ports);
      JSON.parse(event.toString('utf8'));
    } catch (error) {
      throw new UserError(`the event cannot be used: ${(error as Error).message}`, EXIT.notBegun);
    }
    return event;
  }

  async #invoke(event: Buffer): Promise<number> {
    const { clock, logger, random } = this.#ports;
    const ids = new RequestIds(random);
    const requestId = ids.request();
    logger.info({ requestId, bytes: event.length }, 'waiting for the function');
    const traceId = ids.trace(clock.now());
    const { outcome, runtimeMs } = await this.#dispatcher.dispatch({ requestId, event, traceId });
    const { code, result } = await this.#judged(outcome, requestId);
    const fields = { requestId, exitCode: code, runtimeMs, bytes: result.length };
    logger[code === EXIT.answered ? 'info' : 'error'](fields, 'the function has ended');
    try {
      await writeTo(this.#config.result, result, this.#ports);
      return code;
    } catch (error) {
      logger.error({ requestId, error: (error as Error).message }, 'the result could not be put where it belongs');
      return EXIT.resultLost;
    }
  }

  async #judged(outcome: DispatchOutcome, requestId: string): Promise<{ code: number; result: Buffer }> {
    switch (outcome.kind) {
      case 'timeout': {
        const seconds = ((this.#config.timeoutMs ?? 0) / 1000).toFixed(2);
        const message = `RequestId: ${requestId} Error: Task timed out after ${seconds} seconds`;
        return { code: EXIT.timedOut, result: errorPayload('Sandbox.Timedout', message) };
      }
      case 'overloaded':
      case 'cancelled':
        throw new Error(`the only invocation of a job was ${outcome.kind}`);
      default: {
        const whole = await settled(outcome);
        return { code: whole.kind === 'response' ? EXIT.answered : EXIT.failed, result: whole.payload };
      }
    }
  }
}
