/** What a build works with, and how it tells what it does. It decides nothing. */
import pRetry from 'p-retry';
import type { LambdaPort, S3Port } from '../aws/index.ts';
import { type Clock, formatDuration, isFailure } from '../core/index.ts';
import type { RegistryClient } from '../oci/index.ts';
import type { ImageProgram } from './image-program.ts';

export interface BuildDeps {
  readonly lambda: Pick<LambdaPort, 'getFunction' | 'getLayerVersionByArn'>;
  readonly s3: Pick<S3Port, 'getObject'>;
  readonly registry: RegistryClient;
  readonly clock: Clock;
  /** An empty folder for downloads and layers; the caller removes it. */
  readonly folder: string;
  /** Builds Dockerfiles. Asked for only when there is one to build. */
  readonly program: () => Promise<ImageProgram>;
  /** Runs the machine's git. @throws UserError when it fails */
  readonly git: (argv: readonly string[], environment?: Readonly<Record<string, string>>) => Promise<void>;
  /** The secret of the repository, as it is stored; undefined for one that anyone may read. */
  readonly gitSecret?: string | undefined;
  /** The Dockerfile of the recipe `dockerfile-v1`, where its source brings none. */
  readonly dockerfile?: string | undefined;
  /** Attempts of each read (a build is outside of any retry loop). Default 1. */
  readonly attempts?: number;
  readonly print: (line: string) => void;
  readonly signal?: AbortSignal;
}

export function callOf({ signal }: BuildDeps): { signal?: AbortSignal } {
  return signal ? { signal } : {};
}

/** Repeats a read that failed for a passing reason. */
export async function retried<T>(deps: BuildDeps, work: () => Promise<T>): Promise<T> {
  return pRetry(work, {
    retries: (deps.attempts ?? 1) - 1,
    ...(deps.signal ? { signal: deps.signal } : {}),
    shouldRetry: ({ error }) => isFailure(error, 'transient') || isFailure(error, 'throttled'),
  });
}

/** Prints what was done and how long it took. */
export async function timed<T>(deps: BuildDeps, work: () => Promise<T>, line: (result: T) => string): Promise<T> {
  const startedMs = deps.clock.monotonic();
  const result = await work();
  deps.print(`${line(result)} in ${formatDuration(deps.clock.monotonic() - startedMs)}`);
  return result;
}

export function bytesText(bytes: number): string {
  if (bytes < 1024) return `${bytes} B`;
  return bytes < 1024 * 1024 ? `${(bytes / 1024).toFixed(1)} KiB` : `${(bytes / 1024 / 1024).toFixed(1)} MiB`;
}
