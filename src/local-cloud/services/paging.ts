/**
 * Pages of a list as ECR, CodeBuild and Lambda cut them: an opaque token that says where to go on. Knows nothing of
 * limits and of how a service words the refusal of a token that it did not give.
 */

export interface Page<T> {
  readonly items: T[];
  /** Undefined on the last page. */
  readonly token: string | undefined;
}

/** One page, or undefined when the token is none of ours. */
export function pageOf<T>(all: readonly T[], token: string | undefined, size: number): Page<T> | undefined {
  const start = token === undefined ? 0 : offsetOf(token);
  if (start === undefined) return undefined;
  const end = start + size;
  return { items: all.slice(start, end), token: end < all.length ? tokenAt(end) : undefined };
}

function tokenAt(offset: number): string {
  return Buffer.from(`offset:${offset}`, 'latin1').toString('base64url');
}

function offsetOf(token: string): number | undefined {
  const match = /^offset:(\d{1,9})$/.exec(Buffer.from(token, 'base64url').toString('latin1'));
  return match ? Number(match[1]) : undefined;
}
