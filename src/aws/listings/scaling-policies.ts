/**
 * All scaling policies of the account's ECS services, 10 a page: AWS gives no more, and takes no list of services.
 * https://docs.aws.amazon.com/autoscaling/application/APIReference/API_DescribeScalingPolicies.html
 */
import type { ScalingPolicy } from '@aws-sdk/client-application-auto-scaling';
import { callsOf, type Listing, pages } from './listing.ts';

const PAGE_SIZE = 10;

/** Scope: none. Policies are looked for as `scalingPolicyName` writes them. */
export const scalingPolicies: Listing<ScalingPolicy> = {
  name: 'autoscaling DescribeScalingPolicies',
  list: (aws, _account, names, call) =>
    pages(
      async (NextToken) => {
        const answer = await aws.autoscaling.describeScalingPolicies(
          { ServiceNamespace: 'ecs', MaxResults: PAGE_SIZE, ...(NextToken ? { NextToken } : {}) },
          call,
        );
        return { entries: answer.ScalingPolicies, next: answer.NextToken };
      },
      names,
      namesOf,
    ),
  namesOf,
  calls: (names) => callsOf(names, PAGE_SIZE),
};

/** A policy's name is unique only on its service. */
export function scalingPolicyName(resourceId: string, policyName: string): string {
  return `${resourceId} ${policyName}`;
}

function namesOf({ ResourceId = '', PolicyName = '' }: ScalingPolicy): string[] {
  return [scalingPolicyName(ResourceId, PolicyName)];
}
