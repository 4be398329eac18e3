/**
 * `delete --confirm`: tells the controller that deletions which it holds are meant. It writes one record that names
 * exactly the objects that were shown, by their uids, so that nothing is confirmed that nobody saw; it prunes records
 * of the kind whose objects are all gone. It deletes no object itself.
 */
import {
  type ConfirmedObject,
  confirmationFromRecord,
  confirmationRecord,
  isConfirmationKey,
  KIND_CONTAINER,
  type LambdaContainerStatus,
  SYSTEM_NAMESPACE,
} from '../../api/index.ts';
import { toItem } from '../../aws/index.ts';
import { formatDuration, shortHash, sleep, UserError } from '../../core/index.ts';
import type { DesiredRecord } from '../../store/index.ts';
import type { CliIo } from '../output/io.ts';
import { since } from '../output/since.ts';
import { table } from '../output/table.ts';
import type { Connection } from './connection.ts';
import { inOrder } from './in-order.ts';
import { confirmMutation, type MutationFlags } from './mutation.ts';
import { display, select } from './references.ts';
import { conditionOf, idOf, resolve, type View } from './views.ts';
import { requireDuration } from './wait.ts';

export interface ConfirmArgs extends MutationFlags {
  readonly words: readonly string[];
  readonly namespace?: string | undefined;
  readonly allNamespaces?: boolean | undefined;
  readonly selector?: string | undefined;
  /** Everything that is held, of the namespace or with -A of all. */
  readonly allHeld?: boolean | undefined;
  readonly wait?: boolean | undefined;
  readonly timeout?: string | undefined;
}

interface Held extends ConfirmedObject {
  readonly reason: string;
  readonly since: string;
  readonly message: string;
}

/** What fits into one record. */
const OBJECTS_MAX = 500;
const POLL_MS = 500;

/** Exit status 1 when something that was named is not held, or is not gone in time. */
export async function confirmDeletions(args: ConfirmArgs, io: CliIo, connection: Connection): Promise<number> {
  const timeoutMs = requireDuration('--timeout', args.timeout);
  const held = await heldObjects(args, connection);
  if (held.length === 0) {
    io.stderr('no deletion is held\n');
    return 0;
  }
  io.stdout(listing(held, io));
  const isNamed = args.words.length > 0;
  if (!isNamed && !args.allHeld) {
    throw new UserError('name the objects whose deletion is meant, or give --all-held for all of these', 2);
  }
  await confirmMutation(io, connection, 'confirming deletions in', args);
  if (args.dryRun) {
    io.stdout(`${count(held.length)} confirmed (dry run)\n`);
    return 0;
  }
  await pruneOld(connection);
  const names = await write(held, io, connection);
  io.stdout(`${count(held.length)} confirmed\n`);
  if (!args.wait) return 0;
  const left = await waitUntilGone(held, timeoutMs, io, connection);
  if (left.length > 0) {
    const shown = left.map(idOf).join(', ');
    io.stderr(`error: not gone within ${formatDuration(timeoutMs)}: ${shown}\n`);
    return 1;
  }
  for (const name of names) await connection.desired.delete({ namespace: SYSTEM_NAMESPACE, name });
  return 0;
}

/** @throws UserError when a named object is not held: nothing is confirmed then */
async function heldObjects(args: ConfirmArgs, connection: Connection): Promise<Held[]> {
  const namespace = args.namespace ?? connection.defaultNamespace;
  const selection = select(args.words, namespace);
  if (selection.kind !== KIND_CONTAINER || selection.references.some(({ kind }) => kind !== KIND_CONTAINER)) {
    throw new UserError('only deletions of LambdaContainers are held', 2);
  }
  if (selection.references.length > 0 && (args.allHeld || args.allNamespaces)) {
    throw new UserError(`${args.allHeld ? '--all-held' : '-A'} lists; it does not go with names`, 2);
  }
  if (args.selector !== undefined) {
    throw new UserError('-l does not go with --confirm: labels go with the record; name the objects', 2);
  }
  const { views, missing } = await resolve(selection, args.allNamespaces ? undefined : namespace, connection);
  const isNamed = selection.references.length > 0;
  const problems = [
    ...missing.map((reference) => `${display(reference)} is not there: nothing was made for it, or it is gone`),
    ...views.flatMap((view) => (isNamed && !isHeld(view) ? [`${display(view)} is not held: ${whyNot(view)}`] : [])),
  ];
  if (problems.length > 0)
    throw new UserError(`nothing was confirmed:\n${problems.map((one) => `  ${one}`).join('\n')}`);
  return inOrder(views.filter(isHeld), (view) => heldOf(view, connection));
}

