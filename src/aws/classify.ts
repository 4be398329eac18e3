/**
 * Error classes per code: every AWS error code that the product decides by stands in this file. A code that is not
 * listed is classified by HTTP status.
 */
import { Failure, type FailureKind, isFailure } from '../core/index.ts';
import { UNREADABLE_ANSWER } from './answers.ts';

const NOT_FOUND = new Set([
  'ResourceNotFoundException',
  'RepositoryNotFoundException',
  'ImageNotFoundException',
  'LifecyclePolicyNotFoundException',
  'ClusterNotFoundException',
  'ServiceNotFoundException',
  'ServiceNotActiveException',
  // ELB's codes on the wire, and the names under which the SDK throws them.
  'TargetGroupNotFound',
  'TargetGroupNotFoundException',
  'RuleNotFound',
  'RuleNotFoundException',
  'ListenerNotFound',
  'ListenerNotFoundException',
  'LoadBalancerNotFound',
  'LoadBalancerNotFoundException',
  'ObjectNotFoundException',
  'NoSuchEntity',
  'NoSuchEntityException',
  'TaskDefinitionNotFoundException',
  'QueueDoesNotExist',
]);

const THROTTLED = new Set([
  'Throttling',
  'ThrottlingException',
  'ThrottledException',
  'TooManyRequestsException',
  'RequestLimitExceeded',
  'ProvisionedThroughputExceededException',
  'RequestThrottled',
  'RequestThrottledException',
  'SlowDown',
  'PriorRequestNotComplete',
  // CodeBuild: as many builds as the account allows are running; it means wait.
  'AccountLimitExceededException',
  'PriorRequestNotCompleteException',
]);

/** Codes that mean "slower" for one service and something else for the others. */
const THROTTLED_BY_SERVICE: Readonly<Record<string, ReadonlySet<string>>> = {
  // DynamoDB Streams throttles DescribeStream and GetRecords under the name that elsewhere means a quota.
  streams: new Set(['LimitExceededException']),
};

const CONFLICT = new Set([
  'ConditionalCheckFailedException',
  'TransactionCanceledException',
  'TransactionConflictException',
  'ResourceConflictException',
  'ConcurrentUpdateException',
  'ResourceInUse',
  'ResourceInUseException',
  'ResourceAlreadyExistsException',
  'RepositoryAlreadyExistsException',
  'RepositoryNotEmptyException',
  'DuplicateTargetGroupName',
  'DuplicateTargetGroupNameException',
  'PriorityInUse',
  'PriorityInUseException',
  'OperationAbortedException',
  'PreconditionFailedException',
  'UpdateInProgressException',
  'ConflictException',
]);

const DENIED = new Set([
  'AccessDenied',
  'AccessDeniedException',
  'UnauthorizedOperation',
  'UnrecognizedClientException',
  'InvalidClientTokenId',
  'InvalidSignatureException',
  'SignatureDoesNotMatch',
  'ExpiredToken',
  'ExpiredTokenException',
  'MissingAuthenticationToken',
  'MissingAuthenticationTokenException',
  'CredentialsProviderError',
  'KmsAccessDenied',
]);

const QUOTA = new Set([
  'LimitExceededException',
  'TooManyTargetGroups',
  'TooManyTargetGroupsException',
  'TooManyRules',
  'TooManyRulesException',
  'TooManyTargets',
  'TooManyTargetsException',
  'TooManyUniqueTargetGroupsPerLoadBalancer',
  'TooManyUniqueTargetGroupsPerLoadBalancerException',
  'TargetGroupAssociationLimit',
  'TargetGroupAssociationLimitException',
  'PlatformTaskDefinitionIncompatibilityException',
  'LimitExceeded',
  'CodeStorageExceededException',
  'ServiceQuotaExceededException',
]);

/** A 404 alone proves nothing: a proxy's page has it, and a service for an operation that it does not know. */
const SAYS_ABSENT = /NotFound|NoSuch|NotExist/;

/** The class of an AWS error by its code and, failing that, its HTTP status. */
export function classify(code: string, status: number | undefined, service = ''): FailureKind {
  if (NOT_FOUND.has(code)) return 'notFound';
  if (THROTTLED.has(code) || THROTTLED_BY_SERVICE[service]?.has(code) || status === 429) return 'throttled';
  if (CONFLICT.has(code)) return 'conflict';
  if (DENIED.has(code)) return 'denied';
  if (QUOTA.has(code)) return 'quota';
  if (status === undefined || status >= 500) return 'transient';
  if (status === 404) return SAYS_ABSENT.test(code) ? 'notFound' : 'invalid';
  if (status === 403 || status === 401) return 'denied';
  return 'invalid';
}

interface SdkError {
  name?: string;
  Code?: string;
  message?: string;
  $metadata?: { httpStatusCode?: number; requestId?: string };
  $retryable?: { throttling?: boolean };
  /** The SDK hangs the raw answer on what its deserialiser threw, and on what the answer itself says. */
  $response?: unknown;
}

/** Names of what is thrown where an answer has no code that could be read: by the parser, or for want of one. */
const NAMELESS = new Set(['Error', 'SyntaxError', 'TypeError', 'RangeError', 'Unknown', 'UnknownError', 'NotFound']);

/** It was thrown over an answer that came. */
export function isOfAnswer(thrown: unknown): boolean {
  const { $response, $metadata } = (thrown ?? {}) as SdkError;
  return $response !== undefined || $metadata?.httpStatusCode !== undefined;
}

/** "Throttled" because something of ours is busy, not because we called too often: calling less would not help. */
const BUSY = new Set(['AccountLimitExceededException', 'PriorRequestNotComplete', 'PriorRequestNotCompleteException']);

/** AWS refused the call because too many were made: an API's rate limit. */
export function isRateExceeded(error: unknown): error is Failure {
  return isFailure(error, 'throttled') && !BUSY.has(error.code);
}

/** Some answer came, of a proxy or cut off, and it says nothing of what was asked: least of all that it is not there. */
function unreadable(service: string, operation: string, thrown: unknown, status: number | undefined): Failure {
  const kind = status === 429 ? 'throttled' : status === 401 || status === 403 ? 'denied' : 'transient';
  const said = thrown instanceof Error ? thrown.message.split('\n', 1)[0] : String(thrown);
  const message = `the answer (HTTP ${status ?? 'status unknown'}) cannot be read: ${said}`;
  return new Failure({ kind, service, operation, code: UNREADABLE_ANSWER, message, cause: thrown });
}

/** Turns whatever an SDK call threw into a Failure. */
export function toFailure(service: string, operation: string, thrown: unknown): Failure {
  if (thrown instanceof Failure) return thrown;
  const error = (thrown ?? {}) as SdkError;
  const code = error.name ?? error.Code ?? 'UnknownError';
  const status = error.$metadata?.httpStatusCode;
  // What S3 answers to HEAD has no body, and so no code: there AWS is known by the id that it gave the request.
  const isKnown = service === 's3' && error.$metadata?.requestId !== undefined;
  if (isOfAnswer(thrown) && NAMELESS.has(code) && !isKnown) return unreadable(service, operation, thrown, status);
  return new Failure({
    kind: classify(code, status, service),
    service,
    operation,
    code,
    message: error.message || code,
    requestId: error.$metadata?.requestId,
    cause: thrown,
  });
}
