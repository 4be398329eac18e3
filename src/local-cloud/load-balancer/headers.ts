/**
 * The headers that an Application Load Balancer takes out, adds and changes. Pure functions over raw header lists
 * (name, value, name, value …), so that order, case and repetition survive the way through.
 */
import type { Random } from '../../core/index.ts';

/** Headers of one connection, never of the message; `expect` too, because the load balancer has answered it itself. */
const HOP_BY_HOP = new Set([
  'connection',
  'expect',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]);
const REPLACED = new Set(['x-forwarded-for', 'x-forwarded-port', 'x-forwarded-proto', 'x-amzn-trace-id']);

export interface Hop {
  readonly clientIp: string;
  readonly listenerPort: number;
  readonly nowMs: number;
  readonly random: Random;
}

/** A request's headers as the target sees them. */
export function requestHeaders(raw: readonly string[], hop: Hop): string[] {
  const listed = connectionListed(raw);
  const headers: string[] = [];
  let forwardedFor = '';
  let traceId = '';
  for (let i = 0; i + 1 < raw.length; i += 2) {
    const name = raw[i] ?? '';
    const value = raw[i + 1] ?? '';
    const lower = name.toLowerCase();
    if (lower === 'x-forwarded-for') forwardedFor += `${value}, `;
    if (lower === 'x-amzn-trace-id') traceId = value;
    if (!HOP_BY_HOP.has(lower) && !REPLACED.has(lower) && !listed?.has(lower)) headers.push(name, value);
  }
  headers.push(
    'X-Forwarded-For',
    forwardedFor + hop.clientIp,
    'X-Forwarded-Proto',
    'http',
    'X-Forwarded-Port',
    String(hop.listenerPort),
    'X-Amzn-Trace-Id',
    tracedBy(traceId, hop),
  );
  return headers;
}

/** An answer's headers as the client sees them. */
export function responseHeaders(raw: readonly (string | Buffer)[]): string[] {
  const texts = raw.map((part) => (typeof part === 'string' ? part : part.toString('latin1')));
  const listed = connectionListed(texts);
  const headers: string[] = [];
  for (let i = 0; i + 1 < texts.length; i += 2) {
    const name = texts[i] ?? '';
    const lower = name.toLowerCase();
    if (!HOP_BY_HOP.has(lower) && !listed?.has(lower)) headers.push(name, texts[i + 1] ?? '');
  }
  return headers;
}

/** The headers of an upgrade keep the two that ask for it. */
export function withUpgrade(headers: string[], protocol: string): string[] {
  return [...headers, 'Connection', 'Upgrade', 'Upgrade', protocol];
}

/** What `Connection` names beside its own words is of this connection too. */
function connectionListed(raw: readonly string[]): Set<string> | undefined {
  let names: Set<string> | undefined;
  for (let i = 0; i + 1 < raw.length; i += 2) {
    if (raw[i]?.toLowerCase() !== 'connection') continue;
    for (const name of (raw[i + 1] ?? '').toLowerCase().split(',')) {
      const trimmed = name.trim();
      if (trimmed === '' || trimmed === 'close' || trimmed === 'keep-alive') continue;
      names ??= new Set();
      names.add(trimmed);
    }
  }
  return names;
}

/** A missing id is made; one with a root gets, or changes, the load balancer's own `Self`; one without gets a root. */
function tracedBy(given: string, { nowMs, random }: Hop): string {
  const own = `1-${Math.floor(nowMs / 1000)
    .toString(16)
    .padStart(8, '0')}-${random.hex(12)}`;
  if (given === '') return `Root=${own}`;
  const fields = given.split(';').filter((field) => !field.trim().startsWith('Self='));
  const hasRoot = fields.some((field) => field.trim().startsWith('Root='));
  return [`${hasRoot ? 'Self' : 'Root'}=${own}`, ...fields].join(';');
}
