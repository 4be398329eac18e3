/**
 * Generates the CRDs and the API reference from the schemas: `npx tsx scripts/generate-api.ts`. The results are checked
 * in; a test calls `generatedFiles` and fails when they are stale.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { stringify } from 'yaml';
import type * as z from 'zod';
import { ANNOTATION_NOTES } from '../src/api/annotations.ts';
import { confirmationRecord } from '../src/api/confirmation.ts';
import { classSpecSchema } from '../src/api/schema/class.ts';
import { containerSpecSchema } from '../src/api/schema/container.ts';
import { gitSourceSpecSchema } from '../src/api/schema/git-source.ts';
import { classStatusSchema, containerStatusSchema, sourceStatusSchema } from '../src/api/schema/status.ts';
import { unsupportedFields } from '../src/api/unsupported.ts';
import { defaultOf, type JsonSchema, jsonSchema, requiredOf, structural } from './structural-schema.ts';

const ROOT = join(dirname(fileURLToPath(import.meta.url)), '..');
const GROUP = 'lambdacontainer.dev';
const VERSION = 'v1alpha1';
const CATEGORY = 'lambdacontainer-dev';

export interface GeneratedFile {
  /** Relative to the repository. */
  readonly path: string;
  readonly text: string;
}

interface Column {
  name: string;
  type: 'string' | 'integer' | 'date';
  jsonPath: string;
  /** 0 is shown always, 1 with `-o wide`. */
  priority?: number;
  description?: string;
}

interface KindPage {
  readonly kind: string;
  readonly plural: string;
  readonly shortNames: readonly string[];
  readonly scope: 'Namespaced' | 'Cluster';
  readonly spec: z.ZodType;
  readonly status: z.ZodType;
  readonly columns: readonly Column[];
  readonly intro: string;
}

const EXAMPLE_OBJECT = { namespace: 'shop', name: 'checkout', uid: '0b7c6f3a-5d1e-4c2b-9a8f-3e2d1c0b9a87' };

const READY: Column = { name: 'Ready', type: 'string', jsonPath: '.status.conditions[?(@.type=="Ready")].status' };
const AGE: Column = { name: 'Age', type: 'date', jsonPath: '.metadata.creationTimestamp' };

const PAGES: readonly KindPage[] = [
  {
    kind: 'LambdaContainer',
    plural: 'lambdacontainers',
    shortNames: ['lc'],
    scope: 'Namespaced',
    spec: containerSpecSchema,
    status: containerStatusSchema,
    columns: [
      { name: 'Phase', type: 'string', jsonPath: '.status.phase' },
      READY,
      {
        name: 'Lambda',
        type: 'integer',
        jsonPath: '.status.placement.serving.lambda',
        description: 'Percent served by Lambda',
      },
      {
        name: 'Fargate',
        type: 'integer',
        jsonPath: '.status.placement.serving.fargate',
        description: 'Percent served by Fargate',
      },
      { name: 'URL', type: 'string', jsonPath: '.status.url' },
      { name: 'Revision', type: 'integer', jsonPath: '.status.revision.current', priority: 1 },
      { name: 'Reason', type: 'string', jsonPath: '.status.conditions[?(@.type=="Ready")].reason', priority: 1 },
      AGE,
    ],
    intro: 'One function that is served as a container. Its record has the key (`namespace`, `name`).',
  },
  {
    kind: 'LambdaContainerClass',
    plural: 'lambdacontainerclasses',
    shortNames: ['lcc'],
    scope: 'Cluster',
    spec: classSpecSchema,
    status: classStatusSchema,
    columns: [
      { name: 'Cluster', type: 'string', jsonPath: '.spec.cluster' },
      { name: 'Region', type: 'string', jsonPath: '.spec.region' },
      AGE,
    ],
    intro:
      'What the platform team decides once: cluster, network, listeners, roles, build settings, defaults and caps. Its record has the key (`_system`, `class/<name>`), which policies for users never include.',
  },
  {
    kind: 'GitSource',
    plural: 'gitsources',
    shortNames: ['lcgit'],
    scope: 'Cluster',
    spec: gitSourceSpecSchema,
    status: sourceStatusSchema,
    columns: [
      { name: 'URL', type: 'string', jsonPath: '.spec.url' },
      READY,
      { name: 'Commit', type: 'string', jsonPath: '.status.lastAppliedCommit' },
      AGE,
    ],
    intro: 'A Git repository whose manifests are applied. Its record has the key (`_system`, `source/<name>`).',
  },
];

