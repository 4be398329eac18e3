/**
 * The workqueue, with client-go's contract: fair (keys of one priority leave in the order they came; where very many wait,
 * the newest and the oldest in turn), stingy (a key is never worked on twice at once, and additions meanwhile coalesce into
 * one), many producers and consumers, clean shutdown. Delayed additions, per-key exponential backoff with jitter and one
 * bucket over all retries come with it; retries happen here and nowhere else. It knows keys only: what a pass is, and
 * whether it did well, its user tells it.
 *
 * Every operation takes the same time however many keys there are: a key is one entry, linked into the list of its
 * priority or into that of the keys being worked on. (A delayed addition is a timer of the clock, which orders them.)
 */
import {
  type Clock,
  type CounterCell,
  Fifo,
  FifoEntry,
  type HistogramCell,
  type Metrics,
  type Random,
  type Timer,
  TokenBucket,
} from '../core/index.ts';

/**
 * Why a pass is wanted: the last one got on and wants to go on; a person changed something; something was seen to differ;
 * nobody looked for a while.
 */
export type Priority = 'onward' | Beginning;
type Beginning = 'change' | 'drift' | 'resync';

export interface Backoff {
  readonly baseMs: number;
  readonly maxMs: number;
}

export interface WorkqueueSettings extends Backoff {
  /** Retries of all keys together: so many at once, and so many a second in the long run. */
  readonly retries: { readonly burst: number; readonly perSec: number };
  /** Label `name` of the metrics. */
  readonly name: string;
}

/** Retries: client-go's own numbers are 100 and 10/s; one daemon here does what several controllers do there. */
const DEFAULTS: WorkqueueSettings = {
  baseMs: 200,
  maxMs: 60_000,
  retries: { burst: 200, perSec: 20 },
  name: 'lambdacontainer',
};

/**
 * A key of a lower priority is served as if so many more keys had come before it. So a change overtakes a resync, yet
 * in a storm of changes no resync is overtaken more often than that.
 */
const BEHIND: Readonly<Record<Beginning, number>> = { change: 0, drift: 64, resync: 512 };
/** Most urgent first. */
const PRIORITIES: readonly Priority[] = ['onward', 'change', 'drift', 'resync'];

/**
 * What goes on goes before what begins, so that many objects are finished one after the other and not all at the end; but
 * while both wait, one in so many begins: what goes on for ever must not keep others from beginning.
 */
const BEGINS_EVERY = 16;
/**
 * Where more changes and drift wait than this, every other one that begins is the newest: a person's one change does not
 * wait for somebody's thousand, and nobody waits more than twice as long for it.
 */
const CROWD = 64;

/** So many keys of which nothing is wanted are kept at most, or as many as are wanted: nearly all of them come back. */
const SPARE_MAX = 4_096;

/** client-go's buckets, 10 ns to 1,000 s. */
const DURATION_BUCKETS = Array.from({ length: 12 }, (_, i) => 10 ** (i - 8));

class Entry extends FifoEntry {
  readonly key: string;
  state: 'idle' | 'queued' | 'busy' = 'idle';
  /** Of what is queued or being worked on. */
  priority: Priority = 'resync';
  /** Added while it is being worked on: with this priority it is queued again. */
  again: Priority | undefined = undefined;
  /** Of all that were queued, in this order. */
  number = 0;
  /** It is served as if it were this one in their order; of what newer ones overtake, less each time. */
  rank = 0;
  /** When it was asked for, not counting coalesced additions, and when its pass began; kept only if measured. */
  addedAtMs = 0;
  startedAtMs = 0;
  failures = 0;
  /** Nothing is wanted of the key and nothing remembered. */
  spare = false;
  waiting: { readonly atMs: number; readonly priority: Priority; readonly timer: Timer } | undefined = undefined;

  constructor(key: string) {
    super();
    this.key = key;
  }
}

export class Workqueue {
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #backoff: Backoff;
  readonly #retries: TokenBucket;
  /** Every key that is queued, being worked on, delayed or backed off, and the spare ones. */
  readonly #entries = new Map<string, Entry>();
  #spare = 0;
  readonly #onward = new Fifo<Entry>();
  readonly #change = new Fifo<Entry>();
  readonly #drift = new Fifo<Entry>();
  readonly #resync = new Fifo<Entry>();
  readonly #busy = new Fifo<Entry>();
  readonly #getters: ((key: string | undefined) => void)[] = [];
  readonly #drainers: (() => void)[] = [];
  readonly #gauge: Gauge | undefined;
  #sequence = 0;
  /** Keys that went on since the last one began. */
  #wentOn = 0;
  /** Keys that began in a crowd, and those of them that overtook older ones. */
  #beganInCrowd = 0;
  #overtook = 0;
  #closed = false;

