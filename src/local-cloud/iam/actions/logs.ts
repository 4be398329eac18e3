/** CloudWatch Logs. https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazoncloudwatchlogs.html */
import { type Account, arnIn, need, type Resolve, type ServiceActions } from './needs.ts';

interface Named {
  readonly logGroupName?: string | undefined;
  readonly logGroupIdentifier?: string | undefined;
}

export const LOGS: ServiceActions = {
  operations: {
    DescribeLogGroups: (_input, account) => [
      need('logs:DescribeLogGroups', [arnIn(account, 'logs', 'log-group::log-stream:')]),
    ],
    CreateLogGroup: (input: Named & { tags?: Record<string, string> }, account) => {
      const requestTags = input.tags ?? {};
      return [
        need('logs:CreateLogGroup', [groupArn(input, account)], { requestTags }),
        ...(Object.keys(requestTags).length === 0
          ? []
          : [need('logs:TagResource', [plainArn(input, account)], { requestTags })]),
      ];
    },
    ...onGroup([
      'DeleteLogGroup',
      'PutRetentionPolicy',
      'DeleteRetentionPolicy',
      'CreateLogStream',
      'DescribeLogStreams',
      'FilterLogEvents',
    ]),
    PutLogEvents: onStream('PutLogEvents'),
    GetLogEvents: onStream('GetLogEvents'),
    TagResource: (input: { resourceArn?: string; tags?: Record<string, string> }) => [
      need('logs:TagResource', [input.resourceArn ?? ''], { requestTags: input.tags ?? {} }),
    ],
    UntagResource: (input: { resourceArn?: string; tagKeys?: string[] }) => [
      need('logs:UntagResource', [input.resourceArn ?? ''], { tagKeys: input.tagKeys ?? [] }),
    ],
    ListTagsForResource: (input: { resourceArn?: string }) => [
      need('logs:ListTagsForResource', [input.resourceArn ?? '']),
    ],
  },
  // Tags are read by the ARN of the group alone.
  tagsOf: (arn, account) =>
    account.ask('logs', 'ListTagsForResource', { resourceArn: arn.split(':').slice(0, 7).join(':') })?.tags ?? {},
};

function onGroup(names: readonly string[]): Record<string, Resolve> {
  return Object.fromEntries(
    names.map((name) => [name, (input: Named, account: Account) => [need(`logs:${name}`, [groupArn(input, account)])]]),
  );
}

function onStream(name: string): Resolve {
  return (input: Named & { logStreamName?: string }, account) => [
    need(`logs:${name}`, [`${groupArn(input, account)}${input.logStreamName ?? ''}`]),
  ];
}

function plainArn({ logGroupName, logGroupIdentifier }: Named, account: Account): string {
  if (logGroupIdentifier?.startsWith('arn:')) return logGroupIdentifier.replace(/:\*$/, '');
  return arnIn(account, 'logs', `log-group:${logGroupName ?? logGroupIdentifier ?? ''}`);
}

/** As IAM is asked about a group: with the streams' part of the ARN left empty. */
function groupArn(input: Named, account: Account): string {
  return `${plainArn(input, account)}:log-stream:`;
}
