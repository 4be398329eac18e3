/**
 * One zip, from a link that Lambda gives or from S3, as a file of the build's folder: checked while it is written, and
 * never larger than any zip that Lambda takes.
 */
import { createHash } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { request } from 'undici';
import { Failure, type FailureKind, UserError } from '../core/index.ts';
import { type BuildDeps, bytesText, callOf } from './deps.ts';
import type { CodeSource } from './order.ts';

/** Above Lambda's 250 MB uncompressed no zip is larger. */
const DOWNLOAD_BYTES_MAX = 300 * 1024 * 1024;
/** Without anything coming. */
const DOWNLOAD_TIMEOUT_MS = 60_000;
/** Of an object as a whole: the SDK's client has one bound for all of a call. */
const OBJECT_TIMEOUT_MS = 600_000;

type Archive = Extract<CodeSource, { type: 'archive' }>;

export type Download = {
  readonly what: string;
  readonly file: string;
} & (
  | {
      readonly url: string;
      /** Base64, as Lambda gives it. */
      readonly sha256: string;
    }
  | { readonly object: Archive }
);

/**
 * Writes it to `path` and returns its size.
 * @throws UserError when it is not what it should be, `Superseded: …` when S3 has other content by now; Failure when it
 * cannot be had
 */
export async function downloaded(zip: Download, path: string, deps: BuildDeps): Promise<number> {
  const service = 'object' in zip ? 's3' : 'lambda';
  const hash = createHash('sha256');
  let size = 0;
  const checked = async function* (body: AsyncIterable<Buffer>) {
    for await (const chunk of body) {
      size += chunk.length;
      if (size > DOWNLOAD_BYTES_MAX) throw new UserError(`${zip.what} is larger than ${bytesText(DOWNLOAD_BYTES_MAX)}`);
      hash.update(chunk);
      yield chunk;
    }
  };
  try {
    const body = 'object' in zip ? await objectBody(zip.object, deps) : await linkBody(zip, deps);
    await pipeline(body, checked, createWriteStream(path), callOf(deps));
  } catch (error) {
    if (error instanceof UserError || error instanceof Failure) throw error;
    const why = error instanceof Error ? error.message : String(error);
    throw failed(service, `${zip.what}: ${why}`, 'transient', error);
  }
  if ('object' in zip) return size;
  const actual = hash.digest('base64');
  if (actual !== zip.sha256)
    throw new UserError(`${zip.what} was downloaded with SHA-256 ${actual}, but Lambda says ${zip.sha256}`);
  return size;
}

async function linkBody({ url, what }: { url: string; what: string }, deps: BuildDeps): Promise<Readable> {
  const { statusCode, body } = await request(url, {
    headersTimeout: DOWNLOAD_TIMEOUT_MS,
    bodyTimeout: DOWNLOAD_TIMEOUT_MS,
    ...callOf(deps),
  });
  if (statusCode === 200) return body;
  await body.dump();
  throw failed('lambda', `${what}: HTTP ${statusCode}`, statusCode >= 500 ? 'transient' : 'invalid');
}

/** The very content that was ordered. Where S3 has a checksum of it, the SDK compares that with what comes. */
async function objectBody({ bucket, key, versionId, etag }: Archive, deps: BuildDeps): Promise<Readable> {
  const asked = { Bucket: bucket, Key: key, IfMatch: etag, ...(versionId === null ? {} : { VersionId: versionId }) };
  const call = { ...callOf(deps), timeoutMs: OBJECT_TIMEOUT_MS };
  const { Body } = await deps.s3.getObject(asked, call).catch((error: unknown) => {
    if (!(error instanceof Failure) || error.code !== 'PreconditionFailed') throw error;
    throw new UserError(`Superseded: s3://${bucket}/${key} has other content by now than ${etag}`);
  });
  if (!(Body instanceof Readable)) throw new Error('the SDK gives no stream');
  return Body;
}

function failed(service: string, message: string, kind: FailureKind, cause?: unknown): Failure {
  return new Failure({ kind, service, operation: 'Download', code: 'DownloadFailed', message, cause });
}
