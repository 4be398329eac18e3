/**
 * The rules of one listener, 400 a page, its default rule among them; the listing does not show their tags.
 * https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_DescribeRules.html
 */
import type { Rule } from '@aws-sdk/client-elastic-load-balancing-v2';
import { callsOf, type Listing, pages } from './listing.ts';

const PAGE_SIZE = 400;

/** Scope: the listener's ARN. Rules are looked for by priority or ARN. */
export const listenerRules: Listing<Rule> = {
  name: 'elbv2 DescribeRules',
  list: (aws, ListenerArn, names, call) =>
    pages(
      async (Marker) => {
        const input = { ListenerArn, PageSize: PAGE_SIZE, ...(Marker ? { Marker } : {}) };
        const answer = await aws.elbv2.describeRules(input, call);
        return { entries: answer.Rules, next: answer.NextMarker };
      },
      names,
      namesOf,
    ),
  namesOf,
  // The default rule stands beside those that are looked for.
  calls: (names) => callsOf(names + 1, PAGE_SIZE),
};

function namesOf({ Priority = '', RuleArn = '' }: Rule): string[] {
  return [Priority, RuleArn];
}

/** `…:listener-rule/app/<lb>/<id>/<listener>/<rule>` → `…:listener/app/<lb>/<id>/<listener>`; undefined: it is no rule's. */
export function listenerOfRule(ruleArn: string): string | undefined {
  const match =
    /^(arn:[^:]+:elasticloadbalancing:[^:]*:\d*:listener)-rule(\/(?:app|net)\/[^/]+\/[^/]+\/[^/]+)\/[^/]+$/.exec(
      ruleArn,
    );
  return match ? `${match[1]}${match[2]}` : undefined;
}
