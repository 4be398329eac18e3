/**
 * Ids of requests and traces from a pool of random digits: the platform's source of randomness is asked once for many,
 * because asking it per request costs a tenth of the adapter's time.
 */
import type { Random } from '../core/index.ts';

const POOL_BYTES = 8 * 1024;

export class RequestIds {
  readonly #random: Random;
  #pool = '';
  #at = 0;

  constructor(random: Random) {
    this.#random = random;
  }

  /** A UUID of version 4, as Lambda's request ids are. */
  request(): string {
    const hex = this.#take(32);
    const variant = '89ab'.charAt(hex.charCodeAt(16) & 3);
    return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-4${hex.slice(13, 16)}-${variant}${hex.slice(17, 20)}-${hex.slice(20)}`;
  }

  /** An X-Ray trace header of our own, not sampled, for a request that came without. */
  trace(nowMs: number): string {
    const seconds = Math.floor(nowMs / 1000).toString(16);
    return `Root=1-${seconds.padStart(8, '0')}-${this.#take(24)};Sampled=0`;
  }

  #take(digits: number): string {
    if (this.#at + digits > this.#pool.length) {
      this.#pool = this.#random.hex(POOL_BYTES);
      this.#at = 0;
    }
    this.#at += digits;
    return this.#pool.slice(this.#at - digits, this.#at);
  }
}
