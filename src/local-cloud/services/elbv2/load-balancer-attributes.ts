/**
 * Attributes of application load balancers: which keys there are, their defaults, and what a value may be. The local
 * load balancer acts on the idle timeout, and deletion protection is kept; the rest is answered without effect.
 */
import { invalid } from './model.ts';

interface Attribute {
  readonly standard: string;
  readonly allows: (value: string) => boolean;
}

const flag = (standard: 'true' | 'false'): Attribute => ({ standard, allows: (value) => /^(true|false)$/.test(value) });
const text = (standard: string): Attribute => ({ standard, allows: (value) => value.length <= 1024 });
const whole = (standard: string, least: number, most: number): Attribute => ({
  standard,
  allows: (value) => /^\d+$/.test(value) && Number(value) >= least && Number(value) <= most,
});
const oneOf = (standard: string, ...more: string[]): Attribute => ({
  standard,
  allows: (value) => [standard, ...more].includes(value),
});

export const IDLE_TIMEOUT = 'idle_timeout.timeout_seconds';
export const DELETION_PROTECTION = 'deletion_protection.enabled';

/** https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_LoadBalancerAttribute.html */
const ATTRIBUTES: Readonly<Record<string, Attribute>> = {
  'access_logs.s3.enabled': flag('false'),
  'access_logs.s3.bucket': text(''),
  'access_logs.s3.prefix': text(''),
  'connection_logs.s3.enabled': flag('false'),
  'connection_logs.s3.bucket': text(''),
  'connection_logs.s3.prefix': text(''),
  'client_keep_alive.seconds': whole('3600', 60, 604_800),
  [DELETION_PROTECTION]: flag('false'),
  [IDLE_TIMEOUT]: whole('60', 1, 4_000),
  'load_balancing.cross_zone.enabled': oneOf('true'),
  'routing.http.desync_mitigation_mode': oneOf('defensive', 'monitor', 'strictest'),
  'routing.http.drop_invalid_header_fields.enabled': flag('false'),
  'routing.http.preserve_host_header.enabled': flag('false'),
  'routing.http.x_amzn_tls_version_and_cipher_suite.enabled': flag('false'),
  'routing.http.xff_client_port.enabled': flag('false'),
  'routing.http.xff_header_processing.mode': oneOf('append', 'preserve', 'remove'),
  'routing.http2.enabled': flag('true'),
  'waf.fail_open.enabled': flag('false'),
  'zonal_shift.config.enabled': flag('false'),
};

/** All attributes, those that were never set at their defaults. */
export function attributesOf(set: Readonly<Record<string, string>> | undefined): Record<string, string> {
  const defaults = Object.fromEntries(Object.entries(ATTRIBUTES).map(([key, { standard }]) => [key, standard]));
  return { ...defaults, ...set };
}

/** The changes as a record. @throws AwsError ValidationError on an unknown key or a value out of range */
export function parseLoadBalancerAttributes(
  input: readonly { Key?: string | undefined; Value?: string | undefined }[] | undefined,
): Record<string, string> {
  if (!input || input.length === 0) throw invalid('Load balancer attributes must be specified');
  const changes: Record<string, string> = {};
  for (const { Key = '', Value = '' } of input) {
    const attribute = Object.hasOwn(ATTRIBUTES, Key) ? ATTRIBUTES[Key] : undefined;
    if (!attribute) throw invalid(`Load balancer attribute key '${Key}' is not recognized`);
    if (Key in changes) throw invalid(`Load balancer attribute key '${Key}' is specified more than once`);
    if (!attribute.allows(Value)) throw invalid(`'${Value}' is not valid for load balancer attribute '${Key}'`);
    changes[Key] = Value;
  }
  return changes;
}