  /** @param metrics where the queue is measured, under the names that client-go gave them; not at all when left out */
  constructor(clock: Clock, random: Random, settings: Partial<WorkqueueSettings> = {}, metrics?: Metrics) {
    const { baseMs, maxMs, retries, name } = { ...DEFAULTS, ...settings };
    this.#clock = clock;
    this.#random = random;
    this.#backoff = { baseMs, maxMs };
    this.#retries = new TokenBucket(retries, clock.monotonic());
    if (!metrics) return;
    this.#gauge = new Gauge(clock, metrics, name, this.#busy);
    for (const priority of PRIORITIES) {
      const depth = () => this.#lane(priority).length;
      metrics.watch('workqueue_depth', 'Keys that wait for a pass, by priority', { name, priority }, depth);
    }
  }

  /**
   * Asks for a pass over `key`. Coalesces with one that already waits, which keeps its place unless this one is more
   * urgent. Does nothing after `shutDown`.
   */
  add(key: string, priority: Priority = 'change'): void {
    if (this.#closed) return;
    const entry = this.#entry(key);
    let wanted = priority;
    if (entry.waiting) {
      wanted = moreUrgent(wanted, entry.waiting.priority);
      entry.waiting.timer.cancel();
      entry.waiting = undefined;
    }
    if (entry.state === 'queued') return this.#raise(entry, wanted);
    if (entry.state === 'busy' && entry.again !== undefined) {
      entry.again = moreUrgent(entry.again, wanted);
      return;
    }
    this.#gauge?.added(entry);
    if (entry.state === 'busy') entry.again = wanted;
    else this.#offer(entry, wanted);
  }

  /**
   * Asks for a pass no later than `delayMs` from now; an earlier one stands.
   * @param priority default: that of the pass being made over the key, or `change`; `onward` is for who says so
   */
  addAfter(key: string, delayMs: number, priority?: Priority): void {
    if (this.#closed) return;
    const entry = this.#entry(key);
    const wanted = priority ?? (entry.state === 'busy' && entry.priority !== 'onward' ? entry.priority : 'change');
    if (delayMs <= 0) return this.add(key, wanted);
    if (entry.state === 'queued') return this.#raise(entry, wanted);
    if (entry.again !== undefined) {
      entry.again = moreUrgent(entry.again, wanted);
      return;
    }
    const atMs = this.#clock.monotonic() + delayMs;
    const { waiting } = entry;
    const urgent = waiting ? moreUrgent(waiting.priority, wanted) : wanted;
    if (waiting && waiting.atMs <= atMs) {
      entry.waiting = { ...waiting, priority: urgent };
      return;
    }
    waiting?.timer.cancel();
    const timer = this.#clock.after(delayMs, () => this.add(key, urgent));
    entry.waiting = { atMs, priority: urgent, timer };
  }

  /**
   * Asks again after the key's backoff, which doubles with each failure until `forget`, or later when too many keys
   * fail together. Returns the delay in ms.
   */
  addRateLimited(key: string, atLeastMs = 0, priority?: Priority): number {
    if (this.#closed) return 0;
    const entry = this.#entry(key);
    const { baseMs, maxMs } = this.#backoff;
    const fullMs = Math.min(maxMs, baseMs * 2 ** Math.min(entry.failures, 30));
    entry.failures++;
    this.#gauge?.retried();
    // Half fixed, half random: retries of many keys spread out and none comes at once.
    const ownMs = fullMs / 2 + (fullMs / 2) * this.#random.next();
    const sharedMs = this.#retries.reserve(this.#clock.monotonic());
    const delayMs = Math.max(atLeastMs, Math.round(Math.max(ownMs, sharedMs)));
    this.addAfter(key, delayMs, priority);
    return delayMs;
  }

  /** The key did well: its next failure starts from the shortest backoff. */
  forget(key: string): void {
    const entry = this.#entries.get(key);
    if (!entry) return;
    entry.failures = 0;
    this.#rest(entry);
  }

  failures(key: string): number {
    return this.#entries.get(key)?.failures ?? 0;
  }

  /** The next key, when there is one; undefined once the queue is shut down. Each key got must be given to `done`. */
  get(): Promise<string | undefined> {
    const entry = this.#next();
    if (entry) {
      this.#lane(entry.priority).remove(entry);
      this.#take(entry);
      return Promise.resolve(entry.key);
    }
    if (this.#closed) return Promise.resolve(undefined);
    return new Promise((resolve) => this.#getters.push(resolve));
  }

  /**
   * The pass over `key` has ended. If it was added meanwhile, it is queued again.
   * @throws Error when the key is not being worked on: a programmer's error
   */
  done(key: string): void {
    const entry = this.#entries.get(key);
    if (!entry || !this.#busy.remove(entry)) throw new Error(`'${key}' is not being worked on`);
    this.#gauge?.done(entry);
    entry.state = 'idle';
    const { again } = entry;
    entry.again = undefined;
    if (again !== undefined) this.#offer(entry, again);
    else this.#rest(entry);
    if (this.#closed) this.#reportDrained();
  }

  /**
   * No key is given out any more; those being worked on may finish. What still waits is let go of: a key is only a
   * name, and whoever leads next lists them all.
   */
  shutDown(): void {
    if (this.#closed) return;
    this.#closed = true;
    for (const entry of this.#entries.values()) {
      entry.waiting?.timer.cancel();
      entry.waiting = undefined;
      entry.again = undefined;
      if (entry.state === 'busy') continue;
      if (entry.state === 'queued') this.#lane(entry.priority).remove(entry);
      this.#entries.delete(entry.key);
    }
    for (const getter of this.#getters.splice(0)) getter(undefined);
    this.#reportDrained();
  }

  /** Resolves when the queue is shut down and no key is being worked on any more. */
  drained(): Promise<void> {
    if (this.state === 'drained') return Promise.resolve();
    return new Promise((resolve) => this.#drainers.push(resolve));
  }

  /** `draining`: shut down, and passes are still under way. */
  get state(): 'running' | 'draining' | 'drained' {
    if (!this.#closed) return 'running';
    return this.#busy.length > 0 ? 'draining' : 'drained';
  }

  /** How long the oldest pass under way has been running; 0 when none is, or when the queue is not measured. */
  get longestRunningMs(): number {
    return (this.#gauge?.longestRunningSec() ?? 0) * 1000;
  }

  /** Whether a pass over `key` is under way, wanted, or due within `withinMs` without being asked for. */
  isExpected(key: string, withinMs: number): boolean {
    const entry = this.#entries.get(key);
    if (!entry) return false;
    return (
      entry.state !== 'idle' || (entry.waiting?.atMs ?? Number.POSITIVE_INFINITY) <= this.#clock.monotonic() + withinMs
    );
  }

  /** How many keys wait for their pass. */
  get depth(): number {
    return this.#onward.length + this.#change.length + this.#drift.length + this.#resync.length;
  }

  get busy(): number {
    return this.#busy.length;
  }

  #entry(key: string): Entry {
    const known = this.#entries.get(key);
    if (known) {
      if (known.spare) {
        known.spare = false;
        this.#spare--;
      }
      return known;
    }
    const entry = new Entry(key);
    this.#entries.set(key, entry);
    return entry;
  }

  #lane(priority: Priority): Fifo<Entry> {
    if (priority === 'onward') return this.#onward;
    if (priority === 'change') return this.#change;
    return priority === 'drift' ? this.#drift : this.#resync;
  }

  #offer(entry: Entry, priority: Priority): void {
    entry.priority = priority;
    const getter = this.#getters.shift();
    if (getter) {
      this.#take(entry);
      getter(entry.key);
      return;
    }
    entry.state = 'queued';
    entry.number = this.#sequence++;
    entry.rank = entry.number + this.#behind(priority);
    this.#lane(priority).push(entry);
  }

  /** To the end of the more urgent lane, unless it has waited so long that it is served earlier where it stands. */
  #raise(entry: Entry, priority: Priority): void {
    if (moreUrgent(entry.priority, priority) === entry.priority) return;
    const rank = this.#sequence + this.#behind(priority);
    if (priority !== 'onward' && rank - this.#gained(priority) >= entry.rank - this.#gained(entry.priority)) return;
    entry.number = this.#sequence++;
    this.#lane(entry.priority).remove(entry);
    entry.priority = priority;
    entry.rank = rank;
    this.#lane(priority).push(entry);
  }

  /** What goes on, or begins. */
  #next(): Entry | undefined {
    const onward = this.#onward.first;
    if (onward && ++this.#wentOn < BEGINS_EVERY) return onward;
    this.#wentOn = 0;
    return this.#nextToBegin() ?? onward;
  }

  /** Of the keys that came first in their lanes, the one that ranks first; the more urgent of equals. */
  #nextToBegin(): Entry | undefined {
    if (this.#change.length + this.#drift.length > CROWD && ++this.#beganInCrowd % 2 === 0) {
      this.#overtook++;
      return this.#newest();
    }
    let best = this.#change.first;
    const second = this.#drift.first;
    if (second && (!best || second.rank - this.#gained('drift') < best.rank)) best = second;
    const third = this.#resync.first;
    if (third && (!best || third.rank - this.#gained('resync') < best.rank - this.#gained(best.priority))) best = third;
    return best;
  }

  /** By how many keys that come after it a key is overtaken at most, plus what has been gained already. */
  #behind(priority: Priority): number {
    return priority === 'onward' ? 0 : BEHIND[priority] + this.#gained(priority);
  }

  /** Who is overtaken by the newest is overtaken by so many fewer of the others. */
  #gained(priority: Priority): number {
    return priority === 'drift' || priority === 'resync' ? this.#overtook : 0;
  }

  #newest(): Entry | undefined {
    const [change, drift] = [this.#change.last, this.#drift.last];
    if (!change || !drift) return change ?? drift;
    return drift.number > change.number ? drift : change;
  }

  #take(entry: Entry): void {
    entry.state = 'busy';
    this.#gauge?.taken(entry);
    this.#busy.push(entry);
  }

  /** Lets go of keys of which nothing is wanted, many at a time: a map is slow to forget one and have it back. */
  #rest(entry: Entry): void {
    if (entry.state !== 'idle' || entry.failures > 0 || entry.waiting || entry.spare) return;
    entry.spare = true;
    this.#spare++;
    if (this.#spare <= SPARE_MAX || this.#spare <= this.#entries.size / 2) return;
    for (const { key, spare } of this.#entries.values()) if (spare) this.#entries.delete(key);
    this.#spare = 0;
  }

  #reportDrained(): void {
    if (this.state === 'drained') for (const drained of this.#drainers.splice(0)) drained();
  }
}

/** What is measured of a queue, under client-go's names. Left out, the queue never reads the clock for it. */
class Gauge {
  readonly #clock: Clock;
  readonly #busy: Iterable<Entry>;
  readonly #adds: CounterCell;
  readonly #retries: CounterCell;
  readonly #queueDuration: HistogramCell;
  readonly #workDuration: HistogramCell;

  constructor(clock: Clock, metrics: Metrics, name: string, busy: Iterable<Entry>) {
    this.#clock = clock;
    this.#busy = busy;
    const labels = { name };
    const counter = (metric: string, help: string) => metrics.counter(metric, help, ['name']).of(labels);
    const histogram = (metric: string, help: string) =>
      metrics.histogram(metric, help, ['name'], DURATION_BUCKETS).of(labels);
    this.#adds = counter('workqueue_adds_total', 'Additions that were not coalesced with an earlier one');
    this.#retries = counter('workqueue_retries_total', 'Additions after a failure');
    this.#queueDuration = histogram('workqueue_queue_duration_seconds', 'How long keys waited for their pass');
    this.#workDuration = histogram('workqueue_work_duration_seconds', 'How long passes took');
    metrics.watch(
      'workqueue_unfinished_work_seconds',
      'How long the passes under way have been running, summed: growth means that some are stuck',
      labels,
      () => this.#running((total, ms) => total + ms),
    );
    metrics.watch(
      'workqueue_longest_running_processor_seconds',
      'How long the oldest pass under way has been running',
      labels,
      () => this.longestRunningSec(),
    );
  }

  added(entry: Entry): void {
    entry.addedAtMs = this.#clock.monotonic();
    this.#adds.add(1);
  }

  retried(): void {
    this.#retries.add(1);
  }

  taken(entry: Entry): void {
    entry.startedAtMs = this.#clock.monotonic();
    this.#queueDuration.observe((entry.startedAtMs - entry.addedAtMs) / 1000);
  }

  done(entry: Entry): void {
    this.#workDuration.observe((this.#clock.monotonic() - entry.startedAtMs) / 1000);
  }

  longestRunningSec(): number {
    return this.#running(Math.max);
  }

  #running(combine: (total: number, seconds: number) => number): number {
    const nowMs = this.#clock.monotonic();
    let total = 0;
    for (const { startedAtMs } of this.#busy) total = combine(total, (nowMs - startedAtMs) / 1000);
    return total;
  }
}

function moreUrgent(a: Priority, b: Priority): Priority {
  return PRIORITIES.indexOf(a) <= PRIORITIES.indexOf(b) ? a : b;
}
