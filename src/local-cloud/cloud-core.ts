/**
 * What runs the machines: one atomic, durable step per call, report or passage of time, and one timer for all of them.
 * It knows no AWS service and validates no input; the wire and the direct ports do that before they call.
 */
import { type Clock, type Random, type Timer, uuid } from '../core/index.ts';
import { AwsError, type CloudService, type Handler, type RequestContext, type ServiceId } from './contract.ts';
import type { Credentials, Identity } from './iam/identity.ts';
import type { StateStore } from './state/index.ts';

/** Consulted before each handler; an error that it returns is answered instead (faults, throttles). */
export type Intercept = (service: ServiceId, operation: string, input: unknown) => AwsError | undefined;

export interface CloudCoreOptions {
  readonly clock: Clock;
  readonly random: Random;
  readonly state: StateStore;
  readonly intercept?: Intercept | undefined;
  /**
   * Told of an error that a machine threw outside of any call (time, a driver's report): a programmer's error. The step
   * was rolled back. @default throws it
   */
  readonly onFault?: ((error: unknown) => void) | undefined;
}

/** A chain of states without delays is this long at most; more means a machine that never gets its due work done. */
const ROUNDS_MAX = 100;
/** Time stands still this long after a fault, so that a broken machine does not spin. */
const FAULT_PAUSE_MS = 1000;

export class CloudCore {
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #state: StateStore;
  readonly #intercept: Intercept | undefined;
  readonly #onFault: ((error: unknown) => void) | undefined;
  readonly #services = new Map<ServiceId, CloudService>();
  readonly #reports: ((nowMs: number) => void)[] = [];
  #inStep = false;
  #closed = false;
  #pausedUntilMs = 0;
  /** When something is due next; undefined while `#nextIsStale`. */
  #nextAtMs: number | undefined;
  #nextIsStale = true;
  #timer: { atMs: number; timer: Timer } | undefined;

  constructor(options: CloudCoreOptions) {
    this.#clock = options.clock;
    this.#random = options.random;
    this.#state = options.state;
    this.#intercept = options.intercept;
    this.#onFault = options.onFault;
  }

  /**
   * Builds the machines in one atomic step (what they seed is durable as a whole) and sets time going. Reports that
   * arrive meanwhile wait until all are built. Called once.
   */
  protected start<T>(build: () => { services: readonly CloudService[]; result: T }): T {
    const { services, result } = this.#step(build);
    for (const service of services) this.#services.set(service.id, service);
    this.#settle();
    return result;
  }

