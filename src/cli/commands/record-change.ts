/**
 * Changes to records that are there: what the verbs `label`, `annotate`, `suspend`, `resume`, `restart` and `reconcile`
 * have in common. All changes are judged before the first is written; each write is on condition that the record still
 * is what was read, and where somebody else was faster the change is made anew on what they wrote.
 */
import {
  ANNOTATION_SOURCE,
  ANNOTATION_SOURCE_RECONCILE,
  type ApiObject,
  formatDefect,
  objectFromRecord,
  recordFromObject,
} from '../../api/index.ts';
import { isFailure, sameJson, UserError } from '../../core/index.ts';
import type { DesiredRecord } from '../../store/index.ts';
import { asJson, asYaml } from '../output/documents.ts';
import type { Form } from '../output/form.ts';
import type { CliIo } from '../output/io.ts';
import { type ChoiceArgs, choose, reportMissing } from './chosen.ts';
import type { Connection } from './connection.ts';
import { inOrder } from './in-order.ts';
import { confirmMutation, type MutationFlags } from './mutation.ts';
import { display, whereOf } from './references.ts';
import { manifestOf, type View, viewOf } from './views.ts';

/** @throws UserError when the object cannot be changed so */
export type Change = (object: ApiObject) => ApiObject;

export interface ChangeArgs extends ChoiceArgs, MutationFlags {
  readonly output?: Form | undefined;
}

export interface ChangePlan {
  /** For messages: `label`. */
  readonly verb: string;
  /** For the line that names the context: `labelling in`. */
  readonly verbing: string;
  /** What is printed behind the object's name: `labeled`. */
  readonly done: string;
  readonly change: Change;
  /** It is desired state that is changed: a GitSource that owns the record will put it back. */
  readonly isCorrected: boolean;
}

export interface Changed {
  readonly view: View;
  /** The object as it is now, or would be. */
  readonly object: ApiObject;
}

/** Each attempt begins with a fresh read; more in a row mean that something writes without end. */
const ATTEMPTS_MAX = 5;

/** Changes every object that is meant and prints what was done. `missing` counts the named ones that are not there. */
export async function changeRecords(
  args: ChangeArgs,
  plan: ChangePlan,
  io: CliIo,
  connection: Connection,
): Promise<{ changed: Changed[]; missing: number }> {
  const { views, missing } = await choose(args, { verb: plan.verb, isChange: true }, connection);
  const planned = views.map((view) => ({ view, object: judged(plan.change, view) }));
  await confirmMutation(io, connection, plan.verbing, args);
  reportMissing(missing, io);
  if (views.length === 0 && missing.length === 0) io.stderr('no objects are meant\n');
  if (plan.isCorrected) for (const { object } of planned) warnIfOwned(object, io);
  const print = printer(args.output, io);
  const changed = await inOrder(
    planned,
    ({ view, object }) => write(view, object, plan.change, args.dryRun === true, connection),
    (outcome) => {
      const word = outcome.isSame ? 'unchanged' : plan.done;
      print(outcome, `${word}${args.dryRun ? ' (dry run)' : ''}`);
    },
  );
  return { changed, missing: missing.length };
}

interface Outcome extends Changed {
  readonly isSame: boolean;
}

async function write(
  view: View,
  first: ApiObject,
  change: Change,
  isDryRun: boolean,
  connection: Connection,
): Promise<Outcome> {
  let [current, object] = [view, first];
  for (let attempt = 1; ; attempt++) {
    if (current.object && sameJson(recordFromObject(current.object), recordFromObject(object))) {
      return { view: current, object, isSame: true };
    }
    if (isDryRun) return { view: current, object, isSame: false };
    try {
      await connection.desired.putIf(object, current.record);
      return { view: current, object, isSame: false };
    } catch (error) {
      if (!isFailure(error, 'conflict') || attempt === ATTEMPTS_MAX) throw error;
    }
    const again = await viewOf(view, connection);
    if (!again?.record) throw new UserError(`${display(view)} was deleted meanwhile${whereOf(view)}`);
    current = again;
    object = judged(change, again);
  }
}

/** The changed object. @throws UserError when it cannot be changed, or would not be an object any more */
function judged(change: Change, view: View): ApiObject {
  if (!view.record) throw new UserError(`${display(view)} is being deleted${whereOf(view)}; it cannot be changed`);
  if (!view.object) {
    const [defect] = view.defects;
    throw new UserError(
      `${display(view)} has a record that cannot be understood (${defect ? formatDefect(defect) : ''}); correct it with edit or apply`,
    );
  }
  const object = change(view.object);
  const { defects } = objectFromRecord(recordFromObject(object));
  const [defect] = defects;
  if (defect) throw new UserError(`${display(view)}: ${formatDefect(defect)}`);
  return object;
}

function printer(output: Form | undefined, io: CliIo): (outcome: Outcome, word: string) => void {
  if (output === undefined || output.name === 'table') {
    return ({ view }, word) => io.stdout(`${display(view)} ${word}\n`);
  }
  return ({ object }) => printObject(object, output, io);
}

/** One object in the form that a verb which changes things was asked for. */
export function printObject(object: ApiObject, output: Form, io: CliIo): void {
  if (output.name === 'name') io.stdout(`${display(object)}\n`);
  else if (output.name === 'yaml') io.stdout(`---\n${asYaml(manifestOf(object))}`);
  else io.stdout(asJson(manifestOf(object)));
}

/** Says when somebody else's word is the last one. */
export function warnIfOwned(object: ApiObject, io: CliIo): void {
  const source = object.annotations[ANNOTATION_SOURCE];
  if (source === undefined || object.annotations[ANNOTATION_SOURCE_RECONCILE] === 'disabled') return;
  io.stderr(
    `warning: ${display(object)} is applied by source/${source}, which puts back whatever its manifest says; change that in its repository, or annotate ${object.name} ${ANNOTATION_SOURCE_RECONCILE}=disabled\n`,
  );
}

/** Whether two records differ in what a person may write. */
export function isSameRecord(record: DesiredRecord | undefined, object: ApiObject): boolean {
  if (!record) return false;
  const { object: before } = objectFromRecord(record.item);
  return before !== undefined && sameJson(recordFromObject(before), recordFromObject(object));
}
