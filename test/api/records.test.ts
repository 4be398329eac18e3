/** Records as people put them by hand. What is refused is in `invalid/records.ts`. */
import { describe, expect, it } from 'vitest';
import {
  classKey,
  formatDefect,
  keyOf,
  objectFromRecord,
  recordFromObject,
  specHash,
  validateLambdaContainer,
} from '../../src/api/index.ts';
import { fromItem, type Item } from '../../src/aws/index.ts';
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

  it('names from Object.prototype are names like others', () => {
    const { object } = objectFromRecord({ namespace: 'constructor', name: 'valueof', spec: { constructor: 1 } });
    expect(object?.namespace).toBe('constructor');
    expect(
      lines(JSON.parse('{"namespace":"a","name":"b","spec":{"__proto__":{"x":1}}}') as Record<string, unknown>),
    ).toEqual(["spec.__proto__: is not allowed as a name; remove the field '__proto__'"]);
  });
});

describe('values as DynamoDB gives them', () => {
  const judge = (spec: Item): string[] => {
    const { object, defects } = objectFromRecord(
      fromItem({ namespace: { S: 'shop' }, name: { S: 'checkout' }, spec: { M: spec } }),
    );
    return [...defects, ...(object ? validateLambdaContainer(object.spec, undefined).defects : [])].map(formatDefect);
  };
  const source: Item = { source: { M: { functionRef: { M: { name: { S: 'checkout' } } } } } };
  const named = (className: Item[string]): Item => ({ ...source, className });
  const atMost = (max: Item[string]): Item => ({ ...source, scaling: { M: { max } } });
  const number = 'is a number, not text; put it in quotes';
  const text = 'is text, not a number; write';

  it.each<[string, Item, string[]]>([
    ['text', named({ S: 'standard' }), []],
    ['a number for text', named({ N: '5' }), [`spec.className: 5 ${number}: "5" (in a DynamoDB item {"S": "5"})`]],
    ['a number that JavaScript would round reads as its digits', named({ N: '12345678901234567890' }), []],
    [
      'a boolean for text',
      named({ BOOL: true }),
      ['spec.className: true is true or false, not text; put it in quotes: "true"'],
    ],
    [
      'null for text',
      named({ NULL: true }),
      ['spec.className: null stands where text is expected; remove the field to use its default'],
    ],
    ['a map for text', named({ M: {} }), ['spec.className: is an object, not text; give text']],
    ['a list for text', named({ L: [] }), ['spec.className: is a list, not text; give text']],
    [
      'a set for text',
      named({ SS: ['a'] }),
      ['spec.className: is a DynamoDB set; use a list instead: {"L": [{"S": "…"}]}'],
    ],
    [
      'numbers as a set',
      named({ NS: ['1'] }),
      ['spec.className: is a DynamoDB set; use a list instead: {"L": [{"S": "…"}]}'],
    ],
    [
      'binary for text',
      named({ B: new Uint8Array(1) }),
      ['spec.className: is binary; write it as text instead: {"S": "…"}'],
    ],
    [
      'binaries as a set',
      named({ BS: [new Uint8Array(1)] }),
      ['spec.className: is a DynamoDB set; use a list instead: {"L": [{"S": "…"}]}'],
    ],
    ['a number', atMost({ N: '4' }), []],
    ['a number as DynamoDB spells it', atMost({ N: '1E+2' }), []],
    ['a number with zeros', atMost({ N: '4.00' }), []],
    [
      'text for a number',
      atMost({ S: '4' }),
      [`spec.scaling.max: '4' ${text} 4 without quotes (in a DynamoDB item {"N": "4"})`],
    ],
    [
      'a boolean for a number',
      atMost({ BOOL: true }),
      ['spec.scaling.max: true is true or false, not a number; give a number'],
    ],
    ['a fraction', atMost({ N: '1.5' }), ['spec.scaling.max: 1.5 is not a whole number; use 2']],
    [
      'text for a boolean',
      { ...source, suspend: { S: 'true' } },
      [
        'spec.suspend: \'true\' is text, not true or false; write true without quotes (in a DynamoDB item {"BOOL": true})',
      ],
    ],
    [
      'a set for a list',
      { ...source, traffic: { M: { hosts: { SS: ['a.io'] } } } },
      ['spec.traffic.hosts: is a DynamoDB set; use a list instead: {"L": [{"S": "…"}]}'],
    ],
    [
      'a spec as JSON text',
      {},
      [
        'spec.source: is missing; give exactly one of functionRef, image, archive, repository, e.g. source: { functionRef: { name: my-function } }',
      ],
    ],
    [
      'a prototype',
      { ...source, environment: { M: { ['__proto__']: { S: 'x' } } } },
      ["spec.environment.__proto__: is not allowed as a name; remove the field '__proto__'"],
    ],
  ])('%s', (_, spec, expected) => {
    expect(judge(spec)).toEqual(expected);
  });

  it('how they are written makes no other spec', () => {
    const hash = (spec: Item): string | undefined => {
      const plain = fromItem({ spec: { M: spec } }).spec;
      const judged = validateLambdaContainer(plain, undefined).spec;
      return judged && specHash(judged);
    };
    const one = hash({ ...source, scaling: { M: { min: { N: '1' }, max: { N: '100' } } }, suspend: { BOOL: false } });
    expect(one).toBeDefined();
    for (const [reason, spec] of [
      ['key order', { suspend: { BOOL: false }, scaling: { M: { max: { N: '100' }, min: { N: '1' } } }, ...source }],
      ['spelling of numbers', { ...source, scaling: { M: { min: { N: '1.0' }, max: { N: '1E+2' } } } }],
      ['defaults left out', { ...source, scaling: { M: { max: { N: '100' } } } }],
      [
        'defaults written',
        { ...source, scaling: { M: { max: { N: '100' } } }, rollout: { M: { history: { N: '5' } } } },
      ],
      [
        'a duration in another unit',
        {
          ...source,
          scaling: { M: { max: { N: '100' } } },
          traffic: { M: { healthCheck: { M: { interval: { S: '15000ms' } } } } },
        },
      ],
    ] satisfies [string, Item][]) {
      expect([reason, hash(spec)]).toEqual([reason, one]);
    }
    expect(hash({ ...source, scaling: { M: { max: { N: '99' } } } })).not.toBe(one);
  });
});

it('names that differ only in case are not two objects', () => {
  const judged = ['checkout', 'Checkout', 'CHECKOUT'].map((name) => objectFromRecord({ ...GOOD, name }).object?.name);
  expect(judged).toEqual(['checkout', undefined, undefined]);
});
