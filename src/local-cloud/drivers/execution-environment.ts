/**
 * One Lambda execution environment: a runtime with its own Runtime API, serving one invocation at a time until it is
 * stopped, times out or dies. It writes what Lambda writes into the function's log stream and answers what Lambda
 * answers when a runtime fails. Which environment serves which invocation is the driver's to decide. The runtime is not
 * frozen between invocations.
 */
import { readFileSync } from 'node:fs';
import { constants } from 'node:os';
import { errorPayload, type Outcome, RuntimeApi, settled } from '../../adapter/runtime-api.ts';
import type { FunctionLaunch, InvocationResult } from '../contract.ts';
import type { Program } from './container-program.ts';
import type { DriverDeps } from './deps.ts';
import { type Group, type Launcher, StartError } from './launcher.ts';
import { LogCapture, type LogMessage } from './log-capture.ts';

const LOG_TAIL_BYTES = 4096;
/** Lambda gives an initialisation 10 s, and what is not done then the function's own timeout once more. */
const INIT_MS_MAX = 10_000;

type Settled = Exclude<Outcome, { kind: 'stream' }>;

/** How an invocation ended. */
interface Result {
  readonly outcome: Settled;
  /** The environment cannot serve again: what REPORT says of it, and the line that Lambda logs beside it. */
  readonly fatal?: { readonly status: string; readonly line?: string };
}

export class ExecutionEnvironment {
  readonly #deps: DriverDeps;
  readonly #launch: FunctionLaunch;
  readonly #api: RuntimeApi;
  readonly #capture: LogCapture;
  #tail: LogMessage[] = [];
  #group: Group | undefined;
  /** Why there is no runtime, or none any more. */
  #end: { readonly type: string; readonly reason: string } | undefined;
  #initialised = false;
  #stopped = false;
  /** Re-examines what the one waiter waits for. */
  #changed: () => void = () => {};

