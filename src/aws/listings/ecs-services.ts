/**
 * ECS services by name, ten a call: the most that DescribeServices takes. Names are known, so ListServices is not asked.
 * https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_DescribeServices.html
 */
import type { Service, Failure as Unfound } from '@aws-sdk/client-ecs';
import { Failure } from '../../core/index.ts';
import { batches, callsOf, type Listing } from './listing.ts';

const NAMES_MAX = 10;

/** Scope: the cluster's name or ARN. Entries carry their tags; a service that is INACTIVE may be listed. */
export const ecsServices: Listing<Service> = {
  name: 'ecs DescribeServices',
  list: (aws, cluster, names, call) =>
    batches(names, NAMES_MAX, async (services) => {
      const answer = await aws.ecs.describeServices({ cluster, services, include: ['TAGS'] }, call);
      refuseUnreadable(answer.failures);
      return answer.services ?? [];
    }),
  namesOf: ({ serviceName = '', serviceArn = '' }) => [serviceName, serviceArn],
  calls: (names) => callsOf(names, NAMES_MAX),
};

/** DescribeServices answers success with failures inside. @throws Failure for any that says something else than "missing" */
export function refuseUnreadable(failures: readonly Unfound[] | undefined): void {
  const unreadable = failures?.find(({ reason }) => reason !== undefined && reason !== 'MISSING');
  if (!unreadable) return;
  const code = unreadable.reason ?? '';
  throw new Failure({
    kind: 'transient',
    service: 'ecs',
    operation: 'describeServices',
    code,
    message: unreadable.detail ?? `DescribeServices answered ${code}`,
  });
}
