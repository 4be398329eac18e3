import { expect, it } from 'vitest';
import { Folded } from '../../src/controller/folded.ts';

const bodyOf = (number: number) => ({ number, text: `text ${number}`, nested: [{ number }] });

it('gives back what it was made of, however many others there are', () => {
  const all = Array.from({ length: 500 }, (_, number) => new Folded(bodyOf(number)));
  for (let round = 0; round < 2; round++) {
    for (const [number, folded] of all.entries()) expect(folded.value).toEqual(bodyOf(number));
  }
});

it('unfolds once what is read again soon', () => {
  const first = new Folded(bodyOf(1));
  // Far more than are kept unfolded.
  for (let number = 0; number < 500; number++) new Folded(bodyOf(number));
  const { value } = first;
  expect(first.value).toBe(value);
});

it('keeps what was dropped readable for who still holds it', () => {
  const folded = new Folded(bodyOf(7));
  folded.drop();
  expect(folded.value).toEqual(bodyOf(7));
});
