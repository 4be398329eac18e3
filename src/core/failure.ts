/**
 * The one taxonomy of operating errors. `aws/` classifies SDK errors into it; everyone above decides by `kind` alone.
 * A thrown value that is not a Failure is a programmer's error: it fails its pass loudly.
 */
export type FailureKind = 'notFound' | 'conflict' | 'throttled' | 'transient' | 'denied' | 'invalid' | 'quota';

export interface FailureDetail {
  kind: FailureKind;
  service: string;
  operation: string;
  /** The service's own error code, e.g. `RuleNotFound`. */
  code: string;
  message: string;
  requestId?: string | undefined;
  retryAfterMs?: number | undefined;
  cause?: unknown;
}

export class Failure extends Error {
  readonly kind: FailureKind;
  readonly service: string;
  readonly operation: string;
  readonly code: string;
  readonly requestId: string | undefined;
  readonly retryAfterMs: number | undefined;

  constructor(detail: FailureDetail) {
    super(detail.message, detail.cause === undefined ? undefined : { cause: detail.cause });
    this.name = 'Failure';
    this.kind = detail.kind;
    this.service = detail.service;
    this.operation = detail.operation;
    this.code = detail.code;
    this.requestId = detail.requestId;
    this.retryAfterMs = detail.retryAfterMs;
  }
}

/** A person's mistake (flag, manifest, file): shown as its message alone, never with a stack trace. */
export class UserError extends Error {
  readonly exitCode: number;
  constructor(message: string, exitCode = 1) {
    super(message);
    this.name = 'UserError';
    this.exitCode = exitCode;
  }
}

export function isFailure(error: unknown, kind?: FailureKind): error is Failure {
  return error instanceof Failure && (kind === undefined || error.kind === kind);
}
