/** Every table of invalid documents, against every line that a person reads. */
import { describe, expect, it } from 'vitest';
import {
  type ApiObject,
  confirmationFromRecord,
  type Defect,
  formatDefect,
  formatManifestDefect,
  objectFromRecord,
  parseManifests,
  placed,
  validateClass,
  validateGitSource,
  validateLambdaContainer,
} from '../../src/api/index.ts';
import { CLASS_SPEC, MINIMAL_SPEC, SOURCE_SPEC, withValue } from './fixtures.ts';
import type { SpecCase } from './invalid/case.ts';
import { INVALID_CLASSES } from './invalid/classes.ts';
import { INVALID_CONTAINERS, UNAVAILABLE_CONTAINERS } from './invalid/containers.ts';
import { INVALID_MANIFESTS } from './invalid/manifests.ts';
import { INVALID_CONFIRMATIONS, INVALID_RECORDS } from './invalid/records.ts';
import { INVALID_SOURCES } from './invalid/sources.ts';

function lines(defects: readonly Defect[]): string[] {
  return defects.map(formatDefect);
}

function specDefects({ kind, namespace, spec }: ApiObject): readonly Defect[] {
  if (kind === 'LambdaContainerClass') return validateClass(spec).defects;
  if (kind === 'GitSource') return validateGitSource(spec).defects;
  return validateLambdaContainer(spec, undefined, namespace).defects;
}

const SPECS: [string, readonly SpecCase[], Record<string, unknown>, (raw: unknown) => { defects: Defect[] }][] = [
  ['LambdaContainer', INVALID_CONTAINERS, MINIMAL_SPEC, (raw) => validateLambdaContainer(raw, undefined)],
  ['not available yet', UNAVAILABLE_CONTAINERS, MINIMAL_SPEC, (raw) => validateLambdaContainer(raw, undefined)],
  ['LambdaContainerClass', INVALID_CLASSES, CLASS_SPEC, validateClass],
  ['GitSource', INVALID_SOURCES, SOURCE_SPEC, validateGitSource],
];

describe.each(SPECS)('invalid: %s', (_, cases, good, validate) => {
  it('its start is valid', () => {
    expect(lines(validate(good).defects)).toEqual([]);
  });

  it.each(cases.map(([path, value, ...expected]) => [path, value, expected] as const))(
    '%s = %o',
    (path, value, expected) => {
      expect(lines(validate(withValue(good, path, value)).defects)).toEqual(expected);
    },
  );
});

describe('invalid: records', () => {
  it.each(INVALID_RECORDS.map(([reason, item, ...expected]) => ({ reason, item, expected })))('$reason', (row) => {
    const { item, expected } = row;
    const { object, defects } = objectFromRecord(item);
    expect(lines([...defects, ...(object ? specDefects(object) : [])])).toEqual(expected);
  });

  const confirmations = INVALID_CONFIRMATIONS.map(([reason, item, ...expected]) => ({ reason, item, expected }));
  it.each(confirmations)('confirmation: $reason', ({ item, expected }) => {
    expect(lines(confirmationFromRecord(item).defects)).toEqual(expected);
  });
});

describe('invalid: manifests', () => {
  it.each(INVALID_MANIFESTS.map(([reason, text, ...expected]) => ({ reason, text, expected })))('$reason', (row) => {
    const { text, expected } = row;
    const { objects, defects } = parseManifests(text, 'f.yaml');
    const all = [...defects, ...objects.flatMap((object) => placed(object, specDefects(object)))];
    expect(all.map(formatManifestDefect)).toEqual(expected);
  });
});

it('there are hundreds of them, of every kind', () => {
  const tables = [...SPECS.map(([, cases]) => cases), INVALID_RECORDS, INVALID_CONFIRMATIONS, INVALID_MANIFESTS];
  expect(tables.reduce((sum, table) => sum + table.length, 0)).toBeGreaterThan(400);
  for (const table of tables) for (const [, , ...expected] of table) expect(expected.join('')).not.toBe('');
});
