/**
 * Several daemons in one world, each with a clock of its own and a process that can be paused, killed and cut off from
 * the tables at any moment, and a log of everything that reached the cloud. What may not happen is judged from that log
 * alone: nobody asks the daemons.
 */
import { Coalescing, layered, Pacing, type Ports } from '../../src/aws/index.ts';
import { assembleController } from '../../src/cli/assemble.ts';
import type { Controller } from '../../src/controller/index.ts';
import { type Clock, Failure, type Random, seededRandom, type Timer } from '../../src/core/index.ts';
import { isReading } from './calls.ts';
import { type Arrival, leaseTaken, staleMutationsOf, violations } from './judgement.ts';
import type { World } from './world.ts';

const LEASE_MS = 15_000;
const CALL_TIMEOUT_MS = 5_000;
const STATE = 'lambdacontainer-state';
/** In the process between the fence's word and the socket: a pause that falls in here is the window that remains. */
const WITHIN_PROCESS_MS = 2;

export class Daemon implements Clock {
  readonly name: string;
  readonly skewMs: number;
  controller: Controller | undefined;
  running: Promise<void> | undefined;
  isCutOff = false;
  /** How its run ended, if it did by itself. */
  ended: 'stopped' | 'lost' | undefined;
  #isPaused = false;
  #frozen: (() => void)[] = [];
  #momentsLeft: number | undefined;
  #lastsMs = 0;
  /** Of the process: callbacks of an earlier one are dropped. */
  #life = { isOver: false };
  readonly #daemons: Daemons;

  constructor(daemons: Daemons, name: string, skewMs: number) {
    this.#daemons = daemons;
    this.name = name;
    this.skewMs = skewMs;
  }

  now(): number {
    return this.#daemons.world.clock.now() + this.skewMs;
  }

  monotonic(): number {
    return this.#daemons.world.clock.monotonic();
  }

  after(delayMs: number, fire: () => void): Timer {
    const life = this.#life;
    let isCancelled = false;
    const timer = this.#daemons.world.clock.after(delayMs, () =>
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
    return this.controller !== undefined && this.ended === undefined;
  }

  get isPaused(): boolean {
    return this.#isPaused;
  }

  start(version?: string): void {
    const { world, random } = this.#daemons;
    this.#life = { isOver: false };
    this.#isPaused = false;
    this.#momentsLeft = undefined;
    this.isCutOff = false;
    this.ended = undefined;
    const controller = assembleController(
      this.#ports(),
      this,
      seededRandom(random.next() * 2 ** 31),
      this.#daemons.world.logger,
      {
        region: world.region,
        desiredTable: world.desiredTable,
        stateTable: STATE,
        resyncMs: 30_000,
        relistMs: 300_000,
        lease: { durationMs: LEASE_MS, callTimeoutMs: CALL_TIMEOUT_MS, ...(version === undefined ? {} : { version }) },
        workers: 4,
        drainMs: 5_000,
      },
    );
    this.controller = controller;
    const life = this.#life;
    const end = (ended: 'stopped' | 'lost') => {
      if (!life.isOver) this.ended = ended;
    };
    this.running = controller.run().then(
      () => end('stopped'),
      () => end('lost'),
    );
  }

  /** SIGTERM. */
  stop(): void {
    this.controller?.stop();
  }

  /** SIGKILL. */
  kill(): void {
    this.#life.isOver = true;
    this.controller = undefined;
  }

  /** SIGSTOP in the midst of its work: when it has made or heard of so many more calls. */
  pauseAfter(moments: number, lastsMs: number): void {
    this.#momentsLeft = moments;
    this.#lastsMs = lastsMs;
  }

  #moment(): void {
    if (this.#momentsLeft === undefined || --this.#momentsLeft > 0) return;
    this.#momentsLeft = undefined;
    this.pause();
    this.#daemons.note(`${this.name} stands still for ${this.#lastsMs} ms`);
    this.#daemons.world.clock.after(this.#lastsMs, () => this.resume());
  }

  /** SIGSTOP. */
  pause(): void {
    this.#isPaused = true;
  }

  /** SIGCONT: what came meanwhile is found in no particular order. */
  resume(): void {
    this.#isPaused = false;
    const frozen = this.#frozen;
    this.#frozen = [];
    while (frozen.length > 0) {
      const [next] = frozen.splice(Math.floor(this.#daemons.random.next() * frozen.length), 1);
      next?.();
    }
  }

  /** Everything that the process does begins here. */
  #enter(life: { readonly isOver: boolean }, act: () => void): void {
    if (life.isOver) return;
    if (this.#isPaused) this.#frozen.push(() => this.#enter(life, act));
    else act();
  }

  #ports(): Ports {
    const { world } = this.#daemons;
    const table = world.aws as unknown as Record<string, Record<string, (input: unknown) => Promise<unknown>>>;
    const wrapped: Record<string, unknown> = { ...world.aws };
    for (const service of Object.keys(table)) {
      if (service === 'registry' || service === 'git') continue;
      wrapped[service] = Object.fromEntries(
        Object.keys(table[service] ?? {}).map((operation) => [
          operation,
          (input: unknown) =>
            this.#call(service, operation, input as Record<string, unknown>, (sent) =>
              table[service]?.[operation]?.(sent),
            ),
        ]),
      );
    }
    // So that the fence is asked as in the daemon: when the call leaves.
    const paced = this.#daemons.isPaced
      ? [new Coalescing({ clock: this }).layer, new Pacing({ clock: this }).layer]
      : [];
    return layered(wrapped as unknown as Ports, ...paced);
  }

