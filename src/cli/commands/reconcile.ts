/**
 * `reconcile`: asks for a pass now, whatever pause the object is in, and waits until it is done. The request is an
 * annotation of the record, and the controller's answer its echo in the status; neither touches what is desired.
 */
import { ANNOTATION_RECONCILE, type ApiObject, KIND_CLASS } from '../../api/index.ts';
import { formatDuration, sleep, UserError } from '../../core/index.ts';
import type { CliIo } from '../output/io.ts';
import type { Connection } from './connection.ts';
import { type ChangeArgs, type Changed, changeRecords } from './record-change.ts';
import { display, whereOf } from './references.ts';
import { isSuspended } from './suspend.ts';
import { statusOfView, viewOf } from './views.ts';
import { describeStatus, requireDuration } from './wait.ts';

export interface ReconcileArgs extends ChangeArgs {
  /** @default true */
  readonly wait?: boolean | undefined;
  /** Set together with the request. */
  readonly annotations?: Readonly<Record<string, string>> | undefined;
  readonly timeout?: string | undefined;
}

const POLL_MS = 500;

/** Exit status 1 when something that was named is not there, or a pass is not done in time. */
export async function reconcile(args: ReconcileArgs, io: CliIo, connection: Connection): Promise<number> {
  const timeoutMs = requireDuration('--timeout', args.timeout);
  const change = (object: ApiObject): ApiObject => {
    if (object.kind === KIND_CLASS)
      throw new UserError(`${display(object)} is not reconciled; reconcile its objects`, 2);
    const asked = requested(refuseSuspended(object), io.clock.now());
    return { ...asked, annotations: { ...asked.annotations, ...args.annotations } };
  };
  const plan = { verb: 'reconcile', verbing: 'reconciling in', done: 'asked for', change, isCorrected: false };
  const { changed, missing } = await changeRecords(args, plan, io, connection);
  let late = 0;
  if (args.wait !== false && !args.dryRun) {
    const untilMs = io.clock.now() + timeoutMs;
    for (const one of changed) if (!(await handled(one, untilMs, timeoutMs, io, connection))) late++;
  }
  return missing + late === 0 ? 0 : 1;
}

/** The object with a new request for a pass. */
export function requested(object: ApiObject, nowMs: number): ApiObject {
  const before = object.annotations[ANNOTATION_RECONCILE];
  const now = new Date(nowMs).toISOString();
  // Only a value that differs asks for anything.
  const value = before === now ? new Date(nowMs + 1).toISOString() : now;
  return { ...object, annotations: { ...object.annotations, [ANNOTATION_RECONCILE]: value } };
}

/** @throws UserError for an object that the controller was told to leave alone */
export function refuseSuspended(object: ApiObject): ApiObject {
  if (!isSuspended(object)) return object;
  throw new UserError(`${display(object)} is suspended; resume it first`);
}

async function handled(
  { view: { kind, namespace, name }, object }: Changed,
  untilMs: number,
  timeoutMs: number,
  io: CliIo,
  connection: Connection,
): Promise<boolean> {
  const reference = { kind, namespace, name };
  for (;;) {
    const view = await viewOf(reference, connection);
    // Somebody may have asked once more since: their pass answers us as well.
    const asked = view?.object?.annotations[ANNOTATION_RECONCILE] ?? object.annotations[ANNOTATION_RECONCILE];
    if (!view?.record) throw new UserError(`${display(reference)} was deleted meanwhile${whereOf(reference)}`);
    const status = statusOfView(view);
    if (status && status.lastHandledReconcileAt === asked) {
      io.stdout(`${display(reference)} reconciled: ${describeStatus(status)}\n`);
      return true;
    }
    if (io.signal.aborted) throw new UserError('interrupted');
    if (io.clock.now() >= untilMs) {
      const why = status ? 'the pass is not done' : 'the controller has not seen it yet';
      io.stderr(`error: ${display(reference)}: not reconciled within ${formatDuration(timeoutMs)}: ${why}\n`);
      return false;
    }
    await sleep(io.clock, Math.min(POLL_MS, Math.max(1, untilMs - io.clock.now())), io.signal);
  }
}
