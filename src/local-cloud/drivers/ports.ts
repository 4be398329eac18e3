/**
 * Loopback ports for programs that insist on listening themselves. A port is found by listening on 0 and closing again;
 * between that and the program's own `listen` another program of the machine could take it, which then shows as a
 * container that ends at once and is replaced. What this pool does promise: it never gives a port twice while in use.
 */
import { createServer } from 'node:net';

export class PortPool {
  readonly #taken = new Set<number>();

  /** A port nobody listens on now and that this pool has not given to anybody else. */
  async take(): Promise<number> {
    for (;;) {
      const port = await unusedPort();
      if (this.#taken.has(port)) continue;
      this.#taken.add(port);
      return port;
    }
  }

  /** Idempotent. */
  free(port: number): void {
    this.#taken.delete(port);
  }
}

function unusedPort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() =>
        address && typeof address === 'object' ? resolve(address.port) : reject(new Error('no port')),
      );
    });
  });
}
