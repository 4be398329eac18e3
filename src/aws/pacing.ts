/**
 * Keeps calls within AWS's rate limits: each takes its tokens before it leaves, and waits for them in line. Passes go
 * before sweeps, and within both it is first come, first served, but that a call which others may still join gives way
 * for a while to those that nobody can join. A call waits only for buckets that it needs itself. It retries nothing and drops nothing: what is throttled all the same slows its bucket and reaches the caller.
 */
import {
  type Clock,
  type CounterCell,
  Fifo,
  FifoEntry,
  type HistogramCell,
  Metrics,
  onAbort,
  type Timer,
} from '../core/index.ts';
import { AdaptiveBucket } from './adaptive-bucket.ts';
import { isRateExceeded } from './classify.ts';
import { abandoned, type Layer, layered, type Outgoing } from './layers.ts';
import type { ServiceName } from './operations.ts';
import type { Ports } from './ports.ts';
import { CHARGES, RATES, type RateName } from './rates.ts';

export interface PacingOptions {
  readonly clock: Clock;
  /** This part of AWS's rates is ours: less than 1 leaves room for others in the account, more is for raised limits. Default 1. */
  readonly scale?: number;
  readonly metrics?: Metrics;
  /** Label of what is measured where several account-and-region pairs are paced apart. Default: our own. */
  readonly place?: string;
}

/** What can be read of a bucket. */
export interface BucketReading {
  readonly name: RateName;
  readonly tokens: number;
  /** Tokens gained in a second at present; less than usual while it is slowed down. */
  readonly perSec: number;
  /** How often an answer of AWS slowed it down. */
  readonly slowed: number;
}

export interface PacingReadings {
  /** Of buckets that were used. */
  readonly buckets: readonly BucketReading[];
  /** Calls in line now. */
  readonly depth: number;
  /** Calls that had to wait, and for how long in sum. */
  readonly waits: number;
  readonly waitedMs: number;
}

/**
 * This part of a burst is used, the rest left: calls overtake each other on their way, so that AWS may see a few more
 * at once than were sent.
 */
const BURST_USED = 0.9;
/** While passes and sweeps both wait, every so-manieth call is a sweep's: a storm of passes must not blind it. */
const SWEEP_EVERY = 10;
/** So long a call that others may join gives way. Those that join it meanwhile need no token of their own. */
const GATHER_MS = 2_000;
const WAIT_BUCKETS = [0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60];

class Waiter extends FifoEntry {
  /** Order of arrival, over all lanes of a service. */
  readonly number: number;
  readonly atMs: number;
  readonly admit: () => void;

  constructor(number: number, atMs: number, admit: () => void) {
    super();
    this.number = number;
    this.atMs = atMs;
    this.admit = admit;
  }
}

/** Calls that need the same buckets. */
interface Lane {
  readonly buckets: readonly AdaptiveBucket[];
  readonly passes: Fifo<Waiter>;
  /** Those of passes that others may still join. */
  readonly gathering: Fifo<Waiter>;
  readonly sweeps: Fifo<Waiter>;
}

/** One service's lanes; buckets are never shared between services. */
interface Gate {
  readonly lanes: Map<string, Lane>;
  waiting: number;
  /** Calls of passes that went while a sweep could have gone. */
  passesBeforeSweep: number;
  timer: Timer | undefined;
}

export class Pacing {
  readonly #clock: Clock;
  readonly #scale: number;
  readonly #buckets = new Map<RateName, AdaptiveBucket>();
  readonly #gates = new Map<ServiceName, Gate>();
  readonly #waits: (service: ServiceName) => HistogramCell;
  readonly #slowings: (service: ServiceName, bucket: RateName) => CounterCell;
  #arrivals = 0;
  #waited = 0;
  #waitedMs = 0;