  /** Not started yet: see `listen` and `start`. */
  constructor(deps: DriverDeps, launch: FunctionLaunch, logGroup: string, logStream: string) {
    this.#deps = deps;
    this.#launch = launch;
    this.#api = new RuntimeApi({ clock: deps.clock });
    this.#api.onChange = () => this.#changed();
    this.#capture = new LogCapture(deps.clock, (messages) => {
      this.#tail.push(...messages);
      deps.log(logGroup, logStream, messages);
    });
  }

  /** False once the runtime has died, has been stopped, or failed in a way that Lambda ends the environment for. */
  get usable(): boolean {
    return !this.#end && !this.#stopped;
  }

  /** Opens the Runtime API; resolves with its address. */
  async listen(): Promise<string> {
    return `127.0.0.1:${await this.#api.listen()}`;
  }

  /** Starts the runtime. That it cannot be started is told to the first invocation, as Lambda does. */
  async start(launcher: Launcher, program: Program): Promise<void> {
    try {
      const group = await launcher.start(program, this.#capture);
      this.#group = group;
      void group.ended.then((exitCode) => this.#ended('Runtime.ExitError', exitReason(exitCode)));
    } catch (error) {
      if (!(error instanceof StartError)) throw error;
      this.#ended('Runtime.InvalidEntrypoint', error.message);
    }
  }

  /** One at a time. Resolves with what Lambda would answer; never rejects. */
  async invoke(event: Uint8Array, requestId: string, clientContext: string | undefined): Promise<InvocationResult> {
    const { clock } = this.#deps;
    const initMs = this.#initialised ? undefined : await this.#initialise();
    const startedMs = clock.monotonic();
    this.#capture.line(`START RequestId: ${requestId} Version: ${this.#launch.version}`);
    const { outcome, fatal } = await this.#attempt(event, requestId, clientContext);
    const durationMs = clock.monotonic() - startedMs;
    this.#capture.stdout.end();
    this.#capture.stderr.end();
    this.#capture.line(fatal?.line ?? '');
    this.#capture.line(`END RequestId: ${requestId}`);
    this.#capture.line(this.#report(requestId, durationMs, initMs, fatal?.status));
    this.#capture.flush();
    const logTail = this.#takeTail();
    if (fatal) await this.stop();
    return { payload: outcome.payload, functionError: outcome.kind === 'error' ? 'Unhandled' : undefined, logTail };
  }

  /** Kills the runtime and closes its API; resolves when both are gone. Idempotent. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#group?.signal('SIGKILL');
    await this.#group?.ended;
    this.#capture.end();
    await this.#api.close();
  }

  /** Resolves with the milliseconds that it took until the runtime waits for work, has failed, or has no time left. */
  async #initialise(): Promise<number> {
    const startedMs = this.#deps.clock.monotonic();
    await this.#until(() => this.#atRest(), INIT_MS_MAX + this.#launch.timeoutMs);
    this.#initialised = true;
    return this.#deps.clock.monotonic() - startedMs;
  }

  async #attempt(event: Uint8Array, requestId: string, clientContext: string | undefined): Promise<Result> {
    if (this.#end) return this.#gone(requestId);
    const { timeoutMs, functionArn } = this.#launch;
    const initFailed = this.#api.state === 'failed';
    // A runtime that used up all its time before it asked for work has none left.
    const limitMs = this.#api.state === 'starting' ? 0 : timeoutMs;
    const context = { requestId, functionArn, deadlineMs: this.#deps.clock.now() + limitMs, clientContext };
    const answer: { outcome?: Settled } = {};
    void this.#api.invoke(event, context).then(async (outcome) => {
      answer.outcome = await settled(outcome);
      this.#changed();
    });
    // Answered is not over: what the runtime still writes belongs to this invocation until it asks for the next.
    await this.#until(() => answer.outcome !== undefined && this.#atRest(), limitMs);
    const { outcome } = answer;
    if (!outcome) return timedOut(requestId, timeoutMs, this.#deps.clock.now());
    if (this.#end) return { ...this.#gone(requestId), outcome };
    return initFailed && outcome.kind === 'error'
      ? { outcome, fatal: { status: errorStatus(outcome.type) } }
      : { outcome };
  }

  #gone(requestId: string): Result {
    const { type, reason } = this.#end ?? { type: 'Runtime.ExitError', reason: '' };
    const message = `RequestId: ${requestId} Error: ${reason}`;
    const outcome: Settled = { kind: 'error', type, payload: errorPayload(type, message) };
    return { outcome, fatal: { status: errorStatus(type), line: `${message}\n${type}` } };
  }

  #ended(type: string, reason: string): void {
    this.#end = { type, reason };
    this.#api.runtimeExited(reason);
    this.#changed();
  }

  /** Waits for work, or will never again. */
  #atRest(): boolean {
    return this.#end !== undefined || this.#api.state === 'ready' || this.#api.state === 'failed';
  }

  /** Resolves when `condition` holds, or after `limitMs`. */
  #until(condition: () => boolean, limitMs: number): Promise<void> {
    return new Promise((resolve) => {
      const done = () => {
        timer.cancel();
        this.#changed = () => {};
        resolve();
      };
      const timer = this.#deps.clock.after(limitMs, done);
      this.#changed = () => {
        if (condition()) done();
      };
      this.#changed();
    });
  }

  #report(requestId: string, durationMs: number, initMs: number | undefined, status: string | undefined): string {
    const fields = [
      `REPORT RequestId: ${requestId}`,
      `Duration: ${durationMs.toFixed(2)} ms`,
      `Billed Duration: ${Math.ceil(durationMs)} ms`,
      `Memory Size: ${this.#launch.memoryMb} MB`,
    ];
    const peakMb = this.#group && peakMemoryMb(this.#group.pid);
    if (peakMb !== undefined) fields.push(`Max Memory Used: ${peakMb} MB`);
    if (initMs !== undefined) fields.push(`Init Duration: ${initMs.toFixed(2)} ms`);
    if (status) fields.push(`Status: ${status}`);
    return fields.join('\t');
  }

  #takeTail(): string {
    const bytes = Buffer.from(this.#tail.map(({ message }) => `${message}\n`).join(''));
    this.#tail = [];
    return bytes.subarray(Math.max(0, bytes.length - LOG_TAIL_BYTES)).toString('utf8');
  }
}

function timedOut(requestId: string, timeoutMs: number, nowMs: number): Result {
  const type = 'Sandbox.Timedout';
  const text = `Task timed out after ${(timeoutMs / 1000).toFixed(2)} seconds`;
  return {
    outcome: { kind: 'error', type, payload: errorPayload(type, `RequestId: ${requestId} Error: ${text}`) },
    fatal: { status: 'timeout', line: `${new Date(nowMs).toISOString()} ${requestId} ${text}` },
  };
}

function errorStatus(type: string): string {
  return `error\tError Type: ${type}`;
}

function exitReason(exitCode: number): string {
  if (exitCode === 0) return 'Runtime exited without providing a reason';
  const signal = exitCode - 128;
  if (signal === constants.signals.SIGKILL) return 'Runtime exited with error: signal: killed';
  if (signal === constants.signals.SIGSEGV) return 'Runtime exited with error: signal: segmentation fault';
  if (signal === constants.signals.SIGABRT) return 'Runtime exited with error: signal: aborted';
  if (signal === constants.signals.SIGTERM) return 'Runtime exited with error: signal: terminated';
  return `Runtime exited with error: exit status ${exitCode}`;
}

/** The leader's peak resident memory; undefined where /proc does not tell it, or the runtime is gone. */
function peakMemoryMb(pid: number): number | undefined {
  if (process.platform !== 'linux') return undefined;
  try {
    const peak = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))?.[1];
    return peak === undefined ? undefined : Math.ceil(Number(peak) / 1024);
  } catch {
    // It ended between the answer and this look.
    return undefined;
  }
}
