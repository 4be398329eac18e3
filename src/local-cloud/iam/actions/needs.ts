/**
 * What an operation needs to be allowed, in IAM's words: each service's table turns an input into the actions,
 * resources and condition keys that the service authorization reference lists for it.
 * https://docs.aws.amazon.com/service-authorization/latest/reference/reference_policies_actions-resources-contextkeys.html
 */
import type { ServiceId } from '../../contract.ts';

export type Tags = Readonly<Record<string, string>>;

export type Value = string | readonly string[] | undefined;

/** One action on each of some resources; all of them must be allowed. */
export interface Need {
  /** `ecs:UpdateService` */
  readonly action: string;
  readonly resources: readonly string[];
  /** Condition keys beside the global ones, tags and `aws:…`. What costs something to find out is asked for only when needed. */
  readonly keys?: Readonly<Record<string, Value | (() => Value)>>;
  /** Tags that the request puts on: `aws:RequestTag/…` and `aws:TagKeys`. */
  readonly requestTags?: Tags;
  /** Keys of tags that the request takes off: `aws:TagKeys`. */
  readonly tagKeys?: readonly string[];
}

/** The account as the tables may look at it. */
export interface Account {
  readonly accountId: string;
  readonly region: string;
  /** What a machine answers to a reading operation; undefined where it refuses. */
  // biome-ignore lint/suspicious/noExplicitAny: each table knows the shapes of the service that it asks
  ask(service: ServiceId, operation: string, input: unknown): any;
}

// biome-ignore lint/suspicious/noExplicitAny: each table types its own inputs as the SDK does
export type Resolve = (input: any, account: Account) => readonly Need[];

export interface ServiceActions {
  readonly operations: Readonly<Record<string, Resolve>>;
  /** Tags that a resource carries: `aws:ResourceTag/…`. */
  tagsOf?(arn: string, account: Account): Tags;
  /** The resource's own policy, where it has one. */
  policyOf?(arn: string, account: Account): string | undefined;
}

export const EVERYTHING = ['*'] as const;

/** A rule for an operation of that one action. */
export function need(
  action: string,
  resources: readonly string[] = EVERYTHING,
  more: Omit<Need, 'action' | 'resources'> = {},
): Need {
  return { action, resources, ...more };
}

/** Operations that know no narrower resource. */
export function onEverything(prefix: string, names: readonly string[]): Record<string, Resolve> {
  return Object.fromEntries(names.map((name) => [name, () => [need(`${prefix}:${name}`)]]));
}

/** `iam:PassRole` for each role that is handed on. */
export function passing(roleArns: readonly (string | undefined)[], service: string): Need[] {
  const roles = [...new Set(roleArns.filter((arn): arn is string => arn !== undefined && arn !== ''))];
  return roles.length === 0 ? [] : [need('iam:PassRole', roles, { keys: { 'iam:PassedToService': service } })];
}

/** A list of tags in any of AWS's spellings. */
export function tagsFrom(
  list:
    | readonly {
        key?: string | undefined;
        value?: string | undefined;
        Key?: string | undefined;
        Value?: string | undefined;
      }[]
    | undefined,
): Record<string, string> {
  return Object.fromEntries((list ?? []).map((tag) => [tag.key ?? tag.Key ?? '', tag.value ?? tag.Value ?? '']));
}

export function isEmpty(tags: Tags): boolean {
  return Object.keys(tags).length === 0;
}

/** An ARN in the account's region. */
export function arnIn({ region, accountId }: Account, service: string, resource: string): string {
  return `arn:aws:${service}:${region}:${accountId}:${resource}`;
}
