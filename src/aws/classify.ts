/**
 * Error classes per code: every AWS error code that the product decides by stands in this file. A code that is not
 * listed is classified by HTTP status.
 */
import { Failure, type FailureKind, isFailure } from '../core/index.ts';

const NOT_FOUND = new Set([
  'ResourceNotFoundException',
  'RepositoryNotFoundException',
  'ImageNotFoundException',
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

/** The class of an AWS error by its code and, failing that, its HTTP status. */
export function classify(code: string, status: number | undefined, service = ''): FailureKind {
  if (NOT_FOUND.has(code)) return 'notFound';
  if (THROTTLED.has(code) || THROTTLED_BY_SERVICE[service]?.has(code) || status === 429) return 'throttled';
  if (CONFLICT.has(code)) return 'conflict';
  if (DENIED.has(code)) return 'denied';
  if (QUOTA.has(code)) return 'quota';
  if (status === undefined || status >= 500) return 'transient';
  if (status === 404) return 'notFound';
  if (status === 403 || status === 401) return 'denied';
  return 'invalid';
}

interface SdkError {
  name?: string;
  Code?: string;
  message?: string;
  $metadata?: { httpStatusCode?: number; requestId?: string };
  $retryable?: { throttling?: boolean };
}

/** "Throttled" because something of ours is busy, not because we called too often: calling less would not help. */
const BUSY = new Set(['AccountLimitExceededException', 'PriorRequestNotComplete', 'PriorRequestNotCompleteException']);

/** AWS refused the call because too many were made: an API's rate limit. */
export function isRateExceeded(error: unknown): error is Failure {
  return isFailure(error, 'throttled') && !BUSY.has(error.code);
}

/** Turns whatever an SDK call threw into a Failure. */
export function toFailure(service: string, operation: string, thrown: unknown): Failure {
  if (thrown instanceof Failure) return thrown;
  const error = (thrown ?? {}) as SdkError;
  const code = error.name ?? error.Code ?? 'UnknownError';
  const status = error.$metadata?.httpStatusCode;
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
