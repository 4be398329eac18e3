import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { type AddressInfo, createServer as createTcpServer, type Socket } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../../src/core/index.ts';
import { HttpProbeDriver } from '../../../src/local-cloud/drivers/probes.ts';

const closers: (() => void)[] = [];
afterEach(() => {
  for (const close of closers.splice(0)) close();
});

async function serve(
  handle: (request: IncomingMessage, response: ServerResponse) => void,
): Promise<{ port: number; server: Server }> {
  const server = createServer(handle).listen(0, '127.0.0.1');
  await once(server, 'listening');
  closers.push(() => {
    server.close();
    server.closeAllConnections();
  });
  return { port: (server.address() as AddressInfo).port, server };
}

function probe(port: number | undefined, path = '/health', timeoutMs = 5000): Promise<number | undefined> {
  const driver = new HttpProbeDriver(systemClock, (ip, asked) =>
    ip === '10.0.0.1' && asked === 80 && port !== undefined ? { host: '127.0.0.1', port } : undefined,
  );
  return new Promise((resolve) => driver.probe({ ip: '10.0.0.1', port: 80, path, timeoutMs }, resolve));
}

describe('a health check', () => {
  it('is one GET by the ELB health checker on a connection of its own', async () => {
    const seen: IncomingMessage[] = [];
    const { port, server } = await serve((request, response) => {
      seen.push(request);
      response.writeHead(207).end('body');
    });
    let ended = Promise.resolve<unknown>(undefined);
    server.once('connection', (socket: Socket) => {
      ended = once(socket, 'close');
    });
    expect(await probe(port, '/health?deep=1')).toBe(207);
    await ended;
    expect(seen.map(({ method, url }) => `${method} ${url}`)).toEqual(['GET /health?deep=1']);
    expect(seen[0]?.headers).toMatchObject({
      host: '10.0.0.1:80',
      'user-agent': 'ELB-HealthChecker/2.0',
      connection: 'close',
    });
  });

  it('does not wait for the body', async () => {
    const { port } = await serve((_request, response) => {
      response.writeHead(200).write('first of many');
    });
    expect(await probe(port)).toBe(200);
  });

  it('reports nothing when there is no answer in time', async () => {
    const { port } = await serve(() => {});
    expect(await probe(port, '/', 30)).toBeUndefined();
  });

  it('reports nothing when nobody listens, when there is no such target, and when the answer is no HTTP', async () => {
    const server = createTcpServer((socket) => socket.resume().end('nonsense\r\n\r\n')).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    expect(await probe(port)).toBeUndefined();
    server.close();
    await once(server, 'close');
    expect(await probe(port)).toBeUndefined();
    expect(await probe(undefined)).toBeUndefined();
  });

  it('that is under way when the driver closes reports nothing', async () => {
    const { port } = await serve((_request, response) => response.end());
    const driver = new HttpProbeDriver(systemClock, () => ({ host: '127.0.0.1', port }));
    const reported: unknown[] = [];
    driver.probe({ ip: '10.0.0.1', port: 80, path: '/', timeoutMs: 5000 }, (status) => reported.push(status));
    driver.close();
    expect(await probe(port)).toBe(200);
    expect(reported).toEqual([]);
  });
});
