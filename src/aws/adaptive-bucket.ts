/**
 * A token bucket that believes AWS more than what AWS publishes: when a call is throttled all the same (others use the
 * account too, or the published number is not this account's), it gives tokens at half the rate and half as many at once.
 * From there it comes back as TCP's CUBIC does: quickly to where it was throttled, cautiously around there, and then
 * faster and faster, up to the published rate again. What brings it back is calls that AWS took; time alone does so ten
 * times more slowly, so that a pass that comes back after its pause finds what the last one learnt. It halves once per
 * crowd: calls that were on their way when it slowed down bring the same news, not more of it.
 */
import { TokenBucket, type TokenRate } from '../core/index.ts';

/** Full use for so long brings it back to the rate at which it was throttled; twice as long, to one and a half of it. */
const PLATEAU_SEC = 30;
/** A second in which nobody calls counts as this part of one. */
const IDLE_PART = 0.1;
/** Never slower than this part of the full rate: it must find out when the account is free again. */
const FACTOR_MIN = 1 / 16;
/** Who waits for a token asks again after so long: it may have become faster meanwhile. */
const ASK_AGAIN_MS = 5_000;

export class AdaptiveBucket {
  readonly rate: TokenRate;
  readonly #bucket: TokenBucket;
  #factor = 1;
  /** The factor at which it was throttled last. */
  #ceiling = 1;
  /** Seconds of full use since then. */
  #provenSec = 0;
  #provenAtMs = 0;
  #slowedAtMs = Number.NEGATIVE_INFINITY;
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
    if (!this.#bucket.take(nowMs)) return false;
    if (this.#factor < 1) this.#provenSec += 1 / (this.rate.perSec * this.#factor);
    return true;
  }

  /** When to ask again for a token that is not there: when it is, or may be because it became faster. 0: now. */
  waitMs(nowMs: number): number {
    this.#rise(nowMs);
    const waitMs = this.#bucket.waitMs(nowMs);
    return this.#factor < 1 ? Math.min(waitMs, ASK_AGAIN_MS) : waitMs;
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
    this.#ceiling = Math.max(2 * FACTOR_MIN, this.#factor);
    this.#provenSec = 0;
    this.#provenAtMs = nowMs;
    this.#setFactor(nowMs, this.#ceiling / 2);
    return true;
  }

  #rise(nowMs: number): void {
    if (this.#factor >= 1) return;
    this.#provenSec += (IDLE_PART * Math.max(0, nowMs - this.#provenAtMs)) / 1000;
    this.#provenAtMs = Math.max(this.#provenAtMs, nowMs);
    const distance = this.#provenSec / PLATEAU_SEC - 1;
    this.#setFactor(nowMs, Math.min(1, this.#ceiling * (1 + distance ** 3 / 2)));
  }

  #setFactor(atMs: number, factor: number): void {
    this.#factor = factor;
    const { burst, perSec } = this.rate;
    this.#bucket.setRate(atMs, { burst: Math.max(1, burst * factor), perSec: perSec * factor });
  }
}
