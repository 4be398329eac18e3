/** What a kind answers that only reads something of the user's: it cannot be made, changed or taken away by us. */
import type { ResourceKind } from './contract.ts';

type ReadOnly = Pick<
  ResourceKind<unknown, unknown>,
  'calls' | 'tags' | 'diff' | 'create' | 'update' | 'delete' | 'release'
> & {
  readonly external: true;
};

/**
 * The mutating half of an external kind. It never does IO: creating or changing rejects as a programmer's error,
 * deleting and releasing leave everything as it is, because nothing of it is ours.
 */
export function readOnly(kind: string): ReadOnly {
  const refuse = async () => {
    throw new Error(`${kind} is external: it is only read`);
  };
  return {
    external: true,
    calls: { create: [], update: [], delete: [], release: [] },
    tags: () => undefined,
    diff: () => [],
    create: refuse,
    update: refuse,
    delete: async () => {},
    release: async () => {},
  };
}