  /** A request id as AWS gives one to each call. */
  requestId(): string {
    return uuid(this.#random);
  }

  /**
   * Runs one operation: what is due first, then the handler, atomically and durably. The input is not validated and the
   * output is not copied.
   * @param credentials who signed; without them it is the cloud's own hand, which is asked for no permission
   * @throws AwsError as the service answers it; nothing has changed then
   */
  call(
    service: ServiceId,
    operation: string,
    input: unknown,
    requestId: string = this.requestId(),
    credentials?: Credentials,
  ): unknown {
    const machine = this.#machine(service);
    this.#advance();
    try {
      this.#refuse(service, operation, input);
      const handler = own(machine.operations, operation);
      if (!handler) throw unknownOperation(service, operation);
      const caller = this.admit(service, operation, input, credentials);
      return this.#step((nowMs) => {
        const context = { nowMs, requestId, caller };
        const output: unknown = handler(input, context);
        this.answered(service, operation, input, output, context);
        return output;
      });
    } finally {
      this.#settle();
    }
  }

  /**
   * As `call`, for operations that may need the outer world too. Those run outside of a step: their machine enters one
   * for each change.
   */
  async callAsync(
    service: ServiceId,
    operation: string,
    input: unknown,
    requestId: string = this.requestId(),
    signal?: AbortSignal,
    credentials?: Credentials,
  ): Promise<unknown> {
    const handler = own(this.#machine(service).asyncOperations, operation);
    if (!handler) return this.call(service, operation, input, requestId, credentials);
    this.#advance();
    this.#settle();
    this.#refuse(service, operation, input);
    const caller = this.admit(service, operation, input, credentials);
    const context: RequestContext = { nowMs: this.#clock.now(), requestId, signal, caller };
    return await handler(input, context);
  }

  /**
   * Runs a driver's report as one atomic, durable step. A report that arrives inside of a step waits for its end; one
   * that arrives after `close` is dropped.
   */
  readonly enter = (report: (nowMs: number) => void): void => {
    if (this.#closed) return;
    this.#reports.push(report);
    if (this.#inStep || this.#services.size === 0) return;
    this.#advance();
    this.#settle();
  };

  /** Stops time, refuses calls, closes the state. Idempotent. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#timer?.timer.cancel();
    this.#state.close();
  }

  /**
   * Who calls, if that is known, and whether he may. A core without identities lets everybody in.
   * @throws AwsError the service's denial
   */
  protected admit(
    _service: ServiceId,
    _operation: string,
    _input: unknown,
    _credentials: Credentials | undefined,
  ): Identity | undefined {
    return undefined;
  }

  /** Told of each call that a handler answered, as a part of its step. */
  protected answered(
    _service: ServiceId,
    _operation: string,
    _input: unknown,
    _output: unknown,
    _context: RequestContext,
  ): void {}

  protected get nowMs(): number {
    return this.#clock.now();
  }

  #machine(service: ServiceId): CloudService {
    if (this.#inStep) throw new Error(`${service} was called from inside of a step`);
    if (this.#closed) throw new AwsError('ServiceUnavailable', 'The local cloud is shutting down', 503);
    const machine = this.#services.get(service);
    if (!machine) throw new AwsError('UnknownOperationException', `The local cloud has no service ${service}`);
    return machine;
  }

  #refuse(service: ServiceId, operation: string, input: unknown): void {
    const error = this.#intercept?.(service, operation, input);
    if (error) throw error;
  }

  #step<T>(run: (nowMs: number) => T): T {
    if (this.#inStep) throw new Error('A step is under way');
    this.#state.begin();
    this.#inStep = true;
    let result: T;
    try {
      result = run(this.#clock.now());
    } catch (error) {
      this.#state.rollback();
      throw error;
    } finally {
      this.#inStep = false;
    }
    if (this.#state.commit()) this.#nextIsStale = true;
    return result;
  }

  /** Lets time pass until nothing is due. */
  #advance(): void {
    const nowMs = this.#clock.now();
    if (nowMs < this.#pausedUntilMs) return;
    for (let round = 0; (this.#nextDue() ?? Infinity) <= nowMs; round++) {
      const due = [...this.#services.values()].filter((service) => (service.nextAtMs?.() ?? Infinity) <= nowMs);
      if (round === ROUNDS_MAX) {
        const ids = due.map(({ id }) => id).join(', ');
        this.#fault(new Error(`${ids} has work due at ${nowMs} that advance does not do`));
        return;
      }
      for (const service of due) if (!this.#guarded(() => service.advance?.(nowMs))) return;
      // A machine may remember time outside of the state, too.
      this.#nextIsStale = true;
      this.#report();
    }
  }

  #report(): void {
    for (let report = this.#reports.shift(); report; report = this.#reports.shift()) {
      this.#guarded(report);
      this.#nextIsStale = true;
    }
  }

  /** Runs a step that no caller waits for; false when it failed. */
  #guarded(run: (nowMs: number) => void): boolean {
    try {
      this.#step(run);
      return true;
    } catch (error) {
      this.#fault(error);
      return false;
    }
  }

  #fault(error: unknown): void {
    if (!this.#onFault) throw error;
    this.#pausedUntilMs = this.#clock.now() + FAULT_PAUSE_MS;
    this.#onFault(error);
  }

  /** After a step: the reports that waited for it, then the timer. */
  #settle(): void {
    if (this.#closed) return;
    this.#report();
    const dueMs = this.#nextDue();
    const atMs = dueMs === undefined ? undefined : Math.max(dueMs, this.#pausedUntilMs);
    if (atMs === this.#timer?.atMs) return;
    this.#timer?.timer.cancel();
    this.#timer = undefined;
    if (atMs === undefined) return;
    const fire = () => {
      this.#timer = undefined;
      if (this.#closed) return;
      this.#advance();
      this.#settle();
    };
    this.#timer = { atMs, timer: this.#clock.after(atMs - this.#clock.now(), fire, { unref: true }) };
  }

  #nextDue(): number | undefined {
    if (!this.#nextIsStale) return this.#nextAtMs;
    let least: number | undefined;
    for (const service of this.#services.values()) {
      const atMs = service.nextAtMs?.();
      if (atMs !== undefined && (least === undefined || atMs < least)) least = atMs;
    }
    this.#nextAtMs = least;
    this.#nextIsStale = false;
    return least;
  }
}

/** A cloud of the given machines alone, each built with the means to report. */
export class BareCloud extends CloudCore {
  constructor(options: CloudCoreOptions, build: (enter: CloudCore['enter']) => readonly CloudService[]) {
    super(options);
    this.start(() => ({ services: build(this.enter), result: undefined }));
  }
}

function own(handlers: Readonly<Record<string, Handler>> | undefined, operation: string): Handler | undefined {
  return handlers && Object.hasOwn(handlers, operation) ? handlers[operation] : undefined;
}

function unknownOperation(service: ServiceId, operation: string): AwsError {
  return new AwsError('UnknownOperationException', `The local cloud's ${service} does not support ${operation}`);
}