  /** @throws RangeError when `scale` is no positive number */
  constructor({ clock, scale = 1, metrics = new Metrics(), place = '' }: PacingOptions) {
    if (!(scale > 0 && Number.isFinite(scale)))
      throw new RangeError(`a scale of ${scale} leaves no calls; use e.g. 0.5`);
    this.#clock = clock;
    this.#scale = scale;
    const waits = metrics.histogram(
      'lambdacontainer_aws_rate_wait_seconds',
      'How long calls that had to wait waited for a rate limit of AWS',
      ['service'],
      WAIT_BUCKETS,
    );
    const slowings = metrics.counter(
      'lambdacontainer_aws_slowed_total',
      'How often a throttled answer slowed the calls of a bucket down',
      ['service', 'bucket'],
    );
    this.#waits = (service) => waits.of({ service });
    this.#slowings = (service, bucket) => slowings.of({ service, bucket });
    const depth = 'Calls that wait for a rate limit of AWS; place: account and region, empty for the daemon’s own';
    metrics.watch('lambdacontainer_aws_rate_depth', depth, { place }, () => this.#depth());
  }

  /** Before AWS: each call takes its tokens here. A call whose signal aborts leaves the line and takes none. */
  readonly layer: Layer = (next) => async (outgoing) => {
    const { service, operation } = outgoing;
    const names = chargesOf(service, operation);
    if (names.length === 0) return next(outgoing);
    const buckets = names.map((name) => this.#bucket(name));
    await this.#admitted(outgoing, names, buckets);
    const sentAtMs = this.#clock.monotonic();
    try {
      return await next(outgoing);
    } catch (error) {
      if (isRateExceeded(error)) this.#slow(service, names, sentAtMs);
      throw error;
    }
  };

  readings(): PacingReadings {
    const nowMs = this.#clock.monotonic();
    return {
      buckets: [...this.#buckets].map(([name, bucket]) => ({
        name,
        tokens: bucket.tokens(nowMs),
        perSec: bucket.perSec(nowMs),
        slowed: bucket.slowed,
      })),
      depth: this.#depth(),
      waits: this.#waited,
      waitedMs: this.#waitedMs,
    };
  }

  #depth(): number {
    let depth = 0;
    for (const { waiting } of this.#gates.values()) depth += waiting;
    return depth;
  }

  #bucket(name: RateName): AdaptiveBucket {
    let bucket = this.#buckets.get(name);
    if (!bucket) {
      const { burst, perSec } = RATES[name];
      const rate = { burst: Math.max(1, burst * this.#scale * BURST_USED), perSec: perSec * this.#scale };
      bucket = new AdaptiveBucket(rate, this.#clock.monotonic());
      this.#buckets.set(name, bucket);
    }
    return bucket;
  }

  /** Resolves once the call has its tokens. @throws Failure when its signal aborts before that */
  #admitted(
    { service, operation, gathers, call }: Outgoing,
    names: readonly RateName[],
    buckets: readonly AdaptiveBucket[],
  ): Promise<void> {
    const signal = call?.signal;
    if (signal?.aborted) return Promise.reject(abandoned(service, operation));
    const gate = this.#gate(service);
    const nowMs = this.#clock.monotonic();
    if (gate.waiting === 0 && takeAll(buckets, nowMs)) return Promise.resolve();
    const span = call?.cause?.span?.child('aws.rate_wait', { 'rpc.service': service, 'rpc.method': operation });
    return new Promise((resolve, reject) => {
      const admit = () => {
        stay();
        span?.end();
        const afterMs = this.#clock.monotonic() - nowMs;
        if (afterMs > 0) {
          this.#waited++;
          this.#waitedMs += afterMs;
          this.#waits(service).observe(afterMs / 1000);
        }
        resolve();
      };
      const waiter = new Waiter(this.#arrivals++, nowMs, admit);
      const lane = laneOf(gate, names, buckets);
      const line = call?.priority === 'sweep' ? lane.sweeps : gathers ? lane.gathering : lane.passes;
      const stay = onAbort(signal, () => {
        line.remove(waiter);
        gate.waiting--;
        this.#admitWaiting(gate);
        span?.end('abandoned');
        reject(abandoned(service, operation));
      });
      line.push(waiter);
      gate.waiting++;
      this.#admitWaiting(gate);
    });
  }

  #gate(service: ServiceName): Gate {
    let gate = this.#gates.get(service);
    if (!gate) {
      gate = { lanes: new Map(), waiting: 0, passesBeforeSweep: 0, timer: undefined };
      this.#gates.set(service, gate);
    }
    return gate;
  }

  /** Lets go whoever has all tokens, and comes back when the next one may have. */
  #admitWaiting(gate: Gate): void {
    const nowMs = this.#clock.monotonic();
    for (let line = choose(gate, nowMs); line; line = choose(gate, nowMs)) {
      takeAll(line.lane.buckets, nowMs);
      gate.waiting--;
      line.waiters.shift()?.admit();
    }
    gate.timer?.cancel();
    gate.timer = undefined;
    let soonestMs = Number.POSITIVE_INFINITY;
    for (const { buckets, passes, gathering, sweeps } of gate.lanes.values()) {
      if (passes.length + gathering.length + sweeps.length === 0) continue;
      soonestMs = Math.min(soonestMs, Math.max(...buckets.map((bucket) => bucket.waitMs(nowMs))));
    }
    if (soonestMs === Number.POSITIVE_INFINITY) return;
    gate.timer = this.#clock.after(soonestMs, () => this.#admitWaiting(gate));
  }

