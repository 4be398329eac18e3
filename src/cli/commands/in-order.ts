/**
 * Many calls at once, told of in the order in which they were given: a thousand objects must not take a thousand round
 * trips one after the other, and what is printed must not depend on which answer came first.
 */

const AT_ONCE = 16;

/**
 * Runs `act` on every item, sixteen at a time, and `tell` of each result in the order of the items. When one fails,
 * no further one begins, those under way end, the ones before it are told, and its error is thrown.
 */
export async function inOrder<Item, Result>(
  items: readonly Item[],
  act: (item: Item) => Promise<Result>,
  tell: (result: Result, item: Item) => void = () => {},
): Promise<Result[]> {
  const results: Result[] = [];
  for (let start = 0; start < items.length; start += AT_ONCE) {
    const batch = items.slice(start, start + AT_ONCE);
    const settled = await Promise.allSettled(batch.map(act));
    for (const [index, outcome] of settled.entries()) {
      if (outcome.status === 'rejected') throw outcome.reason;
      results.push(outcome.value);
      tell(outcome.value, batch[index] as Item);
    }
  }
  return results;
}
