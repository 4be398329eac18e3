/**
 * All target groups of the account, 400 a page; the listing shows neither their attributes nor their tags.
 * https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_DescribeTargetGroups.html
 */
import type { TargetGroup } from '@aws-sdk/client-elastic-load-balancing-v2';
import { callsOf, type Listing, pages } from './listing.ts';

const PAGE_SIZE = 400;

/** Scope: none. */
export const targetGroups: Listing<TargetGroup> = {
  name: 'elbv2 DescribeTargetGroups',
  list: (aws, _account, names, call) =>
    pages(
      async (Marker) => {
        const answer = await aws.elbv2.describeTargetGroups(
          { PageSize: PAGE_SIZE, ...(Marker ? { Marker } : {}) },
          call,
        );
        return { entries: answer.TargetGroups, next: answer.NextMarker };
      },
      names,
      namesOf,
    ),
  namesOf,
  calls: (names) => callsOf(names, PAGE_SIZE),
};

function namesOf({ TargetGroupName = '', TargetGroupArn = '' }: TargetGroup): string[] {
  return [TargetGroupName, TargetGroupArn];
}
