/** Generated files are checked in and fresh; every example is valid. */
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { generatedFiles } from '../../scripts/generate-api.ts';
import {
  formatDefect,
  formatManifestDefect,
  parseManifests,
  validateClass,
  validateLambdaContainer,
} from '../../src/api/index.ts';

const ROOT = resolve(import.meta.dirname, '../..');
type Json = Record<string, unknown>;

describe('generated files', () => {
  it.each(generatedFiles().map(({ path, text }) => [path, text]))(
    '%s is fresh (else: npx tsx scripts/generate-api.ts)',
    (path, text) => {
      expect(existsSync(join(ROOT, path))).toBe(true);
      expect(readFileSync(join(ROOT, path), 'utf8')).toBe(text);
    },
  );
});

describe.each(
  generatedFiles()
    .filter(({ path }) => path.startsWith('crds/'))
    .map(({ path, text }) => [path, text]),
)('%s', (_, text) => {
  const crd = parse(text) as {
    spec: {
      scope: string;
      names: Json;
      versions: { schema: { openAPIV3Schema: Json }; subresources: Json; additionalPrinterColumns: Json[] }[];
    };
  };
  const [version] = crd.spec.versions;

  it('has what kubectl shows and writes by', () => {
    expect(version?.subresources).toEqual({ status: {} });
    expect(version?.additionalPrinterColumns.length).toBeGreaterThan(2);
    expect(crd.spec.names.shortNames).toHaveLength(1);
    expect(crd.spec.names.categories).toContain('lambdacontainer');
  });

  it('is a structural schema', () => {
    const problems: string[] = [];
    walk(version?.schema.openAPIV3Schema as Json, '', problems);
    expect(problems).toEqual([]);
  });
});

const ALLOWED = new Set([
  'type',
  'description',
  'properties',
  'required',
  'items',
  'additionalProperties',
  'enum',
  'pattern',
  'format',
  'nullable',
  'minimum',
  'maximum',
  'minLength',
  'maxLength',
  'minItems',
  'maxItems',
  'maxProperties',
  'x-kubernetes-validations',
  'x-kubernetes-preserve-unknown-fields',
]);

/** The rules of structural schemas that a generator can break. */
function walk(schema: Json, path: string, problems: string[]): void {
  for (const key of Object.keys(schema)) if (!ALLOWED.has(key)) problems.push(`${path}: ${key} is not allowed`);
  if (schema.type === undefined && schema['x-kubernetes-preserve-unknown-fields'] !== true)
    problems.push(`${path}: no type`);
  if (schema.properties && schema.additionalProperties) problems.push(`${path}: properties and additionalProperties`);
  if (schema.type === 'array' && !schema.items) problems.push(`${path}: no items`);
  const properties = (schema.properties ?? {}) as Record<string, Json>;
  for (const name of (schema.required ?? []) as string[])
    if (!properties[name]) problems.push(`${path}: ${name} is required and unknown`);
  for (const [name, member] of Object.entries(properties)) {
    if (path.startsWith('.spec') && !member.description) problems.push(`${path}.${name}: no description`);
    walk(member, `${path}.${name}`, problems);
  }
  for (const below of ['items', 'additionalProperties'])
    if (schema[below]) walk(schema[below] as Json, `${path}.${below}`, problems);
}

function manifests(folder: string): string[] {
  if (!existsSync(folder)) return [];
  return readdirSync(folder)
    .filter((name) => name !== 'node_modules' && name !== 'package')
    .flatMap((name) => {
      const path = join(folder, name);
      if (statSync(path).isDirectory()) return manifests(path);
      return /\.ya?ml$/.test(name) ? [path] : [];
    });
}

describe('examples', () => {
  it('are valid, all of them', () => {
    const lines = manifests(join(ROOT, 'examples')).flatMap((path) => {
      const { objects, defects } = parseManifests(readFileSync(path, 'utf8'), path);
      const judged = objects.flatMap((object) => {
        const answer =
          object.kind === 'LambdaContainerClass'
            ? validateClass(object.spec)
            : validateLambdaContainer(object.spec, undefined);
        return answer.defects.map((defect) => `${path}: ${formatDefect(defect)}`);
      });
      return [...defects.map(formatManifestDefect), ...judged];
    });
    expect(lines).toEqual([]);
  });
});
