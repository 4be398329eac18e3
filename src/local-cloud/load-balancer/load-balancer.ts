/**
 * The load balancers' sockets: one HTTP server per listener of the ELB machine, which decides where each request goes
 * and is told when it begins and ends. Health checks are a driver's, targets' states and weights the machine's. HTTP/1.1
 * on the client's side and on the target's; TLS, HTTP/2, sticky sessions and access logs are not offered.
 */
import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { Agent } from 'undici';
import { splitTarget } from '../../adapter/events/message.ts';
import { type Clock, type Logger, type Random, UserError } from '../../core/index.ts';
import { Exchange } from './exchange.ts';
import { type Hop, requestHeaders } from './headers.ts';
import { type Address, proxy } from './ip-target.ts';
import { type InvokeFunction, invokeTarget } from './lambda-target.ts';
import { answerOn, proxyUpgrade, type Raw, withoutUpgrade } from './upgrade.ts';

export interface Listener {
  readonly arn: string;
  readonly port: number;
  /** Attribute `idle_timeout.timeout_seconds` of its load balancer. @default 60,000 */
  readonly idleTimeoutMs?: number;
}

export interface RoutedRequest {
  readonly host: string;
  readonly path: string;
  readonly method: string;
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
  readonly query: string;
  readonly sourceIp: string;
}

export type Route =
  | { readonly type: 'forward'; readonly targetGroupArn: string }
  | { readonly type: 'fixed'; readonly status: number; readonly contentType: string; readonly body: string }
  | { readonly type: 'redirect'; readonly status: 301 | 302; readonly location: string };

export interface IpTarget {
  readonly ip: string;
  readonly port: number;
}

export type Targets =
  | { readonly type: 'ip'; readonly targets: readonly IpTarget[] }
  | { readonly type: 'lambda'; readonly functionArn: string; readonly multiValueHeaders: boolean };

/** What the load balancer asks of the ELB machine (Elbv2Service). */
export interface Routing {
  listeners(): readonly Listener[];
  route(listenerArn: string, request: RoutedRequest, random: () => number): Route;
  targetsFor(targetGroupArn: string): Targets;
  requestStarted(targetGroupArn: string, target: IpTarget): void;
  requestEnded(targetGroupArn: string, target: IpTarget): void;
}

export interface LoadBalancerDeps {
  readonly elbv2: Routing;
  /** Where a target's address and port are on this machine. */
  readonly endpoint: (ip: string, port: number) => Address | undefined;
  /** What it asks of the Lambda machine (LambdaService). */
  readonly lambda: { invokeForTarget: InvokeFunction };
  /** The address of this machine to listen on. */
  readonly host: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
}

/** A listener's port cannot be listened on. */
export class ListenError extends UserError {
  readonly port: number;
  constructor(port: number, host: string, code: string | undefined) {
    const why = code === 'EADDRINUSE' ? 'is already in use' : `cannot be listened on (${code})`;
    super(`port ${port} of ${host} ${why}, and a load balancer listener needs it`);
    this.port = port;
  }
}

const IDLE_MS = 60_000;
/** An ALB gives up connecting to a target after 10 s. */
const CONNECT_MS_MAX = 10_000;

/** An ALB takes request heads of 64 KB. */
const HEAD_BYTES_MAX = 64 * 1024;

interface Open {
  readonly listener: Listener;
  readonly server: Server;
}

export class LoadBalancer {
  readonly #deps: LoadBalancerDeps;
  readonly #agent = new Agent({ connect: { timeout: CONNECT_MS_MAX } });
  readonly #open = new Map<string, Open>();
  /** Listen no more, but have connections left. */
  readonly #ending = new Set<Server>();
  /** Client connections that have left HTTP, or are about to. */
  readonly #upgraded = new Set<Socket>();
  /** Next target by target group. */
  readonly #turn = new Map<string, number>();
  /** Serialises changes of the listening sockets. */
  #syncing: Promise<void> = Promise.resolve();
  #closed = false;

  constructor(deps: LoadBalancerDeps) {
    this.#deps = deps;
  }

  /**
   * Opens, moves and closes sockets until they are those of the machine's listeners. Idempotent; a listener that
   * cannot be opened does not keep the others from it, and is tried again by the next call.
   * @throws ListenError the first that could not be opened
   */
  syncListeners(): Promise<void> {
    const synced = this.#syncing.then(() => this.#sync());
    this.#syncing = synced.catch(() => {});
    return synced;
  }

