/**
 * Which kinds want to hear of an event, and under which names they know what it speaks of. Made once from the kinds'
 * own declarations; it knows no AWS service.
 */
import type { AwsEvent, EventInterest, KindRegistry } from '../../resource/index.ts';

export interface Spoken {
  readonly kind: string;
  readonly names: readonly string[];
}

export class Interests {
  readonly #byType: Map<string, { readonly kind: string; readonly interest: EventInterest }[]> = new Map();

  constructor(kinds: KindRegistry) {
    for (const { name: kind, events = [] } of kinds.values()) {
      for (const interest of events) {
        const key = `${interest.source} ${interest.detailType}`;
        this.#byType.set(key, [...(this.#byType.get(key) ?? []), { kind, interest }]);
      }
    }
  }

  /** What it speaks of, by kind; nothing: it is none of ours. @throws what a kind's `names` throws, which is a defect */
  of(event: AwsEvent): Spoken[] {
    const spoken: Spoken[] = [];
    for (const { kind, interest } of this.#byType.get(`${event.source} ${event['detail-type']}`) ?? []) {
      if (!meets(event.detail, interest.detail)) continue;
      const names = interest.names(event);
      if (names.length > 0) spoken.push({ kind, names });
    }
    return spoken;
  }
}

function meets(detail: AwsEvent['detail'], wanted: EventInterest['detail'] = {}): boolean {
  return Object.entries(wanted).every(([path, values]) => {
    const found = path
      .split('.')
      .reduce<unknown>((value, step) => (value as Record<string, unknown> | undefined)?.[step], detail);
    return typeof found === 'string' && values.includes(found);
  });
}