export function generatedFiles(): GeneratedFile[] {
  return [
    ...PAGES.map((page) => ({ path: `crds/${page.plural}.yaml`, text: crdText(page) })),
    { path: 'docs/api.md', text: reference() },
  ];
}

// -------------------------------------------------------------------------------------------------------------- CRDs

/** Kubernetes allows more; names of ours become host names and names in AWS. */
const NAME_RULE = {
  rule: "self.metadata.name.matches('^[a-z0-9]([a-z0-9-]*[a-z0-9])?$') && self.metadata.name.size() <= 63",
  message: 'metadata.name: use lower-case letters, digits and hyphens, at most 63',
};

function crdText(page: KindPage): string {
  const spec = structural(jsonSchema(page.spec));
  const status = structural(jsonSchema(page.status));
  const crd = {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: `${page.plural}.${GROUP}` },
    spec: {
      group: GROUP,
      names: {
        kind: page.kind,
        listKind: `${page.kind}List`,
        plural: page.plural,
        singular: page.kind.toLowerCase(),
        shortNames: page.shortNames,
        // Not `lambdacontainer`: kubectl would take the name of the kind for the category.
        categories: page.scope === 'Namespaced' ? ['all', CATEGORY] : [CATEGORY],
      },
      scope: page.scope,
      versions: [
        {
          name: VERSION,
          served: true,
          storage: true,
          subresources: { status: {} },
          additionalPrinterColumns: page.columns,
          schema: {
            openAPIV3Schema: {
              description: page.intro,
              type: 'object',
              required: ['spec'],
              'x-kubernetes-validations': [NAME_RULE],
              properties: {
                apiVersion: { type: 'string', description: `${GROUP}/${VERSION}` },
                kind: { type: 'string', description: page.kind },
                metadata: { type: 'object' },
                spec,
                status,
              },
            },
          },
        },
      ],
    },
  };
  return `# Generated by scripts/generate-api.ts from src/api/schema; do not edit.\n${stringify(crd, { lineWidth: 120, aliasDuplicateObjects: false })}`;
}

// --------------------------------------------------------------------------------------------------------- reference

function reference(): string {
  return `${[
    '# API reference',
    '<!-- Generated by scripts/generate-api.ts from src/api/schema; do not edit. -->',
    `Group and version: \`${GROUP}/${VERSION}\`.`,
    [
      'The same documents are accepted as YAML or JSON manifests (`lambdacontainer apply -f`) and as records of the desired',
      'table. The least that a record needs is `{namespace, name, spec}`; `kind` follows from the key. Names and namespaces',
      'are lower-case letters, digits and hyphens, at most 63 characters. Unknown fields are refused. Durations are',
      'written `90s`, `10m`, `2h`; percentages `20%`.',
    ].join('\n'),
    [
      'Defaults come from the class that the object names, then from the product. An object whose spec is not valid is left',
      'as it runs, with `Ready=False, Stalled=True, reason=InvalidSpec` and one line for each defect.',
    ].join('\n'),
    ...MANIFEST_SECTIONS,
    ...PAGES.flatMap(kindSections),
    ...ANNOTATION_SECTIONS,
    ...CONFIRMATION_SECTIONS,
    '## Not available in this version',
    'The schema knows these; a spec that asks for them is refused with a message that says what to use instead.',
    unavailable(),
  ].join('\n\n')}\n`;
}

const MANIFEST_SECTIONS = [
  '## Manifests and records',
  [
    '- Every defect of a document is told in one answer, each with its path, the value, the reason and the remedy; of YAML',
    '  with line and column. With more than a hundred, the last line says how many more there are.',
    '- YAML is read as version 1.2, one or several documents, or as JSON. `yes`, `no`, `on` and `off` are text there. Keys that',
    '  stand twice, numbers with a leading zero, unknown tags and tabs for indentation are refused. Anchors, aliases and',
    '  merge keys work.',
    '- Nothing is guessed: a number where text is meant is refused with the text to write, and the other way round. Records',
    '  may hold text, numbers, booleans, null, lists and maps; sets and binary are refused.',
    '- A spec holds at most 400 KB and 40 levels. Labels are those of Kubernetes: names with an optional prefix, values of at',
    '  most 63 characters; at most 64 labels and 64 annotations.',
    '- The same documents are custom resources: see [Kubernetes](compatibility-kubernetes.md).',
  ].join('\n'),
];

const ANNOTATION_SECTIONS = [
  '## Annotations',
  'Annotations under `lambdacontainer.dev/` ask for what is not desired state. One that is not in this table is refused.',
  [
    '| annotation | value | meaning |',
    '| --- | --- | --- |',
    ...ANNOTATION_NOTES.map(({ annotation, value, meaning }) => `| \`${annotation}\` | ${value} | ${meaning} |`),
  ].join('\n'),
];

