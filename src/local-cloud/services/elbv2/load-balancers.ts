/**
 * Load balancers, their listeners and rules, and which target groups they use. One application load balancer listens
 * for HTTP only; TLS and other types are refused by name. A change of rules also decides which groups are attached.
 */
import type {
  CreateListenerInput,
  CreateListenerOutput,
  CreateLoadBalancerInput,
  CreateLoadBalancerOutput,
  CreateRuleInput,
  CreateRuleOutput,
  DeleteListenerInput,
  DeleteLoadBalancerInput,
  DeleteRuleInput,
  DescribeListenersInput,
  DescribeListenersOutput,
  DescribeLoadBalancerAttributesInput,
  DescribeLoadBalancerAttributesOutput,
  DescribeLoadBalancersInput,
  DescribeLoadBalancersOutput,
  DescribeRulesInput,
  DescribeRulesOutput,
  Listener,
  LoadBalancer,
  ModifyListenerInput,
  ModifyListenerOutput,
  ModifyLoadBalancerAttributesInput,
  ModifyLoadBalancerAttributesOutput,
  ModifyRuleInput,
  ModifyRuleOutput,
  Rule,
  SetRulePrioritiesInput,
  SetRulePrioritiesOutput,
} from '@aws-sdk/client-elastic-load-balancing-v2';
import { type Random, sameJson } from '../../../core/index.ts';
import { AwsError, type RequestContext } from '../../contract.ts';
import { forwardGroups, parseActions } from './actions.ts';
import { describeCondition, parseConditions } from './conditions.ts';
import { attributesOf, DELETION_PROTECTION, parseLoadBalancerAttributes } from './load-balancer-attributes.ts';
import {
  DESCRIBED_MAX,
  type Elbv2Records,
  invalid,
  type ListenerRecord,
  type LoadBalancerRecord,
  QUOTAS,
  type RuleRecord,
  unsupported,
} from './model.ts';
import { page } from './page.ts';
import { parseTags } from './tags.ts';

const PAGE = 400;
const NAME = /^(?!internal-)(?!-)[A-Za-z0-9-]{1,32}(?<!-)$/;

/** What a change of rules means to others. */
export interface RuleEvents {
  /** Rules or listeners changed: compiled routes are void. */
  routesChanged(): void;
  /** The group is used by a rule from now on. */
  attached(targetGroupArn: string, nowMs: number): void;
}

