/**
 * Splits a streamed answer of content type `application/vnd.awslambda.http-integration-response` into its metadata (JSON,
 * up to eight NUL bytes) and the body that follows. Reads no more of the stream than the prelude needs.
 */
import type { Readable } from 'node:stream';

export const PRELUDE_TYPE = 'application/vnd.awslambda.http-integration-response';

const DELIMITER = Buffer.alloc(8);
const PRELUDE_BYTES_MAX = 1024 * 1024;

/**
 * Resolves with the parsed metadata; what was read beyond it is put back into the stream, which is left paused.
 * Resolves with undefined when the stream ends or breaks first, or when the metadata is not JSON.
 */
export function readPrelude(body: Readable): Promise<{ metadata: unknown } | undefined> {
  return new Promise((resolve) => {
    let read = Buffer.alloc(0);
    const finish = (prelude: { metadata: unknown } | undefined): void => {
      body.off('readable', onReadable).off('end', onEnd).off('close', onEnd).off('error', onEnd);
      resolve(prelude);
    };
    const onEnd = (): void => finish(undefined);
    const onReadable = (): void => {
      for (let chunk = body.read() as Buffer | null; chunk !== null; chunk = body.read() as Buffer | null) {
        const from = Math.max(0, read.length - DELIMITER.length);
        read = Buffer.concat([read, chunk]);
        const at = read.indexOf(DELIMITER, from);
        if (at >= 0) {
          const rest = read.subarray(at + DELIMITER.length);
          if (rest.length > 0) body.unshift(rest);
          finish(parsed(read.subarray(0, at)));
          return;
        }
        if (read.length > PRELUDE_BYTES_MAX) {
          finish(undefined);
          return;
        }
      }
    };
    body.on('end', onEnd).on('close', onEnd).on('error', onEnd).on('readable', onReadable);
  });
}

function parsed(json: Buffer): { metadata: unknown } | undefined {
  try {
    return { metadata: JSON.parse(json.toString('utf8')) };
  } catch {
    return undefined;
  }
}
