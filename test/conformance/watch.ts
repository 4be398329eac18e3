/** What a sweep and the rotation would notice of one resource: taken once when it is settled, and compared later. */
import { taggedResources, tagsOfResource } from '../../src/aws/index.ts';
import {
  type AnyKind,
  differing,
  fingerprintOf,
  type Place,
  sweptDiffering,
  sweptFingerprintOf,
} from '../../src/resource/index.ts';
import type { Life } from './life.ts';

export class Watch {
  readonly #kind: AnyKind;
  readonly #life: Life;
  readonly place: Place | undefined;
  readonly swept: string | undefined;
  readonly rotating: string | undefined;

  private constructor(kind: AnyKind, life: Life, desired: unknown, observed: unknown) {
    this.#kind = kind;
    this.#life = life;
    this.place = kind.sweep?.locate(life.identity, observed);
    this.swept = kind.sweep && sweptFingerprintOf(kind.sweep, desired, observed);
    this.rotating = kind.rotating && fingerprintOf(kind.rotating, observed);
  }

  /** From here on, as the controller remembers what it observed when the object was settled. */
  static async begin(kind: AnyKind, life: Life, desired = life.scenario.desired): Promise<Watch> {
    return new Watch(kind, life, desired, await life.observe());
  }

  /** What the listing shows now; undefined: nothing of that name, or nothing that counts. */
  async listed(): Promise<unknown> {
    const { sweep } = this.#kind;
    if (!sweep || !this.place) throw new Error(`${this.#kind.name} is not listed`);
    const tags = new Map<string, Readonly<Record<string, string>>>();
    for await (const page of taggedResources.list(this.#life.io.aws, '', [], {})) {
      for (const entry of page) tags.set(entry.ResourceARN ?? '', tagsOfResource(entry));
    }
    const { scope, name } = this.place;
    for await (const page of sweep.listing.list(this.#life.io.aws, scope, [name], {})) {
      for (const entry of page) {
        const seen = sweep.listing.namesOf(entry).includes(name)
          ? sweep.seen(entry, (arn) => tags.get(arn))
          : undefined;
        if (seen !== undefined) return seen;
      }
    }
    return undefined;
  }

  /** Reasons, sorted: of the sweep and of the rotation. `Missing` when either sees nothing. */
  async notices(): Promise<string[]> {
    const { sweep, rotating } = this.#kind;
    const reasons = new Set<string>();
    if (sweep && this.place) {
      const seen = await this.listed();
      for (const reason of seen === undefined ? ['Missing'] : sweptDiffering(sweep, this.swept, seen))
        reasons.add(reason);
    }
    if (rotating || !this.place) {
      const observed = await this.#life.find();
      if (observed === undefined) return ['Missing'];
      if (sweep && !this.place) for (const reason of sweptDiffering(sweep, this.swept, observed)) reasons.add(reason);
      if (rotating) for (const reason of differing(rotating, this.rotating, observed)) reasons.add(reason);
    }
    return [...reasons].sort();
  }
}
