/**
 * The account's tag listing: what carries our ownership tag, 100 a page, of the services whose own listings show no tags.
 * Services whose listings do (ECS, CodeBuild) are left out, and with them every task and every revision of a task
 * definition. AWS collects it from the services and brings it up to date seconds to minutes after a change.
 * https://docs.aws.amazon.com/resourcegroupstagging/latest/APIReference/API_GetResources.html
 */
import type { ResourceTagMapping } from '@aws-sdk/client-resource-groups-tagging-api';
import { TAG_OWNER, type Tags, tagRecord } from '../ownership-tags.ts';
import { callsOf, type Listing, pages } from './listing.ts';

const PAGE_SIZE = 100;

/** For so long after we changed something its tags may be missing here, or be those from before. */
export const TAGS_LAG_MS_MAX = 5 * 60_000;

const SERVICES = ['elasticloadbalancing', 'logs', 'ecr', 'application-autoscaling'];

/** Scope: none. Looked for by ARN; without names it lists everything that is ours, and that of other controllers. */
export const taggedResources: Listing<ResourceTagMapping> = {
  name: 'tagging GetResources',
  list: (aws, _account, names, call) =>
    pages(
      async (PaginationToken) => {
        const answer = await aws.tagging.getResources(
          {
            TagFilters: [{ Key: TAG_OWNER }],
            ResourceTypeFilters: SERVICES,
            ResourcesPerPage: PAGE_SIZE,
            ...(PaginationToken ? { PaginationToken } : {}),
          },
          call,
        );
        return { entries: answer.ResourceTagMappingList, next: answer.PaginationToken };
      },
      names,
      namesOf,
    ),
  namesOf,
  calls: (names) => callsOf(names, PAGE_SIZE),
};

/** One entry's tags; keep them by the entry's ARN to answer a sweep's `TagsOf`. */
export function tagsOfResource({ Tags }: ResourceTagMapping): Tags {
  return tagRecord(Tags);
}

function namesOf({ ResourceARN = '' }: ResourceTagMapping): string[] {
  return [ResourceARN];
}
