/**
 * Load on one port of this machine over keep-alive connections: as fast as so many clients get their answers, or at a
 * given rate whatever the answers take. Speaks just enough HTTP, straight on sockets, to cost less than what it measures.
 */
import { connect, type Socket } from 'node:net';

export interface Loaded {
  readonly answers: number;
  /** Answers other than 2xx, and connections that broke. */
  readonly failures: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly perSecond: number;
}

export interface Target {
  readonly port: number;
  readonly path?: string;
  /** POST with this body instead of GET. */
  readonly body?: string;
}

/** As an ALB passes a request on. */
const HEADERS = [
  'Host: example.com',
  'User-Agent: bench',
  'Accept: */*',
  'X-Forwarded-For: 203.0.113.7',
  'X-Forwarded-Proto: https',
  'X-Forwarded-Port: 443',
  'X-Amzn-Trace-Id: Root=1-67891233-abcdef012345678912345678',
].join('\r\n');

function message({ path = '/', body }: Target): Buffer {
  if (body === undefined) return Buffer.from(`GET ${path} HTTP/1.1\r\n${HEADERS}\r\n\r\n`);
  // An Invoke call: not through a load balancer.
  return Buffer.from(
    `POST ${path} HTTP/1.1\r\nHost: example.com\r\nContent-Type: application/json\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
  );
}

/** One connection; `answered` is told of each answer and whether it was a 2xx. */
class Client {
  readonly #socket: Socket;
  readonly #request: Buffer;
  #text = '';
  sentMs = 0;

  constructor(target: Target, onConnect: (client: Client) => void, answered: (client: Client, good: boolean) => void) {
    this.#request = message(target);
    this.#socket = connect({ port: target.port, host: '127.0.0.1', noDelay: true });
    this.#socket.on('connect', () => onConnect(this));
    this.#socket.on('error', () => answered(this, false));
    this.#socket.on('data', (chunk) => {
      this.#text += chunk.toString('latin1');
      const end = this.#text.indexOf('\r\n\r\n');
      if (end < 0) return;
      const length = Number(/\r\ncontent-length: *(\d+)/i.exec(this.#text)?.[1] ?? 0);
      if (this.#text.length < end + 4 + length) return;
      const good = this.#text.startsWith('HTTP/1.1 2');
      this.#text = '';
      answered(this, good);
    });
  }

  send(nowMs: number): void {
    this.sentMs = nowMs;
    this.#socket.write(this.#request);
  }

  end(): void {
    this.#socket.destroy();
  }
}

function summary(latenciesMs: number[], failures: number, tookMs: number): Loaded {
  const sorted = Float64Array.from(latenciesMs).sort();
  const at = (share: number) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
  return {
    answers: sorted.length,
    failures,
    p50Ms: at(0.5),
    p99Ms: at(0.99),
    perSecond: (sorted.length / tookMs) * 1000,
  };
}

/** So many clients, each sending as soon as it has its answer, until `enough` answers or milliseconds. */
export function closedLoop(
  target: Target,
  concurrency: number,
  enough: { readonly requests?: number; readonly ms?: number },
): Promise<Loaded> {
  const { requests = Number.POSITIVE_INFINITY, ms = Number.POSITIVE_INFINITY } = enough;
  return new Promise((resolve) => {
    const startMs = performance.now();
    const latenciesMs: number[] = [];
    let failures = 0;
    let sent = 0;
    let open = concurrency;
    const send = (client: Client): void => {
      const nowMs = performance.now();
      if (sent < requests && nowMs - startMs < ms) {
        sent++;
        client.send(nowMs);
        return;
      }
      client.end();
      open--;
      if (open === 0) resolve(summary(latenciesMs, failures, nowMs - startMs));
    };
    for (let i = 0; i < concurrency; i++) {
      new Client(target, send, (client, good) => {
        if (good) latenciesMs.push(performance.now() - client.sentMs);
        else failures++;
        send(client);
      });
    }
  });
}

/** Requests arrive at random (Poisson) at this rate, whatever the answers take; the same for whoever is measured. */
export function atRate(target: Target, perSecond: number, ms: number): Promise<Loaded> {
  const CONNECTIONS = 64;
  return new Promise((resolve) => {
    const idle: Client[] = [];
    const late: number[] = [];
    const latenciesMs: number[] = [];
    let failures = 0;
    let outstanding = 0;
    let startMs = 0;
    let dueMs = 0;
    let over = false;
    const clients: Client[] = [];
    const finish = (): void => {
      if (!over || outstanding > 0) return;
      for (const client of clients) client.end();
      resolve(summary(latenciesMs, failures, performance.now() - startMs));
    };
    const answered = (client: Client, good: boolean): void => {
      outstanding--;
      if (good) latenciesMs.push(performance.now() - client.sentMs);
      else failures++;
      const waiting = late.shift();
      // Its wait counts from when it was due.
      if (waiting !== undefined) client.send(waiting);
      else idle.push(client);
      finish();
    };
    const tick = (): void => {
      const nowMs = performance.now();
      while (dueMs <= nowMs) {
        dueMs += (-Math.log(1 - Math.random()) * 1000) / perSecond;
        outstanding++;
        const client = idle.pop();
        if (client) client.send(nowMs);
        else late.push(nowMs);
      }
      if (nowMs - startMs < ms) {
        setTimeout(tick, Math.max(0, dueMs - nowMs));
        return;
      }
      over = true;
      finish();
    };
    for (let i = 0; i < CONNECTIONS; i++) {
      clients.push(
        new Client(
          target,
          (client) => {
            idle.push(client);
            if (idle.length < CONNECTIONS) return;
            startMs = dueMs = performance.now();
            tick();
          },
          answered,
        ),
      );
    }
  });
}
