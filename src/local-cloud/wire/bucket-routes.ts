/**
 * Which operation of S3 a request means. A bucket is named by the path or by the host; what is asked of it, or of an
 * object in it, is told by the method and by members of the query. A query or a header that the operation does not know
 * is refused, because on AWS it would have meant something.
 */
import { AwsError } from '../contract.ts';
import type { ServiceEntry } from './catalog.ts';
import type { WireRequest } from './protocols.ts';
import { membersOf } from './rest-bindings.ts';
import type { OperationSchema } from './schema.ts';

type Level = 'account' | 'bucket' | 'object';

const SPOKEN_OF: Readonly<Record<Level, string>> = { account: 'the account', bucket: 'a bucket', object: 'an object' };

interface Route {
  readonly operation: OperationSchema;
  readonly method: string;
  readonly level: Level;
  readonly literals: URLSearchParams;
  /** Members of the query that it knows. */
  readonly queries: ReadonlySet<string>;
  readonly headers: ReadonlySet<string>;
  readonly prefixes: readonly string[];
}

/** Of any operation: they are about the request, not about what it asks. */
const ANY_HEADER = new Set([
  'x-amz-content-sha256',
  'x-amz-date',
  'x-amz-decoded-content-length',
  'x-amz-sdk-checksum-algorithm',
  'x-amz-security-token',
  'x-amz-trailer',
  'x-amz-user-agent',
]);

const routes = new WeakMap<ServiceEntry, readonly Route[]>();

/** The operation and the labels `Bucket` and `Key`. @throws AwsError when it means none that is spoken here */
export function bucketOperation(
  entry: ServiceEntry,
  request: WireRequest,
): { operation: OperationSchema; labels: Readonly<Record<string, string>> } {
  const { bucket, key } = addressOf(request);
  const level: Level = bucket === undefined ? 'account' : key === '' ? 'bucket' : 'object';
  const [route] = routesOf(entry)
    .filter((candidate) => candidate.method === request.method && candidate.level === level)
    .filter((candidate) => asksFor(candidate, request.query))
    .sort((a, b) => b.literals.size - a.literals.size);
  if (!route) {
    const query = request.query.size > 0 ? `?${[...request.query.keys()].join('&')}` : '';
    throw notImplemented(`The local cloud's s3 has no operation at ${request.method} of ${SPOKEN_OF[level]}${query}`);
  }
  const stranger = Object.keys(request.headers).find((name) => name.startsWith('x-amz-') && !knows(route, name));
  if (stranger !== undefined) {
    throw notImplemented(
      `A header you provided implies functionality that is not implemented: ${stranger} of ${route.operation.name}`,
    );
  }
  return { operation: route.operation, labels: bucket === undefined ? {} : { Bucket: bucket, Key: key } };
}

function notImplemented(message: string): AwsError {
  return new AwsError('NotImplemented', message, 501);
}

/** The bucket as the host's first labels where the host is not the cloud's own, else as the first of the path. */
function addressOf(request: WireRequest): { bucket: string | undefined; key: string } {
  const host = String(request.headers.host ?? '').replace(/:\d+$/, '');
  const named = /^(.+?)\.(?:(?:s3\.)?localhost|s3[a-z0-9.-]*\.amazonaws\.com)$/.exec(host)?.[1];
  const path = request.path.replace(/^\//, '');
  if (named !== undefined && named !== 's3') return { bucket: named, key: decoded(path) };
  const [bucket = '', ...rest] = path.split('/');
  return { bucket: bucket === '' ? undefined : decoded(bucket), key: decoded(rest.join('/')) };
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw new AwsError('InvalidURI', `Couldn't parse the specified URI: ${text}`);
  }
}

function asksFor({ operation, literals, queries }: Route, query: URLSearchParams): boolean {
  const isNamed = (query.get('x-id') ?? operation.name) === operation.name;
  return (
    isNamed &&
    [...literals].every(([name, value]) => query.get(name) === value) &&
    [...query.keys()].every((name) => queries.has(name) || literals.has(name) || name === 'x-id')
  );
}

function knows({ headers, prefixes }: Route, name: string): boolean {
  // Checksums of documents: S3 verifies them, the reader of the document sees enough.
  const mayBeChecked = headers.has('x-amz-sdk-checksum-algorithm') && name.startsWith('x-amz-checksum-');
  return (
    ANY_HEADER.has(name) || headers.has(name) || mayBeChecked || prefixes.some((prefix) => name.startsWith(prefix))
  );
}

function routesOf(entry: ServiceEntry): readonly Route[] {
  let known = routes.get(entry);
  if (!known) {
    known = [...entry.operations.values()].map(routeOf);
    routes.set(entry, known);
  }
  return known;
}

function routeOf(operation: OperationSchema): Route {
  const { http } = operation;
  if (!http) throw new Error(`${operation.name} has no HTTP binding: another version of the SDK is installed`);
  const [path = '', query = ''] = http.uri.split('?');
  const members = membersOf(operation.input());
  const bindings = members.map((member) => member.bindings);
  const literals = new URLSearchParams(query);
  literals.delete('x-id');
  return {
    operation,
    method: http.method,
    level: path.includes('{Key') ? 'object' : members.some(({ name }) => name === 'Bucket') ? 'bucket' : 'account',
    literals,
    queries: new Set(bindings.flatMap((one) => one.query ?? [])),
    headers: new Set(bindings.flatMap((one) => one.header ?? [])),
    prefixes: bindings.flatMap((one) => one.prefixHeaders ?? []),
  };
}
