/**
 * One session of a role, shared by every client that acts under it: its credentials are asked for once, and again
 * before they end, however many clients and calls wait for them. A refusal is remembered for a short while, so that a
 * pass over many resources asks a role that does not trust us once and not once per resource. It assumes nothing by
 * itself: the first call does.
 */
import { type Clock, Failure, isFailure } from '../core/index.ts';
import { type AssumedRole, assumedRole } from './assumed-role.ts';
import type { StsPort } from './ports.ts';
import type { StaticCredentials } from './sdk-ports.ts';

/** Code of the Failure when a role cannot be assumed, whatever STS said. */
export const ROLE_NOT_ASSUMABLE = 'RoleNotAssumable';

/** Longer than any call may take, so that no call leaves with credentials that end under way. */
const RENEW_BEFORE_MS = 5 * 60_000;
const REFUSED_FOR_MS = 15_000;

type SessionCredentials = StaticCredentials & { expiration?: Date };

export class RoleSession {
  readonly #ask: () => Promise<SessionCredentials>;
  readonly #role: AssumedRole;
  readonly #clock: Clock;
  #kept: { readonly credentials: SessionCredentials; readonly untilMs: number } | undefined;
  #refused: { readonly failure: Failure; readonly untilMs: number } | undefined;
  #asked: Promise<SessionCredentials> | undefined;

  constructor(sts: Pick<StsPort, 'assumeRole'>, role: AssumedRole, clock: Clock) {
    this.#ask = assumedRole(sts, role);
    this.#role = role;
    this.#clock = clock;
  }

  /**
   * Credentials that last for some minutes yet; what an SDK client takes as its provider.
   * @throws Failure denied `RoleNotAssumable` naming the role and the trust that it lacks; throttled or transient as STS answers
   */
  readonly credentials = async (): Promise<SessionCredentials> => {
    const nowMs = this.#clock.now();
    if (this.#kept && nowMs < this.#kept.untilMs) return this.#kept.credentials;
    if (this.#refused && nowMs < this.#refused.untilMs) throw this.#refused.failure;
    this.#asked ??= this.#renew().finally(() => {
      this.#asked = undefined;
    });
    return this.#asked;
  };

  async #renew(): Promise<SessionCredentials> {
    try {
      const credentials = await this.#ask();
      const endMs = credentials.expiration?.getTime() ?? this.#clock.now();
      this.#kept = { credentials, untilMs: endMs - RENEW_BEFORE_MS };
      this.#refused = undefined;
      return credentials;
    } catch (error) {
      if (!isFailure(error, 'denied') && !isFailure(error, 'invalid') && !isFailure(error, 'notFound')) {
        return this.#lasting(error);
      }
      const failure = notAssumable(error, this.#role);
      this.#refused = { failure, untilMs: this.#clock.now() + REFUSED_FOR_MS };
      throw failure;
    }
  }

  /** STS could not answer: what we have still holds for a while. */
  #lasting(error: unknown): SessionCredentials {
    const end = this.#kept?.credentials.expiration?.getTime() ?? 0;
    if (this.#kept && isFailure(error) && end - this.#clock.now() > RENEW_BEFORE_MS / 5) return this.#kept.credentials;
    throw error;
  }
}

function notAssumable(error: Failure, { arn, externalId }: AssumedRole): Failure {
  const principal = callerIn(error.message) ?? "the ARN of the controller's role";
  const trust = {
    Effect: 'Allow',
    Principal: { AWS: principal },
    Action: 'sts:AssumeRole',
    ...(externalId === undefined ? {} : { Condition: { StringEquals: { 'sts:ExternalId': externalId } } }),
  };
  const hint =
    externalId === undefined
      ? 'no external id was sent: if its trust asks for one, name it in the class as spec.assumeRole.externalId'
      : `the external id '${externalId}' was sent: its trust must ask for this one or for none`;
  return new Failure({
    kind: 'denied',
    service: error.service,
    operation: error.operation,
    code: ROLE_NOT_ASSUMABLE,
    message: `the role ${arn} cannot be assumed (${error.code}: ${error.message}). It must be there and trust the controller, which in its turn must be allowed sts:AssumeRole on it; ${hint}. Add to its trust policy: ${JSON.stringify(trust)}`,
    requestId: error.requestId,
    cause: error,
  });
}

/** Whom STS refused; of a session, the role that it is of, because a session's name may change. */
function callerIn(message: string): string | undefined {
  const arn = /^User: (arn:\S+) is not authorized/.exec(message)?.[1];
  return arn?.replace(/^(arn:[^:]+):sts::(\d+):assumed-role\/([^/]+)\/.*$/, '$1:iam::$2:role/$3');
}
