/** Git's own http backend behind a server on loopback, with what servers do to clients: passwords, delays, refusals. */
import { spawn } from 'node:child_process';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { dirname } from 'node:path';

export interface GitServer {
  readonly port: number;
  readonly url: (repository: string) => string;
  /** `user:password` that every request must carry; undefined: nobody is asked. */
  credentials: string | undefined;
  /** Answers instead of git: a status, or nothing at all for as long as the client waits. */
  instead: number | 'silence' | 'endless' | undefined;
  /** Sent with `instead: 302`. */
  location: string | undefined;
  /** Path and query of each request. */
  readonly requests: string[];
  /** Authorization headers as they came. */
  readonly authorizations: (string | undefined)[];
  close(): Promise<void>;
}

/** `root`: folder of bare repositories. */
export async function serveGit(root: string, tls?: { key: string; cert: string }): Promise<GitServer> {
  const requests: string[] = [];
  const authorizations: (string | undefined)[] = [];
  const state: Pick<GitServer, 'credentials' | 'instead' | 'location'> = {
    credentials: undefined,
    instead: undefined,
    location: undefined,
  };
  const listener = (request: IncomingMessage, response: ServerResponse): void => {
    requests.push(request.url ?? '');
    authorizations.push(request.headers.authorization);
    if (state.instead === 'silence') return;
    if (state.instead === 'endless') return drip(response);
    if (state.instead !== undefined) {
      response
        .writeHead(state.instead, state.location === undefined ? {} : { location: `${state.location}${request.url}` })
        .end();
      return;
    }
    const expected = state.credentials && `Basic ${Buffer.from(state.credentials).toString('base64')}`;
    if (expected !== undefined && request.headers.authorization !== expected) {
      response.writeHead(401, { 'www-authenticate': 'Basic realm="git"' }).end();
      return;
    }
    backend(root, request, response);
  };
  const server = tls ? createTlsServer(tls, listener) : createServer(listener);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return Object.assign(state, {
    port,
    requests,
    authorizations,
    url: (repository: string) => `${tls ? 'https' : 'http'}://127.0.0.1:${port}/${repository}`,
    close: () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  });
}

/** A pack that never ends: valid beginning, then bytes for ever. */
function drip(response: ServerResponse): void {
  response.writeHead(200, { 'content-type': 'application/x-git-upload-pack-advertisement' });
  const write = () => {
    if (!response.destroyed && response.write('0'.repeat(65_536))) setImmediate(write);
  };
  response.on('drain', write);
  write();
}

/** RFC 3875, as far as git needs it. */
function backend(root: string, request: IncomingMessage, response: ServerResponse): void {
  const url = new URL(request.url ?? '/', 'http://localhost');
  const child = spawn('git', ['http-backend'], {
    env: {
      PATH: process.env.PATH ?? '',
      HOME: dirname(root),
      GIT_CONFIG_NOSYSTEM: '1',
      GIT_CONFIG_GLOBAL: '/dev/null',
      GIT_PROJECT_ROOT: root,
      GIT_HTTP_EXPORT_ALL: '1',
      PATH_INFO: decodeURIComponent(url.pathname),
      QUERY_STRING: url.search.slice(1),
      REQUEST_METHOD: request.method ?? 'GET',
      CONTENT_TYPE: request.headers['content-type'] ?? '',
      ...(request.headers['content-encoding'] ? { HTTP_CONTENT_ENCODING: request.headers['content-encoding'] } : {}),
      ...(request.headers['git-protocol'] ? { GIT_PROTOCOL: String(request.headers['git-protocol']) } : {}),
      REMOTE_ADDR: '127.0.0.1',
    },
    stdio: ['pipe', 'pipe', 'ignore'],
  });
  request.pipe(child.stdin);
  child.stdin.on('error', () => undefined);
  response.on('close', () => child.kill());
  let head = Buffer.alloc(0);
  let hasHead = false;
  child.stdout.on('data', (chunk: Buffer) => {
    if (hasHead) {
      response.write(chunk);
      return;
    }
    head = Buffer.concat([head, chunk]);
    const end = head.indexOf('\r\n\r\n');
    if (end < 0) return;
    hasHead = true;
    let status = 200;
    for (const line of head.toString('latin1', 0, end).split('\r\n')) {
      const colon = line.indexOf(':');
      const [name, value] = [line.slice(0, colon), line.slice(colon + 1).trim()];
      if (name.toLowerCase() === 'status') status = Number.parseInt(value, 10);
      else response.setHeader(name, value);
    }
    response.writeHead(status);
    response.write(head.subarray(end + 4));
  });
  child.on('close', () => response.end());
}
