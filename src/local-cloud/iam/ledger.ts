/**
 * Which statement of which policy allowed how many calls: what tells, after a run, which permissions nobody needed.
 * In memory; it decides nothing.
 */
import type { Grant } from './evaluate.ts';

export interface Use extends Grant {
  readonly count: number;
}

export class Ledger {
  readonly #uses = new Map<string, { readonly grant: Grant; count: number }>();

  note(grant: Grant): void {
    const key = `${grant.policy}\n${grant.sid}\n${grant.action}\n${grant.resource}`;
    const use = this.#uses.get(key);
    if (use) use.count++;
    else this.#uses.set(key, { grant, count: 1 });
  }

  uses(): Use[] {
    return [...this.#uses.values()].map(({ grant, count }) => ({ ...grant, count }));
  }
}
