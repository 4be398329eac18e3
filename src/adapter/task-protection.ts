/**
 * Scale-in protection for a task that is long at work: while an invocation has run for more than half a minute, ECS is
 * asked, through the agent's endpoint in the task, not to choose this task when it scales in. It needs no credentials,
 * but the task role must allow `ecs:UpdateTaskProtection`; without it the task works on unprotected, and the log says so.
 * https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task-scale-in-protection-endpoint.html
 */
import type { Clock, Logger, Timer } from '../core/index.ts';
import { httpCall } from './http-call.ts';

/** How long an invocation runs before its task is worth protecting. */
export const PROTECT_AFTER_MS = 30_000;
const CHECK_MS = 10_000;
/** What ECS is asked for, and when it is asked again: a task that dies protected must not stay so for long. */
const PROTECTED_MINUTES = 60;
const RENEW_AFTER_MS = 30 * 60_000;
/** After a refusal: a role that lacks the permission will not have it in ten seconds. */
const RETRY_AFTER_MS = 5 * 60_000;
const AGENT_TIMEOUT_MS = 5_000;

export interface TaskProtectionOptions {
  readonly clock: Clock;
  readonly logger: Logger;
  /** `ECS_AGENT_URI` */
  readonly agentUri: string;
  /** For how long the oldest of the invocations under way has run; undefined: none is. */
  readonly busyMs: () => number | undefined;
}

export class TaskProtection {
  readonly #options: TaskProtectionOptions;
  #timer: Timer | undefined;
  #stopped = false;
  /** When the protection was last granted, on the monotonic clock; undefined: not protected. */
  #protectedMs: number | undefined;

  constructor(options: TaskProtectionOptions) {
    this.#options = options;
  }

  /** Starts looking every ten seconds. */
  start(): void {
    this.#again(CHECK_MS);
  }

  /** Stops looking. The task is about to end: what it had of protection ends with it. */
  stop(): void {
    this.#stopped = true;
    this.#timer?.cancel();
  }

  #again(delayMs: number): void {
    if (this.#stopped) return;
    this.#timer = this.#options.clock.after(delayMs, () => void this.#check(), { unref: true });
  }

  async #check(): Promise<void> {
    const { clock, logger, busyMs } = this.#options;
    const wanted = (busyMs() ?? 0) > PROTECT_AFTER_MS;
    const since = this.#protectedMs;
    const due = wanted ? since === undefined || clock.monotonic() - since > RENEW_AFTER_MS : since !== undefined;
    if (!due) return this.#again(CHECK_MS);
    try {
      await this.#put(
        wanted ? { ProtectionEnabled: true, ExpiresInMinutes: PROTECTED_MINUTES } : { ProtectionEnabled: false },
      );
      this.#protectedMs = wanted ? clock.monotonic() : undefined;
      if (wanted !== (since !== undefined)) logger.info({}, wanted ? 'task is protected' : 'task is not protected');
      this.#again(CHECK_MS);
    } catch (error) {
      logger.warn({ error: (error as Error).message }, 'task protection could not be changed');
      this.#again(RETRY_AFTER_MS);
    }
  }

  /** Rejects with what the agent says when it is not done. */
  async #put(state: object): Promise<void> {
    const { status, body } = await httpCall({
      method: 'PUT',
      url: `${this.#options.agentUri.replace(/\/$/, '')}/task-protection/v1/state`,
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify(state),
      timeoutMs: AGENT_TIMEOUT_MS,
    });
    const refusal = refusalOf(status, body.toString('utf8'));
    if (refusal !== undefined) throw new Error(refusal);
  }
}

/** Why the agent refused; undefined: it did not. A refusal by ECS comes with status 200 and a `failure`. */
function refusalOf(status: number, text: string): string | undefined {
  let answer: { failure?: { Reason?: string; Detail?: string }; error?: { Code?: string; Message?: string } } = {};
  try {
    answer = JSON.parse(text) as typeof answer;
  } catch {
    if (status === 200) return `the ECS agent answered something that is no JSON: ${text.slice(0, 200)}`;
  }
  if (answer.error) return `${answer.error.Code ?? 'error'}: ${answer.error.Message ?? ''}`;
  if (answer.failure) return `${answer.failure.Reason ?? 'failure'}: ${answer.failure.Detail ?? ''}`;
  return status === 200 ? undefined : `the ECS agent answered ${status}`;
}
