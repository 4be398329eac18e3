/**
 * A daemon as the operating system sees it: a clock of its own, and a process that may be killed, stopped and woken at
 * any moment, in particular between any two of its calls, and cut off from the tables. Its calls pass the network to the
 * cloud; those that change something are written to the log of arrivals, from which everything is judged.
 */
import {
  abandoned,
  type Call,
  Coalescing,
  layered,
  Pacing,
  type Ports,
  type ServiceName,
} from '../../../src/aws/index.ts';
import { assembleController } from '../../../src/cli/assemble.ts';
import type { Controller } from '../../../src/controller/index.ts';
import { type Clock, type Logger, onAbort, type Random, seededRandom, type Timer } from '../../../src/core/index.ts';
import type { Credentials } from '../../../src/local-cloud/iam/index.ts';
import { isReading, isTable } from '../calls.ts';
import type { Arrival } from '../judgement.ts';
import type { World } from '../world.ts';
import { type Network, timedOut } from './network.ts';

const LEASE_MS = 15_000;
const CALL_TIMEOUT_MS = 5_000;
/** Between the fence's word and the socket: a pause that falls in here is the window that the design admits. */
const WITHIN_PROCESS_MS = 2;
const STATE = 'lambdacontainer-state';

type Method = (input: unknown, call?: Call) => Promise<unknown>;

/** When something may befall a process: around a call to AWS, before it hears of a change, while it writes to a table. */
type Moment = 'call' | 'change' | 'write';

/** What a process has to do with the world around it. */
export interface Surroundings {
  readonly world: World;
  readonly random: Random;
  readonly network: Network;
  readonly logger: Logger;
  readonly resyncMs: number;
  /** Called with each call that changes something, right before the cloud is asked. */
  arriving(arrival: Arrival): void;
  /** Called when the cloud has answered it, before the daemon knows. */
  arrived(arrival: Arrival): void;
  /** Counts a call, whatever it is. */
  called(operation: string, input: Readonly<Record<string, unknown>>): void;
  /** The epoch that the daemon of this name took last, as the table has it. */
  epochOf(name: string): number;
  /** It was stopped for so long, and goes on. */
  woke(process: SimProcess, forMs: number): void;
  /** An error that is nobody's answer. */
  failed(error: unknown): void;
  /** Its run ended by itself: it was told to stop, or lost the lease. */
  ended(process: SimProcess): void;
}

interface Life {
  isOver: boolean;
  overAtMs: number;
}

export class SimProcess implements Clock {
  readonly name: string;
  readonly skewMs: number;
  controller: Controller | undefined;
  isCutOff = false;
  /** How its run ended, if it did by itself. */
  ended: 'stopped' | 'lost' | undefined;
  readonly #around: Surroundings;
  #life: Life = { isOver: true, overAtMs: 0 };
  #pausedAtMs: number | undefined;
  #frozen: (() => void)[] = [];
  #doom: { left: number; readonly act: () => void; readonly at: Moment } | undefined;

  constructor(around: Surroundings, name: string, skewMs: number) {
    this.#around = around;
    this.name = name;
    this.skewMs = skewMs;
  }

  now(): number {
    return this.#around.world.clock.now() + this.skewMs;
  }

  monotonic(): number {
    return this.#around.world.clock.monotonic();
  }

