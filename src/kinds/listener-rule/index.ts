/**
 * A rule of a load balancer's listener: which requests it takes and which target groups are attached. It owns the
 * conditions, that the rule forwards, and that its groups are attached; new ones enter at weight 0. Who gets traffic is
 * not its business: weights belong to `rule-weights`, or to ECS during a native deployment, and are carried through.
 */
import type { Rule, RuleCondition } from '@aws-sdk/client-elastic-load-balancing-v2';
import { type Forward, forwardAction, forwardOf } from '../../aws/forward-action.ts';
import { listenerRules, tagRecord, upperTags } from '../../aws/index.ts';
import {
  asSet,
  type Change,
  changeOf,
  type Io,
  items,
  members,
  onCalls,
  ownershipKeys,
  ownershipOf,
  READY,
  type ResourceKind,
  type Sweep,
  TAG_LISTING_PERMISSION,
  text,
  unlessAbsent,
  unlessGone,
} from '../../resource/index.ts';

/** Identity: `listenerArn` and `priority`. */
export interface ListenerRuleProps {
  /** Empty: any. */
  readonly hosts: readonly string[];
  /** Empty: any. */
  readonly paths: readonly string[];
  /** Target groups that must be attached. */
  readonly groups: readonly string[];
}

export interface ListenerRuleObserved {
  readonly arn: string;
  /** As in the identity, unless somebody moved it. */
  readonly priority: string;
  readonly hosts: readonly string[];
  readonly paths: readonly string[];
  /** Fields of conditions that we never set, e.g. `http-header`; each narrows the rule. */
  readonly otherConditions: readonly string[];
  /** Null when the rule does anything but forward. */
  readonly forward: Forward | null;
  readonly tags: Readonly<Record<string, string>>;
}

const sweep: Sweep<ListenerRuleProps, ListenerRuleObserved, Rule> = {
  listing: listenerRules,
  // By ARN: another rule at its priority is another rule.
  locate: ({ listenerArn = '' }, { arn }) => ({ scope: listenerArn, name: arn }),
  seen(rule, tagsOf) {
    const listed = observed(rule);
    return { ...listed, tags: tagsOf(listed.arn) ?? {} };
  },
  fields: {
    PriorityDrift: ({ priority }) => priority,
    ConditionDrift: ({ hosts, paths, otherConditions }) => [hostSet(hosts), asSet(paths), otherConditions],
    // Which groups are attached; their weights are `rule-weights`'.
    RuleDrift: ({ forward }) => forward && asSet(Object.keys(forward.weights)),
    OwnershipDrift: ({ tags }) => ownershipOf(tags),
  },
  fromTags: ['OwnershipDrift'],
};

export const listenerRule: ResourceKind<ListenerRuleProps, ListenerRuleObserved> = {
  name: 'listener-rule',
  permissions: [
    {
      actions: ['elasticloadbalancing:DescribeRules', 'elasticloadbalancing:DescribeTags'],
      resources: ['*'],
      because: 'reads the rules of the listeners that a class names; describe actions know no narrower resource',
    },
    {
      actions: ['elasticloadbalancing:CreateRule'],
      resources: ['arn:aws:elasticloadbalancing:*:*:listener/app/*/*/*'],
      only: 'claiming',
      because: 'routes the hosts and paths of an object to its target groups',
    },
    {
      actions: ['elasticloadbalancing:AddTags'],
      resources: ['arn:aws:elasticloadbalancing:*:*:listener-rule/app/*/*/*/*'],
      when: { StringEquals: { 'elasticloadbalancing:CreateAction': 'CreateRule' } },
      because: 'tags a rule while it is made, and no other',
    },
    {
      actions: [
        'elasticloadbalancing:RemoveTags',
        'elasticloadbalancing:ModifyRule',
        'elasticloadbalancing:DeleteRule',
      ],
      resources: ['arn:aws:elasticloadbalancing:*:*:listener-rule/app/*/*/*/*'],
      only: 'owned',
      because: 'changes and removes only rules at priorities that it allocated and that carry its tags',
    },
    TAG_LISTING_PERMISSION,
  ],
  calls: {
    create: ['elbv2 CreateRule'],
    update: ['elbv2 ModifyRule'],
    delete: ['elbv2 DeleteRule'],
    release: ['elbv2 RemoveTags'],
  },

  async observe(io, identity, call) {
    const { listenerArn = '', priority = '' } = identity;
    return unlessAbsent(
      (async () => {
        const rule = await ruleAt(io, listenerArn, priority, call);
        if (!rule) return undefined;
        const { TagDescriptions } = await io.aws.elbv2.describeTags({ ResourceArns: [rule.RuleArn ?? ''] }, call);
        return { ...observed(rule), tags: tagRecord(TagDescriptions?.[0]?.Tags) };
      })(),
    );
  },

  tags: ({ tags }) => tags,
  readiness: () => READY,
  outputs: ({ arn }) => ({ arn }),

  diff: (desired, observed) => [...conditionChanges(desired, observed), ...actionChanges(desired, observed)],
  // Actions are sent whole, with the weights in them.
  carriesFacets: (changes) => changes.some(({ reason }) => reason === 'RuleDrift'),

  async create(io, identity, desired, call) {
    await io.aws.elbv2.createRule(
      {
        ListenerArn: identity.listenerArn,
        Priority: Number(identity.priority),
        Conditions: conditionsInput(desired),
        Actions: forwardAction({ weights: attached(desired, {}), stickiness: null }),
        Tags: upperTags(call.tags),
      },
      call,
    );
  },

  async update(io, _identity, desired, observed, changes, call) {
    if (changes.length === 0) return;
    const { forward } = observed;
    const weights = attached(desired, forward?.weights ?? {});
    await io.aws.elbv2.modifyRule(
      {
        RuleArn: observed.arn,
        // What is not sent stays: weights that another hand moves meanwhile are not touched for a change of conditions.
        ...(conditionChanges(desired, observed).length > 0 ? { Conditions: conditionsInput(desired) } : {}),
        ...(actionChanges(desired, observed).length > 0
          ? { Actions: forwardAction({ weights, stickiness: forward?.stickiness ?? null }) }
          : {}),
      },
      call,
    );
  },

  async delete(io, _identity, { arn }, call) {
    await unlessGone(io.aws.elbv2.deleteRule({ RuleArn: arn }, call));
  },

  async release(io, _identity, { arn, tags }, call) {
    const TagKeys = ownershipKeys(tags);
    if (TagKeys.length > 0) await unlessGone(io.aws.elbv2.removeTags({ ResourceArns: [arn], TagKeys }, call));
  },

  lasting: true,
  sweep,
  events: [
    onCalls(
      'elasticloadbalancing',
      ['ModifyRule', 'DeleteRule', 'SetRulePriorities', 'AddTags', 'RemoveTags'],
      ({ ruleArn, rulePriorities, resourceArns }) =>
        [ruleArn, ...items(rulePriorities).map((each) => members(each).ruleArn), ...items(resourceArns)].map(text),
    ),
  ],
};

