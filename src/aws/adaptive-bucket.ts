/**
 * A token bucket that believes AWS more than what AWS publishes: when a call is throttled all the same (others use the
 * account too, or the published number is not this account's), it gives tokens at half the rate for a while and then
 * a little faster each second, up to the published rate again. It halves once per crowd: calls that were on their way
 * when it slowed down bring the same news, not more of it.
 */
import { TokenBucket, type TokenRate } from '../core/index.ts';

/** How long it stays slow before it tries to be faster. */
const COOL_DOWN_MS = 5_000;
const RISE_EVERY_MS = 1_000;
/** Of the full rate. */
const RISE = 0.1;
/** Never slower than this part of the full rate: it must find out when the account is free again. */
const FACTOR_MIN = 1 / 16;

export class AdaptiveBucket {
  readonly rate: TokenRate;
  readonly #bucket: TokenBucket;
  #factor = 1;
  #slowedAtMs = Number.NEGATIVE_INFINITY;
  #nextRiseMs = Number.POSITIVE_INFINITY;
  #slowed = 0;

  /** @throws RangeError for a rate that would never give a token */
  constructor(rate: TokenRate, nowMs: number) {
    this.rate = rate;
    this.#bucket = new TokenBucket(rate, nowMs);
  }

  /** How often it was slowed down. */
  get slowed(): number {
    return this.#slowed;
  }

  tokens(nowMs: number): number {
    this.#rise(nowMs);
    return this.#bucket.tokens(nowMs);
  }

  /** The present rate. */
  perSec(nowMs: number): number {
    this.#rise(nowMs);
    return this.rate.perSec * this.#factor;
  }

  take(nowMs: number): boolean {
    this.#rise(nowMs);
    return this.#bucket.take(nowMs);
  }

  /** When to ask again for a token that is not there: when it is, or when the rate changes before that. 0: now. */
  waitMs(nowMs: number): number {
    this.#rise(nowMs);
    return Math.min(this.#bucket.waitMs(nowMs), Math.max(1, this.#nextRiseMs - nowMs));
  }

  /**
   * A call sent at `sentAtMs` was throttled: AWS's bucket is empty, so this one is too, and fills at half its rate.
   * Returns false, and does nothing, when the call was sent before it last slowed down.
   */
  slow(nowMs: number, sentAtMs: number): boolean {
    if (sentAtMs <= this.#slowedAtMs) return false;
    this.#rise(nowMs);
    this.#slowedAtMs = nowMs;
    this.#slowed++;
    this.#bucket.drain(nowMs);
    this.#setFactor(nowMs, Math.max(FACTOR_MIN, this.#factor / 2));
    this.#nextRiseMs = nowMs + COOL_DOWN_MS;
    return true;
  }

  #rise(nowMs: number): void {
    while (this.#nextRiseMs <= nowMs) {
      this.#setFactor(this.#nextRiseMs, Math.min(1, this.#factor + RISE));
      this.#nextRiseMs = this.#factor < 1 ? this.#nextRiseMs + RISE_EVERY_MS : Number.POSITIVE_INFINITY;
    }
  }

  #setFactor(atMs: number, factor: number): void {
    this.#factor = factor;
    this.#bucket.setRate(atMs, this.rate.perSec * factor);
  }
}
