/**
 * Who serves: the weights of a rule's target groups. The one place where traffic moves, and it moves on proof only.
 * The rule itself, its conditions and what must be attached belong to `listener-rule`.
 */
import type { Rule } from '@aws-sdk/client-elastic-load-balancing-v2';
import { type Forward, forwardAction, forwardOf } from '../../aws/forward-action.ts';
import { type Call, listenerOfRule, listenerRules } from '../../aws/index.ts';
import { sameJson } from '../../core/index.ts';
import {
  changeOf,
  type Io,
  onCalls,
  READY,
  type Readiness,
  type ResourceKind,
  type Sweep,
  text,
  unlessAbsent,
} from '../../resource/index.ts';

/** Identity: `ruleArn`. */
export interface RuleWeightsProps {
  /** Every group that is to stay attached, also those at weight 0. */
  readonly asked: readonly AskedWeight[];
}

export interface AskedWeight {
  readonly targetGroupArn: string;
  /** 0 to 999. */
  readonly weight: number;
  /** It can serve: that was observed in this pass. */
  readonly proven: boolean;
  /** It can serve all that it is asked to, which one that has no traffic yet must prove. Default: as `proven`. */
  readonly provenToEnter?: boolean | undefined;
  /** What is known of why it cannot serve yet; for people. */
  readonly why?: string | undefined;
}

/** Weight by target group ARN. */
export type Weights = Readonly<Record<string, number>>;

export interface RuleWeightsObserved {
  readonly weights: Weights;
  readonly stickiness: Forward['stickiness'];
}

const sweep: Sweep<RuleWeightsProps, RuleWeightsObserved, Rule> = {
  listing: listenerRules,
  locate({ ruleArn = '' }) {
    const scope = listenerOfRule(ruleArn);
    return scope === undefined ? undefined : { scope, name: ruleArn };
  },
  seen: weightsOf,
  fields: { WeightDrift: ({ weights }) => weights },
};

export const ruleWeights: ResourceKind<RuleWeightsProps, RuleWeightsObserved> = {
  name: 'rule-weights',
  facet: true,
  permissions: [
    {
      actions: ['elasticloadbalancing:DescribeRules'],
      resources: ['*'],
      because: 'reads the weights of a rule; the action knows no narrower resource',
    },
    {
      actions: ['elasticloadbalancing:ModifyRule'],
      resources: ['arn:aws:elasticloadbalancing:*:*:listener-rule/app/*/*/*/*'],
      only: 'owned',
      because: 'moves traffic between the function and its tasks',
    },
  ],
  calls: {
    create: ['elbv2 ModifyRule'],
    update: ['elbv2 ModifyRule'],
    delete: [],
    release: [],
  },

  observe: (io, { ruleArn = '' }, call) => unlessAbsent(read(io, ruleArn, call)),

  // Weights are a part of the rule, whose tags are `listener-rule`'s.
  tags: () => undefined,

  readiness({ weights }, desired): Readiness {
    if (!desired) return READY;
    const { asked } = desired;
    const awaited = asked.filter((group) => group.weight > 0 && !isProven(group, weights));
    // Traffic that goes where it should and where nobody answers is not what was asked for.
    if (awaited.length === 0 && sameJson(permitted(asked, weights), exactly(asked))) return READY;
    return {
      state: 'pending',
      reason: 'AwaitingProof',
      message:
        awaited.length > 0
          ? `traffic moves once ${awaited.map(({ targetGroupArn }) => nameOf(targetGroupArn)).join(' and ')} can serve${awaited.flatMap(({ why }) => (why ? [`; ${why}`] : [])).join('')}`
          : 'no group is asked to serve: what serves now is kept',
      acceptsUpdate: true,
      usable: true,
    };
  },

  outputs: ({ weights }) => ({ weights }),

  diff({ asked }, { weights }) {
    const allowed = permitted(asked, weights);
    const groups = Object.keys({ ...weights, ...allowed });
    return groups.flatMap((group) =>
      changeOf(`weights.${nameOf(group)}`, allowed[group] ?? null, weights[group] ?? null, 'WeightDrift'),
    );
  },

  /** Somebody gave traffic to a group that cannot serve, while one that can is there. */
  endangers: ({ asked }, { weights }) =>
    asked.some((group) => isProven(group, weights)) &&
    Object.entries(weights).some(
      ([arn, weight]) => weight > 0 && !asked.some((group) => group.targetGroupArn === arn && isProven(group, weights)),
    ),

  /** The rule was not there when it was observed: what it forwards to is read first. */
  async create(io, { ruleArn = '' }, desired, call) {
    await move(io, ruleArn, desired, await read(io, ruleArn, call), call);
  },

  update: (io, { ruleArn = '' }, desired, observed, _changes, call) => move(io, ruleArn, desired, observed, call),

  // Weights live and go with their rule.
  delete: async () => {},
  release: async () => {},

  sweep,
  events: [onCalls('elasticloadbalancing', ['ModifyRule', 'DeleteRule'], ({ ruleArn }) => [text(ruleArn)])],
};

