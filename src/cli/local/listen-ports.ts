/** The ports of the local cloud: fixed defaults, a clear error naming the flag when one is taken, `0` for a free one. */
import { createServer } from 'node:net';
import { UserError } from '../../core/index.ts';

export interface PortChoice {
  readonly flag: string;
  readonly variable: string;
  readonly asked: number;
  /** Tried first when `asked` is 0, so that a restart keeps its addresses. */
  readonly previous: number | undefined;
}

/**
 * A port that was free a moment ago.
 * @throws UserError naming the flag when the asked port is taken
 */
export async function choosePort(choice: PortChoice): Promise<number> {
  if (choice.asked === 0) return freePort(choice.previous);
  const port = await tryListen(choice.asked);
  if (port === undefined) {
    throw new UserError(
      `port ${choice.asked} on 127.0.0.1 is taken by another program; choose one with ${choice.flag} N (or ${choice.variable}=N), ${choice.flag} 0 picks a free one`,
    );
  }
  return port;
}

/** A port that was free a moment ago: the previous one, if it still is. */
export async function freePort(previous: number | undefined): Promise<number> {
  if (previous !== undefined && (await tryListen(previous)) !== undefined) return previous;
  const free = await tryListen(0);
  if (free === undefined) throw new UserError('no free port can be had on 127.0.0.1');
  return free;
}

function tryListen(port: number): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EADDRINUSE' || error.code === 'EACCES') resolve(undefined);
      else reject(error);
    });
    server.listen({ port, host: '127.0.0.1' }, () => {
      const address = server.address();
      server.close(() => resolve(typeof address === 'object' ? address?.port : undefined));
    });
  });
}
