/** Generated files are checked in and fresh; every example is valid. */
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { generatedFiles } from '../../scripts/generate-api.ts';
import {
  type ApiObject,
  confirmationFromRecord,
  type Defect,
  formatDefect,
  formatManifestDefect,
  isConfirmationKey,
  objectFromRecord,
  parseManifests,
  placed,
  validateClass,
  validateGitSource,
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
    expect(crd.spec.names.categories).toContain('lambdacontainer-dev');
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
  'anyOf',
  'x-kubernetes-int-or-string',
  'x-kubernetes-list-type',
  'x-kubernetes-list-map-keys',
  'x-kubernetes-validations',
  'x-kubernetes-preserve-unknown-fields',
]);

/** The rules of structural schemas that a generator can break; test/referees/crds asks Kubernetes itself. */
function walk(schema: Json, path: string, problems: string[]): void {
  for (const key of Object.keys(schema)) if (!ALLOWED.has(key)) problems.push(`${path}: ${key} is not allowed`);
  const isOpen =
    schema['x-kubernetes-preserve-unknown-fields'] === true || schema['x-kubernetes-int-or-string'] === true;
  if (schema.type === undefined && !isOpen) problems.push(`${path}: no type`);
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

/** Code blocks of a page; of a shell's, what it writes into files. */
function codeBlocks(path: string): string[] {
  const fences = [...readFileSync(path, 'utf8').matchAll(/^```\w*\n([\s\S]*?)^```/gm)].map(([, text]) => text ?? '');
  return fences.flatMap((text) => {
    const documents = [...text.matchAll(/<<-?\s*'?(\w+)'?\n([\s\S]*?)^\1$/gm)].map(([, , document]) => document ?? '');
    return documents.length > 0 ? documents : [text];
  });
}

function pages(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith('.md') && !entry.parentPath.includes('node_modules'))
    .map((entry) => join(entry.parentPath, entry.name));
}

function judge(object: ApiObject): readonly Defect[] {
  if (object.kind === 'LambdaContainerClass') return validateClass(object.spec).defects;
  if (object.kind === 'GitSource') return validateGitSource(object.spec).defects;
  return validateLambdaContainer(object.spec, undefined, object.namespace).defects;
}

function problemsOf(text: string, path: string): string[] {
  const { objects, defects } = parseManifests(text, path);
  return [...defects, ...objects.flatMap((object) => placed(object, judge(object)))].map(formatManifestDefect);
}

describe('what people copy is valid', () => {
  it('every manifest under examples/', () => {
    const paths = manifests(join(ROOT, 'examples'));
    expect(paths.length).toBeGreaterThan(3);
    expect(paths.flatMap((path) => problemsOf(readFileSync(path, 'utf8'), path))).toEqual([]);
  });

  it('every manifest and record in the documentation', () => {
    const paths = [...pages(join(ROOT, 'docs')), join(ROOT, 'README.md'), ...pages(join(ROOT, 'examples'))];
    const blocks = paths.flatMap((path) => codeBlocks(path).map((text) => ({ path, text })));
    const whole = blocks.filter(({ text }) => /^apiVersion: lambdacontainer\.dev/m.test(text));
    expect(whole.length).toBeGreaterThan(0);
    expect(whole.flatMap(({ path, text }) => problemsOf(text, path))).toEqual([]);
    const records = blocks.flatMap(({ path, text }) =>
      /^\{\s*"namespace"/.test(text) ? [{ path, item: record(text) }] : [],
    );
    expect(records.length).toBeGreaterThan(0);
    const wrong = records.flatMap(({ path, item }) => {
      const isConfirmation = isConfirmationKey({ namespace: String(item.namespace), name: String(item.name) });
      const { object, defects } = isConfirmation
        ? { object: undefined, ...confirmationFromRecord(item) }
        : objectFromRecord(item);
      return [...defects, ...(object ? judge(object) : [])].map((found) => `${path}: ${formatDefect(found)}`);
    });
    expect(wrong).toEqual([]);
  });
});

function record(text: string): Json {
  return JSON.parse(text) as Json;
}
