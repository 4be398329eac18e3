/**
 * `delete`: takes desired records away. What was made for an object is then removed by the controller, from its
 * inventory and as the deletion policy says; `--wait` stays until that is done.
 */
import { KIND_CONTAINER } from '../../api/index.ts';
import { UserError } from '../../core/index.ts';
import { coloursFor } from '../output/colours.ts';
import type { CliIo } from '../output/io.ts';
import type { Connection } from './connection.ts';
import { readManifests, reportDefects } from './manifest-files.ts';
import { display, type Reference, recordKey, select } from './references.ts';
import { requireDuration, waitFor } from './wait.ts';

export interface DeleteArgs {
  readonly words: readonly string[];
  readonly files: readonly string[];
  readonly namespace?: string | undefined;
  readonly recursive?: boolean | undefined;
  readonly ignoreNotFound?: boolean | undefined;
  readonly dryRun?: boolean | undefined;
  readonly wait?: boolean | undefined;
  readonly timeout?: string | undefined;
}

/** Exit status 1 when something that was named is not there. */
export async function deleteObjects(args: DeleteArgs, io: CliIo, connection: Connection): Promise<number> {
  const timeoutMs = requireDuration('--timeout', args.timeout);
  const references = await referencesOf(args, io);
  if (!references) return 1;
  io.stderr(`${coloursFor(io).dim(`${args.dryRun ? 'dry run against' : 'deleting from'} ${connection.context}`)}\n`);
  const deleted: Reference[] = [];
  let missing = 0;
  for (const reference of references) {
    const was = args.dryRun
      ? (await connection.desired.get(recordKey(reference))) !== undefined
      : await connection.desired.delete(recordKey(reference));
    if (was) {
      deleted.push(reference);
      io.stdout(`${display(reference)} deleted${args.dryRun ? ' (dry run)' : ''}\n`);
    } else if (!args.ignoreNotFound) {
      missing++;
      io.stderr(`error: ${display(reference)} not found${where(reference)}\n`);
    }
  }
  const containers = deleted.filter(({ kind }) => kind === KIND_CONTAINER);
  if (args.wait && !args.dryRun && containers.length > 0) {
    const waited = await waitFor({ references: containers, goal: 'delete', timeoutMs }, io, connection);
    if (waited !== 0) return waited;
  }
  return missing === 0 ? 0 : 1;
}

function where(reference: Reference): string {
  return reference.kind === KIND_CONTAINER ? ` in namespace '${reference.namespace}'` : '';
}

async function referencesOf(args: DeleteArgs, io: CliIo): Promise<readonly Reference[] | undefined> {
  if (args.files.length > 0 && args.words.length > 0) throw new UserError('give names or -f, not both', 2);
  if (args.files.length === 0) {
    const { references } = select(args.words, args.namespace);
    if (references.length === 0) throw new UserError('name the objects to delete, or give -f FILE', 2);
    return references;
  }
  const { objects, defects } = await readManifests(args, io);
  if (defects.length === 0) return objects;
  reportDefects(defects, io);
  io.stderr('error: nothing was deleted\n');
  return undefined;
}
