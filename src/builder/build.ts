/**
 * One build: a zip function's code and layers, as Lambda has them now, composed onto a base image and pushed under the
 * tag that its inputs hash to. It checks that the code is the code that was asked for, and every download against its
 * SHA-256. It decides nothing about when to build, keeps nothing, and talks to AWS through ports alone.
 */
import { createHash } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import pRetry from 'p-retry';
import { request } from 'undici';
import type { LambdaPort } from '../aws/index.ts';
import { type Clock, Failure, type FailureKind, formatDuration, isFailure, UserError } from '../core/index.ts';
import {
  compose,
  type Layer,
  layerFromZip,
  type PushStep,
  parseReference,
  parseRepository,
  type RegistryClient,
} from '../oci/index.ts';
import type { BuildOrder } from './order.ts';

export interface BuildDeps {
  readonly lambda: Pick<LambdaPort, 'getFunction' | 'getLayerVersionByArn'>;
  readonly registry: RegistryClient;
  readonly clock: Clock;
  /** An empty folder for downloads and layers; the caller removes it. */
  readonly folder: string;
  /** Attempts of each read (a build is outside of any retry loop). Default 1. */
  readonly attempts?: number;
  readonly print: (line: string) => void;
  readonly signal?: AbortSignal;
}

/** Above Lambda's 250 MB uncompressed no zip is larger. */
const DOWNLOAD_BYTES_MAX = 300 * 1024 * 1024;
const DOWNLOAD_TIMEOUT_MS = 60_000;

/**
 * Builds and pushes the image, and returns its digest. Repeating it pushes nothing new.
 * @throws UserError `Superseded: …` when Lambda has other code by now; Failure and UserError for what else goes wrong
 */
export async function build(order: BuildOrder, deps: BuildDeps): Promise<string> {
  const startedMs = deps.clock.monotonic();
  const found = await timed(
    deps,
    () => retried(deps, () => deps.lambda.getFunction(functionInput(order), callOf(deps))),
    () => `found ${order.functionName}`,
  );
  const { Configuration, Code } = found;
  if (Configuration?.CodeSha256 !== order.codeSha256) {
    throw new UserError(
      `Superseded: ${order.functionName} has code ${Configuration?.CodeSha256} by now, not ${order.codeSha256}`,
    );
  }
  if (!Code?.Location) throw new UserError(`${order.functionName} is not a zip function: its image runs as it is`);

  const layers: Layer[] = [];
  for (const [index, arn] of order.layers.entries()) layers.push(await layerOf(arn, `layer-${index + 1}.zip`, deps));
  // The code last: it changes most often, and what lies beneath is then shared between images.
  const zip = { url: Code.Location, sha256: order.codeSha256, what: 'the code', file: 'code.zip' };
  layers.push(await zipLayer(zip, { prefix: '/var/task', createdBy: 'lambdacontainer: code' }, deps));

  const reference = parseReference(order.baseImage);
  const architecture = order.architecture === 'arm64' ? 'arm64' : 'amd64';
  const platform = { os: 'linux', architecture } as const;
  const base = await timed(
    deps,
    () => deps.registry.image(reference, platform, callOf(deps)),
    () => `read base image ${order.baseImage}`,
  );
  const image = compose({ base, layers, config: { cmd: [order.handler] } });

  const steps: PushStep[] = [];
  await timed(
    deps,
    () =>
      deps.registry.pushImage(parseRepository(order.repositoryUri), image, {
        ...callOf(deps),
        base: reference,
        tag: order.tag,
        report: (step) => steps.push(step),
      }),
    () => `pushed ${order.repositoryUri}:${order.tag} (${pushedText(steps)})`,
  );
  deps.print(`digest ${image.digest} in ${formatDuration(deps.clock.monotonic() - startedMs)}`);
  return image.digest;
}

async function layerOf(arn: string, file: string, deps: BuildDeps): Promise<Layer> {
  const { Content } = await retried(deps, () => deps.lambda.getLayerVersionByArn({ Arn: arn }, callOf(deps)));
  if (!Content?.Location || !Content.CodeSha256) throw new UserError(`Lambda gives no content for ${arn}`);
  const zip = { url: Content.Location, sha256: Content.CodeSha256, what: arn, file };
  return zipLayer(zip, { prefix: '/opt', createdBy: `lambdacontainer: ${arn}` }, deps);
}

