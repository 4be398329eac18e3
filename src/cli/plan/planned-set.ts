/**
 * What `plan`, `diff` and `apply --plan` are about: objects of manifests, or objects of the table, planned in one order,
 * with one hash over all of them.
 */
import { type ApiObject, KIND_CONTAINER, type ManifestObject } from '../../api/index.ts';
import { UserError } from '../../core/index.ts';
import { planHash } from '../../plan/index.ts';
import { formatKey, type ObjectKey } from '../../resource/index.ts';
import { type ChoiceArgs, choose, reportMissing } from '../commands/chosen.ts';
import { ClassLookup } from '../commands/classes.ts';
import type { Connection } from '../commands/connection.ts';
import { display, whereOf } from '../commands/references.ts';
import type { View } from '../commands/views.ts';
import type { CliIo } from '../output/io.ts';
import { type PlannedObject, Planning } from './planning.ts';

export interface PlannedSet {
  /** By key. */
  readonly objects: readonly PlannedObject[];
  /** Named objects that are not there; told already. */
  readonly missing: number;
}

/** Plans objects of manifests; classes among them are those that the objects will have. */
export async function planManifests(objects: readonly ManifestObject[], connection: Connection): Promise<PlannedSet> {
  const planning = new Planning(connection, new ClassLookup(objects, connection));
  return { objects: await inOrder(objects, (object) => planning.ofObject(object)), missing: 0 };
}

/** Plans objects as their records stand. @throws UserError for a record that cannot be understood, or is gone */
export async function planRecords(args: ChoiceArgs, io: CliIo, connection: Connection): Promise<PlannedSet> {
  const { views, missing } = await chosen(args, io, connection);
  const objects = views.flatMap((view) => desiredOf(view, args.words.length > 0) ?? []);
  const planning = new Planning(connection, new ClassLookup([], connection));
  return { objects: await inOrder(objects, (object) => planning.ofObject(object)), missing };
}

/** Plans that the records of objects go. */
export async function planDeletions(args: ChoiceArgs, io: CliIo, connection: Connection): Promise<PlannedSet> {
  const { views, missing } = await chosen(args, io, connection);
  const planning = new Planning(connection, new ClassLookup([], connection));
  const keys = views.map(({ key }) => key);
  return { objects: await inOrder(keys, (key) => planning.ofDeletion(key)), missing };
}

/** Undefined when something could not be read: what it would turn out to be is in no hash. */
export function hashOf({ objects }: PlannedSet): string | undefined {
  const isBlind = objects.some(({ explanation }) => (explanation?.unreadable.length ?? 0) > 0);
  return isBlind ? undefined : planHash(objects.map(({ facts }) => facts));
}

async function chosen(args: ChoiceArgs, io: CliIo, connection: Connection) {
  const choice = { ...args, all: args.all === true || (args.allNamespaces === true && args.selector === undefined) };
  const { views, missing } = await choose(choice, { verb: 'plan', isChange: false }, connection);
  const stranger = [...views, ...missing].find(({ kind }) => kind !== KIND_CONTAINER);
  if (stranger) {
    throw new UserError(`${display(stranger)} makes nothing by itself; plan the LambdaContainers that use it`, 2);
  }
  reportMissing(missing, io);
  return { views, missing: missing.length };
}

/** What is named must be plannable; what is merely listed is left out where it is not. */
function desiredOf(view: View, isNamed: boolean): ApiObject | undefined {
  if (view.object || !isNamed) return view.object;
  throw new UserError(
    view.record
      ? `${display(view)} has a record that cannot be understood${whereOf(view)}; see lambdacontainer describe ${view.name}`
      : `${display(view)} has no record any more${whereOf(view)}; see what is left with lambdacontainer plan --delete ${view.name}`,
  );
}

/** One after the other and by name: two new objects of one file then always get the same priorities. */
async function inOrder<T extends ObjectKey>(
  items: readonly T[],
  act: (item: T) => Promise<PlannedObject>,
): Promise<PlannedObject[]> {
  const planned: PlannedObject[] = [];
  for (const item of [...items].sort((a, b) => (formatKey(a) < formatKey(b) ? -1 : 1))) planned.push(await act(item));
  return planned;
}
