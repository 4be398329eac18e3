/**
 * A token bucket over a clock's monotonic readings: it holds up to `burst` tokens and gains `perSec` of them each
 * second. It owns the arithmetic only; who waits for a token, and in which order, is its user's business.
 */
export interface TokenRate {
  /** Tokens that it holds when full: how many calls may go at once. */
  readonly burst: number;
  /** Tokens gained in a second: how many calls may go in the long run. */
  readonly perSec: number;
}

export class TokenBucket {
  #burst: number;
  #perSec: number;
  /** Below zero while tokens are promised that do not exist yet. */
  #tokens: number;
  #atMs: number;

  /** Full at first. @throws RangeError for a rate that would never give a token */
  constructor({ burst, perSec }: TokenRate, nowMs: number) {
    if (!(burst >= 1) || !(perSec > 0)) {
      throw new RangeError(
        `a token bucket needs a burst of at least 1 and a positive rate, not ${burst} and ${perSec}/s`,
      );
    }
    this.#burst = burst;
    this.#perSec = perSec;
    this.#tokens = burst;
    this.#atMs = nowMs;
  }

  tokens(nowMs: number): number {
    this.#refill(nowMs);
    return this.#tokens;
  }

  /** Takes a token if there is one. */
  take(nowMs: number): boolean {
    this.#refill(nowMs);
    if (this.#tokens < 1) return false;
    this.#tokens -= 1;
    return true;
  }

  /** Takes a token that may not exist yet. Returns in how many ms it will. */
  reserve(nowMs: number): number {
    this.#refill(nowMs);
    this.#tokens -= 1;
    return this.#tokens >= 0 ? 0 : (-this.#tokens / this.#perSec) * 1000;
  }

  /** In how many ms there is a token, at the present rate; 0 when there is one. */
  waitMs(nowMs: number): number {
    this.#refill(nowMs);
    return this.#tokens >= 1 ? 0 : Math.ceil(((1 - this.#tokens) / this.#perSec) * 1000);
  }

  /** What was gained up to now stays, as far as it holds so many. */
  setRate(nowMs: number, { burst, perSec }: TokenRate): void {
    this.#refill(nowMs);
    this.#burst = burst;
    this.#perSec = perSec;
    this.#tokens = Math.min(burst, this.#tokens);
  }

  /** Takes all tokens. */
  drain(nowMs: number): void {
    this.#refill(nowMs);
    this.#tokens = Math.min(0, this.#tokens);
  }

  #refill(nowMs: number): void {
    if (nowMs <= this.#atMs) return;
    this.#tokens = Math.min(this.#burst, this.#tokens + ((nowMs - this.#atMs) / 1000) * this.#perSec);
    this.#atMs = nowMs;
  }
}
