/**
 * `rollout status`, `history` and `restart`: how the newest spec comes to serve, what was deployed before, and all
 * tasks anew. `pause` and `resume` are `suspend` and `resume`.
 */
import { ANNOTATION_RESTART, type ApiObject, KIND_CONTAINER } from '../../api/index.ts';
import { formatDuration, sleep, UserError } from '../../core/index.ts';
import type { Revision } from '../../resource/index.ts';
import { asJson, asYaml } from '../output/documents.ts';
import type { Form } from '../output/form.ts';
import type { CliIo } from '../output/io.ts';
import { since } from '../output/since.ts';
import { table } from '../output/table.ts';
import { type ChoiceArgs, choose, reportMissing } from './chosen.ts';
import type { Connection } from './connection.ts';
import { refuseSuspended, requested } from './reconcile.ts';
import { type ChangeArgs, changeRecords } from './record-change.ts';
import { display, type Reference, recordKey } from './references.ts';
import { lookCondition, requireDuration, waitFor } from './wait.ts';

export interface RestartArgs extends ChangeArgs {
  readonly wait?: boolean | undefined;
  readonly timeout?: string | undefined;
}

export interface StatusArgs extends ChoiceArgs {
  /** False: tell how it stands and end. @default true */
  readonly watch?: boolean | undefined;
  readonly timeout?: string | undefined;
}

export interface HistoryArgs extends ChoiceArgs {
  readonly revision?: number | undefined;
  readonly output?: Form | undefined;
}

const READY = { condition: 'Ready', status: 'True' } as const;
const POLL_MS = 500;

/** Replaces every task by a rolling deployment. Exit status 1 when something named is not there, or `--wait` fails. */
export async function restart(args: RestartArgs, io: CliIo, connection: Connection): Promise<number> {
  const timeoutMs = requireDuration('--timeout', args.timeout);
  const change = (object: ApiObject): ApiObject => {
    if (object.kind !== KIND_CONTAINER) throw new UserError(`${display(object)} has no tasks to restart`, 2);
    const annotations = { ...object.annotations, [ANNOTATION_RESTART]: new Date(io.clock.now()).toISOString() };
    // Asking for a pass too makes its end visible: until then Ready speaks of the tasks before.
    return requested({ ...refuseSuspended(object), annotations }, io.clock.now());
  };
  const plan = { verb: 'restart', verbing: 'restarting in', done: 'restarted', change, isCorrected: false };
  const { changed, missing } = await changeRecords(args, plan, io, connection);
  if (args.wait && !args.dryRun) {
    const references = changed.map(({ view }) => view);
    const waited = await waitFor({ references, goal: READY, timeoutMs, endsInVain: true }, io, connection);
    if (waited !== 0) return waited;
  }
  return missing === 0 ? 0 : 1;
}

/** Follows until the newest spec serves. Exit status 1 when it cannot, is not there in time, or does not exist. */
export async function rolloutStatus(args: StatusArgs, io: CliIo, connection: Connection): Promise<number> {
  const timeoutMs = requireDuration('--timeout', args.timeout);
  const { views, missing } = await choose(args, { verb: 'look at', isChange: false }, connection);
  reportMissing(missing, io);
  const untilMs = io.clock.now() + timeoutMs;
  let failed = missing.length;
  for (const view of views) {
    requireContainer(view);
    if (!(await rolledOut(view, args.watch !== false, untilMs, timeoutMs, io, connection))) failed++;
  }
  return failed === 0 ? 0 : 1;
}

async function rolledOut(
  reference: Reference,
  isWatched: boolean,
  untilMs: number,
  timeoutMs: number,
  io: CliIo,
  connection: Connection,
): Promise<boolean> {
  let told = '';
  for (;;) {
    const seen = await lookCondition(reference, READY, connection);
    if (seen.reached) {
      io.stdout(`${display(reference)} successfully rolled out\n`);
      return true;
    }
    if (seen.isVain) {
      io.stderr(`error: ${display(reference)}: ${seen.why}\n`);
      return false;
    }
    if (seen.why !== told) io.stdout(`Waiting for ${display(reference)}: ${seen.why}\n`);
    told = seen.why;
    if (!isWatched) return true;
    if (io.signal.aborted) throw new UserError('interrupted');
    if (io.clock.now() >= untilMs) {
      io.stderr(`error: ${display(reference)}: not rolled out within ${formatDuration(timeoutMs)}: ${seen.why}\n`);
      return false;
    }
    await sleep(io.clock, Math.min(POLL_MS, Math.max(1, untilMs - io.clock.now())), io.signal);
  }
}

/** Shows the revisions that are kept, oldest first. Exit status 1 when there is no such object or revision. */
export async function rolloutHistory(args: HistoryArgs, io: CliIo, connection: Connection): Promise<number> {
  const { views, missing } = await choose(args, { verb: 'look at', isChange: false }, connection);
  reportMissing(missing, io);
  let failed = missing.length;
  for (const view of views) {
    requireContainer(view);
    const stored = await connection.state.load(recordKey(view));
    const all = [...stored.revisions.values()].map(({ body }) => body).sort((a, b) => a.number - b.number);
    const revisions = args.revision === undefined ? all : all.filter(({ number }) => number === args.revision);
    if (args.revision !== undefined && revisions.length === 0) {
      const kept = all.map(({ number }) => number).join(', ') || 'none';
      io.stderr(`error: ${display(view)} has no revision ${args.revision}; kept are: ${kept}\n`);
      failed++;
      continue;
    }
    showRevisions(view, revisions, view.status?.revision?.current, args.output, io);
  }
  return failed === 0 ? 0 : 1;
}

function showRevisions(
  reference: Reference,
  revisions: readonly Revision[],
  current: number | undefined,
  output: Form | undefined,
  io: CliIo,
): void {
  if (output !== undefined && output.name !== 'table') {
    const { namespace, name } = reference;
    const document = {
      namespace,
      name,
      revisions: revisions.map(({ number, at, image, functionVersion, codeSha256, taskDefinition }) => ({
        number,
        isCurrent: number === current,
        at,
        image,
        functionVersion,
        codeSha256,
        ...(taskDefinition === undefined ? {} : { taskDefinition }),
      })),
    };
    io.stdout(output.name === 'yaml' ? `---\n${asYaml(document)}` : asJson(document));
    return;
  }
  io.stdout(`${display(reference)}\n`);
  if (revisions.length === 0) {
    io.stdout('  no revision was deployed yet\n');
    return;
  }
  const rows = revisions.map((revision) => [
    `${revision.number}${revision.number === current ? ' (current)' : ''}`,
    since(revision.at, io.clock.now()),
    revision.functionVersion,
    revision.image,
    revision.taskDefinition?.replace(/^.*:task-definition\//, '') ?? '-',
  ]);
  io.stdout(table([['REVISION', 'AGE', 'FUNCTION', 'IMAGE', 'TASK DEFINITION'], ...rows], '  '));
}

function requireContainer(reference: Reference): void {
  if (reference.kind === KIND_CONTAINER) return;
  throw new UserError(`${display(reference)} has no rollout; name a LambdaContainer`, 2);
}