/**
 * The weights that may stand now, given what is asked, what is proven, and what stands.
 *
 * - Only a proven group gets a positive weight that it does not have already, and only what is proven to enter enters.
 * - Every group asked to serve is proven: exactly what is asked, and no other group.
 * - Some are: they share all traffic among themselves; every other attached group stays attached at 0.
 * - None is: whatever serves now goes on serving, whether it is asked to or not.
 *
 * So the total never falls to 0 while anything serves.
 */
export function permitted(asked: readonly AskedWeight[], observed: Weights): Weights {
  const wanted = asked.filter(({ weight }) => weight > 0);
  const proven = wanted.filter((group) => isProven(group, observed));
  if (wanted.length > 0 && proven.length === wanted.length) return exactly(asked);
  if (proven.length > 0) return { ...atZero(Object.keys(observed)), ...atZero(asked.map(arnOf)), ...exactly(proven) };
  const serving = Object.values(observed).some((weight) => weight > 0);
  return serving || wanted.length > 0 ? observed : exactly(asked);
}

/** A side that serves keeps its traffic while anything of it can serve; a new one gets it with all that it should have. */
function isProven({ targetGroupArn, proven, provenToEnter = proven }: AskedWeight, observed: Weights): boolean {
  return (observed[targetGroupArn] ?? 0) > 0 ? proven : provenToEnter;
}

function exactly(asked: readonly AskedWeight[]): Weights {
  return Object.fromEntries(asked.map(({ targetGroupArn, weight }) => [targetGroupArn, weight]));
}

function atZero(groups: readonly string[]): Weights {
  return Object.fromEntries(groups.map((group) => [group, 0]));
}

function arnOf({ targetGroupArn }: AskedWeight): string {
  return targetGroupArn;
}

/** `…:targetgroup/lc-checkout-ip/6d0e…` → `lc-checkout-ip`. */
function nameOf(targetGroupArn: string): string {
  return targetGroupArn.split('/')[1] ?? targetGroupArn;
}

/** @throws Failure notFound when there is no such rule */
async function read(io: Io, ruleArn: string, call: Call): Promise<RuleWeightsObserved> {
  const { Rules } = await io.aws.elbv2.describeRules({ RuleArns: [ruleArn] }, call);
  return weightsOf(Rules?.[0]);
}

function weightsOf(rule: Rule | undefined): RuleWeightsObserved {
  // A rule that does not forward has no weights; `listener-rule` makes it forward again.
  return forwardOf(rule?.Actions) ?? { weights: {}, stickiness: null };
}

async function move(
  io: Io,
  ruleArn: string,
  { asked }: RuleWeightsProps,
  { weights, stickiness }: RuleWeightsObserved,
  call: Call,
): Promise<void> {
  const allowed = permitted(asked, weights);
  if (sameJson(allowed, weights)) return;
  await io.aws.elbv2.modifyRule({ RuleArn: ruleArn, Actions: forwardAction({ weights: allowed, stickiness }) }, call);
}
