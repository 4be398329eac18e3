/** A registry on a loopback port that answers each request as a test says. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface FakeRegistry {
  readonly host: string;
  /** `METHOD path` and the authorization, in order. */
  readonly requests: { line: string; authorization: string | undefined }[];
  close(): Promise<void>;
}

export type Answerer = (request: IncomingMessage, response: ServerResponse, count: number) => void;

export async function fakeRegistry(answer: Answerer): Promise<FakeRegistry> {
  const requests: FakeRegistry['requests'] = [];
  const server = createServer((request, response) => {
    requests.push({ line: `${request.method} ${request.url}`, authorization: request.headers.authorization });
    request.resume();
    answer(request, response, requests.length);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    host: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests,
    close: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
