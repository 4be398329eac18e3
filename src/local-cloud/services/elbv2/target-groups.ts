/**
 * Target groups: creation, changes, attributes and deletion. Targets and their health are in `targets.ts`. Groups of
 * instances and of other load balancers are refused by name, as are protocols other than HTTP/1.1.
 */
import type {
  CreateTargetGroupInput,
  CreateTargetGroupOutput,
  DeleteTargetGroupInput,
  DescribeTargetGroupAttributesInput,
  DescribeTargetGroupAttributesOutput,
  DescribeTargetGroupsInput,
  DescribeTargetGroupsOutput,
  ModifyTargetGroupAttributesInput,
  ModifyTargetGroupAttributesOutput,
  ModifyTargetGroupInput,
  ModifyTargetGroupOutput,
  TargetGroup,
} from '@aws-sdk/client-elastic-load-balancing-v2';
import { type Random, sameJson } from '../../../core/index.ts';
import { AwsError } from '../../contract.ts';
import { defaultAttributes, parseAttributes } from './attributes.ts';
import {
  DESCRIBED_MAX,
  type Elbv2Records,
  type HealthCheckSettings,
  invalid,
  QUOTAS,
  type TargetGroupRecord,
  unsupported,
} from './model.ts';
import { page } from './page.ts';
import { parseTags } from './tags.ts';

const PAGE = 400;
const HEALTH_DEFAULTS: Readonly<Record<'ip' | 'lambda', HealthCheckSettings>> = {
  ip: {
    enabled: true,
    port: 'traffic-port',
    path: '/',
    intervalSec: 30,
    timeoutSec: 5,
    healthyThreshold: 5,
    unhealthyThreshold: 2,
    matcher: '200',
  },
  lambda: {
    enabled: false,
    port: '',
    path: '/',
    intervalSec: 35,
    timeoutSec: 30,
    healthyThreshold: 5,
    unhealthyThreshold: 2,
    matcher: '200',
  },
};

export interface TargetGroupEvents {
  /** Health check settings or attributes changed. */
  reconfigured(targetGroupArn: string, nowMs: number): void;
  deleted(targetGroupArn: string): void;
}

