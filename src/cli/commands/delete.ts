/**
 * `delete`: takes desired records away. What was made for an object is then removed by the controller, from its
 * inventory and as the deletion policy says; `--wait` stays until that is done. `--cascade=orphan` has the controller
 * remember first that everything is to be left running. Confirming deletions that are held is `confirm-deletion.ts`.
 */
import {
  ANNOTATION_CASCADE,
  ANNOTATION_PROTECTED,
  type ApiObject,
  KIND_CONTAINER,
  objectFromRecord,
} from '../../api/index.ts';
import { formatDuration, isFailure, sleep, UserError } from '../../core/index.ts';
import type { CliIo } from '../output/io.ts';
import { type ChoiceArgs, choose } from './chosen.ts';
import type { Connection } from './connection.ts';
import { inOrder } from './in-order.ts';
import { readManifests, reportDefects } from './manifest-files.ts';
import { confirmMutation, type MutationFlags } from './mutation.ts';
import { display, type Reference, recordKey, select, whereOf } from './references.ts';
import { requireDuration, waitFor } from './wait.ts';

export interface DeleteArgs extends ChoiceArgs, MutationFlags {
  readonly files: readonly string[];
  readonly recursive?: boolean | undefined;
  readonly ignoreNotFound?: boolean | undefined;
  /** What becomes of what was made: as the deletion policy says, or left running. @default 'background' */
  readonly cascade?: 'background' | 'orphan' | undefined;
  readonly wait?: boolean | undefined;
  readonly timeout?: string | undefined;
}

const POLL_MS = 500;

/** Exit status 1 when something that was named is not there, or is not gone in time. */
export async function deleteObjects(args: DeleteArgs, io: CliIo, connection: Connection): Promise<number> {
  const timeoutMs = requireDuration('--timeout', args.timeout);
  const references = await referencesOf(args, io, connection);
  if (!references) return 1;
  const stranger = references.find(({ kind }) => kind !== KIND_CONTAINER);
  if (args.cascade === 'orphan' && stranger) {
    throw new UserError(`--cascade=orphan is for LambdaContainers; nothing was made for ${display(stranger)}`, 2);
  }
  await confirmMutation(io, connection, 'deleting from', args);
  if (references.length === 0) io.stderr('no objects are meant\n');
  const untilMs = io.clock.now() + timeoutMs;
  const isDryRun = args.dryRun === true;
  if (args.cascade === 'orphan' && !isDryRun) await orphan(references, untilMs, timeoutMs, io, connection);
  const deleted: Reference[] = [];
  let missing = 0;
  await inOrder(
    references,
    (reference) => remove(reference, isDryRun, connection),
    (was, reference) => {
      if (was) {
        deleted.push(reference);
        const how = args.cascade === 'orphan' ? 'orphaned' : 'deleted';
        io.stdout(`${display(reference)} ${how}${isDryRun ? ' (dry run)' : ''}\n`);
        if (was.isProtected) warnHeld(reference, io);
      } else if (!args.ignoreNotFound) {
        missing++;
        io.stderr(`error: ${display(reference)} not found${whereOf(reference)}\n`);
      }
    },
  );
  const containers = deleted.filter(({ kind }) => kind === KIND_CONTAINER);
  if (args.wait && !isDryRun && containers.length > 0) {
    const request = { references: containers, goal: 'delete', timeoutMs, endsInVain: true } as const;
    const waited = await waitFor(request, io, connection);
    if (waited !== 0) return waited;
  }
  return missing === 0 ? 0 : 1;
}

/** Undefined when there was nothing to remove. */
async function remove(
  reference: Reference,
  isDryRun: boolean,
  { desired }: Connection,
): Promise<{ isProtected: boolean } | undefined> {
  const key = recordKey(reference);
  const record = await desired.get(key);
  if (!record) return undefined;
  if (!isDryRun && !(await desired.delete(key))) return undefined;
  const { object } = objectFromRecord(record.item);
  return { isProtected: object?.annotations[ANNOTATION_PROTECTED] === 'true' };
}

function warnHeld(reference: Reference, io: CliIo): void {
  io.stderr(
    `warning: ${display(reference)} is protected: what was made for it stays until somebody confirms: delete --confirm ${reference.name} -n ${reference.namespace}\n`,
  );
}

async function referencesOf(
  args: DeleteArgs,
  io: CliIo,
  connection: Connection,
): Promise<readonly Reference[] | undefined> {
  const isListing = args.all === true || args.selector !== undefined;
  if (args.files.length > 0) {
    if (args.words.length > 0 || isListing) throw new UserError('give names, --all, -l or -f, not several of them', 2);
    const { objects, defects } = await readManifests(args, io, connection.defaultNamespace);
    if (defects.length === 0) return objects;
    reportDefects(defects, io);
    io.stderr('error: nothing was deleted\n');
    return undefined;
  }
  const { references } = select(args.words, args.namespace ?? connection.defaultNamespace);
  if (references.length > 0 && !isListing && !args.allNamespaces) return references;
  if (references.length === 0 && !isListing) {
    throw new UserError('name the objects to delete, or give -f FILE, -l or --all', 2);
  }
  const { views } = await choose(args, { verb: 'delete', isChange: true }, connection);
  return views.filter(({ record }) => record !== undefined);
}

// ---------------------------------------------------------------------------------------------------------- orphan

/** Until the controller has remembered, for every object, that it leaves everything running. */
async function orphan(
  references: readonly Reference[],
  untilMs: number,
  timeoutMs: number,
  io: CliIo,
  connection: Connection,
): Promise<void> {
  const marked = await inOrder(references, (reference) => mark(reference, connection));
  for (const [index, reference] of references.entries()) {
    if (!marked[index]) continue;
    for (;;) {
      if (await isRemembered(reference, connection)) break;
      if (io.signal.aborted) throw new UserError('interrupted; nothing was deleted');
      if (io.clock.now() >= untilMs) {
        throw new UserError(
          `${display(reference)}: the controller did not take up that everything is to be left running within ${formatDuration(timeoutMs)}; nothing was deleted (is a controller running? see: lambdacontainer doctor)`,
        );
      }
      await sleep(io.clock, Math.min(POLL_MS, Math.max(1, untilMs - io.clock.now())), io.signal);
    }
  }
}

/** False when there is no such record. */
async function mark(reference: Reference, { desired }: Connection): Promise<boolean> {
  const record = await desired.get(recordKey(reference));
  if (!record) return false;
  const { object } = objectFromRecord(record.item);
  if (!object) {
    throw new UserError(
      `${display(reference)} has a record that cannot be understood, so the controller cannot be told to leave what it made; correct it with edit or apply`,
    );
  }
  if (object.annotations[ANNOTATION_CASCADE] === 'orphan') return true;
  const next: ApiObject = { ...object, annotations: { ...object.annotations, [ANNOTATION_CASCADE]: 'orphan' } };
  try {
    await desired.putIf(next, record);
  } catch (error) {
    if (!isFailure(error, 'conflict')) throw error;
    throw new UserError(`${display(reference)} was changed by somebody else at this moment; nothing was deleted`);
  }
  return true;
}

async function isRemembered(reference: Reference, { state }: Connection): Promise<boolean> {
  const inventory = await state.inventory(recordKey(reference));
  return inventory?.deletionPolicy === 'retain';
}
