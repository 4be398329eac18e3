/**
 * The CloudFormation templates of `deploy/` as data: short forms (`!Sub`) read as what they stand for (`Fn::Sub`), and
 * walks over what refers to what and over the IAM statements in them. It fills in no values; moto does.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseDocument, type ScalarTag, YAMLMap, YAMLSeq } from 'yaml';

export const DEPLOY = join(import.meta.dirname, '../../deploy');

/** Types that CloudFormation cannot tag; compared with its schemas where cfn-lint is. */
export const UNTAGGABLE: readonly string[] = [
  'AWS::EC2::SecurityGroupIngress',
  'AWS::IAM::ManagedPolicy',
  'AWS::Logs::MetricFilter',
  'AWS::SQS::QueuePolicy',
];

export interface Parameter {
  readonly Type: string;
  readonly Description?: string;
  readonly Default?: string | number;
  readonly AllowedPattern?: string;
  readonly AllowedValues?: readonly (string | number)[];
  readonly ConstraintDescription?: string;
  readonly MinValue?: number;
  readonly MinLength?: number;
}

export interface Resource {
  readonly Type: string;
  readonly Condition?: string;
  readonly DeletionPolicy?: string;
  readonly UpdateReplacePolicy?: string;
  readonly Properties: Readonly<Record<string, unknown>>;
}

export interface Template {
  readonly file: string;
  readonly text: string;
  readonly Description: string;
  readonly Metadata?: unknown;
  readonly Parameters: Readonly<Record<string, Parameter>>;
  readonly Rules?: unknown;
  readonly Conditions?: Readonly<Record<string, unknown>>;
  readonly Resources: Readonly<Record<string, Resource>>;
  readonly Outputs: Readonly<
    Record<string, { readonly Description?: string; readonly Condition?: string; readonly Value: unknown }>
  >;
}

export interface Statement {
  readonly Sid?: string;
  readonly Effect: string;
  readonly Action: string | readonly string[];
  readonly Resource?: unknown;
  readonly Principal?: unknown;
  readonly Condition?: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
}

const FUNCTIONS = ['Sub', 'If', 'Equals', 'Not', 'And', 'Or', 'Join', 'Split', 'Select'];

/** `!Ref X` → `{Ref: X}`, `!GetAtt A.B` → `{'Fn::GetAtt': ['A', 'B']}`, `!Sub …` → `{'Fn::Sub': …}`. */
const TAGS: ScalarTag[] = [
  { tag: '!Ref', resolve: (text: string) => ({ Ref: text }) },
  {
    tag: '!GetAtt',
    resolve: (text: string) => ({ 'Fn::GetAtt': [text.split('.')[0], text.split('.').slice(1).join('.')] }),
  },
  { tag: '!Sub', resolve: (text: string) => ({ 'Fn::Sub': text }) },
];
const COLLECTIONS = FUNCTIONS.map((name) => ({
  tag: `!${name}`,
  collection: 'seq' as const,
  nodeClass: YAMLSeq,
  resolve(seq: YAMLSeq | YAMLMap) {
    const map = new YAMLMap();
    map.set(`Fn::${name}`, seq);
    return map;
  },
}));

/** @throws Error when the file is not a template that CloudFormation could read */
export function readTemplate(file: string): Template {
  const text = readFileSync(join(DEPLOY, file), 'utf8');
  const document = parseDocument(text, { customTags: [...TAGS, ...COLLECTIONS] });
  const [problem] = [...document.errors, ...document.warnings];
  if (problem) throw new Error(`${file}: ${problem.message}`);
  return { file, text, ...(document.toJS() as Omit<Template, 'file' | 'text'>) };
}

export const TEMPLATES: readonly Template[] = readdirSync(DEPLOY)
  .filter((file) => file.endsWith('.yaml'))
  .sort()
  .map(readTemplate);

export function template(file: string): Template {
  const found = TEMPLATES.find((one) => one.file === file);
  if (!found) throw new Error(`deploy/${file} is not there`);
  return found;
}

export interface Reference {
  readonly name: string;
  readonly attribute?: string | undefined;
  readonly how: 'Ref' | 'GetAtt' | 'Condition';
}

/** Everything that a value refers to. Names that a `Sub` brings itself are its own. */
export function references(value: unknown): Reference[] {
  if (Array.isArray(value)) return value.flatMap(references);
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([key, inner]): Reference[] => {
    if (key === 'Ref') return [{ name: String(inner), how: 'Ref' }];
    if (key === 'Fn::GetAtt') {
      const [name, attribute] = inner as [string, string];
      return [{ name, attribute, how: 'GetAtt' }];
    }
    if (key === 'Fn::If') {
      const [name, ...branches] = inner as [string, ...unknown[]];
      return [{ name, how: 'Condition' }, ...references(branches)];
    }
    if (key === 'Fn::Sub') {
      const [text, own] = Array.isArray(inner) ? (inner as [string, Record<string, unknown>]) : [String(inner), {}];
      return [
        ...namesOf(text)
          .filter((name) => !(name in own))
          .map(reference),
        ...references(Object.values(own)),
      ];
    }
    return references(inner);
  });
}

function namesOf(text: string): string[] {
  return [...text.matchAll(/\$\{(?!!)([^}]+)\}/g)].map(([, name = '']) => name);
}

function reference(name: string): Reference {
  const [resource = '', ...rest] = name.split('.');
  return rest.length === 0 ? { name, how: 'Ref' } : { name: resource, attribute: rest.join('.'), how: 'GetAtt' };
}

export interface PlacedStatement {
  readonly where: string;
  readonly statement: Statement;
}

/** Every statement of every policy that grants something; trust policies are `trustsOf`. What denies gives nothing away. */
export function grantsOf({ file, Resources }: Template): PlacedStatement[] {
  return Object.entries(Resources).flatMap(([id, { Properties }]) => {
    const documents = [
      Properties.PolicyDocument,
      ...((Properties.Policies ?? []) as { PolicyDocument: unknown }[]).map(({ PolicyDocument }) => PolicyDocument),
    ];
    return documents.flatMap((document) => placed(`${file} ${id}`, document));
  });
}

export function trustsOf({ file, Resources }: Template): PlacedStatement[] {
  return Object.entries(Resources).flatMap(([id, { Properties }]) =>
    placed(`${file} ${id}`, Properties.AssumeRolePolicyDocument),
  );
}

function placed(where: string, document: unknown): PlacedStatement[] {
  const statements = (document as { Statement?: Statement[] } | undefined)?.Statement ?? [];
  return statements
    .filter(({ Effect }) => Effect !== 'Deny')
    .map((statement) => ({ where: `${where} ${statement.Sid ?? ''}`.trim(), statement }));
}

export function list<T>(oneOrMany: T | readonly T[] | undefined): readonly T[] {
  if (oneOrMany === undefined) return [];
  return Array.isArray(oneOrMany) ? (oneOrMany as readonly T[]) : [oneOrMany as T];
}
