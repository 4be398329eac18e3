/**
 * The HTTP port of a program that serves no users: health, readiness and metrics on the reserved paths, and nothing else.
 * Function containers wait for its health before they start.
 */
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { HEALTH_PATH, METRICS_PATH, READY_PATH } from './front.ts';

export interface ControlOptions {
  readonly ready: () => boolean;
  /** Prometheus text. */
  readonly metrics: () => string;
}

export class ControlServer {
  readonly #server: Server;

  constructor({ ready, metrics }: ControlOptions) {
    this.#server = createServer((request, response) => {
      const path = request.url?.split('?', 1)[0];
      if (path === HEALTH_PATH) response.writeHead(200).end('ok\n');
      else if (path === READY_PATH) response.writeHead(ready() ? 200 : 503).end();
      else if (path === METRICS_PATH) response.setHeader('Content-Type', 'text/plain; version=0.0.4').end(metrics());
      else response.writeHead(404).end();
    });
  }

  /** Resolves with the port; rejects when it is taken. */
  listen(port: number): Promise<number> {
    return new Promise((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen(port, () => {
        this.#server.off('error', reject);
        resolve((this.#server.address() as AddressInfo).port);
      });
    });
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}
