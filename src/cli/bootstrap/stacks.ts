/**
 * The stacks of a deployment: which template each is made from, what it is called, and where its parameters come from:
 * what a person gives, what earlier steps made, what the stack had before, the template's defaults, in this order.
 * A parameter has one meaning in all templates, so that it is given once. Nothing here calls AWS.
 */
import type { Parameter } from '@aws-sdk/client-cloudformation';
import { UserError } from '../../core/index.ts';
import { readTemplateFile, type TemplateFile, valueDefect } from './template-file.ts';

export const STACK_IDS = ['images', 'controller', 'monitoring', 'class'] as const;
export type StackId = (typeof STACK_IDS)[number];

export interface StackPlan {
  readonly id: StackId;
  readonly stackName: string;
  readonly template: TemplateFile;
}

/** Parameters that are not asked for: outputs of an earlier stack, or digests of images that are pushed. */
export const DERIVED: Readonly<Record<StackId, readonly string[]>> = {
  images: [],
  controller: ['ImageDigest', 'ImageRepository'],
  monitoring: [
    'DesiredTableName',
    'StateTableName',
    'DaemonCluster',
    'DaemonService',
    'LogGroupName',
    'EventQueueName',
    'DeadLetterQueueName',
  ],
  class: ['AdapterDigest', 'BuilderDigest', 'ImagesPrefix'],
};

/** All stacks of a deployment called `name`, in the order in which they are made. */
export function stacksOf(name: string, withClass: boolean): readonly StackPlan[] {
  return STACK_IDS.filter((id) => id !== 'class' || withClass).map((id) => ({
    id,
    stackName: id === 'controller' ? name : `${name}-${id}`,
    template: readTemplateFile(`${id}.yaml`),
  }));
}

/** `NAME=VALUE`, each name once. @throws UserError naming the word that is something else */
export function readParameters(words: readonly string[]): ReadonlyMap<string, string> {
  const given = new Map<string, string>();
  for (const word of words) {
    const equals = word.indexOf('=');
    if (equals < 1)
      throw new UserError(`--parameter '${word}': write it as NAME=VALUE, such as VpcId=vpc-0abc12345`, 2);
    const name = word.slice(0, equals);
    if (given.has(name)) throw new UserError(`--parameter ${name}: it is given twice; give it once`, 2);
    given.set(name, word.slice(equals + 1));
  }
  return given;
}

/** @throws UserError naming every parameter that no stack knows, and every value that its template refuses */
export function judgeParameters(given: ReadonlyMap<string, string>, stacks: readonly StackPlan[]): void {
  const defects = [...given].flatMap(([name, value]): string[] => {
    const takers = stacks.filter(({ template }) => name in template.parameters);
    if (takers.length === 0) return [`${name}: no stack has such a parameter; see lambdacontainer bootstrap --print`];
    if (takers.every(({ id }) => DERIVED[id].includes(name))) {
      return [`${name}: it is not given but follows from what is made before`];
    }
    const found = takers.map(({ template }) => valueDefect(template.parameters[name] ?? { Type: 'String' }, value));
    return [...new Set(found)].flatMap((defect) => (defect === undefined ? [] : [`${name} '${value}': ${defect}`]));
  });
  if (defects.length > 0)
    throw new UserError(`nothing was changed: ${defects.map((one) => `--parameter ${one}`).join('; ')}`, 2);
}

/**
 * What a stack is sent. `before`: names of the parameters that it has now, whose values are kept.
 * @throws UserError naming the parameters that nobody gives
 */
export function parametersOf(
  { template, stackName }: StackPlan,
  given: ReadonlyMap<string, string>,
  derived: Readonly<Record<string, string>>,
  before: ReadonlySet<string>,
): Parameter[] {
  const missing: string[] = [];
  const parameters = Object.entries(template.parameters).flatMap(([ParameterKey, { Default }]): Parameter[] => {
    const value = derived[ParameterKey] ?? given.get(ParameterKey);
    if (value !== undefined) return [{ ParameterKey, ParameterValue: value }];
    if (before.has(ParameterKey)) return [{ ParameterKey, UsePreviousValue: true }];
    if (Default === undefined) missing.push(ParameterKey);
    return [];
  });
  if (missing.length > 0) {
    throw new UserError(
      `nothing was changed: stack ${stackName} needs ${missing.map((name) => `--parameter ${name}=…`).join(' ')} (${template.file})`,
      2,
    );
  }
  return parameters;
}
