/**
 * `wait`: until a condition holds of what is desired now, until a field has a value, or until an object and everything
 * made for it are gone. A condition that was said of an older spec, or before the controller did what the record asks
 * for, does not count, however true it was.
 */
import {
  ANNOTATION_RECONCILE,
  type GitSourceStatus,
  KIND_CLASS,
  KIND_CONTAINER,
  type LambdaContainerStatus,
  objectFromRecord,
  phaseOf,
  specHash,
  validateLambdaContainer,
} from '../../api/index.ts';
import { formatDuration, parseDuration, sleep, UserError } from '../../core/index.ts';
import { coloursFor } from '../output/colours.ts';
import type { CliIo } from '../output/io.ts';
import { type JsonPath, jsonPath, textOf } from '../output/jsonpath.ts';
import { type ChoiceArgs, choose, reportMissing } from './chosen.ts';
import { classNameOf, storedClass } from './classes.ts';
import type { Connection } from './connection.ts';
import { display, type Reference, recordKey, select, whereOf } from './references.ts';
import { conditionOf, documentOf, statusOfView, viewOf } from './views.ts';

export interface WaitArgs extends ChoiceArgs {
  /** `condition=Ready`, `condition=Ready=False`, `delete`, `jsonpath={.status.phase}=Ready`. */
  readonly for: string;
  readonly timeout?: string | undefined;
}

export type Goal =
  | { readonly condition: string; readonly status: string }
  | { readonly path: JsonPath; readonly value: string | undefined }
  | 'delete';

export interface WaitRequest {
  readonly references: readonly Reference[];
  readonly goal: Goal;
  readonly timeoutMs: number;
  /** What would make further waiting vain ends it: a deletion that is held, a spec that cannot be. */
  readonly endsInVain?: boolean | undefined;
}

export const DEFAULT_TIMEOUT = '5m';
const POLL_MS = 500;

/** Exit status 1 when the time is over before all of them are there, or one that is named does not exist. */
export async function wait(args: WaitArgs, io: CliIo, connection: Connection): Promise<number> {
  const goal = goalOf(args.for);
  const timeoutMs = requireDuration('--timeout', args.timeout);
  // Objects that are named are looked at by the wait itself, once less.
  const named = select(args.words, args.namespace ?? connection.defaultNamespace).references;
  if (named.length > 0 && !args.all && args.selector === undefined && !args.allNamespaces) {
    return waitFor({ references: named, goal, timeoutMs }, io, connection);
  }
  const { views, missing } = await choose(args, { verb: 'wait for', isChange: false }, connection);
  reportMissing(missing, io);
  if (views.length === 0) throw new UserError('there is nothing to wait for');
  return waitFor({ references: views, goal, timeoutMs }, io, connection);
}

/** Waits for each in turn; all share one deadline. Exit status 1 when one of them was not reached. */
export async function waitFor(request: WaitRequest, io: CliIo, connection: Connection): Promise<number> {
  const untilMs = io.clock.now() + request.timeoutMs;
  let failed = 0;
  for (const reference of request.references) {
    if (!(await reached(reference, request, untilMs, io, connection))) failed++;
  }
  return failed === 0 ? 0 : 1;
}

async function reached(
  reference: Reference,
  { goal, timeoutMs, endsInVain }: WaitRequest,
  untilMs: number,
  io: CliIo,
  connection: Connection,
): Promise<boolean> {
  const colours = coloursFor(io);
  let told = '';
  for (;;) {
    const seen = await look(reference, goal, connection);
    if (seen.reached) {
      io.stdout(`${display(reference)} ${goal === 'delete' ? 'is gone' : 'condition met'}\n`);
      return true;
    }
    if (endsInVain && seen.isVain) {
      io.stderr(`error: ${display(reference)}: ${seen.why}\n`);
      return false;
    }
    if (io.isTTY && seen.why !== told) io.stderr(`${colours.dim(`${display(reference)}: ${seen.why}`)}\n`);
    told = seen.why;
    if (io.signal.aborted) throw new UserError('interrupted');
    if (io.clock.now() >= untilMs) {
      io.stderr(`error: ${display(reference)}: not reached within ${formatDuration(timeoutMs)}: ${seen.why}\n`);
      return false;
    }
    await sleep(io.clock, Math.min(POLL_MS, Math.max(1, untilMs - io.clock.now())), io.signal);
  }
}

export interface Seen {
  readonly reached: boolean;
  /** What is missing, for a person. */
  readonly why: string;
  /** Only a person can help. */
  readonly isVain?: boolean;
}

type AnyStatus = LambdaContainerStatus | GitSourceStatus;

function look(reference: Reference, goal: Goal, connection: Connection): Promise<Seen> {
  if (goal === 'delete') return lookGone(reference, connection);
  return 'path' in goal ? lookPath(reference, goal, connection) : lookCondition(reference, goal, connection);
}

