/**
 * Rule conditions: validation of both spellings (`Values` and `…Config`), AWS's quotas, the shape answered, and
 * matching of a request. Pure. Regular-expression values are refused by name.
 */

import { isIP } from 'node:net';
import type { RuleCondition } from '@aws-sdk/client-elastic-load-balancing-v2';
import { invalid, unsupported } from './model.ts';

const VALUES_PER_RULE = 5;
const WILDCARDS_PER_RULE = 6;

export type Condition =
  | { readonly field: 'host-header' | 'path-pattern' | 'http-request-method' | 'source-ip'; readonly values: string[] }
  | { readonly field: 'http-header'; readonly name: string; readonly values: string[] }
  | { readonly field: 'query-string'; readonly pairs: { readonly key?: string; readonly value: string }[] };

/** What a rule is tried on. */
export interface RouteRequest {
  /** The Host header; a port is ignored. */
  readonly host: string;
  /** Path without the query, as received. */
  readonly path: string;
  readonly method: string;
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
  /** Raw query string, without `?`. */
  readonly query: string;
  readonly sourceIp: string;
}

/** Names of the config members and what a value of each field may look like. */
const FIELDS = {
  'host-header': { config: 'HostHeaderConfig', longest: 128, pattern: /^[A-Za-z0-9\-_.*?]*\.[A-Za-z*?]+$/ },
  'path-pattern': { config: 'PathPatternConfig', longest: 128, pattern: /^[A-Za-z0-9_\-.$/~"'@:+&*?;]+$/ },
  'http-request-method': { config: 'HttpRequestMethodConfig', longest: 40, pattern: /^[A-Z_-]+$/ },
  'source-ip': { config: 'SourceIpConfig', longest: 128, pattern: /^[0-9a-fA-F.:]+\/\d{1,3}$/ },
  'http-header': { config: 'HttpHeaderConfig', longest: 128, pattern: /^[\x20-\x7e]+$/ },
  'query-string': { config: 'QueryStringConfig', longest: 128, pattern: /^[\x21-\x7e]+$/ },
} as const;
type Field = keyof typeof FIELDS;
type ConfigName = (typeof FIELDS)[Field]['config'];
const CONFIGS: readonly ConfigName[] = Object.values(FIELDS).map((field) => field.config);
const REPEATABLE: readonly Field[] = ['http-header', 'query-string'];

/** Validated conditions. @throws AwsError ValidationError */
export function parseConditions(input: readonly RuleCondition[] | undefined): Condition[] {
  if (!input || input.length === 0) throw invalid('A condition must be specified');
  const conditions = input.map(parseCondition);
  for (const field of Object.keys(FIELDS) as Field[]) {
    if (!REPEATABLE.includes(field) && conditions.filter((condition) => condition.field === field).length > 1) {
      throw invalid(`A rule can only have one '${field}' condition`);
    }
  }
  const values = conditions.flatMap(valuesOf);
  if (values.length > VALUES_PER_RULE) throw invalid(`A rule can only have '${VALUES_PER_RULE}' condition values`);
  if (values.join('').replace(/[^*?]/g, '').length > WILDCARDS_PER_RULE) {
    throw invalid(`A rule can only have '${WILDCARDS_PER_RULE}' condition wildcards`);
  }
  return conditions;
}

function parseCondition(input: RuleCondition): Condition {
  if (input.RegexValues !== undefined) throw unsupported('RegexValues');
  const given = CONFIGS.filter((name) => input[name] !== undefined);
  const field = input.Field ?? (Object.keys(FIELDS) as Field[]).find((name) => FIELDS[name].config === given[0]);
  if (field === undefined || !(field in FIELDS))
    throw invalid(`Condition field '${field}' must be one of '[${Object.keys(FIELDS)}]'`);
  const known = FIELDS[field as Field];
  if (given.some((name) => name !== known.config))
    throw invalid(`You must specify ${known.config} only when Field is ${field}`);
  const config = input[known.config];
  if (config && 'RegexValues' in config && config.RegexValues !== undefined) throw unsupported('RegexValues');
  if (config && input.Values !== undefined) throw invalid(`You cannot specify both 'Values' and '${known.config}'`);
  if (field === 'query-string') return parseQueryString(input);
  if (!config && field !== 'host-header' && field !== 'path-pattern')
    throw invalid(`You must specify ${known.config} when Field is ${field}`);
  const values = (config as { Values?: string[] } | undefined)?.Values ?? input.Values ?? [];
  if (values.length === 0) throw invalid('A condition value must be specified');
  if (!config && values.length > 1) throw invalid(`Use ${known.config} to specify several values`);
  for (const value of values) checkValue(field as Field, value);
  if (field !== 'http-header') return { field: field as 'host-header', values: [...values] };
  const name = input.HttpHeaderConfig?.HttpHeaderName ?? '';
  if (!/^[A-Za-z0-9*?\-!#$%&'+.^_`|~]{1,40}$/.test(name)) throw invalid(`HTTP header name '${name}' is not valid`);
  if (name.toLowerCase() === 'host') throw invalid("Use the 'host-header' condition to specify the host header");
  return { field, name, values: [...values] };
}

function parseQueryString(input: RuleCondition): Condition {
  const pairs = input.QueryStringConfig?.Values ?? [];
  if (pairs.length === 0) throw invalid('A condition value must be specified');
  return {
    field: 'query-string',
    pairs: pairs.map(({ Key, Value }) => {
      if (Key !== undefined) checkValue('query-string', Key);
      checkValue('query-string', Value ?? '');
      return { ...(Key === undefined ? {} : { key: Key }), value: Value ?? '' };
    }),
  };
}

function checkValue(field: Field, value: string): void {
  const { longest, pattern } = FIELDS[field];
  if (value.length > longest) throw invalid(`The length of condition value '${value}' must not exceed '${longest}'`);
  if (!pattern.test(value) || (field === 'source-ip' && !isCidr(value)))
    throw invalid(`Condition value '${value}' is not valid for '${field}'`);
}

function isCidr(value: string): boolean {
  const [address = '', bits] = value.split('/');
  const version = isIP(address);
  if (version === 6 && address.includes('.')) return false;
  return version !== 0 && Number(bits) <= (version === 4 ? 32 : 128);
}

function valuesOf(condition: Condition): string[] {
  if (condition.field !== 'query-string') return condition.values;
  return condition.pairs.map(({ key, value }) => `${key ?? ''}${value}`);
}

/** The shape AWS answers: host and path conditions carry their values in both spellings. */
export function describeCondition(condition: Condition): RuleCondition {
  const Field = condition.field;
  switch (condition.field) {
    case 'host-header':
      return { Field, Values: condition.values, HostHeaderConfig: { Values: condition.values } };
    case 'path-pattern':
      return { Field, Values: condition.values, PathPatternConfig: { Values: condition.values } };
    case 'http-request-method':
      return { Field, HttpRequestMethodConfig: { Values: condition.values } };
    case 'source-ip':
      return { Field, SourceIpConfig: { Values: condition.values } };
    case 'http-header':
      return { Field, HttpHeaderConfig: { HttpHeaderName: condition.name, Values: condition.values } };
    case 'query-string': {
      const values = condition.pairs.map(({ key, value }) => ({
        ...(key === undefined ? {} : { Key: key }),
        Value: value,
      }));
      return { Field, QueryStringConfig: { Values: values } };
    }
  }
}

export type Matcher = (request: RouteRequest) => boolean;

/** A function that tells whether a request fulfils every condition. */
export function compileConditions(conditions: readonly Condition[]): Matcher {
  const matchers = conditions.map(compileCondition);
  return (request) => matchers.every((matches) => matches(request));
}

function compileCondition(condition: Condition): Matcher {
  switch (condition.field) {
    case 'host-header': {
      const matches = anyOf(condition.values, 'i');
      return ({ host }) => matches(host.replace(/:\d+$/, ''));
    }
    case 'path-pattern': {
      const matches = anyOf(condition.values, '');
      return ({ path }) => matches(path);
    }
    case 'http-request-method':
      return ({ method }) => condition.values.includes(method);
    case 'source-ip':
      return ({ sourceIp }) => condition.values.some((cidr) => contains(cidr, sourceIp));
    case 'http-header': {
      const names = anyOf([condition.name], 'i');
      const matches = anyOf(condition.values, 'i');
      return ({ headers }) =>
        Object.entries(headers).some(
          ([name, value]) => names(name) && [value ?? []].flat().some((text) => matches(text)),
        );
    }
    case 'query-string': {
      const pairs = condition.pairs.map(({ key, value }) => ({
        key: key === undefined ? undefined : wildcard(key, 'i'),
        value: wildcard(value, 'i'),
      }));
      return ({ query }) =>
        parseQuery(query).some(([key, value]) =>
          pairs.some((pair) => (pair.key?.test(key) ?? true) && pair.value.test(value)),
        );
    }
  }
}

function anyOf(patterns: readonly string[], flags: string): (text: string) => boolean {
  const compiled = patterns.map((pattern) => wildcard(pattern, flags));
  return (text) => compiled.some((pattern) => pattern.test(text));
}

/** `*` is any run of characters, slashes included; `?` is exactly one. */
function wildcard(pattern: string, flags: string): RegExp {
  const source = pattern
    .replace(/[.+^${}()|[\]\\]/g, '\\$&')
    .replaceAll('*', '.*')
    .replaceAll('?', '.');
  return new RegExp(`^${source}$`, `s${flags}`);
}

function parseQuery(query: string): [string, string][] {
  return query
    .split('&')
    .filter((part) => part !== '')
    .map((part) => {
      const equals = part.indexOf('=');
      return equals < 0 ? [decode(part), ''] : [decode(part.slice(0, equals)), decode(part.slice(equals + 1))];
    });
}

/** Escapes that are not valid UTF-8 are compared as they were sent. */
function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

function contains(cidr: string, sourceIp: string): boolean {
  const [network = '', bits = ''] = cidr.split('/');
  // A dual-stack socket reports IPv4 peers as mapped addresses.
  const ip = sourceIp.replace(/^::ffff:(?=\d+\.)/i, '');
  const version = isIP(ip);
  if (version === 0 || version !== isIP(network)) return false;
  const width = version === 4 ? 32n : 128n;
  const shift = width - BigInt(bits);
  return addressBits(network, version) >> shift === addressBits(ip, version) >> shift;
}

function addressBits(ip: string, version: number): bigint {
  if (version === 4) return ip.split('.').reduce((bits, part) => (bits << 8n) | BigInt(part), 0n);
  const [head = '', tail] = ip.split('::');
  const groups = (text: string) => (text === '' ? [] : text.split(':'));
  const left = groups(head);
  const right = tail === undefined ? [] : groups(tail);
  const zeros = tail === undefined ? 0 : 8 - left.length - right.length;
  const all = [...left, ...Array<string>(zeros).fill('0'), ...right];
  return all.reduce((bits, part) => (bits << 16n) | BigInt(`0x${part}`), 0n);
}
