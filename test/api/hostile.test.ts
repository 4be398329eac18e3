/**
 * Documents that are made to hurt: large, wide, deep, full of defects. Each took between twenty seconds and for ever
 * with work that grows by the square; here they only have to end within the time of a test.
 */
import { describe, expect, it } from 'vitest';
import {
  objectFromRecord,
  parseManifests,
  validateClass,
  validateGitSource,
  validateLambdaContainer,
} from '../../src/api/index.ts';
import { MINIMAL_SPEC, SOURCE_SPEC } from './fixtures.ts';

const HEAD =
  'apiVersion: lambdacontainer.dev/v1alpha1\nkind: LambdaContainer\nmetadata:\n  name: a\nspec:\n  source: { functionRef: { name: a } }\n';
const wide = (count: number, value: unknown) =>
  Object.fromEntries(Array.from({ length: count }, (_, n) => [`key${n}`, value]));
const lines = (count: number, line: (n: number) => string) =>
  Array.from({ length: count }, (_, n) => line(n)).join('\n');

describe('manifests of a megabyte end', { timeout: 20_000 }, () => {
  it.each<[string, string, number]>([
    ['thousands of documents', `${HEAD}---\n`.repeat(7000), 0],
    ['a map of many members', `${HEAD}  environment:\n${lines(45_000, (n) => `    KEY_${n}: x`)}`, 1],
    ['many members at the top', lines(70_000, (n) => `key${n}: x`), 55],
    ['one member again and again', 'a: 1\n'.repeat(150_000), 20],
    ['a long list', `${HEAD}  traffic:\n    hosts:\n${'      - a.io\n'.repeat(50_000)}`, 0],
    ['a long text', `${HEAD}  className: "${'x'.repeat(1_000_000)}"`, 1],
    ['many syntax errors', 'a: b: c\n'.repeat(100_000), 20],
    ['many aliases', `a: &a 1\nb:\n${'  - *a\n'.repeat(100_000)}`, 1],
    ['many unknown aliases', `b:\n${'  - *a\n'.repeat(100_000)}`, 20],
    ['deep flow', '['.repeat(100_000), 20],
    ['deep blocks', lines(1300, (n) => `${' '.repeat(n)}a:`), 1],
    ['nothing but separators', '---\n'.repeat(100_000), 0],
    ['nothing but comments', '# x\n'.repeat(200_000), 0],
    ['JSON', JSON.stringify({ a: Array.from({ length: 80_000 }, (_, n) => ({ n })) }), 5],
  ])('%s', (_, text, count) => {
    expect(parseManifests(text, 'f.yaml').defects).toHaveLength(count);
  });

  it('more than 16 MB is not read at all', () => {
    expect(parseManifests('x'.repeat(16 * 1024 * 1024 + 1), 'f.yaml').defects).toMatchObject([
      { path: '(file)', message: 'is larger than 16 MB; split it' },
    ]);
  });
});

describe('specs near 400 KB end, with at most a hundred defects told', { timeout: 20_000 }, () => {
  it.each<[string, readonly unknown[], number]>([
    ['unknown fields', validateLambdaContainer({ ...MINIMAL_SPEC, ...wide(25_000, 1) }, undefined).defects, 101],
    [
      'variables that are numbers',
      validateLambdaContainer({ ...MINIMAL_SPEC, environment: wide(25_000, 1) }, undefined).defects,
      101,
    ],
    [
      'hosts that are numbers',
      validateLambdaContainer({ ...MINIMAL_SPEC, traffic: { hosts: Array(50_000).fill(5) } }, undefined).defects,
      1,
    ],
    ['a class of unknown fields', validateClass(wide(25_000, 1)).defects, 101],
    [
      'signers',
      validateGitSource({ ...SOURCE_SPEC, verify: { signers: Array(20).fill('a ssh-rsa '.repeat(1600)) } }).defects,
      20,
    ],
    ['a URL', validateGitSource({ ...SOURCE_SPEC, url: `https://${'a-'.repeat(100_000)}` }).defects, 1],
    ['a range', validateGitSource({ ...SOURCE_SPEC, ref: { semver: '1 - '.repeat(60) } }).defects, 1],
    [
      'values that almost look like a URL with a password',
      validateLambdaContainer({ ...MINIMAL_SPEC, environment: wide(10, 'a.'.repeat(16_000)) }, undefined).defects,
      1,
    ],
    [
      'unknown members of a record',
      objectFromRecord({ namespace: 'a', name: 'b', spec: MINIMAL_SPEC, ...wide(25_000, 1) }).defects,
      51,
    ],
  ])('%s', (_, defects, count) => {
    expect(defects).toHaveLength(count);
  });

  it('the last line says how many more there are', () => {
    const { defects } = validateLambdaContainer({ ...MINIMAL_SPEC, ...wide(150, 1) }, undefined);
    expect(defects.at(-1)).toMatchObject({
      path: 'spec',
      message: 'has 50 more defects; mend those that are listed first',
    });
  });

  it('a defect in a list does not hide those beside the list', () => {
    const traffic = { hosts: [5, 'localhost'], paths: ['/a', '/a'] };
    const { defects } = validateLambdaContainer({ ...MINIMAL_SPEC, traffic, scaling: { min: 3, max: 2 } }, undefined);
    expect(defects.map(({ path }) => path)).toEqual([
      'spec.traffic.hosts[0]',
      'spec.traffic.hosts[1]',
      'spec.scaling.min',
    ]);
  });
});
