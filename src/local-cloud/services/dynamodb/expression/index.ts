/** The door of the expression language: one `Expressions` per request, which shares `#names` and `:values`. */
import type { AttributeValue } from '@aws-sdk/client-dynamodb';
import { invalid } from '../attribute-value.ts';
import { type ParsedCondition, parseCondition } from './condition.ts';
import { type Path, parseProjection } from './path.ts';
import { References } from './references.ts';
import { type ExpressionKind, TokenReader } from './tokens.ts';
import { parseUpdate, type Update } from './update.ts';

export { holds, type ParsedCondition } from './condition.ts';
export { type KeyCondition, narrowKeyCondition, type SortCondition } from './key-condition.ts';
export { type Path, project } from './path.ts';
export { applyUpdate, type Update } from './update.ts';

export interface ExpressionInput {
  readonly ConditionExpression?: string | undefined;
  readonly FilterExpression?: string | undefined;
  readonly KeyConditionExpression?: string | undefined;
  readonly ProjectionExpression?: string | undefined;
  readonly UpdateExpression?: string | undefined;
  readonly ExpressionAttributeNames?: Record<string, string> | undefined;
  readonly ExpressionAttributeValues?: Record<string, AttributeValue> | undefined;
}

export interface Expressions {
  readonly condition?: ParsedCondition;
  readonly filter?: ParsedCondition;
  readonly keyCondition?: ParsedCondition;
  readonly projection?: readonly Path[];
  readonly update?: Update;
}

/**
 * Every expression of a request, parsed and checked; `kinds` are those that its operation has.
 * @throws AwsError ValidationException
 */
export function parseExpressions(input: ExpressionInput, kinds: readonly ExpressionKind[]): Expressions {
  const present = kinds.filter((kind) => input[kind] !== undefined);
  if (input.ExpressionAttributeNames && present.length === 0) {
    throw invalid('ExpressionAttributeNames can only be specified when using expressions');
  }
  const withValues = kinds.filter((kind) => kind !== 'ProjectionExpression');
  if (input.ExpressionAttributeValues && !withValues.some((kind) => input[kind] !== undefined)) {
    throw invalid(
      `ExpressionAttributeValues can only be specified when using expressions: ${withValues.join(' and ')} ` +
        `${withValues.length > 1 ? 'are' : 'is'} null`,
    );
  }
  const references = new References(input.ExpressionAttributeNames, input.ExpressionAttributeValues);
  const parse = <T>(kind: ExpressionKind, parser: (tokens: TokenReader, references: References) => T) => {
    const text = kinds.includes(kind) ? input[kind] : undefined;
    return text === undefined ? undefined : parser(new TokenReader(kind, text), references);
  };
  const update = parse('UpdateExpression', parseUpdate);
  const condition = parse('ConditionExpression', parseCondition);
  const keyCondition = parse('KeyConditionExpression', parseCondition);
  const filter = parse('FilterExpression', parseCondition);
  const projection = parse('ProjectionExpression', parseProjection);
  references.refuseUnused();
  return {
    ...(update ? { update } : {}),
    ...(condition ? { condition } : {}),
    ...(keyCondition ? { keyCondition } : {}),
    ...(filter ? { filter } : {}),
    ...(projection ? { projection } : {}),
  };
}