  #call(
    service: string,
    operation: string,
    input: Record<string, unknown>,
    act: (input: unknown) => Promise<unknown> | undefined,
  ): Promise<unknown> {
    const { world, random, log } = this.#daemons;
    const { clock } = world;
    const life = this.#life;
    const startedMs = clock.now();
    const epoch = this.#daemons.epochOf(this.name);
    const isWork = service !== 'dynamodb' && service !== 'streams';
    if (isWork) this.#moment();
    return new Promise((resolve, reject) => {
      const settle = (act: () => void) => this.#enter(life, act);
      const timedOut = () =>
        reject(
          new Failure({
            kind: 'transient',
            service,
            operation,
            code: 'TimeoutError',
            message: 'no answer (simulated)',
          }),
        );
      clock.after(CALL_TIMEOUT_MS, () => settle(timedOut));
      clock.after(WITHIN_PROCESS_MS * random.next(), () =>
        this.#enter(life, () => {
          const isLate = clock.now() - startedMs > WITHIN_PROCESS_MS;
          // Woken up, a process finds that the call's time is over; unless it was stopped in the very act of writing.
          if (isLate && clock.now() - startedMs >= CALL_TIMEOUT_MS && random.next() < 0.5) return timedOut();
          if (this.isCutOff && !isWork) return;
          // From here on it is on the wire: a pause or a kill does not hold it.
          clock.after(5 + random.next() * 60, () => {
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
            if (!isReading(operation)) log.push(arrival);
            const answer = (deliver: () => void) =>
              clock.after(5 + random.next() * 60, () => {
                if (this.isCutOff && !isWork) return;
                if (isWork && !life.isOver) this.#moment();
                settle(() => {
                  arrival.answeredAtMs = clock.now();
                  deliver();
                });
              });
            const refusal = this.#daemons.refuse(service, operation);
            (refusal ? Promise.reject(refusal) : (act(input) ?? Promise.resolve())).then(
              (output) => {
                arrival.refusal = null;
                this.#daemons.noteLease(arrival);
                answer(() => resolve(output));
              },
              (error: Failure) => {
                arrival.refusal = error.code;
                answer(() => reject(error));
              },
            );
          });
        }),
      );
    });
  }
}

export class Daemons {
  readonly world: World;
  readonly random: Random;
  readonly all: Daemon[];
  /** Calls that change something, in the order in which they reached the cloud. */
  readonly log: Arrival[] = [];
  /** What AWS refuses to do, asked of each call as it arrives: it answers so and does nothing. */
  refuse: (service: string, operation: string) => Failure | undefined = () => undefined;
  /** Calls are paced and coalesced as in the daemon on AWS. */
  isPaced = false;
  /** What was done to the daemons, for whoever reads a failure. */
  readonly history: string[] = [];
  readonly #epochs: Map<string, number> = new Map();

  constructor(world: World, seed: number, skewsMs: readonly number[]) {
    this.world = world;
    this.random = seededRandom(seed);
    this.all = skewsMs.map((skewMs, index) => new Daemon(this, `d${index + 1}`, skewMs));
  }

  get leader(): Daemon | undefined {
    return this.all.find((daemon) => daemon.isAlive && daemon.controller?.state === 'leading');
  }

  epochOf(name: string): number {
    return this.#epochs.get(name) ?? 0;
  }

  note(what: string): void {
    this.history.push(`${new Date(this.world.clock.now()).toISOString()} ${what}`);
  }

  /** Who took the lease, as the table has it. */
  noteLease(arrival: Arrival): void {
    const { daemon } = arrival;
    const epoch = leaseTaken(arrival) ?? 0;
    if (epoch > (this.#epochs.get(daemon) ?? 0)) {
      this.#epochs.set(daemon, epoch);
      this.note(`${daemon} leads in epoch ${epoch}`);
    }
  }

  /** Everything that may not happen and did. */
  violations(): string[] {
    return violations(this.log, STATE);
  }

  /** Builds of one image that ran at the same time. */
  async twinBuilds(): Promise<string[]> {
    const { codebuild } = this.world.aws;
    const found: string[] = [];
    const projects = this.log.flatMap(({ operation, input }) =>
      operation === 'startBuild' ? [String(input.projectName)] : [],
    );
    for (const projectName of new Set(projects)) {
      const { ids = [] } = await codebuild.listBuildsForProject({ projectName }).catch(() => ({ ids: [] }));
      if (ids.length === 0) continue;
      const { builds = [] } = await codebuild.batchGetBuilds({ ids: ids.slice(0, 100) });
      const runs = builds.map(({ id, startTime, endTime, environment }) => ({
        id,
        inputs: environment?.environmentVariables?.find(({ name }) => name === 'LAMBDACONTAINER_INPUTS')?.value,
        startMs: startTime?.getTime() ?? 0,
        endMs: endTime?.getTime() ?? Number.POSITIVE_INFINITY,
      }));
      for (const one of runs) {
        const twin = runs.find(
          (other) =>
            other.id !== one.id &&
            other.inputs === one.inputs &&
            other.startMs >= one.startMs &&
            other.startMs < one.endMs,
        );
        if (twin) found.push(`build ${twin.id} ran beside ${one.id}`);
      }
    }
    return found;
  }

  /** Mutations of stale holders that the window admits. */
  get admitted(): number {
    return staleMutationsOf(this.log).filter(({ isLate }) => isLate).length;
  }
}
