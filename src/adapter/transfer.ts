/**
 * Reads an event from, and writes a result to, the place that a job names: a file, standard input or output, or a URL,
 * which may be one that S3 has signed. Signs nothing itself: a job that should reach a bucket is given a URL that may.
 */
import { readFile, writeFile } from 'node:fs/promises';
import type { Readable, Writable } from 'node:stream';
import { type Clock, type Logger, sleep } from '../core/index.ts';
import { httpCall } from './http-call.ts';

export type Place =
  /** Given in the settings themselves; only to be read. */
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'file'; readonly path: string }
  /** Standard input, or output. */
  | { readonly kind: 'standard' }
  | { readonly kind: 'url'; readonly url: string };

export interface TransferPorts {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly input: Readable;
  readonly output: Writable;
}

const ATTEMPTS = 5;
const FIRST_WAIT_MS = 500;
const IDLE_TIMEOUT_MS = 60_000;

/** The bytes that stand there. Rejects when there are none, or more than `bytesMax`. */
export async function readFrom(place: Place, bytesMax: number, ports: TransferPorts): Promise<Buffer> {
  const bytes = await readAll(place, bytesMax, ports);
  if (bytes.length > bytesMax) throw new Error(`more than ${bytesMax} bytes`);
  return bytes;
}

function readAll(place: Place, bytesMax: number, ports: TransferPorts): Promise<Buffer> {
  switch (place.kind) {
    case 'text':
      return Promise.resolve(Buffer.from(place.text));
    case 'file':
      return readFile(place.path);
    case 'standard':
      return collected(ports.input, bytesMax);
    case 'url':
      return attempted(ports, () => exchange('GET', place.url, undefined, bytesMax));
  }
}

/** Puts the bytes there. Rejects when they cannot be; a URL is tried several times. */
export async function writeTo(place: Place, bytes: Buffer, ports: TransferPorts): Promise<void> {
  switch (place.kind) {
    case 'text':
      throw new Error('a text in the settings cannot be written to');
    case 'file':
      return writeFile(place.path, bytes);
    case 'standard':
      await new Promise<void>((resolve, reject) => {
        ports.output.write(bytes, (error) => (error ? reject(error) : resolve()));
      });
      return;
    case 'url':
      await attempted(ports, () => exchange('PUT', place.url, bytes, 64 * 1024));
  }
}

/** A refusal that will be the same the next time. */
class Refused extends Error {}

/** A store in trouble is asked again after a while, twice as long each time; one that refuses is not. */
async function attempted<T>({ clock, logger }: TransferPorts, attempt: () => Promise<T>): Promise<T> {
  for (let count = 1; ; count++) {
    try {
      return await attempt();
    } catch (error) {
      if (error instanceof Refused || count === ATTEMPTS) throw error;
      const retryAfterMs = FIRST_WAIT_MS * 2 ** (count - 1);
      logger.warn({ error: (error as Error).message, retryAfterMs }, 'transfer failed');
      await sleep(clock, retryAfterMs);
    }
  }
}

async function exchange(method: string, url: string, body: Buffer | undefined, bytesMax: number): Promise<Buffer> {
  const { status, body: answer } = await httpCall({ method, url, body, bytesMax, timeoutMs: IDLE_TIMEOUT_MS });
  if (status >= 200 && status < 300) return answer;
  // The query of a signed URL is a secret for as long as it lives.
  const message = `${method} ${url.split('?', 1)[0]} was answered ${status}: ${answer.toString('utf8', 0, 300)}`;
  throw status >= 500 || status === 429 ? new Error(message) : new Refused(message);
}

/** All bytes of the stream, or so many that there are too many. */
async function collected(stream: Readable, bytesMax: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of stream) {
    chunks.push(chunk as Buffer);
    bytes += (chunk as Buffer).length;
    if (bytes > bytesMax) break;
  }
  return Buffer.concat(chunks);
}