/** Handlers by operation name. Each validates first and changes after, so a refused call leaves nothing behind. */
export function targetGroupOperations(records: Elbv2Records, random: Random, events: TargetGroupEvents) {
  function describe(record: TargetGroupRecord): TargetGroup {
    const { health } = record;
    const traffic =
      record.targetType === 'ip'
        ? {
            Protocol: 'HTTP' as const,
            ProtocolVersion: 'HTTP1',
            Port: record.port,
            VpcId: record.vpcId,
            HealthCheckProtocol: 'HTTP' as const,
            HealthCheckPort: health.port,
          }
        : {};
    return {
      TargetGroupArn: record.arn,
      TargetGroupName: record.name,
      ...traffic,
      HealthCheckEnabled: health.enabled,
      HealthCheckIntervalSeconds: health.intervalSec,
      HealthCheckTimeoutSeconds: health.timeoutSec,
      HealthyThresholdCount: health.healthyThreshold,
      UnhealthyThresholdCount: health.unhealthyThreshold,
      HealthCheckPath: health.path,
      Matcher: { HttpCode: health.matcher },
      LoadBalancerArns: record.loadBalancerArn === undefined ? [] : [record.loadBalancerArn],
      TargetType: record.targetType,
      IpAddressType: 'ipv4',
    };
  }

  return {
    CreateTargetGroup(input: CreateTargetGroupInput): CreateTargetGroupOutput {
      const name = checkName(input.Name ?? '');
      const traffic = parseTraffic(input);
      const record: TargetGroupRecord = {
        arn: records.arn(`targetgroup/${name}/${random.hex(8)}`),
        name,
        ...traffic,
        health: parseHealth(traffic.targetType, HEALTH_DEFAULTS[traffic.targetType], input),
        attributes: defaultAttributes(traffic.targetType),
        targets: {},
        tags: parseTags(input.Tags),
      };
      const same = records.targetGroupNamed(name);
      if (same) {
        const settings = ({ targetType, port, vpcId, health, tags }: TargetGroupRecord) => ({
          targetType,
          port,
          vpcId,
          health,
          tags,
        });
        if (!sameJson(settings(record), settings(same))) {
          throw new AwsError(
            'DuplicateTargetGroupName',
            `A target group with the same name '${name}' exists, but with different settings`,
          );
        }
        return { TargetGroups: [describe(same)] };
      }
      if (records.targetGroups.size >= QUOTAS.targetGroups)
        throw new AwsError('TooManyTargetGroups', 'The maximum number of target groups has been reached');
      records.targetGroups.set(record.arn, record);
      return { TargetGroups: [describe(record)] };
    },

    DescribeTargetGroups(input: DescribeTargetGroupsInput): DescribeTargetGroupsOutput {
      const selectors = [input.LoadBalancerArn, input.TargetGroupArns, input.Names].filter(
        (selector) => selector !== undefined,
      );
      if (selectors.length > 1)
        throw invalid(
          'Target group names, target group ARNs and a load balancer ARN cannot be specified at the same time',
        );
      const named = input.TargetGroupArns ?? input.Names ?? [];
      if (named.length > DESCRIBED_MAX)
        throw invalid(`You cannot describe more than '${DESCRIBED_MAX}' target groups at a time`);
      if (input.PageSize !== undefined && (input.PageSize < 1 || input.PageSize > PAGE))
        throw invalid(`Page size '${input.PageSize}' must be between '1' and '${PAGE}'`);
      const request = { token: input.Marker, limit: input.PageSize ?? PAGE, invalid: () => invalid('Invalid marker') };
      const { items, next } = page(select(input), ({ arn }) => arn, request);
      return { TargetGroups: items.map(describe), ...(next === undefined ? {} : { NextMarker: next }) };
    },

    ModifyTargetGroup(input: ModifyTargetGroupInput, { nowMs }: { nowMs: number }): ModifyTargetGroupOutput {
      const record = records.targetGroup(input.TargetGroupArn);
      const modified = { ...record, health: parseHealth(record.targetType, record.health, input) };
      records.targetGroups.set(record.arn, modified);
      events.reconfigured(record.arn, nowMs);
      return { TargetGroups: [describe(modified)] };
    },

    /** Deleting a group that is not there succeeds, as AWS documents. */
    DeleteTargetGroup(input: DeleteTargetGroupInput): object {
      const record = records.targetGroups.get(input.TargetGroupArn ?? '');
      if (!record) return {};
      if (record.loadBalancerArn !== undefined)
        throw new AwsError('ResourceInUse', `Target group '${record.arn}' is currently in use by a listener or a rule`);
      records.targetGroups.delete(record.arn);
      events.deleted(record.arn);
      return {};
    },

    DescribeTargetGroupAttributes(input: DescribeTargetGroupAttributesInput): DescribeTargetGroupAttributesOutput {
      return { Attributes: attributeList(records.targetGroup(input.TargetGroupArn)) };
    },

    ModifyTargetGroupAttributes(
      input: ModifyTargetGroupAttributesInput,
      { nowMs }: { nowMs: number },
    ): ModifyTargetGroupAttributesOutput {
      const record = records.targetGroup(input.TargetGroupArn);
      const attributes = { ...record.attributes, ...parseAttributes(record.targetType, input.Attributes) };
      records.targetGroups.set(record.arn, { ...record, attributes });
      events.reconfigured(record.arn, nowMs);
      return { Attributes: attributeList({ ...record, attributes }) };
    },
  };

  function select(input: DescribeTargetGroupsInput): TargetGroupRecord[] {
    if (input.TargetGroupArns !== undefined) {
      return [...new Set(input.TargetGroupArns)].map((arn) => {
        const record = records.targetGroups.get(arn);
        if (!record) throw notFound();
        return record;
      });
    }
    if (input.Names !== undefined) {
      return [...new Set(input.Names)].map((name) => {
        const record = records.targetGroupNamed(name);
        if (!record) throw notFound();
        return record;
      });
    }
    const all = records.targetGroups.values();
    if (input.LoadBalancerArn === undefined) return all;
    const { arn } = records.loadBalancer(input.LoadBalancerArn);
    return all.filter(({ loadBalancerArn }) => loadBalancerArn === arn);
  }
}

function notFound(): AwsError {
  return new AwsError('TargetGroupNotFound', 'One or more target groups not found');
}

function attributeList(record: TargetGroupRecord): { Key: string; Value: string }[] {
  return Object.entries(record.attributes).map(([Key, Value]) => ({ Key, Value }));
}

function checkName(name: string): string {
  if (name.length === 0) throw invalid('Target group name must be specified');
  if (name.length > 32) throw invalid(`Target group name '${name}' cannot be longer than '32' characters`);
  if (!/^[A-Za-z0-9-]+$/.test(name))
    throw invalid(
      `Target group name '${name}' can only contain characters that are alphanumeric characters or hyphens(-)`,
    );
  if (name.startsWith('-') || name.endsWith('-'))
    throw invalid(`Target group name '${name}' cannot begin or end with a hyphen(-)`);
  return name;
}

