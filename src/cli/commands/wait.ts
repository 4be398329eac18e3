/**
 * `wait`: until a condition holds of what is desired now, or until an object and everything made for it are gone. A
 * condition that was said of an older spec does not count, however true it was.
 */
import {
  type LambdaContainerStatus,
  objectFromRecord,
  phaseOf,
  specHash,
  validateLambdaContainer,
} from '../../api/index.ts';
import { formatDuration, parseDuration, sleep, UserError } from '../../core/index.ts';
import { coloursFor } from '../output/colours.ts';
import type { CliIo } from '../output/io.ts';
import { classNameOf, storedClass } from './classes.ts';
import type { Connection } from './connection.ts';
import { display, type Reference, recordKey, select } from './references.ts';
import { conditionOf, viewsOf } from './views.ts';

export interface WaitArgs {
  readonly words: readonly string[];
  readonly namespace?: string | undefined;
  readonly all?: boolean | undefined;
  /** `condition=Ready`, `condition=Ready=False`, `delete`. */
  readonly for: string;
  readonly timeout?: string | undefined;
}

export type Goal = { readonly condition: string; readonly status: string } | 'delete';

export interface WaitRequest {
  readonly references: readonly Reference[];
  readonly goal: Goal;
  readonly timeoutMs: number;
}

export const DEFAULT_TIMEOUT = '5m';
const POLL_MS = 500;

/** Exit status 1 when the time is over before all of them are there. */
export async function wait(args: WaitArgs, io: CliIo, connection: Connection): Promise<number> {
  const goal = goalOf(args.for);
  const timeoutMs = requireDuration('--timeout', args.timeout);
  const selection = select(args.words, args.namespace);
  if (selection.references.length === 0 && !args.all) {
    throw new UserError('name the objects to wait for, or give --all', 2);
  }
  const references = args.all
    ? await viewsOf(selection.kind, args.namespace ?? 'default', connection)
    : selection.references;
  if (references.length === 0) throw new UserError('there is nothing to wait for');
  return waitFor({ references, goal, timeoutMs }, io, connection);
}

/** Waits for each in turn; all share one deadline. */
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
  { goal, timeoutMs }: WaitRequest,
  untilMs: number,
  io: CliIo,
  connection: Connection,
): Promise<boolean> {
  const colours = coloursFor(io);
  let told = '';
  for (;;) {
    const seen =
      goal === 'delete' ? await lookGone(reference, connection) : await lookCondition(reference, goal, connection);
    if (seen.reached) {
      io.stdout(`${display(reference)} ${goal === 'delete' ? 'is gone' : 'condition met'}\n`);
      return true;
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

interface Seen {
  readonly reached: boolean;
  /** What is missing, for a person. */
  readonly why: string;
}

async function lookGone(reference: Reference, { desired, state }: Connection): Promise<Seen> {
  const key = recordKey(reference);
  const [record, status] = await Promise.all([desired.get(key), state.status(key)]);
  if (record) return { reached: false, why: 'its record is still there; delete it first' };
  return status ? { reached: false, why: describeStatus(status) } : { reached: true, why: '' };
}

async function lookCondition(
  reference: Reference,
  goal: Exclude<Goal, 'delete'>,
  connection: Connection,
): Promise<Seen> {
  const key = recordKey(reference);
  const { desired, state } = connection;
  const [record, status, inventory] = await Promise.all([desired.get(key), state.status(key), state.inventory(key)]);
  if (!record) throw new UserError(`${display(reference)} does not exist in namespace '${reference.namespace}'`);
  if (!status) return { reached: false, why: 'the controller has not seen it yet' };
  const wanted = await wantedHash(record.item, connection);
  const isCurrent =
    wanted === undefined || (inventory?.specHash === wanted && status.observedGeneration === inventory.generation);
  if (!isCurrent) return { reached: false, why: 'the controller has not seen the newest spec yet' };
  const condition = conditionOf(status, goal.condition);
  const actual = condition?.status ?? 'Unknown';
  return { reached: actual.toLowerCase() === goal.status.toLowerCase(), why: describeStatus(status) };
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

function describeStatus(status: LambdaContainerStatus): string {
  const telling =
    status.conditions.find(({ type, status: value }) => type === 'Stalled' && value === 'True') ??
    conditionOf(status, 'Ready');
  const phase = phaseOf(status.conditions);
  if (!telling) return phase;
  return `${phase}, ${telling.reason}${telling.message === '' ? '' : `: ${telling.message}`}`;
}

function goalOf(text: string): Goal {
  if (text === 'delete') return 'delete';
  const match = /^condition=([A-Za-z]+)(?:=([A-Za-z]+))?$/.exec(text);
  if (!match?.[1])
    throw new UserError(`--for: '${text}' is not a goal; use condition=Ready, condition=TYPE=False or delete`, 2);
  return { condition: match[1], status: match[2] ?? 'True' };
}

/** Milliseconds of a flag. @throws UserError naming the flag */
export function requireDuration(flag: string, text: string = DEFAULT_TIMEOUT): number {
  const ms = parseDuration(text);
  if (ms === undefined) throw new UserError(`${flag}: '${text}' is not a duration; write it like 90s or 5m`, 2);
  return ms;
}
