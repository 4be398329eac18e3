/** Records as people put them by hand. */
import { describe, expect, it } from 'vitest';
import { classKey, formatDefect, keyOf, objectFromRecord, recordFromObject } from '../../src/api/index.ts';
import { CLASS_SPEC, MINIMAL_SPEC } from './fixtures.ts';

function lines(item: Record<string, unknown>): string[] {
  return objectFromRecord(item).defects.map(formatDefect);
}

const GOOD = { namespace: 'shop', name: 'checkout', spec: MINIMAL_SPEC };

describe('objectFromRecord', () => {
  it('namespace, name and spec are enough', () => {
    expect(objectFromRecord(GOOD)).toEqual({
      object: {
        apiVersion: 'lambdacontainer.dev/v1alpha1',
        kind: 'LambdaContainer',
        namespace: 'shop',
        name: 'checkout',
        labels: {},
        annotations: {},
        spec: MINIMAL_SPEC,
      },
      defects: [],
    });
  });

  it('a class lies in the reserved partition', () => {
    const { object } = objectFromRecord({ namespace: '_system', name: 'class/standard', spec: CLASS_SPEC });
    expect(object).toMatchObject({ kind: 'LambdaContainerClass', namespace: '_system', name: 'standard' });
    expect(object && keyOf(object)).toEqual(classKey('standard'));
  });

  it('a record survives there and back', () => {
    for (const item of [
      { ...GOOD, labels: { team: 'payments' }, annotations: { note: 'x' } },
      { namespace: '_system', name: 'class/standard', spec: CLASS_SPEC },
    ]) {
      const { object } = objectFromRecord(item);
      const again = objectFromRecord(recordFromObject(object as NonNullable<typeof object>));
      expect(again.object).toEqual(object);
    }
  });

  it.each<[string, Record<string, unknown>, string]>([
    ['nothing', {}, 'namespace: is missing; give a name of lower-case letters, digits and hyphens'],
    ['no spec', { namespace: 'a', name: 'b' }, 'spec: is missing; give at least'],
    ['capitals', { ...GOOD, name: 'Checkout' }, "name: 'Checkout' has capital letters; use 'checkout'"],
    ['unicode', { ...GOOD, name: 'kasse-ü' }, "name: 'kasse-ü' is not a valid name; use lower-case letters"],
    ['300 bytes', { ...GOOD, name: 'x'.repeat(300) }, 'has 300 characters; use at most 63'],
    ['empty', { ...GOOD, name: '' }, 'name: is empty; give a name'],
    ['a number', { ...GOOD, name: 5 }, 'name: 5 is a number, not text; put it in quotes: "5"'],
    ['slash', { ...GOOD, name: 'class/x' }, "name: 'class/x' contains '/', which is reserved"],
    ['underscore', { ...GOOD, namespace: '_mine' }, "namespace: '_mine' begins with an underscore, which is reserved"],
    [
      'reserved name',
      { ...GOOD, namespace: '_system' },
      "name: 'checkout' is not a name in '_system'; use class/<name> or source/<name>",
    ],
    ['bad class name', { ...GOOD, namespace: '_system', name: 'class/A' }, "name: 'A' has capital letters; use 'a'"],
    [
      'class elsewhere',
      { ...GOOD, kind: 'LambdaContainerClass' },
      "kind: 'LambdaContainerClass' belongs into namespace '_system'; put it there, named class/<name>",
    ],
    [
      'kind against key',
      { namespace: '_system', name: 'class/a', spec: {}, kind: 'LambdaContainer' },
      'does not go with this key, which means LambdaContainerClass',
    ],
    [
      'misspelt kind',
      { ...GOOD, kind: 'LamdaContainer' },
      "kind: 'LamdaContainer' is not a kind that is known here; did you mean 'LambdaContainer'?",
    ],
    [
      'old version',
      { ...GOOD, apiVersion: 'v1' },
      "apiVersion: 'v1' is not a version that is known here; use lambdacontainer.dev/v1alpha1",
    ],
    ['metadata', { ...GOOD, metadata: {} }, 'a record has namespace, name, labels and annotations at its top'],
    ['status', { ...GOOD, status: {} }, 'status is in the state table and only the controller writes it; remove it'],
    [
      'set',
      { ...GOOD, spec: { traffic: { hosts: new Set(['a.io']) } } },
      'spec.traffic.hosts: is a DynamoDB set; use a list instead',
    ],
    [
      'binary',
      { ...GOOD, spec: { className: new Uint8Array(2) } },
      'spec.className: is binary; write it as text instead',
    ],
    ['binary spec', { ...GOOD, spec: new Uint8Array(2) }, 'spec: is binary; write it as text instead'],
    ['labels of numbers', { ...GOOD, labels: { a: 1 } }, 'labels.a: 1 is not text; put it in quotes: "1"'],
    ['labels as list', { ...GOOD, labels: ['a'] }, 'labels: is not an object; write { name: value }'],
    ['extra', { ...GOOD, ttl: 5 }, "ttl: 'ttl' is not a field here; use namespace, name"],
    [
      'too large',
      { ...GOOD, spec: { x: 'y'.repeat(410_000) } },
      'spec: is larger than 400 KB, which DynamoDB cannot store; make it smaller',
    ],
    ['deep', { ...GOOD, spec: deep(60) }, 'is nested more than 40 levels deep; flatten it'],
  ])('%s', (_, item, line) => {
    expect(lines(item).filter((text) => text.includes(line))).toHaveLength(1);
  });

  it('names from Object.prototype are names like others', () => {
    const { object } = objectFromRecord({ namespace: 'constructor', name: 'valueof', spec: { constructor: 1 } });
    expect(object?.namespace).toBe('constructor');
    expect(
      lines(JSON.parse('{"namespace":"a","name":"b","spec":{"__proto__":{"x":1}}}') as Record<string, unknown>),
    ).toEqual(["spec.__proto__: is not allowed as a name; remove the field '__proto__'"]);
  });
});

function deep(levels: number): unknown {
  return levels === 0 ? 1 : { a: deep(levels - 1) };
}
