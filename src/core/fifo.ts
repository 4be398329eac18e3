/**
 * A first-in-first-out list of linked entries: adding, taking and removing from the middle cost the same however long
 * it is. An array shifts and a `Set` steps over what was deleted, so both get slow at their front. An entry is in one
 * list at a time and carries its own links, so that nothing is allocated per move.
 */
export abstract class FifoEntry {
  /** The links are the list's alone. */
  fifo: Fifo<FifoEntry> | undefined = undefined;
  before: FifoEntry | undefined = undefined;
  after: FifoEntry | undefined = undefined;
}

export class Fifo<Entry extends FifoEntry> {
  #first: FifoEntry | undefined = undefined;
  #last: FifoEntry | undefined = undefined;
  #length = 0;

  get length(): number {
    return this.#length;
  }

  /** What would be taken next. */
  get first(): Entry | undefined {
    return this.#first as Entry | undefined;
  }

  /** What was pushed last. */
  get last(): Entry | undefined {
    return this.#last as Entry | undefined;
  }

  /** @throws Error when the entry already waits in a list: a programmer's error */
  push(entry: Entry): void {
    if (entry.fifo !== undefined) throw new Error('the entry is in a list already');
    entry.fifo = this as unknown as Fifo<FifoEntry>;
    entry.before = this.#last;
    if (this.#last) this.#last.after = entry;
    else this.#first = entry;
    this.#last = entry;
    this.#length++;
  }

  shift(): Entry | undefined {
    const entry = this.#first;
    if (entry) this.remove(entry as Entry);
    return entry as Entry | undefined;
  }

  /** Whether it was in this list. */
  remove(entry: Entry): boolean {
    if (entry.fifo !== (this as unknown as Fifo<FifoEntry>)) return false;
    const { before, after } = entry;
    if (before) before.after = after;
    else this.#first = after;
    if (after) after.before = before;
    else this.#last = before;
    entry.fifo = undefined;
    entry.before = undefined;
    entry.after = undefined;
    this.#length--;
    return true;
  }

  *[Symbol.iterator](): Iterator<Entry> {
    for (let entry = this.#first; entry; entry = entry.after) yield entry as Entry;
  }
}
