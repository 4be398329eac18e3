/**
 * The lease of the one active leader: an item in the state table with an epoch that grows with every change of holder.
 * Each state write names the epoch; before each AWS mutation the executor asks `assertHeld`, which leaves room for one
 * whole call, on the monotonic clock. A new holder that was not handed the lease waits until the old one is surely over,
 * and takes it only as it was read: a renewal that arrives meanwhile, however late, keeps it.
 */
import { type Call, type DynamoPort, fromItem, toItem } from '../aws/index.ts';
import {
  type Clock,
  Failure,
  isFailure,
  type Logger,
  type Metrics,
  type Random,
  sleep,
  type Timer,
  uuid,
} from '../core/index.ts';
import { CONTROLLER_NAMESPACE } from './state-keys.ts';

export interface LeaseSettings {
  readonly durationMs: number;
  /** The longest that one AWS call may take; the fence keeps that much before the end of the lease. */
  readonly callTimeoutMs: number;
  /** Of the program that would hold it; for people who look at the lease. */
  readonly version?: string;
}

interface Held {
  readonly holder: string;
  readonly epoch: number;
  readonly expiresAtMs: number;
  readonly released: boolean;
}

/** The lease as it stands in the table. */
export interface LeaseRecord extends Held {
  /** From the last renewal to the end; absent where an older program wrote it. */
  readonly durationMs?: number;
  readonly version?: string;
}

/** Who holds the lease, or held it last; undefined when nobody ever did. */
export async function readLease(dynamo: DynamoPort, table: string, call?: Call): Promise<LeaseRecord | undefined> {
  const { Item } = await dynamo.getItem({ TableName: table, Key: toItem(KEY), ConsistentRead: true }, call);
  return Item ? (fromItem(Item).body as LeaseRecord) : undefined;
}

/** The outcome of a call that failed for a passing reason. */
const UNKNOWN = Symbol('unknown');
const RETRY_MS = 500;
/** A lease that was handed over is taken within a second: this, the taking itself, and what both calls need. */
const FOLLOW_POLL_MS = 400;
const UNTAKEN = '#epoch = :epoch';
const UNRENEWED = '#body.#end = :end';
const KEY = { namespace: CONTROLLER_NAMESPACE, key: 'lease' };

export class Lease {
  readonly #dynamo: DynamoPort;
  readonly #table: string;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #settings: LeaseSettings;
  readonly #holder: string;
  #epoch = 0;
  #validUntilMonotonicMs = 0;
  #renewal: Timer | undefined;
  #renewing: Promise<void> = Promise.resolve();
  #onLost: () => void = () => {};
  /** When the table last answered, whatever it said. */
  #contactedAtMs: number;

  constructor(
    dynamo: DynamoPort,
    table: string,
    clock: Clock,
    random: Random,
    logger: Logger,
    settings: LeaseSettings = { durationMs: 15_000, callTimeoutMs: 5_000 },
    metrics?: Metrics,
  ) {
    this.#dynamo = dynamo;
    this.#table = table;
    this.#clock = clock;
    this.#logger = logger;
    this.#settings = settings;
    this.#holder = uuid(random);
    this.#contactedAtMs = clock.monotonic();
    if (metrics) this.#measure(metrics);
  }

  /** Whether it is held at this moment, for those who only show it; whoever acts asks `assertHeld`. */
  get isHeld(): boolean {
    return this.#clock.monotonic() < this.#validUntilMonotonicMs;
  }

  /** For how long the table has not answered; a daemon that follows asks about every second. */
  get silentMs(): number {
    return this.#clock.monotonic() - this.#contactedAtMs;
  }

  get epoch(): number {
    return this.#epoch;
  }

