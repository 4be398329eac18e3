/**
 * What the load-balancing machine remembers, its error answers and its tables of quotas. Records are JSON; those that
 * belong together name each other by ARN, so that no handler scans the account.
 */
import type { Action } from '@aws-sdk/client-elastic-load-balancing-v2';
import { AwsError, type CloudSettings, type CloudState, type Collection } from '../../contract.ts';
import type { Condition } from './conditions.ts';

/** Published quotas of one region and account. */
export const QUOTAS = {
  loadBalancers: 50,
  listenersPerLoadBalancer: 50,
  rulesPerLoadBalancer: 100,
  targetGroups: 3000,
  targetGroupsPerLoadBalancer: 100,
  targetGroupsPerAction: 5,
  targetsPerTargetGroup: 1000,
  tags: 50,
} as const;

/**
 * So many can be described by name or ARN in one call. AWS's reference does not say so; its API answers it for target
 * groups (https://github.com/ansible-collections/amazon.aws/pull/1593), and rules are taken to be alike.
 */
export const DESCRIBED_MAX = 20;

export type TagRecord = Record<string, string>;

export interface LoadBalancerRecord {
  readonly arn: string;
  readonly name: string;
  readonly scheme: 'internet-facing' | 'internal';
  readonly subnets: string[];
  readonly securityGroups: string[];
  readonly createdMs: number;
  listeners: string[];
  /** Those that were set. */
  attributes?: Record<string, string>;
  tags: TagRecord;
}

export interface ListenerRecord {
  readonly arn: string;
  readonly loadBalancerArn: string;
  port: number;
  /** Without the default rule. */
  rules: string[];
  readonly defaultRule: string;
  tags: TagRecord;
}

export interface RuleRecord {
  readonly arn: string;
  readonly listenerArn: string;
  readonly loadBalancerArn: string;
  priority: number | 'default';
  conditions: Condition[];
  actions: Action[];
  tags: TagRecord;
}

export interface HealthCheckSettings {
  enabled: boolean;
  port: string;
  path: string;
  intervalSec: number;
  timeoutSec: number;
  healthyThreshold: number;
  unhealthyThreshold: number;
  matcher: string;
}

export interface TargetRecord {
  /** IP address or function ARN. */
  readonly id: string;
  /** Absent for a function. */
  readonly port?: number;
  state: 'initial' | 'healthy' | 'unhealthy' | 'draining';
  reason?: string;
  description?: string;
  drainUntilMs?: number;
}

export interface TargetGroupRecord {
  readonly arn: string;
  readonly name: string;
  readonly targetType: 'ip' | 'lambda';
  readonly port?: number;
  readonly vpcId?: string;
  health: HealthCheckSettings;
  attributes: Record<string, string>;
  /** The load balancer whose rules use the group. */
  loadBalancerArn?: string;
  targets: Record<string, TargetRecord>;
  tags: TagRecord;
}

/** The collections of the machine, and lookups that answer as the service does when something is missing. */
export class Elbv2Records {
  readonly settings: CloudSettings;
  readonly loadBalancers: Collection<LoadBalancerRecord>;
  readonly listeners: Collection<ListenerRecord>;
  readonly rules: Collection<RuleRecord>;
  readonly targetGroups: Collection<TargetGroupRecord>;
  /** ARNs by the part that tells the name, as they once were: a look at the collection decides. */
  readonly #arns = new Map<string, string>();

  constructor(state: CloudState, settings: CloudSettings) {
    this.settings = settings;
    this.loadBalancers = state.collection('elbv2.loadBalancers');
    this.listeners = state.collection('elbv2.listeners');
    this.rules = state.collection('elbv2.rules');
    this.targetGroups = state.collection('elbv2.targetGroups');
  }

  arn(resource: string): string {
    return `arn:aws:elasticloadbalancing:${this.settings.region}:${this.settings.accountId}:${resource}`;
  }

  loadBalancer(arn: string | undefined): LoadBalancerRecord {
    const record = this.loadBalancers.get(arn ?? '');
    if (!record) throw new AwsError('LoadBalancerNotFound', `Load balancer '${arn}' not found`);
    return record;
  }

  listener(arn: string | undefined): ListenerRecord {
    const record = this.listeners.get(arn ?? '');
    if (!record) throw new AwsError('ListenerNotFound', 'One or more listeners not found');
    return record;
  }

  /** By name, without copying every other one: an ARN tells the name. */
  loadBalancerNamed(name: string): LoadBalancerRecord | undefined {
    return this.#named(this.loadBalancers, `:loadbalancer/app/${name}/`);
  }

  targetGroupNamed(name: string): TargetGroupRecord | undefined {
    return this.#named(this.targetGroups, `:targetgroup/${name}/`);
  }

  #named<T>(collection: Collection<T>, part: string): T | undefined {
    const known = this.#arns.get(part);
    if (known !== undefined && collection.has(known)) return collection.get(known);
    // Looked through once for all names: whoever asks for one asks for the others, too.
    for (const arn of collection.keys()) this.#arns.set(arn.slice(arn.lastIndexOf(':'), arn.lastIndexOf('/') + 1), arn);
    return collection.get(this.#arns.get(part) ?? '');
  }

  rule(arn: string | undefined): RuleRecord {
    const record = this.rules.get(arn ?? '');
    if (!record) throw new AwsError('RuleNotFound', 'One or more rules not found');
    return record;
  }

  targetGroup(arn: string | undefined): TargetGroupRecord {
    const record = this.targetGroups.get(arn ?? '');
    if (!record) throw new AwsError('TargetGroupNotFound', `Target groups '${arn}' not found`);
    return record;
  }

  /** Every rule of a load balancer, default rules included. */
  rulesOf(loadBalancer: LoadBalancerRecord): RuleRecord[] {
    return loadBalancer.listeners.flatMap((arn) => this.rulesOfListener(this.listener(arn)));
  }

  /** The rules of a listener in the order in which they are tried; the default rule is last. */
  rulesOfListener(listener: ListenerRecord): RuleRecord[] {
    const rules = listener.rules.map((arn) => this.rule(arn));
    return [...rules.sort((a, b) => Number(a.priority) - Number(b.priority)), this.rule(listener.defaultRule)];
  }
}

/** A request that the service's own validation refuses. */
export function invalid(message: string): AwsError {
  return new AwsError('ValidationError', message);
}

/** Refused because the local cloud lacks it, though AWS has it. */
export function unsupported(message: string): AwsError {
  return new AwsError('InvalidConfigurationRequest', `${message} is not supported by the local cloud`);
}

/** The key of an IP target within its group. */
export function targetKey(id: string, port: number | undefined): string {
  return port === undefined ? id : `${id}:${port}`;
}
