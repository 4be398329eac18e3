/**
 * `logs`: what an object's tasks and its function printed, in one order of time; with -f as it is printed; with --build
 * what its newest build printed. It reads CloudWatch Logs only, and asks for no more than it shows.
 */
import { KIND_CONTAINER, objectFromRecord } from '../../api/index.ts';
import { type Failure, isFailure, parseDuration, sleep, UserError } from '../../core/index.ts';
import { byTime, type LogLine, LogReader } from '../logs/log-reader.ts';
import { type LogSource, logSources, type Side } from '../logs/log-source.ts';
import { newestBuild } from '../logs/newest-build.ts';
import { type Colours, coloursFor } from '../output/colours.ts';
import type { CliIo } from '../output/io.ts';
import type { Connection } from './connection.ts';
import { display, type Reference, recordKey, select } from './references.ts';

export interface LogsArgs {
  readonly words: readonly string[];
  readonly namespace?: string | undefined;
  readonly follow?: boolean | undefined;
  readonly since?: string | undefined;
  /** Newest lines to begin with. */
  readonly tail?: number | undefined;
  readonly side?: Side | 'all' | undefined;
  readonly container?: string | undefined;
  readonly timestamps?: boolean | undefined;
  readonly prefix?: boolean | undefined;
  readonly build?: boolean | undefined;
}

export const DEFAULT_SINCE = '1h';
/** CloudWatch allows an account few of these calls a second. */
const POLL_MS = 2_000;
const POLL_MS_MAX = 30_000;

/** Exit status 1 when there is nothing that could be read. */
export async function logs(args: LogsArgs, io: CliIo, connection: Connection): Promise<number> {
  const reference = referenceOf(args, connection);
  const sinceMs = parseDuration(args.since ?? DEFAULT_SINCE);
  if (sinceMs === undefined) {
    throw new UserError(`--since: '${args.since}' is not a duration; write it like 90s, 10m or 2h`, 2);
  }
  if (args.container !== undefined && args.side === 'lambda') {
    throw new UserError(`--container: only tasks have containers; leave out --side lambda`, 2);
  }
  return args.build ? ofBuild(reference, args, io, connection) : ofObject(reference, sinceMs, args, io, connection);
}

async function ofObject(
  reference: Reference,
  sinceMs: number,
  args: LogsArgs,
  io: CliIo,
  connection: Connection,
): Promise<number> {
  const { state, ports } = connection;
  const key = recordKey(reference);
  const [record, inventory] = await Promise.all([connection.desired.get(key), state.inventory(key)]);
  if (!record && !inventory) throw notFound(reference);
  const { sources, absent } = await logSources(
    {
      inventory,
      functionName: functionNameOf(record?.item),
      side: args.side ?? 'all',
      container: args.container,
    },
    ports.lambda,
  );
  for (const sentence of absent) io.stderr(`${display(reference)}: ${sentence}\n`);
  if (sources.length === 0) return 1;
  const fromMs = io.clock.now() - sinceMs;
  const readers = sources.map((source) => new LogReader(ports.logs, source, fromMs));
  await begin(readers, args, io);
  if (args.follow) await follow(readers, args, io, () => Promise.resolve(false));
  return 0;
}

async function ofBuild(reference: Reference, args: LogsArgs, io: CliIo, connection: Connection): Promise<number> {
  const { state, ports } = connection;
  const inventory = await state.inventory(recordKey(reference));
  if (!inventory) throw notFound(reference);
  const build = await newestBuild(inventory, ports.codebuild);
  if (!build) {
    io.stderr(
      `${display(reference)}: no build of it is among the newest of its project; an image function needs none, and the same code is built once\n`,
    );
    return 1;
  }
  io.stderr(`${coloursFor(io).dim(`build ${build.id}, ${build.status}`)}\n`);
  const source: LogSource = { side: 'fargate', group: build.group, container: undefined, stream: build.stream };
  const reader = new LogReader(ports.logs, source, 0);
  const quiet = { ...args, prefix: false };
  await begin([reader], quiet, io);
  if (!args.follow || build.isComplete) return 0;
  await follow([reader], quiet, io, async () => {
    const { builds } = await ports.codebuild.batchGetBuilds({ ids: [build.id] });
    return builds?.[0]?.buildComplete !== false;
  });
  return 0;
}

