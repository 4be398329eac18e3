/** EventBridge. https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazoneventbridge.html */
import type * as events from '@aws-sdk/client-eventbridge';
import {
  type Account,
  arnIn,
  isEmpty,
  need,
  onEverything,
  passing,
  type Resolve,
  type ServiceActions,
  tagsFrom,
} from './needs.ts';

const SERVICE = 'events.amazonaws.com';

interface OfRule {
  readonly Name?: string | undefined;
  readonly Rule?: string | undefined;
  readonly EventBusName?: string | undefined;
}

export const EVENTS: ServiceActions = {
  operations: {
    ...onEverything('events', ['TestEventPattern']),
    ...onRule(['DescribeRule', 'DeleteRule', 'EnableRule', 'DisableRule', 'RemoveTargets', 'ListTargetsByRule']),
    ListRules: (input: OfRule, account) => [need('events:ListRules', [ruleArn(account, { ...input, Name: '*' })])],
    ListRuleNamesByTarget: (input: OfRule, account) => [
      need('events:ListRuleNamesByTarget', [ruleArn(account, { ...input, Name: '*' })]),
    ],
    PutRule: (input: events.PutRuleCommandInput, account) => {
      const requestTags = tagsFrom(input.Tags);
      const arns = [ruleArn(account, input)];
      return [
        need('events:PutRule', arns, { requestTags }),
        ...(isEmpty(requestTags) ? [] : [need('events:TagResource', arns, { requestTags })]),
        ...passing([input.RoleArn], SERVICE),
      ];
    },
    PutTargets: (input: events.PutTargetsCommandInput, account) => {
      const targets = input.Targets ?? [];
      return [
        need('events:PutTargets', [ruleArn(account, input)], {
          keys: { 'events:TargetArn': targets.map(({ Arn = '' }) => Arn) },
        }),
        ...passing(
          targets.map(({ RoleArn }) => RoleArn),
          SERVICE,
        ),
      ];
    },
    PutEvents: (input: events.PutEventsCommandInput, account) => {
      const buses = new Set((input.Entries ?? []).map(({ EventBusName = 'default' }) => EventBusName));
      return [
        need(
          'events:PutEvents',
          [...buses].map((bus) => (bus.startsWith('arn:') ? bus : arnIn(account, 'events', `event-bus/${bus}`))),
        ),
      ];
    },
    TagResource: (input: events.TagResourceCommandInput) => [
      need('events:TagResource', [input.ResourceARN ?? ''], { requestTags: tagsFrom(input.Tags) }),
    ],
    UntagResource: (input: events.UntagResourceCommandInput) => [
      need('events:UntagResource', [input.ResourceARN ?? ''], { tagKeys: input.TagKeys ?? [] }),
    ],
    ListTagsForResource: (input: events.ListTagsForResourceCommandInput) => [
      need('events:ListTagsForResource', [input.ResourceARN ?? '']),
    ],
  },
  tagsOf: (ResourceARN, account) => tagsFrom(account.ask('events', 'ListTagsForResource', { ResourceARN })?.Tags),
};

function onRule(names: readonly string[]): Record<string, Resolve> {
  return Object.fromEntries(
    names.map((name) => [
      name,
      (input: OfRule, account: Account) => [need(`events:${name}`, [ruleArn(account, input)])],
    ]),
  );
}

/** Rules of the default bus do not name it. */
function ruleArn(account: Account, { Name, Rule, EventBusName = 'default' }: OfRule): string {
  const bus = EventBusName.slice(EventBusName.lastIndexOf('/') + 1);
  return arnIn(account, 'events', `rule/${bus === 'default' ? '' : `${bus}/`}${Name ?? Rule ?? ''}`);
}
