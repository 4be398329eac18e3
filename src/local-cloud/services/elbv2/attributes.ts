/**
 * Attributes of target groups: which keys each type knows, their defaults, and what a value may be. The local load
 * balancer acts on the deregistration delay and on multi-value headers; the rest is kept and answered, without effect.
 */
import { invalid } from './model.ts';

interface Attribute {
  readonly standard: string;
  readonly allows: (value: string) => boolean;
}

const flag = (standard: string): Attribute => ({ standard, allows: (value) => value === 'true' || value === 'false' });
const oneOf = (standard: string, ...more: string[]): Attribute => ({
  standard,
  allows: (value) => [standard, ...more].includes(value),
});
const whole = (standard: string, least: number, most: number, ...more: string[]): Attribute => ({
  standard,
  allows: (value) => more.includes(value) || (/^\d+$/.test(value) && Number(value) >= least && Number(value) <= most),
});
const WEEK_SEC = 604_800;

const ATTRIBUTES: Readonly<Record<'ip' | 'lambda', Readonly<Record<string, Attribute>>>> = {
  ip: {
    'deregistration_delay.timeout_seconds': whole('300', 0, 3600),
    'stickiness.enabled': flag('false'),
    'stickiness.type': oneOf('lb_cookie', 'app_cookie'),
    'stickiness.lb_cookie.duration_seconds': whole('86400', 1, WEEK_SEC),
    'stickiness.app_cookie.cookie_name': { standard: '', allows: (value) => /^[\x21-\x7e]{0,256}$/.test(value) },
    'stickiness.app_cookie.duration_seconds': whole('86400', 1, WEEK_SEC),
    'load_balancing.algorithm.type': oneOf('round_robin', 'least_outstanding_requests', 'weighted_random'),
    'load_balancing.algorithm.anomaly_mitigation': oneOf('off', 'on'),
    'load_balancing.cross_zone.enabled': oneOf('use_load_balancer_configuration', 'true', 'false'),
    'slow_start.duration_seconds': whole('0', 30, 900, '0'),
    'target_group_health.dns_failover.minimum_healthy_targets.count': whole('1', 1, 1000, 'off'),
    'target_group_health.dns_failover.minimum_healthy_targets.percentage': whole('off', 1, 100, 'off'),
    'target_group_health.unhealthy_state_routing.minimum_healthy_targets.count': whole('1', 1, 1000),
    'target_group_health.unhealthy_state_routing.minimum_healthy_targets.percentage': whole('off', 1, 100, 'off'),
  },
  lambda: { 'lambda.multi_value_headers.enabled': flag('false') },
};

/** The attributes of a new target group. */
export function defaultAttributes(type: 'ip' | 'lambda'): Record<string, string> {
  return Object.fromEntries(Object.entries(ATTRIBUTES[type]).map(([key, { standard }]) => [key, standard]));
}

/** The changes as a record. @throws AwsError ValidationError on an unknown key or a value out of range */
export function parseAttributes(
  type: 'ip' | 'lambda',
  input: readonly { Key?: string | undefined; Value?: string | undefined }[] | undefined,
): Record<string, string> {
  if (!input || input.length === 0) throw invalid('Target group attributes must be specified');
  const changes: Record<string, string> = {};
  for (const { Key = '', Value = '' } of input) {
    const attribute = Object.hasOwn(ATTRIBUTES[type], Key) ? ATTRIBUTES[type][Key] : undefined;
    if (!attribute)
      throw invalid(
        `Target group attribute key '${Key}' is not recognized or not supported for target groups with target type '${type}'`,
      );
    if (Key in changes) throw invalid(`Target group attribute key '${Key}' is specified more than once`);
    if (!attribute.allows(Value)) throw invalid(`'${Value}' is not valid for target group attribute '${Key}'`);
    changes[Key] = Value;
  }
  return changes;
}
