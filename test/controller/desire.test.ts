import { describe, expect, it } from 'vitest';
import {
  ANNOTATION_CASCADE,
  ANNOTATION_PROTECTED,
  ANNOTATION_RECONCILE,
  ANNOTATION_RESTART,
  type LambdaContainerSpec,
  validateLambdaContainer,
} from '../../src/api/index.ts';
import { begun, recognised } from '../../src/controller/desire.ts';
import type { Inventory } from '../../src/resource/index.ts';

const SPEC = specOf({});
const IDENTITY = { uid: 'u1', createdAtMs: 7 };
const BEGUN = begun(undefined, IDENTITY, SPEC, {});

function specOf(extra: object): LambdaContainerSpec {
  const { spec, defects } = validateLambdaContainer(
    { source: { functionRef: { name: 'hello' } }, ...extra },
    undefined,
  );
  if (!spec) throw new Error(JSON.stringify(defects));
  return spec;
}

describe('an object as it begins', () => {
  it('is of the first generation, with the identity given', () => {
    expect(BEGUN).toMatchObject({ uid: 'u1', createdAtMs: 7, generation: 1, className: 'standard', entries: [] });
  });

  it.each([
    { reason: 'the same spec', spec: SPEC, annotations: {}, generation: 1 },
    { reason: 'another spec', spec: specOf({ environment: { A: '1' } }), annotations: {}, generation: 2 },
    {
      reason: 'annotations are no part of it',
      spec: SPEC,
      annotations: { [ANNOTATION_RESTART]: 'a', [ANNOTATION_RECONCILE]: 'b', [ANNOTATION_PROTECTED]: 'true' },
      generation: 1,
    },
  ])('has generation $generation: $reason', ({ spec, annotations, generation }) => {
    const next = begun(BEGUN, { uid: 'u2', createdAtMs: 9 }, spec, annotations);
    expect(next).toMatchObject({ uid: 'u1', createdAtMs: 7, generation });
  });
});

describe('what is remembered of a record', () => {
  const cases: readonly {
    reason: string;
    before: Partial<Inventory>;
    annotations: Record<string, string> | undefined;
    covering?: string[];
    expected: Partial<Inventory>;
  }[] = [
    {
      reason: 'protection',
      before: {},
      annotations: { [ANNOTATION_PROTECTED]: 'true' },
      expected: { protected: true },
    },
    {
      reason: 'protection that was taken off',
      before: { protected: true },
      annotations: { [ANNOTATION_PROTECTED]: 'false' },
      expected: { protected: undefined },
    },
    {
      reason: 'protection while the record cannot be read',
      before: { protected: true, restartedAt: 'a', deletionPolicy: 'retain' },
      annotations: undefined,
      expected: { protected: true, restartedAt: 'a', deletionPolicy: 'retain' },
    },
    {
      reason: 'that everything is to be left running',
      before: {},
      annotations: { [ANNOTATION_CASCADE]: 'orphan' },
      expected: { deletionPolicy: 'retain' },
    },
    {
      reason: 'the last restart, also when the annotation is gone',
      before: { restartedAt: 'yesterday' },
      annotations: {},
      expected: { restartedAt: 'yesterday' },
    },
    {
      reason: 'a newer restart',
      before: { restartedAt: 'yesterday' },
      annotations: { [ANNOTATION_RESTART]: 'today' },
      expected: { restartedAt: 'today' },
    },
    {
      reason: 'no hold any more',
      before: { held: { reason: 'TableEmpty', message: '', sinceMs: 1 } },
      annotations: undefined,
      expected: { held: undefined },
    },
    {
      reason: 'confirmations that stand there now, in one order',
      before: { ignoredConfirmations: ['deletion/old'] },
      annotations: {},
      covering: ['deletion/b', 'deletion/a'],
      expected: { ignoredConfirmations: ['deletion/a', 'deletion/b'] },
    },
    {
      reason: 'none when they are gone',
      before: { ignoredConfirmations: ['deletion/old'] },
      annotations: {},
      expected: { ignoredConfirmations: undefined },
    },
  ];
  it.each(cases)('$reason', ({ before, annotations, covering = [], expected }) => {
    expect(recognised({ ...BEGUN, ...before }, annotations, covering)).toEqual({ ...BEGUN, ...before, ...expected });
  });

  it('the annotation gone, the spec’s deletion policy counts again', () => {
    const orphan = begun(BEGUN, IDENTITY, SPEC, { [ANNOTATION_CASCADE]: 'orphan' });
    expect(orphan.deletionPolicy).toBe('retain');
    expect(begun(orphan, IDENTITY, SPEC, {}).deletionPolicy).toBe('delete');
  });
});
