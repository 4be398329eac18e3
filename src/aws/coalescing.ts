/**
 * Lets reads that are made at the same time share one call: "describe this service" asked ten times becomes "describe
 * these ten". A caller gets what it would have got alone: only its own part of the answer, only its own failure. It
 * remembers no answers: a read joins a call only until that leaves for AWS, so it never sees a state from before it
 * was asked, and what was just changed is read as it now is.
 */
import { type Clock, canonicalJson, Failure, isFailure, Metrics, onAbort, type Timer } from '../core/index.ts';
import { BATCH_READS, type BatchRead, SHARED_READS } from './batch-reads.ts';
import { abandoned, type Layer, layered, type Outgoing, type Send } from './layers.ts';

import type { Ports } from './ports.ts';

export interface CoalescingOptions {
  readonly clock: Clock;
  /**
   * How long a read waits for company while an equal call is under way; it leaves at once when that returns or the
   * list is full. With nothing under way it waits for one turn of the event loop. Default 35.
   */
  readonly windowMs?: number;
  readonly metrics?: Metrics;
}

export interface CoalescingReadings {
  /** Reads that could share a call. */
  readonly reads: number;
  /** Calls that were made for them. */
  readonly calls: number;
  /** Of these, those made alone because a shared one had failed for one of its callers. */
  readonly alone: number;
}

type Answer = Readonly<Record<string, unknown>>;

/** How one read is taken into a call with others. */
interface Shape {
  /** Equal for reads that differ at most in the things that they ask for. */
  readonly kind: string;
  /** It asks for something that was missing when it was last asked for. */
  readonly doubtful: boolean;
  /** The things that it asks for, by name; none: equal reads share one answer. */
  readonly items: ReadonlyMap<string, unknown>;
  readonly input: Readonly<Record<string, unknown>>;
  readonly read: BatchRead | undefined;
}

interface Member {
  readonly shape: Shape;
  readonly outgoing: Outgoing;
  readonly resolve: (answer: unknown) => void;
  readonly reject: (error: unknown) => void;
  /** Its signal does not matter any more. */
  readonly stay: () => void;
}

/** A call that is being gathered or under way. */
interface Batch {
  readonly group: Group;
  readonly members: Set<Member>;
  /** By name. */
  readonly items: Map<string, unknown>;
  readonly abort: AbortController;
  /** Set while it waits for company. */
  timer: Timer | undefined;
}

interface Group {
  readonly key: string;
  /** What reads may still join. */
  open: Batch | undefined;
  /** Calls that were sent and have not returned. */
  underWay: number;
}

const WINDOW_MS = 35;
/** Names of missing things that are remembered at most. */
const ABSENT_MAX = 10_000;
/** Codes by which AWS refuses one thing on a list. Other refusals (expired credentials) are of the caller, not of a thing. */
const DENIES_A_THING = new Set(['AccessDenied', 'AccessDeniedException', 'UnauthorizedOperation']);
/** An answer with one of these is not complete. */
const MORE = ['NextMarker', 'NextToken', 'nextToken'] as const;

export class Coalescing {
  readonly #clock: Clock;
  readonly #windowMs: number;
  readonly #groups = new Map<string, Group>();
  /**
   * What was missing when it was last asked for. One missing thing spoils a whole call, so what may still be missing is
   * asked for in calls of its own.
   */
  readonly #absent = new Set<string>();
  readonly #count: (what: 'reads' | 'calls' | 'alone') => void;
  #reads = 0;
  #calls = 0;
  #alone = 0;

  constructor({ clock, windowMs = WINDOW_MS, metrics = new Metrics() }: CoalescingOptions) {
    this.#clock = clock;
    this.#windowMs = windowMs;
    const counter = metrics.counter(
      'lambdacontainer_aws_shared_reads_total',
      'Reads that could share a call, the calls made for them, and those of them made again alone',
      ['what'],
    );
    this.#count = (what) => counter.of({ what }).add(1);
  }

  readonly layer: Layer = (next) => (outgoing) => {
    const shape = this.#shapeOf(outgoing);
    if (!shape) return next(outgoing);
    this.#reads++;
    this.#count('reads');
    return this.#join(shape, outgoing, next);
  };