async function lookGone(reference: Reference, connection: Connection): Promise<Seen> {
  const view = await viewOf(reference, connection);
  if (!view) return { reached: true, why: '' };
  if (view.record) return { reached: false, why: 'its record is still there; delete it first' };
  const status = statusOfView(view);
  const held = conditionOf(status, 'DeletionHeld');
  if (held?.status === 'True') {
    // The controller's message says what to do.
    return { reached: false, isVain: true, why: `its deletion is held, ${held.reason}: ${held.message}` };
  }
  return { reached: false, why: status ? describeStatus(status) : 'it is being deleted' };
}

async function lookPath(
  reference: Reference,
  { path, value }: Extract<Goal, { path: JsonPath }>,
  connection: Connection,
): Promise<Seen> {
  const view = await viewOf(reference, connection);
  if (!view) throw notThere(reference);
  const found = path.find(documentOf(view)).map(textOf);
  if (value === undefined ? found.length > 0 : found.includes(value)) return { reached: true, why: '' };
  return { reached: false, why: found.length === 0 ? 'the field has no value' : `the field is ${found.join(' ')}` };
}

/** Whether a condition holds of the newest desire. @throws UserError when the object does not exist */
export async function lookCondition(
  reference: Reference,
  goal: { readonly condition: string; readonly status: string },
  connection: Connection,
): Promise<Seen> {
  if (reference.kind === KIND_CLASS) throw new UserError(`${display(reference)} has no conditions`, 2);
  const key = recordKey(reference);
  const { desired, state } = connection;
  const isContainer = reference.kind === KIND_CONTAINER;
  const [record, status, inventory] = await Promise.all([
    desired.get(key),
    state.status<AnyStatus>(key),
    isContainer ? state.inventory(key) : undefined,
  ]);
  if (!record) throw notThere(reference);
  if (!status) return { reached: false, why: 'the controller has not seen it yet' };
  const { object } = objectFromRecord(record.item);
  const asked = object?.annotations[ANNOTATION_RECONCILE];
  if (asked !== undefined && asked !== status.lastHandledReconcileAt) {
    return { reached: false, why: 'the controller has not done what was asked for last' };
  }
  const wanted = isContainer ? await wantedHash(record.item, connection) : undefined;
  const isCurrent =
    wanted === undefined || (inventory?.specHash === wanted && status.observedGeneration === inventory.generation);
  if (!isCurrent) return { reached: false, why: 'the controller has not seen the newest spec yet' };
  const actual = conditionOf(status, goal.condition)?.status ?? 'Unknown';
  return {
    reached: actual.toLowerCase() === goal.status.toLowerCase(),
    isVain: conditionOf(status, 'Stalled')?.status === 'True',
    why: describeStatus(status),
  };
}

function notThere(reference: Reference): UserError {
  return new UserError(`${display(reference)} does not exist${whereOf(reference)}`);
}

/** The hash that the controller will remember once it has seen this record; undefined when the spec is not valid. */
async function wantedHash(item: Record<string, unknown>, connection: Connection): Promise<string | undefined> {
  const { object } = objectFromRecord(item);
  if (!object) return undefined;
  const classSpec = await storedClass(classNameOf(object.spec), connection);
  if (typeof classSpec === 'string') return undefined;
  const { spec } = validateLambdaContainer(object.spec, classSpec, object.namespace);
  return spec && specHash(spec);
}

/** The phase, and the condition that tells most. */
export function describeStatus(status: AnyStatus): string {
  const telling =
    status.conditions.find(({ type, status: value }) => type === 'Stalled' && value === 'True') ??
    conditionOf(status, 'Ready');
  const phase = phaseOf(status.conditions);
  if (!telling) return phase;
  return `${phase}, ${telling.reason}${telling.message === '' ? '' : `: ${telling.message}`}`;
}

function goalOf(text: string): Goal {
  if (text === 'delete') return 'delete';
  const condition = /^condition=([A-Za-z]+)(?:=([A-Za-z]+))?$/.exec(text);
  if (condition?.[1]) return { condition: condition[1], status: condition[2] ?? 'True' };
  const path = /^jsonpath=(\{.*\}|[^{}=]+?)(?:=([^=]*))?$/s.exec(text);
  if (path?.[1]) return { path: jsonPath(path[1]), value: path[2] };
  throw new UserError(
    `--for: '${text}' is not a goal; use condition=Ready, condition=TYPE=False, jsonpath='{.status.phase}'=Ready or delete`,
    2,
  );
}

/** Milliseconds of a flag. @throws UserError naming the flag */
export function requireDuration(flag: string, text: string = DEFAULT_TIMEOUT): number {
  const ms = parseDuration(text);
  if (ms === undefined) throw new UserError(`${flag}: '${text}' is not a duration; write it like 90s or 5m`, 2);
  return ms;
}
