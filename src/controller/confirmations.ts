/**
 * The confirmations of deletions that stand in the desired table, kept in memory. Each is read by its own key whenever
 * the stream or a relist names it, so that no order of the two can bring back an older one. What a confirmation brings
 * about is the guard's business.
 */
import { confirmationFromRecord, formatDefect } from '../api/index.ts';
import type { Logger } from '../core/index.ts';
import { formatKey, type Inventory, type ObjectKey } from '../resource/index.ts';
import type { DesiredTable } from '../store/index.ts';

export class Confirmations {
  readonly #desired: DesiredTable;
  readonly #logger: Logger;
  /** `namespace/name uid` of what each record covers. */
  readonly #covered: Map<string, ReadonlySet<string>> = new Map();

  constructor(desired: DesiredTable, logger: Logger) {
    this.#desired = desired;
    this.#logger = logger;
  }

  /** Records that were there when they were last read. */
  names(): string[] {
    return [...this.#covered.keys()];
  }

  /** Reads one again. Returns the objects that it covers and did not before, or the other way round. @throws Failure */
  async read(key: ObjectKey, signal?: AbortSignal): Promise<string[]> {
    const record = await this.#desired.get(key, signal ? { signal } : {});
    const before = this.#covered.get(key.name) ?? new Set();
    const parsed = record && confirmationFromRecord(record.item);
    if (parsed?.confirmation) {
      const objects = parsed.confirmation.objects.map((object) => coverage(object, object.uid));
      this.#covered.set(key.name, new Set(objects));
    } else {
      this.#covered.delete(key.name);
      for (const defect of parsed?.defects ?? []) {
        this.#logger.warn({ key: formatKey(key) }, `a confirmation that confirms nothing: ${formatDefect(defect)}`);
      }
    }
    const now = this.#covered.get(key.name) ?? new Set();
    const touched = [...now].filter((text) => !before.has(text)).concat([...before].filter((text) => !now.has(text)));
    return [...new Set(touched.map((text) => text.slice(0, text.indexOf(' '))))];
  }

  /** The records that name this very object. */
  covering(key: ObjectKey, uid: string): string[] {
    const text = coverage(key, uid);
    return [...this.#covered].filter(([, covered]) => covered.has(text)).map(([name]) => name);
  }

  /** Whether a person confirmed the hold that stands on this object: what is not held was shown to nobody. */
  isConfirmed(
    key: ObjectKey,
    { uid, held, ignoredConfirmations = [] }: Pick<Inventory, 'uid' | 'held' | 'ignoredConfirmations'>,
  ): boolean {
    if (!held) return false;
    return this.covering(key, uid).some((name) => !ignoredConfirmations.includes(name));
  }
}

function coverage(key: ObjectKey, uid: string): string {
  return `${formatKey(key)} ${uid}`;
}
