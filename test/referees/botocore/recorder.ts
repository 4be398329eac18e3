/** A proxy before the local cloud that keeps what went over the wire, byte for byte, as JSON lines for `judge.py`. */
import { createServer, request as send } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface Recorder {
  readonly url: string;
  /** One JSON document per exchange. */
  readonly lines: readonly string[];
  close(): Promise<void>;
}

export async function record(port: number): Promise<Recorder> {
  const lines: string[] = [];
  const server = createServer((incoming, outgoing) => {
    const body: Buffer[] = [];
    incoming.on('data', (chunk: Buffer) => body.push(chunk));
    incoming.on('end', () => {
      const { method = 'GET', url: path = '/', headers } = incoming;
      const forward = send({ host: '127.0.0.1', port, method, path, headers }, (answer) => {
        const bytes: Buffer[] = [];
        answer.on('data', (chunk: Buffer) => bytes.push(chunk));
        answer.on('end', () => {
          lines.push(
            JSON.stringify({
              method,
              path,
              headers,
              body: Buffer.concat(body).toString('base64'),
              status: answer.statusCode,
              answerHeaders: answer.headers,
              answer: Buffer.concat(bytes).toString('base64'),
            }),
          );
          outgoing.writeHead(answer.statusCode ?? 500, answer.headers);
          outgoing.end(Buffer.concat(bytes));
        });
      });
      forward.on('error', (error) => outgoing.destroy(error));
      forward.end(Buffer.concat(body));
    });
  });
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    lines,
    close: () =>
      new Promise((closed) => {
        server.close(() => closed());
        server.closeAllConnections();
      }),
  };
}
