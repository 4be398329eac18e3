/**
 * One stack brought to a template, by a change set: made, shown, carried out, followed event by event. It can be begun
 * again at any point: what CloudFormation is at is followed to its end first, and a change set without changes is
 * success. It decides neither which stacks there are nor who consents.
 */
import type { Change, Parameter, Stack, StackEvent } from '@aws-sdk/client-cloudformation';
import type { AccountPorts } from '../../aws/account-ports.ts';
import { type Clock, isFailure, sleep, UserError } from '../../core/index.ts';

export interface StackWork {
  readonly cloudFormation: AccountPorts['cloudformation'];
  readonly clock: Clock;
  /** Aborts the waiting, not what CloudFormation does. */
  readonly signal: AbortSignal;
  /** Told of every event of a stack, as it comes. */
  readonly onEvent: (event: StackEvent) => void;
}

export interface StackWish {
  readonly stackName: string;
  readonly templateBody: string;
  readonly parameters: readonly Parameter[];
  readonly tags: Readonly<Record<string, string>>;
}

/** A change set that is ready to be carried out. */
export interface PreparedChange {
  readonly isNew: boolean;
  /** Of resources; outputs may change without one. */
  readonly changes: readonly Change[];
  /** Carries it out and follows it to its end. @throws UserError naming the resource that failed, and why */
  execute(): Promise<void>;
  /** Takes the change set away, and the empty stack that came with it. Idempotent. */
  discard(): Promise<void>;
}

const POLL_MS = 2_000;
/** Reads that fail while a stack is followed; the stack goes on meanwhile. */
const READS_FAILED_MAX = 5;

const SETTLED_WELL = new Set(['CREATE_COMPLETE', 'UPDATE_COMPLETE', 'IMPORT_COMPLETE']);
/** The last change went back; the stack is whole and takes another. */
const WENT_BACK = new Set(['UPDATE_ROLLBACK_COMPLETE', 'IMPORT_ROLLBACK_COMPLETE']);

/** The stack, or undefined where there is none of that name. */
export async function describeStack({ cloudFormation }: StackWork, StackName: string): Promise<Stack | undefined> {
  try {
    return (await cloudFormation.describeStacks({ StackName })).Stacks?.[0];
  } catch (error) {
    // CloudFormation has no code of its own for it.
    if (isFailure(error) && error.code.startsWith('ValidationError') && /does not exist/.test(error.message))
      return undefined;
    throw error;
  }
}

/** Follows what is under way, and says what stands then. @throws UserError when the stack takes no change */
export async function settledStack(work: StackWork, stackName: string): Promise<Stack | undefined> {
  let stack = await describeStack(work, stackName);
  if (stack === undefined || stack.StackStatus === 'REVIEW_IN_PROGRESS') return undefined;
  if (isUnderWay(stack)) stack = await follow(work, stackName, await seenEvents(work, stackName), () => undefined);
  const status = stack?.StackStatus ?? 'DELETE_COMPLETE';
  if (status === 'DELETE_COMPLETE') return undefined;
  if (SETTLED_WELL.has(status) || WENT_BACK.has(status)) return stack;
  const remedy =
    status === 'ROLLBACK_COMPLETE'
      ? `its creation failed and went back; delete it (aws cloudformation delete-stack --stack-name ${stackName}) and begin again: tables, logs and images stay and are taken into the new one`
      : `it takes no change; see its events, and continue or delete it in CloudFormation`;
  throw new UserError(`stack ${stackName} is ${status}: ${remedy}`);
}

/**
 * Undefined: the stack is what it has to be.
 * @throws UserError when CloudFormation refuses the template or its parameters; nothing is left behind then
 */
export async function prepareChange(
  work: StackWork,
  wish: StackWish,
  before: Stack | undefined,
): Promise<PreparedChange | undefined> {
  const { cloudFormation, clock } = work;
  const { stackName: StackName } = wish;
  const ChangeSetName = `lambdacontainer-${clock.now().toString(36)}`;
  const named = { StackName, ChangeSetName };
  let isDiscarded = false;
  const discard = async () => {
    if (isDiscarded) return;
    isDiscarded = true;
    await cloudFormation.deleteChangeSet(named);
    // A change set of type CREATE makes a stack without resources.
    if (before === undefined) await cloudFormation.deleteStack({ StackName });
  };
  try {
    await cloudFormation.createChangeSet({
      ...named,
      ChangeSetType: before === undefined ? 'CREATE' : 'UPDATE',
      TemplateBody: wish.templateBody,
      Parameters: [...wish.parameters],
      Capabilities: ['CAPABILITY_IAM'],
      Tags: Object.entries(wish.tags).map(([Key, Value]) => ({ Key, Value })),
      // Tables and repositories that were left by a deleted stack, or made without one, are taken in as they are.
      ImportExistingResources: true,
    });
  } catch (error) {
    if (!isFailure(error) || !isNothing(error.message)) throw error;
    return undefined;
  }
  let judged: { readonly changes: readonly Change[]; readonly refusal: string | undefined };
  try {
    judged = await judgedChangeSet(work, named);
  } catch (error) {
    await discard();
    throw error;
  }
  if (judged.refusal !== undefined) {
    await discard();
    if (!isNothing(judged.refusal))
      throw new UserError(`stack ${StackName}: ${judged.refusal}; nothing of it was changed`);
    return undefined;
  }
  return {
    isNew: before === undefined,
    changes: judged.changes,
    discard,
    execute: async () => {
      const seen = await seenEvents(work, StackName);
      await cloudFormation.executeChangeSet(named);
      isDiscarded = true;
      const failed: StackEvent[] = [];
      const stack = await follow(work, StackName, seen, (event) => {
        if (isOwnFailure(event)) failed.push(event);
      });
      const status = stack?.StackStatus ?? 'DELETE_COMPLETE';
      if (SETTLED_WELL.has(status)) return;
      const whys = failed.map(
        (event) => `${event.LogicalResourceId} (${event.ResourceType}): ${event.ResourceStatusReason}`,
      );
      const why = whys.length > 0 ? whys.join('; ') : (stack?.StackStatusReason ?? 'see its events');
      throw new UserError(`stack ${StackName} ended as ${status}: ${why}`);
    },
  };
}

