/**
 * Generates the CRDs and the API reference from the schemas: `npx tsx scripts/generate-api.ts`. The results are checked
 * in; a test calls `generatedFiles` and fails when they are stale.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { stringify } from 'yaml';
import * as z from 'zod';
import { classSpecSchema } from '../src/api/schema/class.ts';
import { containerSpecSchema } from '../src/api/schema/container.ts';
import type { FieldNotes } from '../src/api/schema/fields.ts';
import { gitSourceSpecSchema } from '../src/api/schema/git-source.ts';
import { conditionSchema, containerStatusSchema } from '../src/api/schema/status.ts';
import { UNSUPPORTED_KINDS, unsupportedFields } from '../src/api/unsupported.ts';

const ROOT = join(dirname(fileURLToPath(import.meta.url)), '..');
const GROUP = 'lambdacontainer.dev';
const VERSION = 'v1alpha1';

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

const READY: Column = { name: 'Ready', type: 'string', jsonPath: '.status.conditions[?(@.type=="Ready")].status' };
const AGE: Column = { name: 'Age', type: 'date', jsonPath: '.metadata.creationTimestamp' };

const conditionsOnly = z
  .object({ conditions: z.array(conditionSchema).meta({ description: 'What holds and what does not.' }) })
  .meta({ description: 'What the controller knows; it alone writes it.' });

const gitStatus = z
  .object({
    lastAttemptedCommit: z.string().meta({ description: 'Commit that was tried last.' }).optional(),
    lastAppliedCommit: z.string().meta({ description: 'Commit that is applied.' }).optional(),
    conditions: z.array(conditionSchema).meta({ description: 'What holds and what does not.' }),
  })
  .meta({ description: 'What the controller knows; it alone writes it.' });

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
    status: conditionsOnly,
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
    status: gitStatus,
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

// ------------------------------------------------------------------------------------------------------------ schema

type JsonSchema = Partial<FieldNotes> & {
  type?: string;
  properties?: Record<string, JsonSchema>;
  required?: string[];
  additionalProperties?: JsonSchema | false;
  items?: JsonSchema;
  enum?: unknown[];
  nullable?: boolean;
  default?: unknown;
  readOnly?: boolean;
  minimum?: number;
  maximum?: number;
  [key: string]: unknown;
};

function jsonSchema(schema: z.ZodType): JsonSchema {
  return z.toJSONSchema(schema, { target: 'openapi-3.0', io: 'input', unrepresentable: 'any' }) as JsonSchema;
}

/** A structural schema (Kubernetes): one type for each node, no `additionalProperties` beside `properties`. */
function structural(node: JsonSchema): JsonSchema {
  const { cel, additionalProperties, description: _, ...rest } = node;
  const description = sentence(node);
  const out: JsonSchema = description === '' ? rest : { description, ...rest };
  for (const note of ['unit', 'limits', 'defaultText', 'mandatory', 'default', 'readOnly']) delete out[note];
  // Defaults are not written into the CRD: the API server would store them, and then the class's could never win.
  if (node.properties) {
    out.properties = mapValues(node.properties, structural);
    const required = requiredOf(node);
    if (required.length > 0) out.required = required;
    else delete out.required;
  } else delete out.required;
  if (node.items) out.items = structural(node.items);
  if (additionalProperties && Object.keys(additionalProperties).length > 0) {
    out.additionalProperties = structural(additionalProperties);
  } else if (additionalProperties !== undefined && !node.properties) out['x-kubernetes-preserve-unknown-fields'] = true;
  if (out.type === undefined) out['x-kubernetes-preserve-unknown-fields'] = true;
  if (out.type === 'number' && out.enum?.every(Number.isInteger)) out.type = 'integer';
  // `nullable` and `enum` exclude each other there: null would have to be in the list.
  if (out.nullable) delete out.enum;
  if (cel) out['x-kubernetes-validations'] = cel.map(({ rule, message }) => ({ rule, message }));
  return out;
}

function requiredOf(node: JsonSchema): string[] {
  const marked = Object.entries(node.properties ?? {})
    .filter(([, member]) => member.mandatory === true)
    .map(([name]) => name);
  return [...new Set([...(node.required ?? []), ...marked])];
}

function sentence(node: JsonSchema): string {
  const parts = [node.description ?? ''];
  if (node.unit) parts.push(`Unit: ${node.unit}.`);
  const fallback = defaultOf(node);
  if (fallback) parts.push(`Default: ${fallback}.`);
  if (node.limits) parts.push(`Limits: ${node.limits}.`);
  return parts.filter((part) => part !== '').join(' ');
}

function defaultOf(node: JsonSchema): string | undefined {
  if (node.defaultText) return node.defaultText;
  if (node.default === undefined || node.properties) return undefined;
  return typeof node.default === 'string' ? node.default : JSON.stringify(node.default);
}

function mapValues(
  record: Record<string, JsonSchema>,
  change: (value: JsonSchema) => JsonSchema,
): Record<string, JsonSchema> {
  return Object.fromEntries(Object.entries(record).map(([key, value]) => [key, change(value)]));
}

// -------------------------------------------------------------------------------------------------------------- CRDs

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
        categories: ['all', 'lambdacontainer'],
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
    ...PAGES.flatMap(kindSections),
    '## Not available in this version',
    'The schema knows these; a spec that asks for them is refused with a message that says what to use instead.',
    unavailable(),
  ].join('\n\n')}\n`;
}

function kindSections(page: KindPage): string[] {
  const short = page.shortNames.map((name) => `\`${name}\``).join(', ');
  const sections = [
    `## ${page.kind}`,
    `${page.intro} Short name: ${short}.`,
    '### Spec',
    fieldTable(jsonSchema(page.spec)),
  ];
  if (page.kind === 'LambdaContainer') sections.push('### Status', fieldTable(jsonSchema(page.status)));
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
  const kinds = Object.entries(UNSUPPORTED_KINDS).map(([kind, phrase]) => `| kind \`${kind}\` | | ${phrase} |`);
  return ['| field | refused | instead |', '| --- | --- | --- |', ...rows, ...kinds].join('\n');
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  for (const { path, text } of generatedFiles()) {
    mkdirSync(dirname(join(ROOT, path)), { recursive: true });
    writeFileSync(join(ROOT, path), text);
    process.stdout.write(`${path}\n`);
  }
}
