/**
 * The decision of a set of policies on one action on one resource: a denial anywhere wins, else any statement that
 * allows, else nothing does. Pure; who is asked and what about is its callers' business.
 * https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html
 */
import { holds } from './conditions.ts';
import { arnLike, filled, type Keys, like } from './pattern.ts';
import type { Listed, Policy, Principals, Statement } from './policy.ts';

/** One action on one resource, as a service asks IAM about it. */
export interface Question {
  readonly action: string;
  readonly resource: string;
  readonly keys: Keys;
}

/** Who acts, as resource policies and trust policies name it. */
export type Principal =
  /** A user, a role's session or the account's root. */
  | {
      readonly type: 'AWS';
      readonly arns: readonly string[];
      /** Its account, which stands for all of it; left out where only being named itself counts. */
      readonly accountId?: string | undefined;
    }
  | { readonly type: 'Service'; readonly name: string };

/** A policy and what it is called in messages and in the ledger. */
export interface Attached {
  readonly name: string;
  readonly policy: Policy;
}

/** The statement that decided, and which of its patterns covered the question. */
export interface Grant {
  readonly policy: string;
  readonly sid: string;
  readonly action: string;
  readonly resource: string;
}

export type Decision =
  | { readonly effect: 'Allow' | 'Deny'; readonly by: Grant }
  | { readonly effect: 'none'; readonly by?: undefined };

/** @param principal who acts; only for policies that name principals, where a statement that names another says nothing */
export function evaluate(attached: readonly Attached[], question: Question, principal?: Principal): Decision {
  let allowed: Grant | undefined;
  for (const { name, policy } of attached) {
    for (const { statement, action } of concerned(policy, question.action)) {
      if (allowed && statement.effect === 'Allow') continue;
      const resource = coveredBy(policy, statement, question);
      if (resource === undefined) continue;
      if (statement.principals && !names(statement.principals, principal)) continue;
      if (!statement.conditions.every((condition) => holds(condition, question.keys))) continue;
      const by = { policy: name, sid: statement.sid, action, resource };
      if (statement.effect === 'Deny') return { effect: 'Deny', by };
      allowed = by;
    }
  }
  return allowed ? { effect: 'Allow', by: allowed } : { effect: 'none' };
}

interface Concerned {
  readonly statement: Statement;
  /** The pattern that covers the action. */
  readonly action: string;
}

/** Every call is asked about, and most statements of a policy are about other actions. */
const BY_ACTION = new WeakMap<Policy, Map<string, readonly Concerned[]>>();

function concerned(policy: Policy, asked: string): readonly Concerned[] {
  const known = BY_ACTION.get(policy) ?? new Map<string, readonly Concerned[]>();
  BY_ACTION.set(policy, known);
  let found = known.get(asked);
  if (!found) {
    found = policy.statements.flatMap((statement) => {
      const action = covering(statement.actions, (pattern) => like(pattern, asked, true));
      return action === undefined ? [] : [{ statement, action }];
    });
    known.set(asked, found);
  }
  return found;
}

/** The pattern that covers the resource; undefined when none does. */
function coveredBy(policy: Policy, { resources }: Statement, { resource, keys }: Question): string | undefined {
  if (resources === undefined) return resource;
  const hasVariables = policy.version === '2012-10-17';
  return covering(resources, (pattern) => {
    const text = hasVariables ? filled(pattern, keys) : pattern;
    return text !== undefined && arnLike(text, resource);
  });
}

/** The pattern that covers; for lists of exceptions, the text that says so. */
function covering({ not, patterns }: Listed, fits: (pattern: string) => boolean): string | undefined {
  const found = patterns.find(fits);
  if (!not) return found;
  return found === undefined ? `not ${patterns.join(' ')}` : undefined;
}

function names({ not, everybody, named }: Principals, principal: Principal | undefined): boolean {
  return (everybody || isNamed(named, principal)) !== not;
}

function isNamed(named: Principals['named'], principal: Principal | undefined): boolean {
  if (!principal) return false;
  if (principal.type === 'Service') return named.Service?.includes(principal.name) ?? false;
  const { arns, accountId } = principal;
  const known = accountId === undefined ? arns : [...arns, accountId, `arn:aws:iam::${accountId}:root`];
  return named.AWS?.some((name) => known.includes(name)) ?? false;
}
