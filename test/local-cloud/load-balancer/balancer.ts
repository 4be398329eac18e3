/** A load balancer on real sockets with a routing table in memory, and targets to put behind it. */
import { once } from 'node:events';
import { createServer, type IncomingMessage, type RequestListener, request, type Server } from 'node:http';
import {
  type AddressInfo,
  connect,
  createServer as createTcpServer,
  type Socket,
  type Server as TcpServer,
} from 'node:net';
import { type Clock, seededRandom, silentLogger, systemClock } from '../../../src/core/index.ts';
import type { InvocationResult } from '../../../src/local-cloud/contract.ts';
import {
  type IpTarget,
  LoadBalancer,
  type Route,
  type RoutedRequest,
  type Routing,
  type Targets,
} from '../../../src/local-cloud/load-balancer/index.ts';

export const GROUP = 'arn:aws:elasticloadbalancing:us-east-1:000000000000:targetgroup/g/1';
const LISTENER = 'listener';

export class Balancer implements Routing {
  readonly port: number;
  readonly loadBalancer: LoadBalancer;
  readonly routed: RoutedRequest[] = [];
  readonly inFlight = new Map<string, number>();
  /** Payloads that the function was given. */
  readonly events: Record<string, unknown>[] = [];
  answer: (event: Record<string, unknown>) => unknown = () => ({ statusCode: 200, body: 'from a function' });
  result: Partial<InvocationResult> = {};
  decide: (request: RoutedRequest, random: () => number) => Route = () => ({ type: 'forward', targetGroupArn: GROUP });
  targets: Targets = { type: 'ip', targets: [] };
  table: { arn: string; port: number; idleTimeoutMs?: number }[];
  readonly #addresses = new Map<string, { host: string; port: number }>();
  readonly #closers: (() => void)[] = [];
  #idle: (() => void)[] = [];

  private constructor(port: number, clock: Clock, idleTimeoutMs: number | undefined) {
    this.port = port;
    this.table = [{ arn: LISTENER, port, ...(idleTimeoutMs === undefined ? {} : { idleTimeoutMs }) }];
    this.loadBalancer = new LoadBalancer({
      elbv2: this,
      lambda: {
        invokeForTarget: async (_functionArn, payload) => {
          const event = JSON.parse(Buffer.from(payload).toString('utf8'));
          this.events.push(event);
          return {
            payload: Buffer.from(JSON.stringify(await this.answer(event)) ?? ''),
            functionError: undefined,
            logTail: '',
            ...this.result,
          };
        },
      },
      endpoint: (ip, targetPort) => this.#addresses.get(`${ip}:${targetPort}`),
      host: '127.0.0.1',
      clock,
      random: seededRandom(7),
      logger: silentLogger,
    });
  }

  static async start(options: { clock?: Clock; idleTimeoutMs?: number } = {}): Promise<Balancer> {
    const balancer = new Balancer(await freePort(), options.clock ?? systemClock, options.idleTimeoutMs);
    await balancer.loadBalancer.syncListeners();
    return balancer;
  }

  listeners() {
    return this.table;
  }

  route(_listenerArn: string, routed: RoutedRequest, random: () => number): Route {
    this.routed.push(routed);
    return this.decide(routed, random);
  }

  targetsFor(): Targets {
    return this.targets;
  }

  requestStarted(_group: string, target: IpTarget): void {
    this.#count(target, 1);
  }

  requestEnded(_group: string, target: IpTarget): void {
    this.#count(target, -1);
    for (const wake of this.#idle.splice(0)) wake();
  }

  /** Resolves when no request is in flight to any target. */
  async quiet(): Promise<void> {
    while ([...this.inFlight.values()].some((count) => count > 0))
      await new Promise<void>((resolve) => this.#idle.push(resolve));
  }

  /** Puts a server behind the load balancer as the target `10.0.0.<n>:80`. */
  async target(n: number, handle: RequestListener): Promise<Server> {
    const server = createServer(handle);
    await this.#behind(n, server);
    this.#closers.push(() => server.closeAllConnections());
    return server;
  }

  /** A target that speaks whatever it likes. */
  async rawTarget(n: number, handle: (socket: Socket) => void): Promise<TcpServer> {
    const sockets = new Set<Socket>();
    const server = createTcpServer((socket) => {
      sockets.add(socket);
      socket.on('error', () => {});
      handle(socket);
    });
    await this.#behind(n, server);
    this.#closers.push(() => {
      for (const socket of sockets) socket.destroy();
    });
    return server;
  }

  /** A target that is registered and has no address, or one where nobody listens. */
  async deadTarget(n: number, address?: { host: string; port: number }): Promise<void> {
    if (address) this.#addresses.set(`10.0.0.${n}:80`, address);
    this.#register(n);
  }

  /** The function as the only target. */
  lambda(multiValueHeaders = false): void {
    this.targets = {
      type: 'lambda',
      functionArn: 'arn:aws:lambda:us-east-1:000000000000:function:f',
      multiValueHeaders,
    };
  }

  /** One request through `node:http` with every header as given. */
  async fetch(
    path: string,
    options: { method?: string; headers?: readonly string[]; body?: string | Buffer } = {},
  ): Promise<Answer> {
    const outgoing = request({
      host: '127.0.0.1',
      port: this.port,
      path,
      method: options.method ?? 'GET',
      headers: ['Host', 'example.com', ...(options.headers ?? [])] as never,
      agent: false,
    });
    const answered = once(outgoing, 'response') as Promise<[IncomingMessage]>;
    outgoing.end(options.body);
    const [response] = await answered;
    const chunks: Buffer[] = [];
    for await (const chunk of response) chunks.push(chunk as Buffer);
    return {
      status: response.statusCode ?? 0,
      reason: response.statusMessage ?? '',
      headers: response.headers,
      raw: response.rawHeaders,
      body: Buffer.concat(chunks).toString('utf8'),
    };
  }

  /** A bare connection to the load balancer. */
  async connect(): Promise<Socket> {
    const socket = connect(this.port, '127.0.0.1');
    socket.on('error', () => {});
    await once(socket, 'connect');
    this.#closers.push(() => socket.destroy());
    return socket;
  }

  async close(): Promise<void> {
    await this.loadBalancer.close();
    for (const close of this.#closers.splice(0)) close();
  }

  async #behind(n: number, server: TcpServer): Promise<void> {
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    this.#closers.push(() => server.close());
    this.#addresses.set(`10.0.0.${n}:80`, { host: '127.0.0.1', port: (server.address() as AddressInfo).port });
    this.#register(n);
  }

  #register(n: number): void {
    const before = this.targets.type === 'ip' ? this.targets.targets : [];
    this.targets = { type: 'ip', targets: [...before, { ip: `10.0.0.${n}`, port: 80 }] };
  }

  #count({ ip }: IpTarget, change: number): void {
    this.inFlight.set(ip, (this.inFlight.get(ip) ?? 0) + change);
  }
}

export interface Answer {
  readonly status: number;
  readonly reason: string;
  readonly headers: Record<string, string | string[] | undefined>;
  readonly raw: readonly string[];
  readonly body: string;
}

/** Everything that a connection brings until it ends. */
export async function readAll(socket: Socket): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of socket) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString('latin1');
}

/** What a connection brings until it matches. */
export async function readUntil(socket: Socket, pattern: RegExp): Promise<string> {
  let text = '';
  while (!pattern.test(text)) {
    const [chunk] = (await once(socket, 'data')) as [Buffer];
    text += chunk.toString('latin1');
  }
  return text;
}

export async function freePort(): Promise<number> {
  const server = createTcpServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}