/** Handlers by operation name. Each validates first and changes after, so a refused call leaves nothing behind. */
export function loadBalancerOperations(records: Elbv2Records, random: Random, events: RuleEvents) {
  const { settings } = records;

  function id(): string {
    return random.hex(8);
  }

  function paged<T>(
    items: readonly T[],
    keyOf: (item: T) => string,
    input: { Marker?: string | undefined; PageSize?: number | undefined },
  ) {
    if (input.PageSize !== undefined && (input.PageSize < 1 || input.PageSize > PAGE)) {
      throw invalid(`Page size '${input.PageSize}' must be between '1' and '${PAGE}'`);
    }
    const request = { token: input.Marker, limit: input.PageSize ?? PAGE, invalid: () => invalid('Invalid marker') };
    const { items: shown, next } = page(items, keyOf, request);
    return { shown, marker: next === undefined ? {} : { NextMarker: next } };
  }

  /**
   * Checks that the load balancer may use the groups of `after` instead of those of `before` (both of one rule), then
   * attaches and detaches. Call before the rule itself is stored.
   */
  function changeGroups(
    loadBalancer: LoadBalancerRecord,
    rule: Pick<RuleRecord, 'arn' | 'actions'>,
    after: RuleRecord['actions'],
    nowMs: number,
  ): void {
    const others = records.rulesOf(loadBalancer).filter(({ arn }) => arn !== rule.arn);
    const kept = new Set(others.flatMap(({ actions }) => forwardGroups(actions)).map(({ arn }) => arn));
    const wanted = forwardGroups(after).map(({ arn }) => arn);
    const groups = wanted.map((arn) => records.targetGroup(arn));
    if (groups.some(({ loadBalancerArn }) => loadBalancerArn !== undefined && loadBalancerArn !== loadBalancer.arn)) {
      throw new AwsError(
        'TargetGroupAssociationLimit',
        `The following target groups cannot be associated with more than one load balancer: ${wanted.join(', ')}`,
      );
    }
    if (new Set([...kept, ...wanted]).size > QUOTAS.targetGroupsPerLoadBalancer) {
      throw new AwsError(
        'TooManyUniqueTargetGroupsPerLoadBalancer',
        `You have reached the maximum number of unique target groups that you can associate with a load balancer of type 'application': [${QUOTAS.targetGroupsPerLoadBalancer}]`,
      );
    }
    for (const group of groups) {
      if (group.loadBalancerArn !== undefined) continue;
      records.targetGroups.set(group.arn, { ...group, loadBalancerArn: loadBalancer.arn });
      events.attached(group.arn, nowMs);
    }
    for (const { arn } of forwardGroups(rule.actions)) if (!kept.has(arn) && !wanted.includes(arn)) detach(arn);
    events.routesChanged();
  }

  function detach(arn: string): void {
    const { loadBalancerArn: _, ...group } = records.targetGroup(arn);
    records.targetGroups.set(arn, group);
  }

  function describeLoadBalancer(record: LoadBalancerRecord, nowMs: number): LoadBalancer {
    const ready = nowMs >= record.createdMs + settings.delays.taskProvisioningMs;
    return {
      LoadBalancerArn: record.arn,
      DNSName: '127.0.0.1',
      CanonicalHostedZoneId: 'Z35SXDOTRQ7X7K',
      CreatedTime: new Date(record.createdMs),
      LoadBalancerName: record.name,
      Scheme: record.scheme,
      VpcId: 'vpc-local',
      State: { Code: ready ? 'active' : 'provisioning' },
      Type: 'application',
      AvailabilityZones: record.subnets.map((SubnetId, index) => ({
        ZoneName: `${settings.region}${'abcdef'[index % 6]}`,
        SubnetId,
        LoadBalancerAddresses: [],
      })),
      SecurityGroups: record.securityGroups,
      IpAddressType: 'ipv4',
    };
  }

  function describeListener(record: ListenerRecord): Listener {
    return {
      ListenerArn: record.arn,
      LoadBalancerArn: record.loadBalancerArn,
      Port: record.port,
      Protocol: 'HTTP',
      DefaultActions: records.rule(record.defaultRule).actions,
    };
  }

  function describeRule(record: RuleRecord): Rule {
    return {
      RuleArn: record.arn,
      Priority: String(record.priority),
      Conditions: record.conditions.map(describeCondition),
      Actions: record.actions,
      IsDefault: record.priority === 'default',
    };
  }

  function checkPort(port: number | undefined, loadBalancer: LoadBalancerRecord, except?: string): number {
    if (port === undefined) throw invalid('A port must be specified');
    if (!Number.isInteger(port) || port < 1 || port > 65535)
      throw invalid(`Port '${port}' must be between '1' and '65535'`);
    if (loadBalancer.listeners.some((arn) => arn !== except && records.listener(arn).port === port)) {
      throw new AwsError(
        'DuplicateListener',
        `A listener already exists on this port for this load balancer '${loadBalancer.arn}'`,
      );
    }
    return port;
  }

  function checkProtocol(protocol: string | undefined): void {
    if (protocol === undefined || protocol === 'HTTP') return;
    if (protocol === 'HTTPS') throw unsupported("Listener protocol 'HTTPS'");
    throw invalid(`Listener protocol '${protocol}' must be one of 'HTTPS, HTTP'`);
  }

  function checkPriority(priority: number | undefined): number {
    if (priority === undefined || !Number.isInteger(priority) || priority < 1 || priority > 50_000) {
      throw invalid(`Priority '${priority}' must be between '1' and '50000'`);
    }
    return priority;
  }

  function priorityInUse(priority: number): AwsError {
    return new AwsError('PriorityInUse', `Priority '${priority}' is currently in use`);
  }

  function dropListener(listener: ListenerRecord, loadBalancer: LoadBalancerRecord, nowMs: number): void {
    for (const rule of records.rulesOfListener(listener)) {
      changeGroups(loadBalancer, rule, [], nowMs);
      // A rule without actions uses no group: the next rule of this listener may detach what both used.
      records.rules.set(rule.arn, { ...rule, actions: [] });
    }
    for (const arn of [...listener.rules, listener.defaultRule]) records.rules.delete(arn);
    records.listeners.delete(listener.arn);
  }

  return {
    CreateLoadBalancer(input: CreateLoadBalancerInput, { nowMs }: RequestContext): CreateLoadBalancerOutput {
      const name = input.Name ?? '';
      if (!NAME.test(name)) {
        throw invalid(
          `The load balancer name '${name}' must have 1-32 alphanumeric characters or hyphens, not begin or end with a hyphen, and not begin with 'internal-'`,
        );
      }
      if (input.Type !== undefined && input.Type !== 'application')
        throw unsupported(`Load balancer type '${input.Type}'`);
      if (input.IpAddressType !== undefined && input.IpAddressType !== 'ipv4')
        throw unsupported(`IP address type '${input.IpAddressType}'`);
      if (input.Subnets !== undefined && input.SubnetMappings !== undefined)
        throw invalid("You can specify either 'Subnets' or 'SubnetMappings'");
      const subnets = input.Subnets ?? input.SubnetMappings?.map(({ SubnetId }) => SubnetId ?? '') ?? [];
      const malformed = subnets.find((subnet) => !/^subnet-[A-Za-z0-9-]+$/.test(subnet));
      if (malformed !== undefined) throw new AwsError('SubnetNotFound', `The subnet ID '${malformed}' is not valid`);
      if (new Set(subnets).size < 2)
        throw invalid('At least two subnets in two different Availability Zones must be specified');
      const record: LoadBalancerRecord = {
        arn: records.arn(`loadbalancer/app/${name}/${id()}`),
        name,
        scheme: input.Scheme ?? 'internet-facing',
        subnets,
        securityGroups: input.SecurityGroups ?? [],
        createdMs: nowMs,
        listeners: [],
        tags: parseTags(input.Tags),
      };
      const same = records.loadBalancerNamed(name);
      if (same) {
        const { scheme, subnets, securityGroups, tags } = record;
        if (
          !sameJson(
            { scheme, subnets, securityGroups, tags },
            { scheme: same.scheme, subnets: same.subnets, securityGroups: same.securityGroups, tags: same.tags },
          )
        ) {
          throw new AwsError(
            'DuplicateLoadBalancerName',
            `A load balancer with the same name '${name}' exists, but with different settings`,
          );
        }
        return { LoadBalancers: [describeLoadBalancer(same, nowMs)] };
      }
      if (records.loadBalancers.size >= QUOTAS.loadBalancers)
        throw new AwsError('TooManyLoadBalancers', `The maximum number of load balancers has been reached`);
      records.loadBalancers.set(record.arn, record);
      return { LoadBalancers: [describeLoadBalancer(record, nowMs)] };
    },

    DescribeLoadBalancers(input: DescribeLoadBalancersInput, { nowMs }: RequestContext): DescribeLoadBalancersOutput {
      if (input.LoadBalancerArns !== undefined && input.Names !== undefined)
        throw invalid('Load balancer names and load balancer ARNs cannot be specified at the same time');
      const all = records.loadBalancers.values();
      for (const name of input.Names ?? []) {
        if (!all.some((record) => record.name === name))
          throw new AwsError('LoadBalancerNotFound', `Load balancers '[${name}]' not found`);
      }
      for (const arn of input.LoadBalancerArns ?? []) records.loadBalancer(arn);
      const chosen = all.filter(
        ({ name, arn }) => (input.Names?.includes(name) ?? true) && (input.LoadBalancerArns?.includes(arn) ?? true),
      );
      const { shown, marker } = paged(chosen, ({ arn }) => arn, input);
      return { LoadBalancers: shown.map((record) => describeLoadBalancer(record, nowMs)), ...marker };
    },

    DescribeLoadBalancerAttributes(input: DescribeLoadBalancerAttributesInput): DescribeLoadBalancerAttributesOutput {
      return { Attributes: attributeList(records.loadBalancer(input.LoadBalancerArn)) };
    },

    ModifyLoadBalancerAttributes(input: ModifyLoadBalancerAttributesInput): ModifyLoadBalancerAttributesOutput {
      const record = records.loadBalancer(input.LoadBalancerArn);
      const attributes = { ...record.attributes, ...parseLoadBalancerAttributes(input.Attributes) };
      records.loadBalancers.set(record.arn, { ...record, attributes });
      return { Attributes: attributeList({ ...record, attributes }) };
    },

    /** Deleting a load balancer that is not there succeeds, as AWS documents. */
    DeleteLoadBalancer(input: DeleteLoadBalancerInput, { nowMs }: RequestContext): object {
      const loadBalancer = records.loadBalancers.get(input.LoadBalancerArn ?? '');
      if (!loadBalancer) return {};
      if (attributesOf(loadBalancer.attributes)[DELETION_PROTECTION] === 'true') {
        throw new AwsError(
          'OperationNotPermitted',
          `Load balancer '${loadBalancer.arn}' cannot be deleted because deletion protection is enabled`,
        );
      }
      for (const arn of loadBalancer.listeners) {
        const rest = records.loadBalancer(loadBalancer.arn);
        dropListener(records.listener(arn), rest, nowMs);
        records.loadBalancers.set(rest.arn, { ...rest, listeners: rest.listeners.filter((other) => other !== arn) });
      }
      records.loadBalancers.delete(loadBalancer.arn);
      return {};
    },

    CreateListener(input: CreateListenerInput, { nowMs }: RequestContext): CreateListenerOutput {
      const loadBalancer = records.loadBalancer(input.LoadBalancerArn);
      if (input.Protocol === undefined) throw invalid('A listener protocol must be specified');
      checkProtocol(input.Protocol);
      if (input.Certificates !== undefined && input.Certificates.length > 0)
        throw invalid('Certificates cannot be specified for HTTP listeners');
      const port = checkPort(input.Port, loadBalancer);
      if (loadBalancer.listeners.length >= QUOTAS.listenersPerLoadBalancer)
        throw new AwsError('TooManyListeners', 'The maximum number of listeners has been reached');
      const actions = parseActions(input.DefaultActions);
      const tags = parseTags(input.Tags);
      const path = `${loadBalancer.arn.slice(loadBalancer.arn.indexOf('app/'))}/${id()}`;
      const rule: RuleRecord = {
        arn: records.arn(`listener-rule/${path}/${id()}`),
        listenerArn: records.arn(`listener/${path}`),
        loadBalancerArn: loadBalancer.arn,
        priority: 'default',
        conditions: [],
        actions,
        tags: {},
      };
      changeGroups(loadBalancer, { arn: rule.arn, actions: [] }, actions, nowMs);
      const listener: ListenerRecord = {
        arn: rule.listenerArn,
        loadBalancerArn: loadBalancer.arn,
        port,
        rules: [],
        defaultRule: rule.arn,
        tags,
      };
      records.rules.set(rule.arn, rule);
      records.listeners.set(listener.arn, listener);
      records.loadBalancers.set(loadBalancer.arn, {
        ...loadBalancer,
        listeners: [...loadBalancer.listeners, listener.arn],
      });
      return { Listeners: [describeListener(listener)] };
    },

    DescribeListeners(input: DescribeListenersInput): DescribeListenersOutput {
      if ((input.LoadBalancerArn === undefined) === (input.ListenerArns === undefined)) {
        throw invalid('You must specify either listener ARNs or a load balancer ARN');
      }
      const arns = input.ListenerArns ?? records.loadBalancer(input.LoadBalancerArn).listeners;
      const { shown, marker } = paged(
        arns.map((arn) => records.listener(arn)),
        ({ arn }) => arn,
        input,
      );
      return { Listeners: shown.map(describeListener), ...marker };
    },

    ModifyListener(input: ModifyListenerInput, { nowMs }: RequestContext): ModifyListenerOutput {
      const listener = records.listener(input.ListenerArn);
      const loadBalancer = records.loadBalancer(listener.loadBalancerArn);
      checkProtocol(input.Protocol);
      if (input.Port !== undefined) listener.port = checkPort(input.Port, loadBalancer, listener.arn);
      if (input.DefaultActions !== undefined) {
        const actions = parseActions(input.DefaultActions);
        const rule = records.rule(listener.defaultRule);
        changeGroups(loadBalancer, rule, actions, nowMs);
        records.rules.set(rule.arn, { ...rule, actions });
      }
      records.listeners.set(listener.arn, listener);
      events.routesChanged();
      return { Listeners: [describeListener(listener)] };
    },

    DeleteListener(input: DeleteListenerInput, { nowMs }: RequestContext): object {
      const listener = records.listener(input.ListenerArn);
      const loadBalancer = records.loadBalancer(listener.loadBalancerArn);
      dropListener(listener, loadBalancer, nowMs);
      records.loadBalancers.set(loadBalancer.arn, {
        ...loadBalancer,
        listeners: loadBalancer.listeners.filter((arn) => arn !== listener.arn),
      });
      return {};
    },

    CreateRule(input: CreateRuleInput, { nowMs }: RequestContext): CreateRuleOutput {
      const listener = records.listener(input.ListenerArn);
      const loadBalancer = records.loadBalancer(listener.loadBalancerArn);
      if (input.Transforms !== undefined && input.Transforms.length > 0) throw unsupported('Transforms');
      const priority = checkPriority(input.Priority);
      const conditions = parseConditions(input.Conditions);
      const actions = parseActions(input.Actions);
      const tags = parseTags(input.Tags);
      if (records.rulesOfListener(listener).some((rule) => rule.priority === priority)) throw priorityInUse(priority);
      const count = loadBalancer.listeners.reduce((sum, arn) => sum + records.listener(arn).rules.length, 0);
      if (count >= QUOTAS.rulesPerLoadBalancer)
        throw new AwsError(
          'TooManyRules',
          `The maximum number of rules on load balancer '${loadBalancer.arn}' has been reached`,
        );
      const arn = records.arn(`listener-rule/${listener.arn.slice(listener.arn.indexOf('app/'))}/${id()}`);
      const rule: RuleRecord = {
        arn,
        listenerArn: listener.arn,
        loadBalancerArn: loadBalancer.arn,
        priority,
        conditions,
        actions,
        tags,
      };
      changeGroups(loadBalancer, { arn, actions: [] }, actions, nowMs);
      records.rules.set(arn, rule);
      records.listeners.set(listener.arn, { ...listener, rules: [...listener.rules, arn] });
      return { Rules: [describeRule(rule)] };
    },

    DescribeRules(input: DescribeRulesInput): DescribeRulesOutput {
      if ((input.ListenerArn === undefined) === (input.RuleArns === undefined))
        throw invalid('You must specify either listener rule ARNs or a listener ARN');
      if ((input.RuleArns?.length ?? 0) > DESCRIBED_MAX)
        throw invalid(`You cannot describe more than '${DESCRIBED_MAX}' rules at a time`);
      const rules =
        input.RuleArns?.map((arn) => records.rule(arn)) ?? records.rulesOfListener(records.listener(input.ListenerArn));
      const key = ({ priority, arn }: RuleRecord) =>
        `${priority === 'default' ? '~' : String(priority).padStart(5, '0')} ${arn}`;
      const { shown, marker } = paged(rules, key, input);
      return { Rules: shown.map(describeRule), ...marker };
    },

    ModifyRule(input: ModifyRuleInput, { nowMs }: RequestContext): ModifyRuleOutput {
      const rule = records.rule(input.RuleArn);
      if (rule.priority === 'default')
        throw new AwsError('OperationNotPermitted', `Default rule '${rule.arn}' cannot be modified`);
      if (input.Transforms !== undefined && input.Transforms.length > 0) throw unsupported('Transforms');
      if (input.Conditions === undefined && input.Actions === undefined)
        throw invalid('Conditions or actions must be specified');
      const conditions = input.Conditions === undefined ? rule.conditions : parseConditions(input.Conditions);
      const actions = input.Actions === undefined ? rule.actions : parseActions(input.Actions);
      changeGroups(records.loadBalancer(rule.loadBalancerArn), rule, actions, nowMs);
      const modified = { ...rule, conditions, actions };
      records.rules.set(rule.arn, modified);
      return { Rules: [describeRule(modified)] };
    },

    DeleteRule(input: DeleteRuleInput, { nowMs }: RequestContext): object {
      const rule = records.rule(input.RuleArn);
      if (rule.priority === 'default')
        throw new AwsError('OperationNotPermitted', `Default rule '${rule.arn}' cannot be deleted`);
      const listener = records.listener(rule.listenerArn);
      changeGroups(records.loadBalancer(rule.loadBalancerArn), rule, [], nowMs);
      records.listeners.set(listener.arn, { ...listener, rules: listener.rules.filter((arn) => arn !== rule.arn) });
      records.rules.delete(rule.arn);
      return {};
    },

    SetRulePriorities(input: SetRulePrioritiesInput): SetRulePrioritiesOutput {
      const asked = new Map(
        (input.RulePriorities ?? []).map(({ RuleArn, Priority }) => [RuleArn ?? '', checkPriority(Priority)]),
      );
      const rules = [...asked.keys()].map((arn) => records.rule(arn));
      const [first] = rules;
      if (!first) throw invalid('Rule priorities must be specified');
      if (rules.some(({ priority }) => priority === 'default'))
        throw new AwsError('OperationNotPermitted', 'The priority of a default rule cannot be changed');
      if (rules.some(({ listenerArn }) => listenerArn !== first.listenerArn))
        throw invalid('All rules must belong to the same listener');
      const after = records
        .rulesOfListener(records.listener(first.listenerArn))
        .map((rule) => asked.get(rule.arn) ?? rule.priority);
      const twice = after.find((priority, index) => after.indexOf(priority) !== index);
      if (typeof twice === 'number') throw priorityInUse(twice);
      const changed = rules.map((rule) => ({ ...rule, priority: asked.get(rule.arn) ?? rule.priority }));
      for (const rule of changed) records.rules.set(rule.arn, rule);
      events.routesChanged();
      return { Rules: changed.map(describeRule) };
    },
  };
}

function attributeList({ attributes }: LoadBalancerRecord): { Key: string; Value: string }[] {
  return Object.entries(attributesOf(attributes)).map(([Key, Value]) => ({ Key, Value }));
}