  /** AWS does not say which of its limits was hit: it is taken to be the narrowest. */
  #slow(service: ServiceName, names: readonly RateName[], sentAtMs: number): void {
    const narrowest = names.reduce((a, b) => (RATES[b].perSec < RATES[a].perSec ? b : a));
    if (this.#bucket(narrowest).slow(this.#clock.monotonic(), sentAtMs)) this.#slowings(service, narrowest).add(1);
  }
}

/** The same ports within AWS's rate limits; `pacing` is shared by whoever calls as the same account in one region. */
export function paced(ports: Ports, pacing: Pacing): Ports {
  return layered(ports, pacing.layer);
}

function chargesOf(service: ServiceName, operation: string): readonly RateName[] {
  const charges = CHARGES[service] as Readonly<Record<string, readonly RateName[]>>;
  const names = charges[operation];
  if (!names) throw new Error(`no rate is given for ${service} ${operation}`);
  return names;
}

function laneOf(gate: Gate, names: readonly RateName[], buckets: readonly AdaptiveBucket[]): Lane {
  const key = names.join();
  let lane = gate.lanes.get(key);
  if (!lane) {
    lane = { buckets, passes: new Fifo(), gathering: new Fifo(), sweeps: new Fifo() };
    gate.lanes.set(key, lane);
  }
  return lane;
}

interface Candidate {
  readonly lane: Lane;
  readonly waiters: Fifo<Waiter>;
  readonly first: Waiter;
}

/** Of the lanes that have all their tokens, the line whose first call goes next. */
function choose(gate: Gate, nowMs: number): Candidate | undefined {
  let single: Candidate | undefined;
  let gathering: Candidate | undefined;
  let sweep: Candidate | undefined;
  for (const lane of gate.lanes.values()) {
    if (lane.passes.length + lane.gathering.length + lane.sweeps.length === 0) continue;
    if (lane.buckets.some((bucket) => bucket.tokens(nowMs) < 1)) continue;
    single = earlier(single, lane, lane.passes);
    gathering = earlier(gathering, lane, lane.gathering);
    sweep = earlier(sweep, lane, lane.sweeps);
  }
  const givesWay = single && gathering && gathering.first.atMs + GATHER_MS > nowMs;
  const pass =
    !gathering || givesWay ? single : !single || gathering.first.number < single.first.number ? gathering : single;
  if (pass && sweep && ++gate.passesBeforeSweep < SWEEP_EVERY) return pass;
  if (sweep && (!pass || gate.passesBeforeSweep >= SWEEP_EVERY)) {
    gate.passesBeforeSweep = 0;
    return sweep;
  }
  return pass;
}

/** Whoever came first. */
function earlier(than: Candidate | undefined, lane: Lane, waiters: Fifo<Waiter>): Candidate | undefined {
  const { first } = waiters;
  return first && (!than || first.number < than.first.number) ? { lane, waiters, first } : than;
}

/** All or none: a call that holds one token while it waits for another would keep others from it. */
function takeAll(buckets: readonly AdaptiveBucket[], nowMs: number): boolean {
  if (buckets.some((bucket) => bucket.tokens(nowMs) < 1)) return false;
  for (const bucket of buckets) bucket.take(nowMs);
  return true;
}
