/**
 * How services refuse: the code, status and words of a denial, of an unknown key and of an expired session, by protocol.
 * https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot_access-denied.html
 */
import { AwsError, type ServiceId } from '../contract.ts';
import type { Question } from './evaluate.ts';

interface Form {
  readonly denied: readonly [code: string, status: number];
  readonly unknown: readonly [code: string, status: number];
  readonly expired: readonly [code: string, status: number];
}

const JSON_FORM: Form = {
  denied: ['AccessDeniedException', 400],
  unknown: ['UnrecognizedClientException', 400],
  expired: ['ExpiredTokenException', 400],
};
const REST_FORM: Form = {
  denied: ['AccessDeniedException', 403],
  unknown: ['UnrecognizedClientException', 403],
  expired: ['ExpiredTokenException', 403],
};
const QUERY_FORM: Form = {
  denied: ['AccessDenied', 403],
  unknown: ['InvalidClientTokenId', 403],
  expired: ['ExpiredToken', 403],
};
/** What is not here speaks JSON. */
const FORMS: Readonly<Partial<Record<string, Form>>> = {
  lambda: REST_FORM,
  elbv2: QUERY_FORM,
  iam: QUERY_FORM,
  sts: QUERY_FORM,
  s3: { ...QUERY_FORM, unknown: ['InvalidAccessKeyId', 403], expired: ['ExpiredToken', 400] },
  // It speaks JSON now, with the codes of the form protocol that it spoke before.
  sqs: QUERY_FORM,
};

function formOf(service: ServiceId): Form {
  return FORMS[service] ?? JSON_FORM;
}

/** The words are the same everywhere; a tool may look for them. */
export function denial(
  service: ServiceId,
  arn: string,
  { action, resource }: Pick<Question, 'action' | 'resource'>,
  why: 'nothing allows' | 'an identity denies' | 'a resource denies',
): AwsError {
  const [code, status] = formOf(service).denied;
  const reason = {
    'nothing allows': `because no identity-based policy allows the ${action} action`,
    'an identity denies': 'with an explicit deny in an identity-based policy',
    'a resource denies': 'with an explicit deny in a resource-based policy',
  }[why];
  const on = resource === '*' ? '*' : resource;
  return new AwsError(
    code,
    `User: ${arn} is not authorized to perform: ${action} on resource: ${on} ${reason}`,
    status,
  );
}

export function refusedKey(service: ServiceId, problem: 'unknown' | 'expired'): AwsError {
  const [code, status] = formOf(service)[problem];
  return new AwsError(
    code,
    problem === 'unknown'
      ? 'The security token included in the request is invalid.'
      : 'The security token included in the request is expired',
    status,
  );
}
