/**
 * Scaling bounds of ECS services by resource id, 50 a call. The listing does not show their tags.
 * https://docs.aws.amazon.com/autoscaling/application/APIReference/API_DescribeScalableTargets.html
 */
import type { ScalableTarget } from '@aws-sdk/client-application-auto-scaling';
import { batches, callsOf, type Listing } from './listing.ts';

const IDS_MAX = 50;

/** Scope: none. */
export const scalableTargets: Listing<ScalableTarget> = {
  name: 'autoscaling DescribeScalableTargets',
  list: (aws, _account, names, call) =>
    batches(names, IDS_MAX, async (ResourceIds) => {
      const answer = await aws.autoscaling.describeScalableTargets(
        // Without the dimension one resource could have several.
        { ServiceNamespace: 'ecs', ScalableDimension: 'ecs:service:DesiredCount', ResourceIds, MaxResults: IDS_MAX },
        call,
      );
      return answer.ScalableTargets ?? [];
    }),
  namesOf: ({ ResourceId = '' }) => [ResourceId],
  calls: (names) => callsOf(names, IDS_MAX),
};
