import { describe, expect, it } from 'vitest';
import { Fifo, FifoEntry, seededRandom } from '../../src/core/index.ts';

class Named extends FifoEntry {
  readonly name: string;
  constructor(name: string) {
    super();
    this.name = name;
  }
}

describe('fifo', () => {
  it('does what an array does, whatever is pushed, shifted and removed (1,000 steps of one seed)', () => {
    const random = seededRandom(7);
    const list = new Fifo<Named>();
    const model: Named[] = [];
    for (let step = 0; step < 1000; step++) {
      const roll = random.next();
      if (roll < 0.5) {
        const entry = new Named(String(step));
        list.push(entry);
        model.push(entry);
      } else if (roll < 0.75) {
        expect(list.shift()).toBe(model.shift());
      } else {
        const at = Math.floor(random.next() * model.length);
        const [entry] = model.splice(at, 1);
        if (entry) expect(list.remove(entry)).toBe(true);
      }
      expect([...list]).toEqual(model);
      expect(list.length).toBe(model.length);
      expect(list.first).toBe(model[0]);
    }
  });

  it('knows what is in it: removing elsewhere does nothing, pushing twice is a defect', () => {
    const [one, other] = [new Fifo<Named>(), new Fifo<Named>()];
    const entry = new Named('a');
    expect(one.remove(entry)).toBe(false);
    one.push(entry);
    expect(other.remove(entry)).toBe(false);
    expect(() => other.push(entry)).toThrow('in a list already');
    expect(one.shift()).toBe(entry);
    other.push(entry);
    expect([...other]).toEqual([entry]);
  });
});