function isHeld(view: View): boolean {
  return conditionOf(view.status, 'DeletionHeld')?.status === 'True';
}

function whyNot(view: View): string {
  return view.record ? 'its record is there; delete that first' : 'it is being deleted';
}

async function heldOf(view: View, { state }: Connection): Promise<Held> {
  const condition = conditionOf(view.status, 'DeletionHeld');
  // The status may be of a controller that did not tell uids yet.
  const uid = view.status?.uid ?? (await state.inventory(view.key))?.uid;
  if (uid === undefined) throw new UserError(`${display(view)} has no identity yet; try again in a moment`);
  return {
    namespace: view.namespace,
    name: view.name,
    uid,
    reason: condition?.reason ?? '',
    since: condition?.lastTransitionTime ?? '',
    message: condition?.message ?? '',
  };
}

function listing(held: readonly Held[], io: CliIo): string {
  const rows = held.map(({ namespace, name, reason, since: at, message }) => [
    namespace,
    name,
    since(at, io.clock.now()),
    reason,
    message,
  ]);
  return table([['NAMESPACE', 'NAME', 'HELD', 'REASON', 'MESSAGE'], ...rows]);
}

/** The names of the records that were written. */
async function write(held: readonly Held[], io: CliIo, { ports, tables }: Connection): Promise<string[]> {
  const names: string[] = [];
  for (let start = 0; start < held.length; start += OBJECTS_MAX) {
    const objects = held.slice(start, start + OBJECTS_MAX);
    const at = new Date(io.clock.now()).toISOString().replace(/[^0-9]/g, '');
    const record = confirmationRecord(`cli-${at}-${shortHash(objects.map(({ uid }) => uid).join(), 8)}`, objects);
    await ports.dynamodb.putItem({ TableName: tables.desired, Item: toItem(record) });
    names.push(String(record.name));
  }
  return names;
}

/** Only what names nothing that still is: a record that cannot be understood is somebody's to look at. */
async function pruneOld(connection: Connection): Promise<void> {
  const { desired, state } = connection;
  const old: { record: DesiredRecord; objects: readonly ConfirmedObject[] }[] = [];
  for await (const record of desired.list(SYSTEM_NAMESPACE)) {
    if (!isConfirmationKey(record.key)) continue;
    const { confirmation } = confirmationFromRecord(record.item);
    if (confirmation) old.push({ record, objects: confirmation.objects });
  }
  for (const { record, objects } of old) {
    const alive = await inOrder(objects, async ({ namespace, name, uid }) => {
      const inventory = await state.inventory({ namespace, name });
      return inventory?.uid === uid;
    });
    if (!alive.includes(true)) await desired.delete(record.key);
  }
}

/** What is left when the time is over. Another object of the same name is not the one that was confirmed. */
async function waitUntilGone(
  held: readonly Held[],
  timeoutMs: number,
  io: CliIo,
  { state }: Connection,
): Promise<Held[]> {
  const untilMs = io.clock.now() + timeoutMs;
  let left = [...held];
  for (;;) {
    const statuses = await inOrder(left, ({ namespace, name }) =>
      state.status<LambdaContainerStatus>({ namespace, name }),
    );
    const still = left.filter(({ uid }, index) => {
      const status = statuses[index];
      return status !== undefined && (status.uid === undefined || status.uid === uid);
    });
    for (const one of left) {
      if (!still.includes(one)) io.stdout(`${display({ kind: KIND_CONTAINER, name: one.name })} is gone\n`);
    }
    left = still;
    if (left.length === 0 || io.clock.now() >= untilMs) return left;
    if (io.signal.aborted) throw new UserError('interrupted');
    await sleep(io.clock, Math.min(POLL_MS, Math.max(1, untilMs - io.clock.now())), io.signal);
  }
}

function count(number: number): string {
  return number === 1 ? 'one deletion' : `${number} deletions`;
}