  after(delayMs: number, fire: () => void): Timer {
    const life = this.#life;
    let isCancelled = false;
    const timer = this.#around.world.clock.after(delayMs, () =>
      this.#enter(life, () => {
        if (!isCancelled) fire();
      }),
    );
    return {
      cancel: () => {
        isCancelled = true;
        timer.cancel();
      },
    };
  }

  get isAlive(): boolean {
    return !this.#life.isOver && this.ended === undefined;
  }

  get isPaused(): boolean {
    return this.#pausedAtMs !== undefined;
  }

  start(): void {
    const { world, random, logger, resyncMs } = this.#around;
    const life: Life = { isOver: false, overAtMs: Number.POSITIVE_INFINITY };
    this.#life = life;
    this.#pausedAtMs = undefined;
    this.#frozen = [];
    this.#doom = undefined;
    this.isCutOff = false;
    this.ended = undefined;
    this.controller = assembleController(this.#ports(life), this, seededRandom(random.next() * 2 ** 31), logger, {
      region: world.region,
      desiredTable: world.desiredTable,
      stateTable: STATE,
      resyncMs,
      relistMs: 300_000,
      lease: { durationMs: LEASE_MS, callTimeoutMs: CALL_TIMEOUT_MS },
      workers: 4,
      drainMs: 5_000,
      eventsQueue: world.eventsQueue,
    });
    const end = (ended: 'stopped' | 'lost') => {
      if (life.isOver) return;
      this.ended = ended;
      life.isOver = true;
      life.overAtMs = this.now() - this.skewMs;
      this.#around.ended(this);
    };
    this.controller.run().then(
      () => end('stopped'),
      (error: Error) => {
        end('lost');
        if (error.name !== 'Failure') this.#around.failed(error);
      },
    );
  }

  /** SIGTERM. */
  stop(): void {
    if (!this.isPaused) this.controller?.stop();
  }

  /** SIGKILL. */
  kill(): void {
    this.#life.isOver = true;
    this.#life.overAtMs = this.#around.world.clock.now();
    this.#frozen = [];
    this.#pausedAtMs = undefined;
    this.controller = undefined;
  }

  /** SIGSTOP. */
  pause(): void {
    this.#pausedAtMs ??= this.#around.world.clock.now();
  }

  /** SIGCONT: what came meanwhile is found in no particular order. */
  resume(): void {
    if (this.#pausedAtMs !== undefined) this.#around.woke(this, this.#around.world.clock.now() - this.#pausedAtMs);
    this.#pausedAtMs = undefined;
    const frozen = this.#frozen;
    this.#frozen = [];
    while (frozen.length > 0) {
      const [next] = frozen.splice(Math.floor(this.#around.random.next() * frozen.length), 1);
      next?.();
    }
  }

  /**
   * Something befalls it when it has made or heard of so many more calls to AWS; `change`: when it is about to hear
   * what came of so many more changes, in the midst of whatever they belong to.
   */
  afterMoments(moments: number, act: () => void, at: Moment = 'call'): void {
    this.#doom = { left: moments, act, at };
  }

  #moment(at: Moment): void {
    const doom = this.#doom;
    // What is about to hear of a change is also in the midst of a call.
    const isMeant = doom?.at === at || (doom?.at === 'call' && at === 'change');
    if (!doom || !isMeant || --doom.left > 0) return;
    this.#doom = undefined;
    doom.act();
  }

  /** Everything that the process does begins here. */
  #enter(life: Life, act: () => void): void {
    if (life.isOver) return;
    if (this.isPaused) this.#frozen.push(() => this.#enter(life, act));
    else act();
  }

  #ports(life: Life): Ports {
    const { world } = this.#around;
    // Whom the cloud sees: asked for right before each call is done.
    const session = (): Credentials => world.session;
    const direct = world.portsAs(session) as unknown as Record<string, Record<string, Method>>;
    const wrapped: Record<string, unknown> = { ...direct };
    for (const service of Object.keys(direct)) {
      if (service === 'registry' || service === 'git') continue;
      const port = direct[service] ?? {};
      wrapped[service] = Object.fromEntries(
        Object.keys(port).map((operation): [string, Method] => [
          operation,
          (input, call) => this.#call(life, service, operation, input as Record<string, unknown>, call, port),
        ]),
      );
    }
    const layers = [new Coalescing({ clock: this }).layer, new Pacing({ clock: this }).layer];
    return layered(wrapped as unknown as Ports, ...layers);
  }

  #call(
    life: Life,
    service: string,
    operation: string,
    input: Record<string, unknown>,
    { signal, timeoutMs = CALL_TIMEOUT_MS }: Call = {},
    port: Readonly<Record<string, Method>>,
  ): Promise<unknown> {
    const around = this.#around;
    const { clock } = around.world;
    const { network, random } = around;
    const isWork = !isTable(service);
    if (isWork) this.#moment('call');
    // Killed in this very moment: the call never left.
    if (life.isOver) return new Promise(() => {});
    const startedMs = clock.now();
    const epoch = around.epochOf(this.name);
    if (!isWork && !isReading(operation)) this.#moment('write');
    return new Promise((resolve, reject) => {
      let isSettled = false;
      const settle = (act: () => void) =>
        this.#enter(life, () => {
          if (isSettled) return;
          isSettled = true;
          timeout.cancel();
          forgetAbort();
          act();
        });
      const giveUp = () => settle(() => reject(timedOut(service, operation)));
      const timeout = clock.after(timeoutMs, giveUp);
      const abort = () => settle(() => reject(abandoned(service as ServiceName, operation)));
      const forgetAbort = onAbort(signal, abort);
      if (signal?.aborted) return abort();

      const leaves = (isLate: boolean) => {
        const gapMs = isLate ? 0 : WITHIN_PROCESS_MS * random.next();
        const leftMs = clock.now() + gapMs;
        clock.after(gapMs + network.latency(), () => {
          if (life.isOver && life.overAtMs <= leftMs) return;
          if (this.#pausedAtMs !== undefined && this.#pausedAtMs <= leftMs) {
            // Woken up, a process finds that the call's time is over; unless it was stopped in the very act of writing.
            this.#frozen.push(() => {
              if (life.isOver) return;
              if (clock.now() - startedMs >= timeoutMs && random.next() < 0.5) giveUp();
              else leaves(true);
            });
            return;
          }
          arrives(isLate);
        });
      };
      const arrives = (isLate: boolean) => {
        around.called(operation, input);
        if (this.isCutOff && !isWork) return;
        const arrival: Arrival = {
          atMs: clock.now(),
          daemon: this.name,
          epoch,
          service,
          operation,
          input,
          isLate,
          refusal: undefined,
          answeredAtMs: undefined,
        };
        const isChange = !isReading(operation);
        const answer = (deliver: () => void) => {
          if (network.isLost()) return;
          clock.after(network.latency(), () => {
            if (this.isCutOff && !isWork) return;
            if (isWork && !life.isOver) this.#moment(isChange ? 'change' : 'call');
            settle(() => {
              arrival.answeredAtMs = clock.now();
              deliver();
            });
          });
        };
        const failure = network.refusal(service, operation);
        if (failure) {
          answer(() => reject(failure));
          return;
        }
        if (isChange) around.arriving(arrival);
        (port[operation] as Method)(input).then(
          (output) => {
            arrival.refusal = null;
            if (isChange) around.arrived(arrival);
            const told = network.told(service, operation, input, { output });
            answer(() => (told.failure ? reject(told.failure) : resolve(told.output)));
          },
          (error: Error) => {
            if (error.name !== 'Failure') return around.failed(error);
            const refusal = error as Error & { code: string };
            arrival.refusal = refusal.code;
            if (isChange) around.arrived(arrival);
            const told = network.told(service, operation, input, { failure: error as never });
            answer(() => (told.failure ? reject(told.failure) : resolve(told.output)));
          },
        );
      };
      leaves(false);
    });
  }
}
