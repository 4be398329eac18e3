/** Which fields of a record are its source's, case by case; and in which order records are written. */
import { describe, expect, it } from 'vitest';
import { type ApiKind, recordFromObject } from '../../src/api/index.ts';
import { canonicalJson, shortHash } from '../../src/core/index.ts';
import { wavesOf } from '../../src/gitops/apply-order.ts';
import { ANNOTATION_APPLIED, compareRecord, isExempt, sourceOf } from '../../src/gitops/record-ownership.ts';
import type { Content, RenderedObject } from '../../src/gitops/rendering.ts';

function rendered(
  content: Partial<Content> = {},
  name = 'a',
  kind: ApiKind = 'LambdaContainer',
  dependsOn: string[] = [],
): RenderedObject {
  const text = canonicalJson({ labels: {}, annotations: {}, spec: { x: 1 }, ...content });
  const key = kind === 'LambdaContainer' ? { namespace: 'shop', name } : { namespace: '_system', name: `x/${name}` };
  return { key, kind, name, place: `${name}.yaml:1`, dependsOn, content: text, hash: shortHash(text, 16) };
}

/** The record as the source would have written it. */
function written(content?: Partial<Content>): Record<string, unknown> {
  return recordFromObject(compareRecord(rendered(content), 'team', undefined).object);
}

const annotationsOf = (item: Record<string, unknown>) => item.annotations as Record<string, string>;

describe('a record and its manifest', () => {
  it('what was written is as it should be, and is known to be of this manifest', () => {
    expect(compareRecord(rendered(), 'team', written())).toMatchObject({ differing: [], isSameManifest: true });
    expect(sourceOf(written())).toBe('team');
  });

  const cases: {
    reason: string;
    from?: Partial<Content>;
    to?: Partial<Content>;
    edit?: (item: Record<string, unknown>) => object;
    differing: string[];
    result?: object;
  }[] = [
    { reason: 'a field of the spec is the source’s', edit: () => ({ spec: { x: 2 } }), differing: ['spec.x'] },
    { reason: 'one that was added is too', edit: () => ({ spec: { x: 1, y: 2 } }), differing: ['spec.y'] },
    {
      reason: 'a label that the manifest names',
      from: { labels: { a: '1' } },
      to: { labels: { a: '1' } },
      edit: () => ({ labels: { a: '2' } }),
      differing: ['labels.a'],
    },
    {
      reason: 'a label of somebody else’s stays',
      edit: () => ({ labels: { mine: '1' } }),
      differing: [],
      result: { labels: { mine: '1' } },
    },
    {
      reason: 'a label that the manifest dropped goes',
      from: { labels: { a: '1', b: '2' } },
      to: { labels: { a: '1' } },
      differing: ['labels.b', `annotations["${ANNOTATION_APPLIED}"]`],
      result: { labels: { a: '1' } },
    },
    {
      reason: 'an annotation that the manifest dropped goes',
      from: { annotations: { p: 'true' } },
      to: {},
      differing: ['annotations.p', `annotations["${ANNOTATION_APPLIED}"]`],
    },
    {
      reason: 'a brake that the manifest does not mention stays',
      edit: () => ({ spec: { x: 1, suspend: true } }),
      differing: [],
      result: { spec: { x: 1, suspend: true } },
    },
    {
      reason: 'a brake that the manifest mentions is the source’s',
      from: { spec: { suspend: false } },
      to: { spec: { suspend: false } },
      edit: () => ({ spec: { suspend: true } }),
      differing: ['spec.suspend'],
    },
    {
      reason: 'a brake that the manifest dropped goes',
      from: { spec: { suspend: true } },
      to: { spec: {} },
      differing: [`annotations["${ANNOTATION_APPLIED}"]`, 'spec.suspend'],
      result: { spec: {} },
    },
    {
      reason: 'a record that lost its mark gets it again',
      edit: () => ({ annotations: {} }),
      differing: ['annotations["lambdacontainer.dev/source"]', `annotations["${ANNOTATION_APPLIED}"]`],
    },
    {
      reason: 'a mark that somebody garbled is no harm',
      edit: (item) => ({ annotations: { ...annotationsOf(item), [ANNOTATION_APPLIED]: '{"labels":5}' } }),
      differing: [`annotations["${ANNOTATION_APPLIED}"]`],
    },
    { reason: 'a record beyond reading differs whole', edit: () => ({ labels: 5 }), differing: ['(record)'] },
  ];
  it.each(cases)('$reason', ({ from, to, edit, differing, result }) => {
    const before = written(from);
    const comparison = compareRecord(rendered(to), 'team', { ...before, ...edit?.(before) });
    expect([...comparison.differing].sort()).toEqual([...differing].sort());
    if (result) expect(comparison.object).toMatchObject(result);
    const after = recordFromObject(comparison.object);
    expect(compareRecord(rendered(to), 'team', after).differing, 'once written, nothing differs').toEqual([]);
  });

  it('names paths and never values', () => {
    const { differing } = compareRecord(rendered({ spec: { environment: { KEY: 'secret-one' } } }), 'team', {
      ...written({ spec: { environment: { KEY: 'secret-one' } } }),
      spec: { environment: { KEY: 'secret-two', 'a.b': 'x' } },
    });
    expect(differing).toEqual(['spec.environment.KEY', 'spec.environment["a.b"]']);
  });

  it('an exemption counts only in so many words', () => {
    const annotated = (value: unknown) => ({ annotations: { 'lambdacontainer.dev/source-reconcile': value } });
    expect([annotated('disabled'), annotated('no'), annotated(true), {}, { annotations: 'x' }].map(isExempt)).toEqual([
      true,
      false,
      false,
      false,
      false,
    ]);
  });
});

describe('the order of writing', () => {
  const order = (...objects: RenderedObject[]) => wavesOf(objects, 'c').map((wave) => wave.map(({ name }) => name));

  it('classes, sources, then containers by what they depend on', () => {
    expect(
      order(
        rendered({}, 'web', 'LambdaContainer', ['api']),
        rendered({}, 'api', 'LambdaContainer', ['db', 'not-of-this-source']),
        rendered({}, 'db'),
        rendered({}, 'b'),
        rendered({}, 'inner', 'GitSource'),
        rendered({}, 'small', 'LambdaContainerClass'),
      ),
    ).toEqual([['small'], ['inner'], ['b', 'db'], ['api'], ['web']]);
  });

  it('a circle is a defect that names its members and their places', () => {
    expect(() =>
      order(rendered({}, 'a', 'LambdaContainer', ['b']), rendered({}, 'b', 'LambdaContainer', ['a'])),
    ).toThrow('these wait for each other by spec.dependsOn: shop/a (a.yaml:1), shop/b (b.yaml:1)');
  });
});
