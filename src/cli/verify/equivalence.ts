/**
 * Whether the function answers the same from Lambda as from Fargate: each request goes to the object's URL, where tasks
 * serve, and as the event that the load balancer or gateway would make of it to the function itself. Status, every header
 * and the body are compared. Lambda is asked twice, and what differs between its own two answers is said to be unstable
 * and not held against Fargate. What intermediaries write is not the function's and is left out.
 */
import { EVENT_FORMATS } from '../../adapter/events/index.ts';
import type { LambdaPort } from '../../aws/index.ts';
import { type Random, shortHash, uuid } from '../../core/index.ts';
import { sendHttp } from '../commands/http-request.ts';
import type { ProbeRequest } from './probe-requests.ts';

export interface Sides {
  readonly lambda: LambdaPort;
  readonly functionName: string;
  readonly qualifier: string | undefined;
  /** Of the object, as status has it. */
  readonly url: string;
  /** `spec.traffic.eventFormat`, defaulted. */
  readonly format: string;
  readonly random: Random;
  readonly nowMs: () => number;
  readonly signal: AbortSignal;
}

export interface Difference {
  /** `status`, `body`, or a header's name. */
  readonly of: string;
  readonly lambda: string | null;
  readonly fargate: string | null;
}

export interface Comparison {
  readonly method: string;
  readonly path: string;
  readonly status: number;
  readonly differences: readonly Difference[];
  /** Parts in which two answers of Lambda differ already. */
  readonly unstable: readonly string[];
}

interface Answer {
  readonly status: number;
  /** By name in lower case; several in the order of their values. */
  readonly headers: ReadonlyMap<string, string>;
  readonly body: Buffer;
}

/** Written by connections and load balancers; the length follows from the body. */
const NOT_THE_FUNCTIONS = new Set(['date', 'connection', 'keep-alive', 'transfer-encoding', 'content-length']);
const INVOKE_TIMEOUT_MS = 15 * 60_000 + 10_000;

/** @throws UserError when nothing answers at the URL; Failure when the function cannot be invoked */
export async function compare(request: ProbeRequest, sides: Sides): Promise<Comparison> {
  const lambda = await fromLambda(request, sides);
  const again = await fromLambda(request, sides);
  const fargate = await fromFargate(request, sides);
  const unstable = partsOf(lambda, again).filter((part) => partOf(lambda, part) !== partOf(again, part));
  const differences = partsOf(lambda, fargate)
    .filter((part) => !unstable.includes(part) && partOf(lambda, part) !== partOf(fargate, part))
    .map((part) => ({ of: part, lambda: shown(lambda, part), fargate: shown(fargate, part) }));
  return { method: request.method, path: request.path, status: lambda.status, differences, unstable };
}

async function fromLambda(request: ProbeRequest, sides: Sides): Promise<Answer> {
  const { lambda, functionName, qualifier, signal, nowMs, random } = sides;
  const format = EVENT_FORMATS[sides.format];
  if (!format) throw new Error(`validation let the event format ${sides.format} pass`);
  const url = new URL(targetOf(sides.url, request.path));
  const given = new Set(request.headers.map(([name]) => name.toLowerCase()));
  // As the load balancer passes a request on.
  const added = [
    ['host', url.host],
    ['x-forwarded-for', '127.0.0.1'],
    ['x-forwarded-port', url.port || (url.protocol === 'https:' ? '443' : '80')],
    ['x-forwarded-proto', url.protocol.replace(':', '')],
  ] as const;
  const headers = [...request.headers, ...added.filter(([name]) => !given.has(name))].flat();
  const event = format.event(
    {
      method: request.method,
      target: `${url.pathname}${url.search}`,
      protocol: 'HTTP/1.1',
      headers,
      body: request.body,
      sourceIp: '127.0.0.1',
    },
    { requestId: uuid(random), functionArn: functionName, targetGroupArn: '', nowMs: nowMs() },
  );
  const invoked = await lambda.invoke(
    { FunctionName: functionName, ...(qualifier === undefined ? {} : { Qualifier: qualifier }), Payload: event },
    { signal, timeoutMs: INVOKE_TIMEOUT_MS },
  );
  const answer =
    invoked.FunctionError === undefined
      ? format.answer(Buffer.from(invoked.Payload ?? []))
      : format.failure('functionError');
  const pairs: [string, string][] = [];
  for (let i = 0; i + 1 < answer.headers.length; i += 2)
    pairs.push([answer.headers[i] ?? '', answer.headers[i + 1] ?? '']);
  return {
    status: answer.status,
    headers: byName(pairs),
    body: request.method === 'HEAD' ? Buffer.alloc(0) : answer.body,
  };
}

async function fromFargate({ method, path, headers, body }: ProbeRequest, { url, signal }: Sides): Promise<Answer> {
  const asked = { url: targetOf(url, path), method, headers, body: body.length === 0 ? undefined : body };
  const answer = await sendHttp(asked, signal);
  return { status: answer.status, headers: byName(answer.headers), body: answer.bytes };
}

function targetOf(url: string, path: string): string {
  return path === '' ? url : `${url.replace(/\/$/, '')}${path}`;
}

function byName(pairs: readonly (readonly [string, string])[]): Map<string, string> {
  const headers = new Map<string, string[]>();
  for (const [name, value] of pairs) {
    const lower = name.toLowerCase();
    if (!NOT_THE_FUNCTIONS.has(lower)) headers.set(lower, [...(headers.get(lower) ?? []), value]);
  }
  return new Map([...headers].map(([name, values]) => [name, values.sort().join('\n')]));
}

/** `status`, every header of either, `body`. */
function partsOf(a: Answer, b: Answer): string[] {
  return ['status', ...[...new Set([...a.headers.keys(), ...b.headers.keys()])].sort(), 'body'];
}

function partOf({ status, headers, body }: Answer, part: string): string | undefined {
  if (part === 'status') return String(status);
  return part === 'body' ? body.toString('base64') : headers.get(part);
}

const SHOWN_MAX = 60;

function shown(answer: Answer, part: string): string | null {
  if (part !== 'body') return partOf(answer, part) ?? null;
  const text = answer.body.toString('utf8');
  const hash = shortHash(answer.body.toString('base64'), 8);
  const start = text.length > SHOWN_MAX ? `${text.slice(0, SHOWN_MAX)}…` : text;
  return `${answer.body.length} bytes (${hash}): ${JSON.stringify(start)}`;
}
