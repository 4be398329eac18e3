import { describe, expect, it } from 'vitest';
import { Failure, type FailureKind } from '../../src/core/index.ts';
import {
  asSet,
  changeOf,
  type Io,
  ownershipKeys,
  readOnly,
  unlessAbsent,
  unlessGone,
} from '../../src/resource/index.ts';

const failure = (kind: FailureKind) =>
  new Failure({ kind, service: 'ecs', operation: 'describeServices', code: 'Code', message: 'message' });

describe('absence', () => {
  it('takes "not found" for an answer', async () => {
    expect(await unlessAbsent(Promise.reject(failure('notFound')))).toBeUndefined();
    await unlessGone(Promise.reject(failure('notFound')));
  });

  it.each<FailureKind>(['conflict', 'throttled', 'transient', 'denied', 'invalid', 'quota'])(
    'lets %s pass: what cannot be read is not absent',
    async (kind) => {
      const thrown = failure(kind);
      await expect(unlessAbsent(Promise.reject(thrown))).rejects.toBe(thrown);
      await expect(unlessGone(Promise.reject(thrown))).rejects.toBe(thrown);
    },
  );

  it("lets a programmer's error pass", async () => {
    await expect(unlessAbsent(Promise.reject(new TypeError('oops')))).rejects.toThrow(TypeError);
  });
});

describe('changeOf', () => {
  it('compares meaning, not spelling', () => {
    expect(changeOf('p', { a: 1, b: 2 }, { b: 2, a: 1 }, 'Drift')).toEqual([]);
    expect(changeOf('p', 1, 2, 'Drift')).toEqual([{ path: 'p', desired: 1, observed: 2, reason: 'Drift' }]);
    expect(changeOf('p', 1, undefined, 'Drift', { replace: true })).toEqual([
      { path: 'p', desired: 1, observed: undefined, reason: 'Drift', replace: true },
    ]);
  });

  it('makes a set of a list', () => {
    expect(asSet(['b', 'a', 'b'])).toEqual(['a', 'b']);
  });
});

describe('ownershipKeys', () => {
  it('names our marks alone', () => {
    const tags = {
      'lambdacontainer.dev/owner': 'me',
      'lambdacontainer.dev/uid': 'u',
      'lambdacontainer.dev/hash': 'v1-0',
      team: 'payments',
    };
    expect(ownershipKeys(tags)).toEqual(['lambdacontainer.dev/owner', 'lambdacontainer.dev/uid']);
    expect(ownershipKeys({ team: 'payments' })).toEqual([]);
  });
});

describe('readOnly', () => {
  const kind = readOnly('iam-role');
  // It must not even look at what it is given.
  const io = undefined as unknown as Io;

  it('refuses to make or change', async () => {
    const call = { token: 't', tags: {} };
    await expect(kind.create(io, {}, {}, call)).rejects.toThrow('iam-role is external');
    await expect(kind.update(io, {}, {}, {}, [], call)).rejects.toThrow('iam-role is external');
  });

  it('leaves alone when asked to delete or release', async () => {
    await kind.delete(io, {}, {}, {});
    await kind.release(io, {}, {}, {});
  });
});
