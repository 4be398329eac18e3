/**
 * A CloudFormation template of `deploy/` as `bootstrap` needs it: its text to the letter, and the parameters that it
 * takes. Values are judged here by what the template itself demands, so that a wrong one is refused before the first
 * stack is touched; CloudFormation judges again. Nothing here calls AWS.
 */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parse } from 'yaml';

export interface TemplateParameter {
  readonly Type: string;
  readonly Default?: string | number;
  readonly AllowedPattern?: string;
  readonly AllowedValues?: readonly (string | number)[];
  readonly ConstraintDescription?: string;
  readonly MinValue?: number;
  readonly MaxValue?: number;
  readonly MinLength?: number;
  readonly MaxLength?: number;
}

export interface TemplateFile {
  readonly file: string;
  readonly text: string;
  readonly parameters: Readonly<Record<string, TemplateParameter>>;
}

/** @throws Error when the installation is incomplete */
export function readTemplateFile(file: string): TemplateFile {
  const text = readFileSync(join(packageFolder(), 'deploy', file), 'utf8');
  // Tags such as !Ref stand below Resources, which nobody reads here.
  const { Parameters } = parse(text, { logLevel: 'silent' }) as { Parameters?: Record<string, TemplateParameter> };
  return { file, text, parameters: Parameters ?? {} };
}

/** The package's own folder: it holds `deploy/` beside the sources, and beside the bundle and its chunks. */
export function packageFolder(): string {
  const candidates = ['../../..', '..', '../..'].map((path) => fileURLToPath(new URL(path, import.meta.url)));
  const found = candidates.find((path) => existsSync(join(path, 'deploy', 'controller.yaml')));
  if (!found) throw new Error(`the templates are missing; looked for deploy/ in ${candidates.join(', ')}`);
  return found;
}

/** What is wrong with a value; undefined: nothing that can be known without AWS. */
export function valueDefect(parameter: TemplateParameter, value: string): string | undefined {
  const { Type, AllowedValues, AllowedPattern, ConstraintDescription, MinValue, MaxValue, MinLength, MaxLength } =
    parameter;
  if (AllowedValues && !AllowedValues.map(String).includes(value)) return `use one of ${AllowedValues.join(', ')}`;
  if (Type === 'Number') {
    const number = value.trim() === '' ? Number.NaN : Number(value);
    if (!(number >= (MinValue ?? -Infinity) && number <= (MaxValue ?? Infinity))) {
      return `use a number${bounds(MinValue, MaxValue)}`;
    }
    return undefined;
  }
  if (value.length < (MinLength ?? 0) || value.length > (MaxLength ?? Infinity)) {
    return `use a text${bounds(MinLength, MaxLength)} characters long`;
  }
  const members = Type === 'CommaDelimitedList' ? value.split(',').map((member) => member.trim()) : [value];
  if (AllowedPattern !== undefined) {
    const pattern = new RegExp(`^(?:${AllowedPattern})$`);
    if (!members.every((member) => pattern.test(member)))
      return ConstraintDescription ?? `it has to match ${AllowedPattern}`;
  }
  const id = OF_AWS[Type];
  if (id && !value.split(',').every((member) => id.pattern.test(member.trim()))) return id.remedy;
  return undefined;
}

/** Types whose values CloudFormation looks up in the account. */
const OF_AWS: Readonly<Record<string, { readonly pattern: RegExp; readonly remedy: string }>> = {
  'AWS::EC2::VPC::Id': { pattern: /^vpc-[0-9a-f]+$/, remedy: 'use the id of a VPC, such as vpc-0abc12345' },
  'List<AWS::EC2::Subnet::Id>': {
    pattern: /^subnet-[0-9a-f]+$/,
    remedy: 'use ids of subnets with commas between them, such as subnet-0abc12345,subnet-0def67890',
  },
};

function bounds(least: number | undefined, most: number | undefined): string {
  if (least === undefined && most === undefined) return '';
  return least === undefined ? ` up to ${most}` : most === undefined ? ` from ${least}` : ` from ${least} to ${most}`;
}