function parseTraffic(input: CreateTargetGroupInput): Pick<TargetGroupRecord, 'targetType' | 'port' | 'vpcId'> {
  const type = input.TargetType ?? 'instance';
  if (type === 'lambda') {
    if (input.Protocol !== undefined || input.Port !== undefined || input.VpcId !== undefined) {
      throw invalid("Protocol, port and VPC cannot be specified for target groups with target type 'lambda'");
    }
    return { targetType: 'lambda' };
  }
  if (type !== 'ip') throw unsupported(`Target type '${type}'`);
  if (input.Protocol === undefined) throw invalid('A protocol must be specified');
  if (input.Protocol !== 'HTTP') throw unsupported(`Target group protocol '${input.Protocol}'`);
  if (input.ProtocolVersion !== undefined && input.ProtocolVersion !== 'HTTP1')
    throw unsupported(`Protocol version '${input.ProtocolVersion}'`);
  if (input.IpAddressType !== undefined && input.IpAddressType !== 'ipv4')
    throw unsupported(`IP address type '${input.IpAddressType}'`);
  if (input.Port === undefined) throw invalid('A port must be specified');
  if (!Number.isInteger(input.Port) || input.Port < 1 || input.Port > 65535)
    throw invalid(`Port '${input.Port}' must be between '1' and '65535'`);
  if (input.VpcId === undefined) throw invalid('A VPC ID must be specified');
  if (!/^vpc-[A-Za-z0-9-]+$/.test(input.VpcId)) throw invalid(`The VPC ID '${input.VpcId}' is not found`);
  return { targetType: 'ip', port: input.Port, vpcId: input.VpcId };
}

function parseHealth(
  type: 'ip' | 'lambda',
  before: HealthCheckSettings,
  input: Omit<ModifyTargetGroupInput, 'TargetGroupArn'>,
): HealthCheckSettings {
  if (type === 'ip' && input.HealthCheckEnabled === false)
    throw invalid("Health check enabled must be true for target groups with target type 'ip'");
  if (type === 'lambda' && (input.HealthCheckPort !== undefined || input.HealthCheckProtocol !== undefined)) {
    throw invalid("Health check port and protocol cannot be specified for target groups with target type 'lambda'");
  }
  if (input.HealthCheckProtocol !== undefined && input.HealthCheckProtocol !== 'HTTP')
    throw unsupported(`Health check protocol '${input.HealthCheckProtocol}'`);
  const health: HealthCheckSettings = {
    enabled: input.HealthCheckEnabled ?? before.enabled,
    port: input.HealthCheckPort ?? before.port,
    path: input.HealthCheckPath ?? before.path,
    intervalSec: input.HealthCheckIntervalSeconds ?? before.intervalSec,
    timeoutSec: input.HealthCheckTimeoutSeconds ?? before.timeoutSec,
    healthyThreshold: input.HealthyThresholdCount ?? before.healthyThreshold,
    unhealthyThreshold: input.UnhealthyThresholdCount ?? before.unhealthyThreshold,
    matcher: input.Matcher?.HttpCode ?? before.matcher,
  };
  inRange('Health check interval', health.intervalSec, 5, 300);
  inRange('Health check timeout', health.timeoutSec, 2, 120);
  inRange('Healthy threshold count', health.healthyThreshold, 2, 10);
  inRange('Unhealthy threshold count', health.unhealthyThreshold, 2, 10);
  if (health.timeoutSec >= health.intervalSec) {
    throw invalid(
      `Health check timeout '${health.timeoutSec}' must be smaller than or equal to the interval '${health.intervalSec}'`,
    );
  }
  if (type === 'ip' && health.port !== 'traffic-port' && !(Number(health.port) >= 1 && Number(health.port) <= 65535)) {
    throw invalid(`Health check port '${health.port}' is not valid`);
  }
  if (!/^\/[\x21-\x7e]{0,1023}$/.test(health.path)) throw invalid(`Health check path '${health.path}' is not valid`);
  parseMatcher(health.matcher);
  return health;
}

function inRange(what: string, value: number, least: number, most: number): void {
  if (!Number.isInteger(value) || value < least || value > most)
    throw invalid(`${what} '${value}' must be between '${least}' and '${most}'`);
}

/** A matcher (`200`, `200,202`, `200-299`) as ranges. @throws AwsError ValidationError */
export function parseMatcher(matcher: string): { from: number; to: number }[] {
  return matcher.split(',').map((part) => {
    const match = /^(\d{3})(?:-(\d{3}))?$/.exec(part.trim());
    const from = Number(match?.[1]);
    const to = Number(match?.[2] ?? match?.[1]);
    if (!match || from < 200 || to > 499 || from > to)
      throw invalid(`Health check matcher HTTP code '${matcher}' must be within '200-499'`);
    return { from, to };
  });
}
