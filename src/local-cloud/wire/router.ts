/**
 * Finds out which operation of which service a request means: by `x-amz-target`, then by the signature's scope, then by
 * a form's `Version`; REST operations by method and path, S3's by more than that (`bucket-routes.ts`). It also insists on a signature, whoever signed: the local
 * cloud has one account and no secrets, but a client that forgets to sign would fail on AWS.
 */
import { AwsError } from '../contract.ts';
import type { Credentials } from '../iam/index.ts';
import { bucketOperation } from './bucket-routes.ts';
import { CATALOG, type ServiceEntry, serviceEntry } from './catalog.ts';
import { formOf, type WireRequest } from './protocols.ts';
import type { OperationSchema } from './schema.ts';

export interface Meant {
  readonly operation: OperationSchema;
  readonly labels: Readonly<Record<string, string>>;
}

const AUTHORIZATION =
  /^AWS4-HMAC-SHA256 Credential=([^/,\s]+)\/\d{8}\/[^/,\s]+\/([^/,\s]+)\/aws4_request,\s*SignedHeaders=[^,\s]+,\s*Signature=[0-9a-f]+$/;

const byTarget = new Map<string, ServiceEntry>();
const byVersion = new Map<string, ServiceEntry>();
const bySigningName = new Map<string, ServiceEntry>();
for (const entry of CATALOG.values()) {
  if (entry.target !== undefined) byTarget.set(entry.target, entry);
  if (entry.version !== undefined) byVersion.set(entry.version, entry);
  // The two that share a name both say their target.
  if (!bySigningName.has(entry.signingName)) bySigningName.set(entry.signingName, entry);
}

/**
 * The service that a request means, in whose protocol it must be answered; undefined when nothing in it names one of
 * ours.
 */
export function serviceOf(request: WireRequest): ServiceEntry | undefined {
  const target = request.headers['x-amz-target'];
  if (typeof target === 'string') return byTarget.get(target.slice(0, target.indexOf('.')));
  const scope = signingScope(request);
  if (scope !== undefined) return bySigningName.get(scope);
  return isForm(request) ? byVersion.get(formOf(request).get('Version') ?? '') : undefined;
}

/** True when an answer that belongs to no service should be XML. */
export function isForm(request: WireRequest): boolean {
  return String(request.headers['content-type'] ?? '').startsWith('application/x-www-form-urlencoded');
}

/** The service's name in the signature's scope, if there is one. */
export function signingScope(request: WireRequest): string | undefined {
  return AUTHORIZATION.exec(String(request.headers.authorization ?? ''))?.[2];
}

/** Whose key signed; undefined for what nobody signed. */
export function credentialsOf(request: WireRequest): Credentials | undefined {
  const accessKeyId = AUTHORIZATION.exec(String(request.headers.authorization ?? ''))?.[1];
  if (accessKeyId === undefined) return undefined;
  const sessionToken = request.headers['x-amz-security-token'];
  return { accessKeyId, sessionToken: typeof sessionToken === 'string' ? sessionToken : undefined };
}

/** True for the few operations that clients do not sign. */
export function isUnsigned(entry: ServiceEntry, request: WireRequest): boolean {
  return entry.unsigned?.has(formOf(request).get('Action') ?? '') === true;
}

/** @throws AwsError when the request carries no signature (of whatever key), or a mutilated one */
export function requireSignature(request: WireRequest, suffix: '' | 'Exception'): void {
  const authorization = request.headers.authorization;
  if (authorization === undefined || authorization === '') {
    throw new AwsError(`MissingAuthenticationToken${suffix}`, 'Missing Authentication Token', 403);
  }
  if (signingScope(request) === undefined) {
    throw new AwsError(
      `IncompleteSignature${suffix}`,
      'The Authorization header is not a complete AWS4-HMAC-SHA256 signature: it needs Credential, SignedHeaders and Signature',
    );
  }
}

/** The operation that a request to a service means. @throws AwsError when it means none, or one that is not spoken here */
export function operationOf(entry: ServiceEntry, request: WireRequest): Meant {
  // Its streams are bytes, which are read and answered as a whole.
  if (entry.protocol === 'rest-xml') return bucketOperation(entry, request);
  const meant = entry.protocol === 'rest-json' ? restOperation(entry, request) : namedOperation(entry, request);
  if (meant.operation.streams()) {
    throw new AwsError(
      'UnknownOperationException',
      `The local cloud's ${entry.id} does not support ${meant.operation.name}`,
    );
  }
  return meant;
}

function namedOperation(entry: ServiceEntry, request: WireRequest): Meant {
  const target = String(request.headers['x-amz-target'] ?? '');
  const name =
    entry.protocol === 'query' ? (formOf(request).get('Action') ?? '') : target.slice(target.indexOf('.') + 1);
  const operation = entry.operations.get(name);
  if (!operation)
    throw new AwsError('UnknownOperationException', `${entry.id} has no operation ${name || '(none named)'}`);
  return { operation, labels: {} };
}

// ----------------------------------------------------------------------------------------------------------------- REST

interface Route {
  readonly operation: OperationSchema;
  /** A literal, or a label's name in braces. */
  readonly segments: readonly string[];
  readonly query: URLSearchParams;
}

/** Routes by method and number of segments; those with more literals come first. */
const restRoutes = new Map<string, Route[]>();
for (const operation of serviceEntry('lambda').operations.values()) {
  if (!operation.http)
    throw new Error(`${operation.name} has no HTTP binding: another version of the SDK is installed`);
  const [path = '', query = ''] = operation.http.uri.split('?');
  if (path.includes('+}')) throw new Error(`${operation.name}: the local cloud knows no greedy labels`);
  const segments = segmentsOf(path);
  const key = `${operation.http.method} ${segments.length}`;
  const routes = restRoutes.get(key) ?? [];
  routes.push({ operation, segments, query: new URLSearchParams(query) });
  restRoutes.set(key, routes);
}
for (const routes of restRoutes.values()) routes.sort((a, b) => literals(b) - literals(a));

function literals({ segments, query }: Route): number {
  return segments.filter((segment) => !segment.startsWith('{')).length + query.size;
}

function segmentsOf(path: string): string[] {
  return path.split('/').filter((segment) => segment !== '');
}

function restOperation(entry: ServiceEntry, request: WireRequest): Meant {
  const segments = segmentsOf(request.path);
  for (const route of restRoutes.get(`${request.method} ${segments.length}`) ?? []) {
    const labels = match(route, segments, request);
    if (labels) return { operation: route.operation, labels };
  }
  throw new AwsError(
    'UnknownOperationException',
    `${entry.id} has no operation at ${request.method} ${request.path}`,
    404,
  );
}

function match(route: Route, segments: readonly string[], request: WireRequest): Record<string, string> | undefined {
  const labels: Record<string, string> = {};
  for (const [index, pattern] of route.segments.entries()) {
    const segment = segments[index] ?? '';
    if (pattern.startsWith('{')) labels[pattern.slice(1, -1)] = decode(segment);
    else if (pattern !== segment) return undefined;
  }
  for (const [name, value] of route.query) if (request.query.get(name) !== value) return undefined;
  return labels;
}

function decode(segment: string): string {
  try {
    return decodeURIComponent(segment);
  } catch {
    throw new AwsError('ValidationException', `The path holds a malformed escape: ${segment}`);
  }
}
