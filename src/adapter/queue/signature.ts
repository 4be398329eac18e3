/**
 * AWS Signature Version 4 of a request with its body in memory: the few lines of it that one service needs, instead of an
 * SDK that is larger than the rest of the adapter. Pure.
 * https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
 */
import { createHash, createHmac } from 'node:crypto';

export interface Credentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string | undefined;
}

export interface Signable {
  readonly method: string;
  readonly url: string;
  /** Without `host` and those that the signature adds. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

export interface Scope {
  readonly region: string;
  readonly service: string;
  readonly nowMs: number;
}

/** The headers to send: the given ones, host, date, token and authorization. */
export function signed(request: Signable, credentials: Credentials, scope: Scope): Record<string, string> {
  const url = new URL(request.url);
  const time = new Date(scope.nowMs).toISOString().replace(/[-:]|\.\d{3}/g, '');
  const day = time.slice(0, 8);
  const headers: Record<string, string> = { host: url.host, 'x-amz-date': time };
  for (const [name, value] of Object.entries(request.headers)) headers[name.toLowerCase()] = value.trim();
  if (credentials.sessionToken) headers['x-amz-security-token'] = credentials.sessionToken;
  const names = Object.keys(headers).sort();
  const signedNames = names.join(';');
  const query = [...url.searchParams]
    .map(([name, value]) => `${encoded(name)}=${encoded(value)}`)
    .sort()
    .join('&');
  const canonical = [
    request.method,
    // The path is encoded once in the URL and once more here; that of a queue has nothing to encode.
    url.pathname.split('/').map(encoded).join('/'),
    query,
    ...names.map((name) => `${name}:${headers[name]}`),
    '',
    signedNames,
    sha256(request.body),
  ].join('\n');
  const within = `${day}/${scope.region}/${scope.service}/aws4_request`;
  const toSign = ['AWS4-HMAC-SHA256', time, within, sha256(canonical)].join('\n');
  const keys = [day, scope.region, scope.service, 'aws4_request'];
  const key = keys.reduce<Buffer | string>((secret, part) => hmac(secret, part), `AWS4${credentials.secretAccessKey}`);
  const signature = createHmac('sha256', key).update(toSign).digest('hex');
  headers.authorization = `AWS4-HMAC-SHA256 Credential=${credentials.accessKeyId}/${within}, SignedHeaders=${signedNames}, Signature=${signature}`;
  return headers;
}

function encoded(text: string): string {
  return encodeURIComponent(text).replace(/[!'()*]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`);
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}

function hmac(key: Buffer | string, text: string): Buffer {
  return createHmac('sha256', key).update(text).digest();
}