async function ruleAt(
  io: Io,
  listenerArn: string,
  priority: string,
  call: Parameters<Io['aws']['elbv2']['describeRules']>[1],
): Promise<Rule | undefined> {
  let Marker: string | undefined;
  do {
    const page = await io.aws.elbv2.describeRules(
      {
        ListenerArn: listenerArn,
        PageSize: 400,
        ...(Marker ? { Marker } : {}),
      },
      call,
    );
    const rule = page.Rules?.find(({ Priority }) => Priority === priority);
    if (rule) return rule;
    Marker = page.NextMarker;
  } while (Marker);
  return undefined;
}

function observed(rule: Rule): Omit<ListenerRuleObserved, 'tags'> {
  const conditions = rule.Conditions ?? [];
  const host = conditions.find(({ Field }) => Field === 'host-header');
  const path = conditions.find(({ Field }) => Field === 'path-pattern');
  return {
    arn: rule.RuleArn ?? '',
    priority: rule.Priority ?? '',
    hosts: host?.HostHeaderConfig?.Values ?? host?.Values ?? [],
    paths: path?.PathPatternConfig?.Values ?? path?.Values ?? [],
    // Conditions are joined by "and": a second one of a kind narrows the rule as much as a foreign one.
    otherConditions: conditions
      .filter((condition) => condition !== host && condition !== path)
      .map(({ Field }) => Field ?? ''),
    forward: forwardOf(rule.Actions) ?? null,
  };
}

/** Values are joined by "or": a set. Host names have no case. */
function hostSet(hosts: readonly string[]): string[] {
  return asSet(hosts.map((host) => host.toLowerCase()));
}

function conditionChanges(desired: ListenerRuleProps, observed: ListenerRuleObserved): readonly Change[] {
  return [
    ...changeOf('hosts', hostSet(desired.hosts), hostSet(observed.hosts), 'ConditionDrift'),
    ...changeOf('paths', asSet(desired.paths), asSet(observed.paths), 'ConditionDrift'),
    ...changeOf('otherConditions', [], observed.otherConditions, 'ConditionDrift'),
  ];
}

function actionChanges(desired: ListenerRuleProps, { forward }: ListenerRuleObserved): readonly Change[] {
  if (!forward) return [{ path: 'action', desired: 'forward', observed: 'other', reason: 'RuleDrift' }];
  return desired.groups
    .filter((group) => !(group in forward.weights))
    .map((group) => ({ path: `groups.${group}`, desired: 'attached', observed: 'missing', reason: 'RuleDrift' }));
}

/** What is attached as it is, and what must be in front of no traffic. */
function attached(
  desired: ListenerRuleProps,
  weights: Readonly<Record<string, number>>,
): Readonly<Record<string, number>> {
  return { ...Object.fromEntries(desired.groups.map((group) => [group, 0])), ...weights };
}

function conditionsInput({ hosts, paths }: ListenerRuleProps): RuleCondition[] {
  return [
    ...(hosts.length > 0 ? [{ Field: 'host-header', HostHeaderConfig: { Values: [...hosts] } }] : []),
    ...(paths.length > 0 ? [{ Field: 'path-pattern', PathPatternConfig: { Values: [...paths] } }] : []),
  ];
}
