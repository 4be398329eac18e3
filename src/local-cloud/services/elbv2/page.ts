/**
 * Pages of a listing. A token names the last key that was returned, so that a page stays right when things are created
 * or deleted between two calls. It knows nothing of a service's limits or error codes.
 */

const PREFIX = 'after:';

export interface Page<T> {
  readonly items: T[];
  /** Present when there is more. */
  readonly next: string | undefined;
}

/**
 * The page of `items`, ordered by key, that follows `token`. Pure.
 * @throws what `invalid` makes when the token was not made here
 */
export function page<T>(
  items: readonly T[],
  keyOf: (item: T) => string,
  request: { token: string | undefined; limit: number; descending?: boolean; invalid: () => Error },
): Page<T> {
  const sign = request.descending ? -1 : 1;
  const order = (a: string, b: string) => (a < b ? -sign : a > b ? sign : 0);
  const sorted = items.map((item) => ({ item, key: keyOf(item) })).sort((a, b) => order(a.key, b.key));
  const after = request.token === undefined ? undefined : decode(request.token, request.invalid);
  const rest = after === undefined ? sorted : sorted.filter(({ key }) => order(key, after) > 0);
  const shown = rest.slice(0, request.limit);
  const last = shown.at(-1);
  return {
    items: shown.map(({ item }) => item),
    next: last !== undefined && rest.length > shown.length ? encode(last.key) : undefined,
  };
}

function encode(key: string): string {
  return Buffer.from(PREFIX + key).toString('base64url');
}

function decode(token: string, invalid: () => Error): string {
  const text = Buffer.from(token, 'base64url').toString();
  if (!text.startsWith(PREFIX) || encode(text.slice(PREFIX.length)) !== token) throw invalid();
  return text.slice(PREFIX.length);
}