/** What a change set would do, whole. `refusal`: why CloudFormation does not take it. */
async function judgedChangeSet(
  { cloudFormation, clock, signal }: StackWork,
  named: { readonly StackName: string; readonly ChangeSetName: string },
): Promise<{ readonly changes: readonly Change[]; readonly refusal: string | undefined }> {
  for (;;) {
    if (signal.aborted) throw interrupted('nothing of the stack was changed');
    const changes: Change[] = [];
    let NextToken: string | undefined;
    let found: Awaited<ReturnType<typeof cloudFormation.describeChangeSet>>;
    do {
      found = await cloudFormation.describeChangeSet({ ...named, ...(NextToken ? { NextToken } : {}) });
      changes.push(...(found.Changes ?? []));
      NextToken = found.NextToken;
    } while (NextToken !== undefined);
    if (found.Status === 'FAILED') return { changes, refusal: found.StatusReason ?? 'the change set failed' };
    if (found.Status === 'CREATE_COMPLETE') return { changes, refusal: undefined };
    await sleep(clock, POLL_MS, signal);
  }
}

/** Tells of every new event until the stack is at rest. Undefined: it is gone. @throws UserError on Ctrl-C */
async function follow(
  work: StackWork,
  StackName: string,
  seen: Set<string>,
  note: (event: StackEvent) => void,
): Promise<Stack | undefined> {
  const { clock, signal, onEvent } = work;
  let failedReads = 0;
  for (;;) {
    if (signal.aborted) {
      throw interrupted(`CloudFormation goes on with stack ${StackName}; the same command again follows it`);
    }
    try {
      // The status first: the events that are read after it are then all that led to it.
      const stack = await describeStack(work, StackName);
      if (stack === undefined) return undefined;
      for (const event of await newEvents(work, StackName, seen)) {
        onEvent(event);
        note(event);
      }
      if (!isUnderWay(stack)) return stack;
      failedReads = 0;
    } catch (error) {
      const isPassing = isFailure(error, 'throttled') || isFailure(error, 'transient');
      if (!isPassing || ++failedReads > READS_FAILED_MAX) throw error;
    }
    await sleep(clock, POLL_MS, signal);
  }
}

async function seenEvents(work: StackWork, stackName: string): Promise<Set<string>> {
  const seen = new Set<string>();
  await newEvents(work, stackName, seen, 1);
  return seen;
}

/** Oldest first. Newest come first on the wire, so that a page with a known one is the last that is read. */
async function newEvents(
  { cloudFormation }: StackWork,
  StackName: string,
  seen: Set<string>,
  pagesMax = Number.POSITIVE_INFINITY,
): Promise<StackEvent[]> {
  const events: StackEvent[] = [];
  let NextToken: string | undefined;
  let pages = 0;
  do {
    const page = await cloudFormation.describeStackEvents({ StackName, ...(NextToken ? { NextToken } : {}) });
    const fresh = (page.StackEvents ?? []).filter(({ EventId = '' }) => !seen.has(EventId));
    events.push(...fresh);
    NextToken = fresh.length === (page.StackEvents ?? []).length ? page.NextToken : undefined;
    pages++;
  } while (NextToken !== undefined && pages < pagesMax);
  for (const { EventId = '' } of events) seen.add(EventId);
  return events.reverse();
}

function isUnderWay({ StackStatus }: Stack): boolean {
  return StackStatus?.endsWith('_IN_PROGRESS') === true && StackStatus !== 'REVIEW_IN_PROGRESS';
}

/** A resource that failed by itself, not one that was given up because another had failed. */
function isOwnFailure({ ResourceStatus, ResourceStatusReason, PhysicalResourceId, StackId }: StackEvent): boolean {
  return (
    ResourceStatus?.endsWith('_FAILED') === true &&
    PhysicalResourceId !== StackId &&
    !/cancelled/i.test(ResourceStatusReason ?? '')
  );
}

/** CloudFormation says it in two ways, and by text alone. */
function isNothing(reason: string): boolean {
  return /didn't contain changes|No updates are to be performed/i.test(reason);
}

function interrupted(what: string): UserError {
  return new UserError(`interrupted: ${what}`);
}
