/**
 * WebSockets: the upgrade request goes to the target, and when both sides have switched, bytes pass both ways until one
 * of them ends or nothing has moved for the idle timeout. A target that answers something else has its answer passed on.
 */
import { type IncomingMessage, request as openRequest, type Server, type ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { pipeline } from 'node:stream';
import type { Exchange } from './exchange.ts';
import { responseHeaders, withUpgrade } from './headers.ts';
import type { Address } from './ip-target.ts';

/** The client's side after the HTTP head: its socket, and what it sent ahead. */
export interface Raw {
  readonly socket: Socket;
  readonly head: Buffer;
}

/** Sends the upgrade request; the switch, another answer, or a 502 page goes to the client. */
export function proxyUpgrade(exchange: Exchange, raw: Raw, address: Address, headers: readonly string[]): void {
  const { request } = exchange;
  const outgoing = openRequest({
    ...address,
    agent: false,
    method: request.method,
    path: request.url,
    headers: withUpgrade([...headers], request.headers.upgrade ?? 'websocket'),
  });
  exchange.onCancel = () => outgoing.destroy();
  outgoing.once('upgrade', (answer, socket, head) => join(exchange, raw, answer, { socket: socket as Socket, head }));
  outgoing.once('response', (answer) => {
    exchange.head(answer.statusCode ?? 502, answer.statusMessage, [
      ...responseHeaders(answer.rawHeaders),
      'Connection',
      'close',
    ]);
    answer.on('data', () => exchange.touch());
    // A break on either side ends both; the client sees it as the end of its connection.
    pipeline(answer, exchange.response, () => {});
  });
  outgoing.on('error', () => exchange.fail(502));
  outgoing.end();
}

function join(exchange: Exchange, client: Raw, answer: IncomingMessage, target: Raw): void {
  const lines = [`HTTP/1.1 ${answer.statusCode} ${answer.statusMessage}`];
  for (let i = 0; i + 1 < answer.rawHeaders.length; i += 2)
    lines.push(`${answer.rawHeaders[i]}: ${answer.rawHeaders[i + 1]}`);
  exchange.switched();
  client.socket.write(`${lines.join('\r\n')}\r\n\r\n`, 'latin1');
  client.socket.write(target.head);
  target.socket.write(client.head);
  const end = () => {
    client.socket.destroy();
    target.socket.destroy();
  };
  exchange.onCancel = end;
  const sides = [
    [client.socket, target.socket],
    [target.socket, client.socket],
  ] as const;
  for (const [from, to] of sides) {
    from.on('data', () => exchange.touch());
    // Whoever ends, ends both: what it said is still delivered, and an error can be told in no other way.
    from.once('end', () => to.destroySoon());
    from.once('error', end);
    from.once('close', end);
    from.pipe(to);
  }
}

/** Lets a response answer on a socket that node has already taken out of HTTP; the socket is closed after it. */
export function answerOn(response: ServerResponse, socket: Socket): void {
  response.shouldKeepAlive = false;
  response.assignSocket(socket);
  response.once('finish', () => socket.destroySoon());
}

/**
 * Gives a connection back to the HTTP server as if the request had not asked for an upgrade: node treats every
 * `Upgrade` as one when anybody listens for upgrades, and `h2c` is offered by clients that expect it to be ignored.
 */
export function withoutUpgrade(server: Server, request: IncomingMessage, { socket, head }: Raw): void {
  const lines = [`${request.method} ${request.url} HTTP/${request.httpVersion}`];
  const { rawHeaders } = request;
  for (let i = 0; i + 1 < rawHeaders.length; i += 2) {
    const name = rawHeaders[i] ?? '';
    if (!/^(upgrade|connection|http2-settings)$/i.test(name)) lines.push(`${name}: ${rawHeaders[i + 1]}`);
  }
  socket.unshift(Buffer.concat([Buffer.from(`${lines.join('\r\n')}\r\n\r\n`, 'latin1'), head]));
  server.emit('connection', socket);
}
