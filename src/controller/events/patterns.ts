/**
 * EventBridge rules for everything that the kinds want to hear of: what `deploy/` and the local cloud create, so that a
 * kind that names another event needs no other change. Few rules: interests of one source and type share one where
 * their conditions can be joined. A rule may let more through than was asked for; the intake looks again.
 */
import type { EventInterest, KindRegistry } from '../../resource/index.ts';

export interface EventRulePattern {
  /** Of the rule, within the 64 characters of EventBridge; the same for the same interests. */
  readonly name: string;
  readonly pattern: Readonly<Record<string, unknown>>;
  /** It matches only where the account has a CloudTrail trail. */
  readonly needsTrail: boolean;
}

const NAME_MAX = 64;
const PREFIX = 'lambdacontainer';

/** Pure; in the order of their names. @throws Error when two rules would have one name: a programmer's error */
export function eventPatterns(kinds: KindRegistry): readonly EventRulePattern[] {
  const groups = new Map<string, EventInterest[]>();
  for (const { events = [] } of kinds.values()) {
    for (const interest of events) {
      const key = JSON.stringify([interest.source, interest.detailType, interest.needsTrail === true]);
      groups.set(key, [...(groups.get(key) ?? []), interest]);
    }
  }
  const rules = [...groups.values()].flatMap(rulesOf).sort((a, b) => (a.name < b.name ? -1 : 1));
  const twice = rules.find(({ name }, index) => rules[index + 1]?.name === name);
  if (twice) throw new Error(`two event rules would be called ${twice.name}`);
  return rules;
}

/** Of interests in one source and type. */
function rulesOf(interests: readonly EventInterest[]): EventRulePattern[] {
  const [{ source, detailType, needsTrail = false } = { source: '', detailType: '' }] = interests;
  const isWhole = interests.some(({ detail }) => !detail || Object.keys(detail).length === 0);
  // Conditions on the same members can be joined; others would let through what neither asks for.
  const byMembers = new Map<string, EventInterest[]>();
  for (const interest of isWhole ? [] : interests) {
    const key = Object.keys(interest.detail ?? {})
      .sort()
      .join();
    byMembers.set(key, [...(byMembers.get(key) ?? []), interest]);
  }
  const details = isWhole ? [undefined] : [...byMembers.values()].map(joined);
  return details.map((detail, index) => ({
    name: nameOf(source, detailType, details.length === 1 ? undefined : index + 1),
    pattern: { source: [source], 'detail-type': [detailType], ...(detail ? { detail } : {}) },
    needsTrail,
  }));
}

function joined(interests: readonly EventInterest[]): Record<string, unknown> {
  const values = new Map<string, Set<string>>();
  for (const { detail = {} } of interests) {
    for (const [path, wanted] of Object.entries(detail)) {
      const all = values.get(path) ?? new Set();
      for (const value of wanted) all.add(value);
      values.set(path, all);
    }
  }
  const pattern: Record<string, unknown> = {};
  for (const path of [...values.keys()].sort()) place(pattern, path.split('.'), [...(values.get(path) ?? [])].sort());
  return pattern;
}

function place(
  pattern: Record<string, unknown>,
  [step = '', ...rest]: readonly string[],
  values: readonly string[],
): void {
  if (rest.length === 0) {
    pattern[step] = values;
    return;
  }
  const inner = (pattern[step] ?? {}) as Record<string, unknown>;
  pattern[step] = inner;
  place(inner, rest, values);
}

/** `lambdacontainer-ecs-service-action`, `lambdacontainer-elasticloadbalancing-api-calls`. */
function nameOf(source: string, detailType: string, number: number | undefined): string {
  const service = source.replace(/^aws\./, '');
  const type =
    detailType === 'AWS API Call via CloudTrail'
      ? 'api-calls'
      : detailType.toLowerCase().replaceAll(/[^a-z0-9]+/g, '-');
  const words = type.startsWith(`${service}-`) ? type : `${service}-${type}`;
  const name = `${PREFIX}-${words}${number === undefined ? '' : `-${number}`}`;
  if (name.length > NAME_MAX) throw new Error(`the event rule's name ${name} is longer than ${NAME_MAX} characters`);
  return name;
}