  /**
   * Waits until this daemon holds the lease; false when `signal` aborted first. `onLost` is called at most once, when
   * it could not be renewed in time: whoever holds it must then stop.
   */
  async acquire(onLost: () => void, signal: AbortSignal): Promise<boolean> {
    let waitingFor = '';
    while (!signal.aborted) {
      const startedMs = this.#clock.monotonic();
      const held = await this.#tolerant(() => this.#read({ signal }));
      if (held === UNKNOWN) {
        await sleep(this.#clock, RETRY_MS, signal);
        continue;
      }
      const freeAtMs = !held || held.released ? 0 : held.expiresAtMs + this.#settings.callTimeoutMs;
      if (this.#clock.now() >= freeAtMs) {
        const epoch = (held?.epoch ?? 0) + 1;
        if ((await this.#tolerant(() => this.#write(epoch, held))) === true) {
          this.#epoch = epoch;
          this.#validUntilMonotonicMs = startedMs + this.#settings.durationMs;
          this.#onLost = onLost;
          this.#logger.info({ epoch }, 'leading');
          this.#scheduleRenewal();
          return true;
        }
        await sleep(this.#clock, RETRY_MS, signal);
        continue;
      }
      if (held && held.holder !== waitingFor) {
        waitingFor = held.holder;
        this.#logger.info(
          { holder: held.holder, expiresAt: new Date(held.expiresAtMs).toISOString() },
          'following: another daemon holds the lease',
        );
      }
      await sleep(this.#clock, Math.min(FOLLOW_POLL_MS, Math.max(50, freeAtMs - this.#clock.now())), signal);
    }
    return false;
  }

  /** @throws Failure transient unless the lease surely outlives one call that starts now */
  readonly assertHeld = (): void => {
    if (this.#clock.monotonic() + this.#settings.callTimeoutMs < this.#validUntilMonotonicMs) return;
    throw new Failure({
      kind: 'transient',
      service: 'dynamodb',
      operation: 'lease',
      code: 'LeaseNotHeld',
      message: 'this daemon does not hold the lease long enough to change anything',
    });
  };

  /** Hands the lease over at once: the next daemon need not wait for its end. */
  async release(): Promise<void> {
    this.#renewal?.cancel();
    this.#renewal = undefined;
    await this.#renewing;
    if (this.#validUntilMonotonicMs === 0) return;
    this.#validUntilMonotonicMs = 0;
    try {
      await this.#put(
        { holder: this.#holder, epoch: this.#epoch, expiresAtMs: this.#clock.now(), released: true },
        this.#epoch,
      );
    } catch (error) {
      // Another daemon leads already, or the table cannot be reached: the next one waits for the lease's end.
      if (!isFailure(error)) throw error;
      if (error.kind !== 'conflict') this.#logger.warn({ code: error.code }, 'the lease could not be handed over');
    }
  }

  /** Waiting for the lease outlasts whatever may pass by itself; a denial does not. */
  async #tolerant<T>(act: () => Promise<T>): Promise<T | typeof UNKNOWN> {
    try {
      return await act();
    } catch (error) {
      if (!isFailure(error, 'throttled') && !isFailure(error, 'transient')) throw error;
      this.#logger.warn({ code: error.code }, `the lease cannot be read or written: ${error.message}`);
      return UNKNOWN;
    }
  }

  #scheduleRenewal(): void {
    this.#renewal = this.#clock.after(this.#settings.durationMs / 3, () => {
      this.#renewing = this.#renew();
    });
  }

  async #renew(): Promise<void> {
    const startedMs = this.#clock.monotonic();
    try {
      await this.#put(
        {
          holder: this.#holder,
          epoch: this.#epoch,
          expiresAtMs: this.#clock.now() + this.#settings.durationMs,
          released: false,
        },
        this.#epoch,
      );
      this.#validUntilMonotonicMs = startedMs + this.#settings.durationMs;
    } catch (error) {
      if (!(error instanceof Failure)) throw error;
      const taken = error.kind === 'conflict';
      if (taken || this.#clock.monotonic() >= this.#validUntilMonotonicMs) {
        this.#validUntilMonotonicMs = 0;
        this.#renewal = undefined;
        this.#logger.error(
          { code: error.code },
          taken ? 'another daemon took the lease' : 'the lease ended before it could be renewed',
        );
        this.#onLost();
        return;
      }
      this.#logger.warn({ code: error.code }, 'the lease could not be renewed; trying again');
    }
    if (this.#renewal) this.#scheduleRenewal();
  }

  /** The names are those of client-go's leader election where it has one. */
  #measure(metrics: Metrics): void {
    const watch = (name: string, help: string, read: () => number) => metrics.watch(name, help, {}, read);
    const isHeld = 'Whether this daemon holds the lease and so leads: 1, or 0';
    metrics.watch('leader_election_master_status', isHeld, { name: this.#table }, () => (this.isHeld ? 1 : 0));
    watch(
      'lambdacontainer_lease_epoch',
      'Epoch of the lease that this daemon held last; 0: none yet',
      () => this.#epoch,
    );
    watch(
      'lambdacontainer_lease_remaining_seconds',
      'Until the lease would end without renewal',
      () => Math.max(0, this.#validUntilMonotonicMs - this.#clock.monotonic()) / 1000,
    );
    watch(
      'lambdacontainer_lease_silent_seconds',
      'Since the state table last answered about the lease',
      () => this.silentMs / 1000,
    );
  }

  async #read(call: Call): Promise<Held | undefined> {
    const held = await readLease(this.#dynamo, this.#table, call);
    this.#contactedAtMs = this.#clock.monotonic();
    return held;
  }

  async #write(epoch: number, read: Held | undefined): Promise<boolean> {
    const expiresAtMs = this.#clock.now() + this.#settings.durationMs;
    try {
      await this.#put({ holder: this.#holder, epoch, expiresAtMs, released: false }, read?.epoch ?? 0, read);
      return true;
    } catch (error) {
      if (isFailure(error, 'conflict')) return false;
      throw error;
    }
  }

  /** `unchanged`: the lease must still end when it was read to end. */
  async #put(held: Held, readEpoch: number, unchanged?: Held): Promise<void> {
    const { durationMs, version } = this.#settings;
    const body: LeaseRecord = { ...held, durationMs, ...(version === undefined ? {} : { version }) };
    await this.#dynamo.putItem({
      TableName: this.#table,
      Item: toItem({ ...KEY, epoch: body.epoch, body }),
      ...conditionOf(readEpoch, unchanged),
    });
    this.#contactedAtMs = this.#clock.monotonic();
  }
}

function conditionOf(readEpoch: number, unchanged: Held | undefined) {
  const ExpressionAttributeNames = { '#epoch': 'epoch' };
  if (readEpoch === 0) return { ConditionExpression: 'attribute_not_exists(#epoch)', ExpressionAttributeNames };
  const values = { ':epoch': { N: String(readEpoch) } };
  if (!unchanged) return { ConditionExpression: UNTAKEN, ExpressionAttributeNames, ExpressionAttributeValues: values };
  return {
    ConditionExpression: `${UNTAKEN} AND ${UNRENEWED}`,
    ExpressionAttributeNames: { ...ExpressionAttributeNames, '#body': 'body', '#end': 'expiresAtMs' },
    ExpressionAttributeValues: { ...values, ':end': { N: String(unchanged.expiresAtMs) } },
  };
}
