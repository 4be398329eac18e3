/**
 * Who we are to AWS, in each place where we act, so that the events of our own calls are not answered by looking again at
 * what we have just done. Only a session of a role can be ours alone; what a user or the root did may have been a
 * person, and is looked at. Each place is asked once; one that does not answer costs passes and nothing else.
 */
import { isFailure, type Logger } from '../../core/index.ts';
import type { AwsEvent } from '../../resource/index.ts';
import type { Target } from '../target.ts';

/** A place that did not answer is asked again after so long. */
const AGAIN_MS = 5 * 60_000;

export class OwnIdentities {
  readonly #targets: () => readonly Target[];
  readonly #nowMs: () => number;
  readonly #logger: Logger;
  readonly #arns: Map<string, { readonly arn: string | undefined; readonly untilMs: number }> = new Map();

  constructor(targets: () => readonly Target[], nowMs: () => number, logger: Logger) {
    this.#targets = targets;
    this.#nowMs = nowMs;
    this.#logger = logger;
  }

  /** Whether the event tells of a call that this program made. Asks nobody unless a session of a role called. */
  async made(event: AwsEvent, signal: AbortSignal): Promise<boolean> {
    const caller = callerOf(event);
    if (caller === undefined) return false;
    await Promise.all(this.#targets().map((target) => this.#ask(target, signal)));
    return [...this.#arns.values()].some(({ arn }) => arn === caller);
  }

  async #ask(target: Target, signal: AbortSignal): Promise<void> {
    const known = this.#arns.get(target.id);
    if (known && (known.arn !== undefined || this.#nowMs() < known.untilMs)) return;
    let arn: string | undefined;
    try {
      ({ Arn: arn } = await target.io.aws.sts.getCallerIdentity({}, { signal, priority: 'sweep' }));
    } catch (error) {
      if (!isFailure(error)) throw error;
      const fields = { target: target.id, code: error.code };
      this.#logger.warn(fields, `the events of own calls cannot be told from others' there: ${error.message}`);
    }
    this.#arns.set(target.id, { arn, untilMs: this.#nowMs() + AGAIN_MS });
  }
}

/** The ARN of the role's session that called. https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-event-reference-user-identity.html */
function callerOf({ detail }: AwsEvent): string | undefined {
  const { type, arn } = (detail.userIdentity ?? {}) as { readonly type?: unknown; readonly arn?: unknown };
  return type === 'AssumedRole' && typeof arn === 'string' ? arn : undefined;
}
