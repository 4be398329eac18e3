/** Elastic Load Balancing v2. https://docs.aws.amazon.com/service-authorization/latest/reference/list_awselasticloadbalancingv2.html */
import type * as elbv2 from '@aws-sdk/client-elastic-load-balancing-v2';
import {
  arnIn,
  isEmpty,
  type Need,
  need,
  onEverything,
  type Resolve,
  type ServiceActions,
  type Tags,
  tagsFrom,
} from './needs.ts';

const PREFIX = 'elasticloadbalancing';

export const ELBV2: ServiceActions = {
  operations: {
    ...onEverything(PREFIX, [
      'DescribeLoadBalancers',
      'DescribeLoadBalancerAttributes',
      'DescribeListeners',
      'DescribeRules',
      'DescribeTargetGroups',
      'DescribeTargetGroupAttributes',
      'DescribeTargetHealth',
      'DescribeTags',
    ]),
    CreateLoadBalancer: (input: elbv2.CreateLoadBalancerInput, account) => {
      const kind = input.Type === 'network' ? 'net' : 'app';
      return created(
        'CreateLoadBalancer',
        arnIn(account, PREFIX, `loadbalancer/${kind}/${input.Name}/*`),
        tagsFrom(input.Tags),
      );
    },
    CreateListener: (input: elbv2.CreateListenerInput) => {
      const arn = input.LoadBalancerArn ?? '';
      return created('CreateListener', arn, tagsFrom(input.Tags), `${arn.replace(':loadbalancer/', ':listener/')}/*`);
    },
    CreateRule: (input: elbv2.CreateRuleInput) => {
      const arn = input.ListenerArn ?? '';
      return created('CreateRule', arn, tagsFrom(input.Tags), `${arn.replace(':listener/', ':listener-rule/')}/*`);
    },
    CreateTargetGroup: (input: elbv2.CreateTargetGroupInput, account) =>
      created('CreateTargetGroup', arnIn(account, PREFIX, `targetgroup/${input.Name}/*`), tagsFrom(input.Tags)),
    ...on('LoadBalancerArn', ['ModifyLoadBalancerAttributes', 'DeleteLoadBalancer']),
    ...on('ListenerArn', ['ModifyListener', 'DeleteListener']),
    ...on('RuleArn', ['ModifyRule', 'DeleteRule']),
    ...on('TargetGroupArn', [
      'ModifyTargetGroup',
      'ModifyTargetGroupAttributes',
      'DeleteTargetGroup',
      'RegisterTargets',
      'DeregisterTargets',
    ]),
    SetRulePriorities: (input: elbv2.SetRulePrioritiesInput) => [
      need(
        `${PREFIX}:SetRulePriorities`,
        (input.RulePriorities ?? []).map(({ RuleArn }) => RuleArn ?? ''),
      ),
    ],
    AddTags: (input: elbv2.AddTagsInput) => [
      need(`${PREFIX}:AddTags`, input.ResourceArns ?? [], { requestTags: tagsFrom(input.Tags) }),
    ],
    RemoveTags: (input: elbv2.RemoveTagsInput) => [
      need(`${PREFIX}:RemoveTags`, input.ResourceArns ?? [], { tagKeys: input.TagKeys ?? [] }),
    ],
  },
  tagsOf: (arn, account) =>
    tagsFrom(account.ask('elbv2', 'DescribeTags', { ResourceArns: [arn] })?.TagDescriptions?.[0]?.Tags),
};

function on(member: string, names: readonly string[]): Record<string, Resolve> {
  return Object.fromEntries(
    names.map((name) => [
      name,
      (input: Record<string, string | undefined>) => [need(`${PREFIX}:${name}`, [input[member] ?? ''])],
    ]),
  );
}

/** The creation, which may be an action on what it is made in, and the tags of what is made. */
function created(operation: string, on: string, tags: Tags, made = on): Need[] {
  const creation = need(`${PREFIX}:${operation}`, [on], { requestTags: tags });
  if (isEmpty(tags)) return [creation];
  const keys = { 'elasticloadbalancing:CreateAction': operation };
  return [creation, need(`${PREFIX}:AddTags`, [made], { keys, requestTags: tags })];
}
