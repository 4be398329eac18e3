import { describe, expect, it } from 'vitest';
import { classify, toFailure } from '../../src/aws/index.ts';
import type { FailureKind } from '../../src/core/index.ts';

/** Codes that kinds decide by. Query services have two spellings: on the wire, and as the name of the SDK's exception. */
const CODES: readonly (readonly [string, FailureKind])[] = [
  ['TargetGroupNotFound', 'notFound'],
  ['TargetGroupNotFoundException', 'notFound'],
  ['RuleNotFound', 'notFound'],
  ['RuleNotFoundException', 'notFound'],
  ['ListenerNotFound', 'notFound'],
  ['ListenerNotFoundException', 'notFound'],
  ['NoSuchEntity', 'notFound'],
  ['NoSuchEntityException', 'notFound'],
  ['ResourceNotFoundException', 'notFound'],
  ['RepositoryNotFoundException', 'notFound'],
  ['ImageNotFoundException', 'notFound'],
  ['ClusterNotFoundException', 'notFound'],
  ['ServiceNotFoundException', 'notFound'],
  ['ServiceNotActiveException', 'notFound'],
  ['ObjectNotFoundException', 'notFound'],
  ['ResourceInUse', 'conflict'],
  ['ResourceInUseException', 'conflict'],
  ['PriorityInUse', 'conflict'],
  ['PriorityInUseException', 'conflict'],
  ['DuplicateTargetGroupName', 'conflict'],
  ['DuplicateTargetGroupNameException', 'conflict'],
  ['RepositoryNotEmptyException', 'conflict'],
  ['ResourceConflictException', 'conflict'],
  ['ResourceAlreadyExistsException', 'conflict'],
  ['TooManyRules', 'quota'],
  ['TooManyRulesException', 'quota'],
  ['TooManyUniqueTargetGroupsPerLoadBalancerException', 'quota'],
  ['InvalidParameterException', 'invalid'],
  ['ClientException', 'invalid'],
];

describe('classification of what kinds meet', () => {
  it.each(CODES)('%s is %s, whatever its status', (code, kind) => {
    expect(classify(code, 400)).toBe(kind);
    const thrown = Object.assign(new Error('said AWS'), { name: code, $metadata: { httpStatusCode: 400 } });
    expect(toFailure('elbv2', 'describeRules', thrown)).toMatchObject({ kind, code, message: 'said AWS' });
  });
});
