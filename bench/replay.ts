/** A request handler for clients of the SDK that asks each question once and then gives the bytes of that answer again. */
import { Readable } from 'node:stream';

interface Request {
  readonly method: string;
  readonly hostname: string;
  readonly port?: number;
  readonly path: string;
  readonly query?: Readonly<Record<string, string | readonly string[] | null>>;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array<ArrayBuffer>;
}

interface Answer {
  readonly statusCode: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly bytes: Buffer;
}

export class Replay {
  readonly #answers: Map<string, Promise<Answer>> = new Map();

  async handle(request: Request): Promise<{ response: object }> {
    const target = request.headers['x-amz-target'] ?? '';
    const question = [request.method, urlOf(request), target, Buffer.from(request.body ?? '').toString('latin1')].join(
      ' ',
    );
    let answer = this.#answers.get(question);
    if (!answer) {
      answer = ask(request);
      this.#answers.set(question, answer);
    }
    const { statusCode, headers, bytes } = await answer;
    return { response: { statusCode, headers, body: Readable.from([bytes]) } };
  }

  destroy(): void {}
}

async function ask(request: Request): Promise<Answer> {
  const { host: _host, 'content-length': _length, ...headers } = request.headers;
  const { method, body } = request;
  const answer = await fetch(urlOf(request), { method, headers, ...(body === undefined ? {} : { body }) });
  const bytes = Buffer.from(await answer.arrayBuffer());
  return { statusCode: answer.status, headers: Object.fromEntries(answer.headers), bytes };
}

function urlOf({ hostname, port, path, query = {} }: Request): string {
  const url = new URL(`http://${hostname}:${port}${path}`);
  for (const [name, value] of Object.entries(query)) {
    for (const one of Array.isArray(value) ? value : [value ?? '']) url.searchParams.append(name, String(one));
  }
  return url.href;
}