interface Download {
  readonly url: string;
  /** Base64, as Lambda gives it. */
  readonly sha256: string;
  readonly what: string;
  readonly file: string;
}

async function zipLayer(zip: Download, placed: { prefix: string; createdBy: string }, deps: BuildDeps): Promise<Layer> {
  const path = join(deps.folder, zip.file);
  await timed(
    deps,
    () => retried(deps, () => download(zip, path, deps)),
    (size) => `downloaded ${zip.what}, ${bytesText(size)}`,
  );
  const layer = () => layerFromZip(path, { ...placed, folder: deps.folder, signal: deps.signal });
  return timed(deps, layer, ({ digest, size }) => `composed ${placed.prefix} as ${digest}, ${bytesText(size)}`);
}

async function download(zip: Download, path: string, deps: BuildDeps): Promise<number> {
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
    const { statusCode, body } = await request(zip.url, {
      headersTimeout: DOWNLOAD_TIMEOUT_MS,
      bodyTimeout: DOWNLOAD_TIMEOUT_MS,
      ...(deps.signal ? { signal: deps.signal } : {}),
    });
    if (statusCode !== 200) {
      await body.dump();
      throw downloadFailure(zip, `HTTP ${statusCode}`, statusCode >= 500 ? 'transient' : 'invalid');
    }
    await pipeline(body, checked, createWriteStream(path), deps.signal ? { signal: deps.signal } : {});
  } catch (error) {
    if (error instanceof UserError || error instanceof Failure) throw error;
    throw downloadFailure(zip, error instanceof Error ? error.message : String(error), 'transient', error);
  }
  const actual = hash.digest('base64');
  if (actual !== zip.sha256)
    throw new UserError(`${zip.what} was downloaded with SHA-256 ${actual}, but Lambda says ${zip.sha256}`);
  return size;
}

function downloadFailure({ what }: Download, why: string, kind: FailureKind, cause?: unknown): Failure {
  return new Failure({
    kind,
    service: 'lambda',
    operation: 'Download',
    code: 'DownloadFailed',
    message: `${what}: ${why}`,
    cause,
  });
}

/** Repeats a read that failed for a passing reason. */
async function retried<T>(deps: BuildDeps, work: () => Promise<T>): Promise<T> {
  return pRetry(work, {
    retries: (deps.attempts ?? 1) - 1,
    ...(deps.signal ? { signal: deps.signal } : {}),
    shouldRetry: ({ error }) => isFailure(error, 'transient') || isFailure(error, 'throttled'),
  });
}

async function timed<T>(deps: BuildDeps, work: () => Promise<T>, line: (result: T) => string): Promise<T> {
  const startedMs = deps.clock.monotonic();
  const result = await work();
  deps.print(`${line(result)} in ${formatDuration(deps.clock.monotonic() - startedMs)}`);
  return result;
}

function functionInput({ functionName, qualifier }: BuildOrder) {
  return { FunctionName: functionName, ...(qualifier === null ? {} : { Qualifier: qualifier }) };
}

function callOf({ signal }: BuildDeps): { signal?: AbortSignal } {
  return signal ? { signal } : {};
}

function pushedText(steps: readonly PushStep[]): string {
  const counts = (['uploaded', 'mounted', 'present'] as const).map((how) => {
    const some = steps.filter((step) => step.how === how);
    const bytes = some.reduce((sum, step) => sum + step.size, 0);
    return some.length === 0 ? '' : `${some.length} ${how}, ${bytesText(bytes)}`;
  });
  return counts.filter((text) => text !== '').join('; ');
}

function bytesText(bytes: number): string {
  if (bytes < 1024) return `${bytes} B`;
  return bytes < 1024 * 1024 ? `${(bytes / 1024).toFixed(1)} KiB` : `${(bytes / 1024 / 1024).toFixed(1)} MiB`;
}

/** One line for a person: what failed, where. */
export function failureLine(error: unknown): string | undefined {
  if (error instanceof UserError) return error.message;
  if (!(error instanceof Failure)) return undefined;
  const hint = isFailure(error, 'denied') ? ' (does the build project’s role allow it?)' : '';
  return `${error.service} ${error.operation} failed: ${error.code}: ${error.message}${hint}`;
}
