/**
 * How Lambda's operations name a function: name, partial or full ARN, with a qualifier in it or beside it. Pure.
 */
import { AwsError } from '../../contract.ts';

export interface Scope {
  readonly region: string;
  readonly accountId: string;
}

export interface FunctionName {
  readonly name: string;
  /** `$LATEST`, a version or an alias; undefined when none was asked for. */
  readonly qualifier: string | undefined;
}

export const LATEST = '$LATEST';

const FORM =
  /^(?:arn:(aws[a-z-]*):lambda:([a-z0-9-]+):(\d{12}):function:|(\d{12}):(?:function:)?|function:)?([a-zA-Z0-9-_]{1,64})(?::(\$LATEST|[a-zA-Z0-9-_]{1,128}))?$/;

/** @throws AwsError ValidationException, or InvalidParameterValueException for two different qualifiers */
export function parseFunctionName(text: string | undefined, qualifier: string | undefined, scope: Scope): FunctionName {
  const match = FORM.exec(text ?? '');
  if (!match?.[5]) {
    throw new AwsError(
      'ValidationException',
      `1 validation error detected: Value '${text ?? ''}' at 'functionName' failed to satisfy constraint: Member must satisfy regular expression pattern: (arn:(aws[a-zA-Z-]*)?:lambda:)?([a-z]{2}(-gov)?-[a-z]+-\\d{1}:)?(\\d{12}:)?(function:)?([a-zA-Z0-9-_]+)(:(\\$LATEST|[a-zA-Z0-9-_]+))?`,
    );
  }
  const own = match[6];
  if (own !== undefined && qualifier !== undefined && own !== qualifier) {
    throw invalidValue('The derived qualifier from the function name does not match the specified qualifier.');
  }
  const foreign =
    (match[2] ?? scope.region) !== scope.region || (match[3] ?? match[4] ?? scope.accountId) !== scope.accountId;
  // There is one account here: what belongs to another does not exist.
  if (foreign) throw notFound(text ?? '');
  return { name: match[5], qualifier: own ?? qualifier };
}

/** The function's ARN, with the qualifier that was asked for. */
export function functionArn({ name, qualifier }: FunctionName, { region, accountId }: Scope): string {
  return `arn:aws:lambda:${region}:${accountId}:function:${name}${qualifier === undefined ? '' : `:${qualifier}`}`;
}

/** `Function not found: …`, as Lambda says it. */
export function notFound(arn: string): AwsError {
  return new AwsError('ResourceNotFoundException', `Function not found: ${arn}`, 404, { Type: 'User' });
}

/** What else cannot be found. */
export function missing(message: string): AwsError {
  return new AwsError('ResourceNotFoundException', message, 404, { Type: 'User' });
}

export function invalidValue(message: string): AwsError {
  return new AwsError('InvalidParameterValueException', message, 400, { Type: 'User' });
}

export function conflict(message: string): AwsError {
  return new AwsError('ResourceConflictException', message, 409, { Type: 'User' });
}

/** @throws AwsError PreconditionFailedException when a caller's revision is not the latest */
export function requireRevision(asked: string | undefined, actual: string): void {
  if (asked === undefined || asked === actual) return;
  throw new AwsError(
    'PreconditionFailedException',
    'The Revision Id provided does not match the latest Revision Id. Call the GetFunction/GetAlias API to retrieve the latest Revision Id',
    412,
    { Type: 'User' },
  );
}

/** `2026-01-02T03:04:05.678+0000`. */
export function timestamp(ms: number): string {
  return new Date(ms).toISOString().replace('Z', '+0000');
}
