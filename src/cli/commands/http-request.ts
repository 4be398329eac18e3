/** One HTTP request by hand, its answer as it came: no redirects are followed, nothing is retried or decoded but UTF-8. */
import { Agent, request } from 'undici';
import { UserError } from '../../core/index.ts';

export interface HttpRequest {
  readonly url: string;
  readonly method: string;
  readonly headers: readonly (readonly [string, string])[];
  readonly body: string | Uint8Array | undefined;
}

export interface HttpAnswer {
  readonly status: number;
  readonly headers: readonly (readonly [string, string])[];
  /** `bytes` as text. */
  readonly body: string;
  readonly bytes: Buffer;
}

/** Longer than the longest idle timeout of a load balancer (4,000 s), which then answers. */
const SILENCE_MS_MAX = 4_060_000;

/** @throws UserError when nothing answers there */
export async function sendHttp(asked: HttpRequest, signal: AbortSignal): Promise<HttpAnswer> {
  const agent = new Agent({ headersTimeout: SILENCE_MS_MAX, bodyTimeout: SILENCE_MS_MAX });
  try {
    const answer = await request(asked.url, {
      method: asked.method as 'GET',
      headers: asked.headers.flat(),
      ...(asked.body === undefined ? {} : { body: asked.body }),
      dispatcher: agent,
      signal,
    });
    const headers = Object.entries(answer.headers).flatMap(([name, value]) =>
      [value ?? []].flat().map((one) => [name, one] as const),
    );
    const bytes = Buffer.from(await answer.body.arrayBuffer());
    return { status: answer.statusCode, headers, body: bytes.toString('utf8'), bytes };
  } catch (error) {
    if (signal.aborted) throw new UserError('interrupted');
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === undefined) throw error;
    throw new UserError(`${asked.method} ${asked.url}: ${message || code}; does the load balancer answer there?`);
  } finally {
    await agent.close();
  }
}
