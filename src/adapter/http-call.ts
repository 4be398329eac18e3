/** One small HTTP call, its answer read whole. Signs nothing, retries nothing; any status is an answer. */
import { request as plainRequest } from 'node:http';
import { request as secureRequest } from 'node:https';

export interface HttpCall {
  readonly method: string;
  readonly url: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Buffer | undefined;
  /** For how long nothing may come. */
  readonly timeoutMs: number;
  /** Of the answer. @default 1 MB */
  readonly bytesMax?: number;
}

export interface HttpAnswered {
  readonly status: number;
  readonly body: Buffer;
}

/** Rejects when the connection fails, breaks off, is silent for too long, or brings more than `bytesMax`. */
export function httpCall(asked: HttpCall): Promise<HttpAnswered> {
  const { method, url, headers = {}, body, timeoutMs, bytesMax = 1024 * 1024 } = asked;
  const request = url.startsWith('https:') ? secureRequest : plainRequest;
  const length = body === undefined ? {} : { 'Content-Length': String(Buffer.byteLength(body)) };
  return new Promise((resolve, reject) => {
    const call = request(url, { method, headers: { ...headers, ...length }, timeout: timeoutMs }, (response) => {
      const chunks: Buffer[] = [];
      let bytes = 0;
      response.on('data', (chunk: Buffer) => {
        bytes += chunk.length;
        if (bytes <= bytesMax) chunks.push(chunk);
        else call.destroy(new Error(`more than ${bytesMax} bytes`));
      });
      response.on('error', reject);
      response.on('end', () => resolve({ status: response.statusCode ?? 0, body: Buffer.concat(chunks) }));
    });
    call.on('timeout', () => {
      call.destroy(Object.assign(new Error(`nothing came for ${timeoutMs} ms`), { code: 'ETIMEDOUT' }));
    });
    call.on('error', reject);
    call.end(body);
  });
}