  readings(): CoalescingReadings {
    return { reads: this.#reads, calls: this.#calls, alone: this.#alone };
  }

  #shapeOf({ service, operation, input, call }: Outgoing): Shape | undefined {
    const asked = input() as Readonly<Record<string, unknown>>;
    const reads =
      (BATCH_READS[service] as Readonly<Record<string, readonly BatchRead[]>> | undefined)?.[operation] ?? [];
    const read = reads.find(({ list }) => asked[list] !== undefined);
    const prefix = `${service} ${operation} ${call?.priority ?? 'pass'}`;
    if (!read) {
      if (!(SHARED_READS[service] as readonly string[] | undefined)?.includes(operation)) return undefined;
      return { kind: `${prefix} ${canonicalJson(asked)}`, doubtful: false, items: new Map(), input: asked, read };
    }
    if (read.needs !== undefined && asked[read.needs] === undefined) return undefined;
    if (read.failsAsOne && call?.unmade) return undefined;
    const { [read.list]: list, ...rest } = asked;
    const entries = list as readonly never[];
    const items = new Map<string, unknown>();
    for (const entry of entries) {
      const name = read.nameOf ? read.nameOf(entry) : String(entry);
      if (name === undefined) return undefined;
      items.set(name, entry);
    }
    // An empty list means everything to some operations, and an error to others. A full one has no room for company.
    if (items.size === 0 || items.size >= read.max) return undefined;
    const kind = `${prefix} ${read.list} ${canonicalJson(rest)}`;
    const doubtful = read.failsAsOne && [...items.keys()].some((name) => this.#absent.has(`${kind} ${name}`));
    return { kind, doubtful, items, input: rest, read };
  }

  #join(shape: Shape, outgoing: Outgoing, next: Send): Promise<unknown> {
    const { service, operation, call } = outgoing;
    const signal = call?.signal;
    if (signal?.aborted) return Promise.reject(abandoned(service, operation));
    return new Promise((resolve, reject) => {
      const stay = onAbort(signal, () => {
        reject(abandoned(service, operation));
        this.#abandon(batch, member);
      });
      const member: Member = { shape, outgoing, resolve, reject, stay };
      const batch = this.#enter(shape, member, next);
    });
  }

