/**
 * Log groups by name, 50 a call; a name that is not there is left out. The listing does not show their tags.
 * https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_DescribeLogGroups.html
 */
import type { LogGroup } from '@aws-sdk/client-cloudwatch-logs';
import { batches, callsOf, type Listing } from './listing.ts';

const NAMES_MAX = 50;

/** Scope: none. */
export const logGroups: Listing<LogGroup> = {
  name: 'logs DescribeLogGroups',
  list: (aws, _account, names, call) =>
    batches(names, NAMES_MAX, async (logGroupIdentifiers) => {
      const answer = await aws.logs.describeLogGroups({ logGroupIdentifiers, limit: NAMES_MAX }, call);
      return answer.logGroups ?? [];
    }),
  namesOf: ({ logGroupName = '', logGroupArn = '' }) => [logGroupName, logGroupArn],
  calls: (names) => callsOf(names, NAMES_MAX),
};