const CONFIRMATION_SECTIONS = [
  '## Confirmation of held deletions',
  [
    'A deletion that is held (`DeletionHeld`) goes on when a record in the reserved partition names the object by its',
    '`uid`; `lambdacontainer delete --confirm` writes it. It is a record and no object: it has no kind and no definition.',
  ].join('\n'),
  ['```json', JSON.stringify(confirmationRecord('friday', [EXAMPLE_OBJECT]), undefined, 2), '```'].join('\n'),
  'It covers exactly the objects that it names, whatever holds them, and never a later one of the same name.',
];

function kindSections(page: KindPage): string[] {
  const short = page.shortNames.map((name) => `\`${name}\``).join(', ');
  const sections = [
    `## ${page.kind}`,
    `${page.intro} Short name: ${short}.`,
    '### Spec',
    fieldTable(jsonSchema(page.spec)),
  ];
  sections.push('### Status', fieldTable(jsonSchema(page.status)));
  return sections;
}

interface FieldRow {
  readonly path: string;
  readonly node: JsonSchema;
  readonly required: boolean;
}

function fieldTable(schema: JsonSchema): string {
  const lines = fieldRows(schema, '').map(({ path, node, required }) => {
    const fallback = required ? '**required**' : (defaultOf(node) ?? '');
    const code = fallback !== '' && node.defaultText === undefined && !required ? `\`${fallback}\`` : fallback;
    const notes = [node.description, node.unit && `Unit: ${node.unit}.`, node.limits && `Limits: ${node.limits}.`];
    return `| \`${path}\` | ${cell(typeOf(node))} | ${cell(code)} | ${cell(notes.filter(Boolean).join(' '))} |`;
  });
  return ['| field | type | default | meaning |', '| --- | --- | --- | --- |', ...lines].join('\n');
}

function fieldRows(schema: JsonSchema, prefix: string): FieldRow[] {
  const required = requiredOf(schema);
  return Object.entries(schema.properties ?? {}).flatMap(([name, node]) => {
    const path = prefix === '' ? name : `${prefix}.${name}`;
    const below = node.items?.properties
      ? fieldRows(node.items, `${path}[]`)
      : isObjectMap(node.additionalProperties)
        ? fieldRows(node.additionalProperties, `${path}.<name>`)
        : fieldRows(node, path);
    return [{ path, node, required: required.includes(name) }, ...below];
  });
}

function isObjectMap(members: JsonSchema | false | undefined): members is JsonSchema {
  return members !== undefined && members !== false && members.properties !== undefined;
}

function typeOf(node: JsonSchema): string {
  const orNull = node.nullable ? ' or null' : '';
  if (node.enum) return `${node.enum.map((value) => `\`${String(value)}\``).join(', ')}${orNull}`;
  if (node.type === 'array') return `list of ${node.items ? typeOf(node.items) : 'anything'}`;
  if (node.additionalProperties) return `map of ${typeOf(node.additionalProperties)}`;
  if (node.type === undefined) return 'anything';
  const bounds =
    node.minimum !== undefined && node.maximum !== undefined && node.maximum < Number.MAX_SAFE_INTEGER
      ? `, ${node.minimum} to ${node.maximum}`
      : '';
  const names: Record<string, string> = { string: 'text', integer: 'whole number', boolean: 'true or false' };
  return `${names[node.type] ?? node.type}${bounds}${orNull}`;
}

function cell(text: string): string {
  return text.replaceAll('|', '\\|').replaceAll('\n', ' ');
}

function unavailable(): string {
  const rows = unsupportedFields().map(
    ({ path, works, instead }) =>
      `| \`spec.${path}\` | ${works ? `other than ${works.map((value) => `\`${String(value)}\``).join(', ')}` : 'any value'} | ${instead} |`,
  );
  return ['| field | refused | instead |', '| --- | --- | --- |', ...rows].join('\n');
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  for (const { path, text } of generatedFiles()) {
    mkdirSync(dirname(join(ROOT, path)), { recursive: true });
    writeFileSync(join(ROOT, path), text);
    process.stdout.write(`${path}\n`);
  }
}