  #enter(shape: Shape, member: Member, next: Send): Batch {
    const key = shape.doubtful ? `doubtful ${shape.kind}` : shape.kind;
    const group = this.#groups.get(key) ?? { key, open: undefined, underWay: 0 };
    this.#groups.set(key, group);
    const max = shape.read?.max ?? Number.POSITIVE_INFINITY;
    let batch = group.open;
    if (batch && sizeWith(batch, shape) > max) {
      this.#depart(batch, next);
      group.open = undefined;
      batch = undefined;
    }
    if (!batch) {
      batch = { group, members: new Set(), items: new Map(), abort: new AbortController(), timer: undefined };
      group.open = batch;
      const leaving = batch;
      const waitMs = group.underWay > 0 ? this.#windowMs : 0;
      batch.timer = this.#clock.after(waitMs, () => this.#depart(leaving, next));
    }
    batch.members.add(member);
    for (const [name, entry] of shape.items) batch.items.set(name, entry);
    if (shape.read && batch.items.size >= max) {
      group.open = undefined;
      this.#depart(batch, next);
    }
    return batch;
  }

  /** One caller gave up. The call goes on for the others, and is given up with the last of them. */
  #abandon(batch: Batch, member: Member): void {
    if (!batch.members.delete(member) || batch.members.size > 0) return;
    this.#close(batch);
    if (batch.timer) {
      batch.timer.cancel();
      batch.timer = undefined;
      this.#tidy(batch.group);
    } else {
      batch.abort.abort();
    }
  }

  /** The call is on its way: it may wait for a rate limit yet, and until it leaves, others may join it. */
  #depart(batch: Batch, next: Send): void {
    if (!batch.timer) return;
    batch.timer.cancel();
    batch.timer = undefined;
    batch.group.underWay++;
    void this.#send(batch, next).finally(() => {
      batch.group.underWay--;
      const { open } = batch.group;
      if (open) this.#depart(open, next);
      this.#tidy(batch.group);
    });
  }

  /** Never rejects: every outcome goes to the members. */
  async #send(batch: Batch, next: Send): Promise<void> {
    const [first] = batch.members;
    if (!first) return;
    const { service, operation, call } = first.outgoing;
    const { read, input } = first.shape;
    let sent: unknown;
    const outgoing: Outgoing = {
      service,
      operation,
      input: () => {
        if (sent === undefined) {
          this.#close(batch);
          sent = read ? { ...input, [read.list]: this.#wanted(batch) } : input;
        }
        return sent;
      },
      ...(batch.group.open === batch ? { gathers: true as const } : {}),
      call: {
        signal: batch.abort.signal,
        ...(call?.priority ? { priority: call.priority } : {}),
        // Of one that several share, the first is named.
        ...(call?.cause ? { cause: call.cause } : {}),
      },
    };
    try {
      this.#calls++;
      this.#count('calls');
      const answer = (await next(outgoing)) as Answer;
      if (!read) return this.#settle(batch, (member) => member.resolve(answer));
      if (batch.members.size > 1 && MORE.some((more) => answer[more] !== undefined)) {
        return await this.#askAlone(batch, next);
      }
      this.#remember(batch, false);
      this.#settle(batch, (member) => member.resolve(partOf(answer, read, member.shape.items)));
    } catch (error) {
      this.#close(batch);
      if (read && batch.members.size > 1 && isOfOne(error, read)) return await this.#askAlone(batch, next);
      if (read?.failsAsOne && isFailure(error, 'notFound')) this.#remember(batch, true);
      this.#settle(batch, (member) => member.reject(error));
    }
  }

  /** One of the things made the call fail, and AWS does not say which. */
  async #askAlone(batch: Batch, next: Send): Promise<void> {
    await Promise.all(
      [...batch.members].map(async (member) => {
        const { shape, outgoing, resolve, reject } = member;
        this.#calls++;
        this.#alone++;
        this.#count('calls');
        this.#count('alone');
        try {
          const answer = await next(outgoing);
          this.#mark(shape, false);
          resolve(answer);
        } catch (error) {
          if (shape.read?.failsAsOne && isFailure(error, 'notFound')) this.#mark(shape, true);
          reject(error);
        } finally {
          member.stay();
        }
      }),
    );
  }

  /** What is still wanted when the call leaves: not what only those asked for who gave up. */
  #wanted(batch: Batch): unknown[] {
    const wanted = new Map<string, unknown>();
    for (const { shape } of batch.members) for (const [name, entry] of shape.items) wanted.set(name, entry);
    return [...wanted.values()];
  }

  #settle(batch: Batch, settle: (member: Member) => void): void {
    for (const member of batch.members) {
      member.stay();
      settle(member);
    }
  }

  #remember(batch: Batch, absent: boolean): void {
    for (const { shape } of batch.members) this.#mark(shape, absent);
  }

  #mark(shape: Shape, absent: boolean): void {
    if (!absent && this.#absent.size === 0) return;
    for (const name of shape.items.keys()) {
      const thing = `${shape.kind} ${name}`;
      this.#absent.delete(thing);
      if (!absent) continue;
      this.#absent.add(thing);
      const [oldest] = this.#absent;
      if (this.#absent.size > ABSENT_MAX && oldest !== undefined) this.#absent.delete(oldest);
    }
  }

  #close(batch: Batch): void {
    if (batch.group.open === batch) batch.group.open = undefined;
  }

  #tidy(group: Group): void {
    if (group.underWay === 0 && !group.open) this.#groups.delete(group.key);
  }
}

/** The same ports, with equal and listable reads sharing calls. */
export function coalesced(ports: Ports, coalescing: Coalescing): Ports {
  return layered(ports, coalescing.layer);
}

function sizeWith(batch: Batch, { items }: Shape): number {
  let size = batch.items.size;
  for (const name of items.keys()) if (!batch.items.has(name)) size++;
  return size;
}

/** The failure may be due to one thing on the list, while the others can be read. */
function isOfOne(error: unknown, read: BatchRead): boolean {
  if (!(error instanceof Failure) || read.ofAll?.includes(error.code)) return false;
  return error.kind === 'notFound' || error.kind === 'invalid' || DENIES_A_THING.has(error.code);
}

/** The answer as it would be for these things alone. */
function partOf(answer: Answer, read: BatchRead, items: ReadonlyMap<string, unknown>): Answer {
  const part: Record<string, unknown> = { ...answer };
  for (const [member, namesOf] of Object.entries(read.answers)) {
    const entries = answer[member] as readonly never[] | undefined;
    if (!entries) continue;
    part[member] = entries.filter((entry) => namesOf(entry).some((name) => name !== undefined && items.has(name)));
  }
  return part;
}
