import { connect } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { silentLogger } from '../../src/core/index.ts';
import { type HttpListener, type HttpRequest, listen } from '../../src/server/index.ts';

let listener: HttpListener;
const seen: HttpRequest[] = [];
const errors: object[] = [];

beforeEach(async () => {
  seen.length = 0;
  errors.length = 0;
  listener = await listen({
    address: '127.0.0.1',
    port: 0,
    logger: { ...silentLogger, error: (fields) => errors.push(fields) },
    routes: [
      {
        method: 'POST',
        prefix: '/hooks/',
        bodyBytesMax: 1024,
        handle: (request) => {
          seen.push(request);
          if (request.rest === 'broken') throw new Error('a secret inside');
          return { status: 202, body: 'accepted' };
        },
      },
      { method: 'GET', prefix: '/state', bodyBytesMax: 0, handle: async () => ({ status: 200, body: { ok: true } }) },
    ],
  });
});
afterEach(() => listener.close());

function ask(path: string, init: RequestInit = {}): Promise<Response> {
  return fetch(`http://127.0.0.1:${listener.port}${path}`, init);
}

describe('the listener', () => {
  it('gives a route the rest of the path, headers and body', async () => {
    const response = await ask('/hooks/a%20b?x=1', { method: 'POST', body: 'hello', headers: { 'X-Thing': 'Y' } });
    expect([response.status, await response.text()]).toEqual([202, 'accepted\n']);
    expect(response.headers.get('cache-control')).toBe('no-store');
    expect(seen[0]).toMatchObject({ rest: 'a b', headers: { 'x-thing': 'Y' }, body: Buffer.from('hello') });
    expect(await (await ask('/state')).json()).toEqual({ ok: true });
  });

  const refusals: { reason: string; path: string; init?: RequestInit; status: number; handled?: number }[] = [
    { reason: 'no route', path: '/', status: 404 },
    { reason: 'a path that cannot be decoded', path: '/hooks/%ff', init: { method: 'POST' }, status: 404 },
    { reason: 'another method', path: '/hooks/x', status: 405 },
    {
      reason: 'a body that says it is too large',
      path: '/hooks/x',
      init: { method: 'POST', body: 'x'.repeat(1025) },
      status: 413,
    },
    { reason: 'a defect inside', path: '/hooks/broken', init: { method: 'POST' }, status: 500, handled: 1 },
  ];
  it.each(refusals)('refuses $reason: $status', async ({ path, init, status, handled = 0 }) => {
    const response = await ask(path, init);
    expect(response.status).toBe(status);
    expect(await response.text(), 'and tells nothing of what went wrong').not.toContain('secret');
    if (status === 405) expect(response.headers.get('allow')).toBe('POST');
    expect(seen).toHaveLength(handled);
    expect(errors).toHaveLength(status === 500 ? 1 : 0);
  });

  it('reads no more than the limit of a body that does not say its length', async () => {
    const answer = await new Promise<string>((resolve, reject) => {
      const socket = connect(listener.port, '127.0.0.1');
      let text = '';
      socket.setEncoding('utf8').on('data', (chunk: string) => {
        text += chunk;
      });
      socket
        .on('close', () => resolve(text))
        .on('error', (error: NodeJS.ErrnoException) => {
          if (error.code === 'ECONNRESET' || error.code === 'EPIPE') resolve(text);
          else reject(error);
        });
      socket.write('POST /hooks/x HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n');
      socket.write(`800\r\n${'x'.repeat(0x800)}\r\n`);
    });
    expect(answer).toMatch(/^HTTP\/1\.1 413 /);
    expect(seen).toEqual([]);
  });

  it('ends every connection when it closes, and says when a port is taken', async () => {
    await expect(
      listen({ address: '127.0.0.1', port: listener.port, routes: [], logger: silentLogger }),
    ).rejects.toMatchObject({ code: 'EADDRINUSE' });
    const socket = connect(listener.port, '127.0.0.1');
    await new Promise((resolve) => socket.once('connect', resolve));
    const closed = new Promise((resolve) => socket.once('close', resolve));
    await listener.close();
    socket.resume();
    await closed;
  });
});
