/**
 * What lies between a daemon and the cloud on a bad day: throttling, errors, answers that are lost after the act was done,
 * slow calls, reads that see the world as it was a moment ago, events that come late, twice and in no order. Tables are never read stale: the product asks DynamoDB for
 * consistent reads.
 */
import type { Message } from '@aws-sdk/client-sqs';
import { toFailure } from '../../../src/aws/index.ts';
import type { Failure, Random } from '../../../src/core/index.ts';
import { isReading, isTable } from '../calls.ts';
import { CALM, type Rates } from './scenario.ts';

/** What a change looks like in lists, and in everything else, so long after it. */
const LIST_LAG_MS = 20_000;
const LAG_MS = 5_000;
const LATENCY_MS = { from: 5, to: 60 };
/** Slow, but never beyond what a caller waits: then it would be lost. */
const SLOW_MS = { from: 500, to: 3_900 };

/** An event that comes twice is one of the last few. */
const REMEMBERED = 5;
const LISTING = /^(list|filter)/;

/** Calls that take what AWS has only so much of. */
const QUOTAS: Readonly<Record<string, string>> = {
  'ecs createService': 'InvalidParameterException',
  'elbv2 createRule': 'TooManyRules',
  'elbv2 createTargetGroup': 'TooManyTargetGroups',
  'codebuild startBuild': 'AccountLimitExceededException',
  'logs createLogGroup': 'LimitExceededException',
};

type Answer = { readonly atMs: number; readonly output?: unknown; readonly failure?: Failure };

interface Known {
  /** Oldest first. */
  readonly answers: Answer[];
}

export class Network {
  rates: Rates = CALM;
  /** Services that answer nothing but 500. */
  readonly outages = new Set<string>();
  /** A rate far below the published one: calls allowed per second and service, by service. */
  readonly cut = new Map<string, { perSec: number; left: number; atMs: number }>();
  /** Whether AWS refuses to make more of anything. */
  isFull = false;
  isExpired = false;
  isStreamBlind = false;
  /** Probability that an event is doubled, and that it is late. */
  jumbled = 0;
  /** So many reads of the stream find that what they ask for has been trimmed. */
  trims = 0;
  readonly #random: Random;
  readonly #nowMs: () => number;
  readonly #known = new Map<string, Known>();
  /** Events that were delivered, newest last. */
  readonly #delivered: Message[] = [];

  constructor(random: Random, nowMs: () => number) {
    this.#random = random;
    this.#nowMs = nowMs;
  }

  /** On the way there. */
  latency(): number {
    const { from, to } = this.#random.next() < this.rates.slow ? SLOW_MS : LATENCY_MS;
    return from + this.#random.next() * (to - from);
  }

  /** Why the cloud does not do what arrives: undefined when it does. */
  refusal(service: string, operation: string): Failure | undefined {
    const { throttled, broken } = this.rates;
    if (this.isExpired) return refused(service, operation, 'ExpiredTokenException', 403);
    if (this.outages.has(service)) return refused(service, operation, 'InternalFailure', 500);
    if (service === 'streams' && this.isStreamBlind) return refused(service, operation, 'InternalServerError', 500);
    if (operation === 'getRecords' && this.trims > 0) {
      this.trims--;
      return refused(service, operation, 'TrimmedDataAccessException', 400);
    }
    const quota = this.isFull ? QUOTAS[`${service} ${operation}`] : undefined;
    if (quota) return refused(service, operation, quota, 400);
    if (this.#isOverRate(service)) return refused(service, operation, 'ThrottlingException', 400);
    const drawn = this.#random.next();
    if (drawn < throttled) return refused(service, operation, 'ThrottlingException', 400);
    if (drawn < throttled + broken) return refused(service, operation, 'InternalFailure', 500);
    return undefined;
  }

  isLost(): boolean {
    return this.rates.lost > 0 && this.#random.next() < this.rates.lost;
  }

  /** What the caller is told: the truth, or what was true at most a lag ago. Remembers the truth. */
  told(service: string, operation: string, input: unknown, truth: Omit<Answer, 'atMs'>): Omit<Answer, 'atMs'> {
    if (service === 'sqs') return operation === 'receiveMessage' ? this.#jumble(truth) : truth;
    if (this.rates.stale === 0 || isTable(service) || !isReading(operation)) return truth;
    const nowMs = this.#nowMs();
    const key = `${service} ${operation} ${JSON.stringify(input)}`;
    const known = this.#known.get(key) ?? { answers: [] };
    this.#known.set(key, known);
    const lagMs = LISTING.test(operation) ? LIST_LAG_MS : LAG_MS;
    while (known.answers[0] && known.answers[0].atMs < nowMs - lagMs) known.answers.shift();
    const earlier = known.answers[Math.floor(this.#random.next() * known.answers.length)];
    known.answers.push({ ...truth, atMs: nowMs });
    return earlier && this.#random.next() < this.rates.stale ? earlier : truth;
  }

  /** A batch of messages in no order; what is left out of it comes when the queue shows it again. */
  #jumble({ output, ...rest }: Omit<Answer, 'atMs'>): Omit<Answer, 'atMs'> {
    const { Messages = [] } = (output ?? {}) as { Messages?: Message[] };
    if (this.jumbled === 0 || Messages.length === 0) return { output, ...rest };
    const jumbles = () => this.#random.next() < this.jumbled;
    const delivered = Messages.filter(() => !jumbles());
    const doubled = this.#delivered.filter(() => jumbles());
    this.#delivered.push(...delivered);
    this.#delivered.splice(0, this.#delivered.length - REMEMBERED);
    const batch = [...delivered, ...doubled].map((message) => ({ message, place: this.#random.next() }));
    return { output: { Messages: batch.sort((a, b) => a.place - b.place).map(({ message }) => message) } };
  }

  #isOverRate(service: string): boolean {
    const bucket = this.cut.get(service);
    if (!bucket) return false;
    const nowMs = this.#nowMs();
    bucket.left = Math.min(2, bucket.left + ((nowMs - bucket.atMs) / 1000) * bucket.perSec);
    bucket.atMs = nowMs;
    if (bucket.left < 1) return true;
    bucket.left--;
    return false;
  }
}

/** As the SDK would throw it, classified as the product classifies it. */
function refused(service: string, operation: string, code: string, httpStatusCode: number): Failure {
  const error = Object.assign(new Error(`${code} (simulated)`), {
    name: code,
    $fault: httpStatusCode < 500 ? 'client' : 'server',
    $metadata: { httpStatusCode, requestId: 'simulated', attempts: 1 },
  });
  return toFailure(service, operation, error);
}

export function timedOut(service: string, operation: string): Failure {
  return toFailure(service, operation, Object.assign(new Error('no answer (simulated)'), { name: 'TimeoutError' }));
}