  /** Stops listening, breaks off what is in flight and drops all connections. Idempotent. */
  async close(): Promise<void> {
    this.#closed = true;
    await this.#syncing;
    for (const socket of this.#upgraded) socket.destroy();
    for (const arn of this.#open.keys()) this.#shut(arn);
    const ending = [...this.#ending].map((server) => once(server, 'close'));
    for (const server of this.#ending) server.closeAllConnections();
    await Promise.all(ending);
    await this.#agent.destroy();
  }

  async #sync(): Promise<void> {
    if (this.#closed) return;
    const wanted = new Map(this.#deps.elbv2.listeners().map((listener) => [listener.arn, listener]));
    for (const [arn, { listener }] of this.#open) {
      if (wanted.get(arn)?.port !== listener.port) this.#shut(arn);
    }
    const failures: unknown[] = [];
    for (const listener of wanted.values()) {
      const server = this.#open.get(listener.arn)?.server;
      // What is known of the listener may have changed even if its port has not.
      if (server) this.#open.set(listener.arn, { listener, server });
      else await this.#listen(listener).catch((error: unknown) => failures.push(error));
    }
    if (failures.length > 0) throw failures[0];
  }

  async #listen(listener: Listener): Promise<void> {
    const { host, logger } = this.#deps;
    const server = createServer({
      keepAliveTimeout: listener.idleTimeoutMs ?? IDLE_MS,
      requestTimeout: 0,
      maxHeaderSize: HEAD_BYTES_MAX,
    });
    server.on('request', (request, response) => this.#serve(listener.arn, request, response, undefined));
    server.on('upgrade', (request, socket, head) =>
      this.#upgrade(server, listener.arn, request, { socket: socket as Socket, head }),
    );
    await new Promise<void>((resolve, reject) => {
      const refused = (error: NodeJS.ErrnoException) => reject(new ListenError(listener.port, host, error.code));
      server.once('error', refused);
      server.listen(listener.port, host, () => {
        server.off('error', refused);
        resolve();
      });
    });
    server.on('error', (error) =>
      logger.error({ listener: listener.arn, error }, 'a listener of the load balancer failed'),
    );
    this.#open.set(listener.arn, { listener, server });
  }

  /** Stops listening and closes idle connections; what is in flight ends by itself. */
  #shut(arn: string): void {
    const server = this.#open.get(arn)?.server;
    if (!server) return;
    this.#open.delete(arn);
    this.#ending.add(server);
    server.close(() => this.#ending.delete(server));
  }

  #upgrade(server: Server, listenerArn: string, request: IncomingMessage, raw: Raw): void {
    if (request.headers.upgrade?.toLowerCase() !== 'websocket') {
      withoutUpgrade(server, request, raw);
      return;
    }
    // The server forgets a connection that asks for an upgrade; its errors are nothing but its end.
    this.#upgraded.add(raw.socket);
    raw.socket.once('close', () => this.#upgraded.delete(raw.socket));
    raw.socket.on('error', () => raw.socket.destroy());
    const response = new ServerResponse(request);
    answerOn(response, raw.socket);
    this.#serve(listenerArn, request, response, raw);
  }

  #serve(listenerArn: string, request: IncomingMessage, response: ServerResponse, raw: Raw | undefined): void {
    const { clock, logger } = this.#deps;
    const idleMs = this.#open.get(listenerArn)?.listener.idleTimeoutMs ?? IDLE_MS;
    const exchange = new Exchange(request, response, clock, idleMs);
    // A client that goes away says so by closing; the error beside it has no reader.
    request.on('error', () => {});
    response.on('error', () => {});
    try {
      this.#dispatch(listenerArn, exchange, raw);
    } catch (error) {
      logger.error({ listener: listenerArn, url: request.url, error }, 'the load balancer could not serve a request');
      exchange.fail(500);
    }
  }

  #dispatch(listenerArn: string, exchange: Exchange, raw: Raw | undefined): void {
    const { clock, elbv2, random } = this.#deps;
    const { method = 'GET', url = '/', headers, socket } = exchange.request;
    if (!url.startsWith('/') || method === 'TRACE') {
      exchange.fail(method === 'TRACE' ? 405 : 400);
      return;
    }
    const [path, query] = splitTarget(url);
    const clientIp = (socket.remoteAddress ?? '').replace(/^::ffff:/, '');
    const request = { host: headers.host ?? '', path, query, method, headers, sourceIp: clientIp };
    const route = elbv2.route(listenerArn, request, () => random.next());
    if (route.type === 'fixed') {
      exchange.own(route.status, undefined, route.contentType, route.body);
    } else if (route.type === 'redirect') {
      redirect(exchange, route.status, route.location);
    } else {
      const listenerPort = (socket.address() as AddressInfo).port;
      this.#forward(route.targetGroupArn, exchange, raw, { clientIp, listenerPort, nowMs: clock.now(), random });
    }
  }

  #forward(targetGroupArn: string, exchange: Exchange, raw: Raw | undefined, hop: Hop): void {
    const { elbv2, endpoint, lambda, logger } = this.#deps;
    const targets = elbv2.targetsFor(targetGroupArn);
    const headers = requestHeaders(exchange.request.rawHeaders, hop);
    if (targets.type === 'lambda') {
      const invoke: InvokeFunction = (functionArn, payload) => lambda.invokeForTarget(functionArn, payload);
      // Functions do not speak WebSocket.
      if (raw) exchange.fail(400);
      else void invokeTarget(invoke, exchange, { ...targets, targetGroupArn }, headers, logger);
      return;
    }
    const target = this.#next(targetGroupArn, targets.targets);
    const address = target && endpoint(target.ip, target.port);
    if (!target || !address) {
      exchange.fail(target ? 502 : 503);
      return;
    }
    elbv2.requestStarted(targetGroupArn, target);
    exchange.onClosed = () => elbv2.requestEnded(targetGroupArn, target);
    if (raw) proxyUpgrade(exchange, raw, address, headers);
    else proxy(this.#agent, exchange, address, headers);
  }

  /** Round robin; the turn is kept by number, so that it survives targets that come and go. */
  #next(targetGroupArn: string, targets: readonly IpTarget[]): IpTarget | undefined {
    const turn = this.#turn.get(targetGroupArn) ?? 0;
    this.#turn.set(targetGroupArn, (turn + 1) % 0x4000_0000);
    return targets[turn % targets.length];
  }
}

function redirect(exchange: Exchange, status: 301 | 302, location: string): void {
  const title = status === 301 ? '301 Moved Permanently' : '302 Found';
  const body = `<html>\r\n<head><title>${title}</title></head>\r\n<body>\r\n<center><h1>${title}</h1></center>\r\n</body>\r\n</html>\r\n`;
  exchange.own(status, undefined, 'text/html', body, ['Location', location]);
}