/** Looks again until `isOver`, or until Ctrl-C. What passes by itself is outlasted, and said once. */
async function follow(
  readers: readonly LogReader[],
  args: LogsArgs,
  io: CliIo,
  isOver: () => Promise<boolean>,
): Promise<void> {
  let pauseMs = POLL_MS;
  let told: string | undefined;
  while (!io.signal.aborted) {
    await sleep(io.clock, pauseMs, io.signal);
    if (io.signal.aborted) return;
    try {
      // Asked first: what was printed before the end is then read after it.
      const over = await isOver();
      const { lines, failure } = await readAll(readers, io);
      show(lines, args, io);
      if (failure) throw failure;
      if (over) return;
      pauseMs = POLL_MS;
      told = undefined;
    } catch (error) {
      if (!isFailure(error, 'throttled') && !isFailure(error, 'transient')) throw error;
      pauseMs = Math.min(POLL_MS_MAX, pauseMs * 2);
      if (told !== error.code) io.stderr(`${coloursFor(io).dim(`${error.code}: ${error.message}; looking again`)}\n`);
      told = error.code;
    }
  }
}

/** What one source answers is not lost because another cannot be read. */
async function readAll(
  readers: readonly LogReader[],
  io: CliIo,
): Promise<{ lines: LogLine[]; failure: Failure | undefined }> {
  const nowMs = io.clock.now();
  const answers = await Promise.allSettled(readers.map((reader) => reader.read(nowMs)));
  const lines = answers.flatMap((answer) => (answer.status === 'fulfilled' ? answer.value : []));
  const failed = answers.find((answer) => answer.status === 'rejected');
  if (failed && !isFailure(failed.reason)) throw failed.reason;
  return { lines: lines.sort(byTime), failure: failed?.reason as Failure | undefined };
}

/** The newest `tail` lines of a first look, or all of it. */
async function begin(readers: readonly LogReader[], args: LogsArgs, io: CliIo): Promise<void> {
  const { lines, failure } = await readAll(readers, io);
  if (failure) throw failure;
  show(args.tail === undefined ? lines : lines.slice(Math.max(0, lines.length - args.tail)), args, io);
}

function show(lines: readonly LogLine[], args: LogsArgs, io: CliIo): void {
  if (lines.length === 0) return;
  const colours = coloursFor(io);
  const text = lines.map((line) => {
    const time = args.timestamps ? `${new Date(line.timestampMs).toISOString()} ` : '';
    const prefix = args.prefix === false ? '' : `${paint(line.source.side, colours)(labelOf(line))} `;
    return `${time}${prefix}${line.message}\n`;
  });
  io.stdout(text.join(''));
}

function paint(side: Side, colours: Colours) {
  return side === 'lambda' ? colours.busy : colours.good;
}

/** `fargate/function-1/3f2a91c0`, `lambda/31/8be04f2d`. */
function labelOf({ source, stream }: LogLine): string {
  if (source.side === 'fargate') {
    const [, container = stream, task = ''] = stream.split('/');
    return `fargate/${container}/${task.slice(0, 8)}`;
  }
  const [, version, instance = ''] = /\[([^\]]+)\](.*)$/.exec(stream) ?? [];
  return version === undefined ? `lambda/${stream}` : `lambda/${version}/${instance.slice(0, 8)}`;
}

function functionNameOf(item: Record<string, unknown> | undefined): string | undefined {
  const { object } = item ? objectFromRecord(item) : { object: undefined };
  const spec = object?.spec as { source?: { functionRef?: { name?: unknown } } } | undefined;
  const name = spec?.source?.functionRef?.name;
  return typeof name === 'string' ? name : undefined;
}

function referenceOf(args: LogsArgs, connection: Connection): Reference {
  const { references } = select(args.words, args.namespace ?? connection.defaultNamespace);
  const [reference] = references;
  if (!reference || references.length > 1) throw new UserError('name one object', 2);
  if (reference.kind !== KIND_CONTAINER)
    throw new UserError(`${reference.kind} has no logs; name a LambdaContainer`, 2);
  return reference;
}

function notFound(reference: Reference): UserError {
  return new UserError(`${display(reference)} not found in namespace '${reference.namespace}'`);
}
