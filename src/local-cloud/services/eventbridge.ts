/**
 * EventBridge: the default bus with rules, their patterns, and SQS queues as targets. The other machines emit what
 * their AWS counterparts emit; each event goes, after a delay, to every target of every rule that matched when it came,
 * if the queue's policy allows that. Schedules, other buses and targets, input transformers, archives, pipes and
 * connections do not exist here and answer so by name.
 */
import type * as events from '@aws-sdk/client-eventbridge';
import { uuid } from '../../core/index.ts';
import {
  AwsError,
  type CloudService,
  type Collection,
  type Handler,
  type RequestContext,
  type ServiceDeps,
} from '../contract.ts';
import { compilePattern, type Matcher, PatternDefect } from './eventbridge/pattern.ts';
import { pageOf } from './paging.ts';
import type { TaggedResource } from './tagging.ts';

/** An event before the bus gives it an id. */
export interface Emitted {
  readonly source: string;
  readonly detailType: string;
  readonly resources: readonly string[];
  readonly detail: Readonly<Record<string, unknown>>;
}

/** Where machines put their events. */
export interface EventSink {
  /** Takes part in the step under way. `describe` is only called when a rule could want the event. */
  emit(source: string, detailType: string, nowMs: number, describe: () => Pick<Emitted, 'resources' | 'detail'>): void;
}

interface TargetRecord {
  readonly id: string;
  readonly arn: string;
  readonly groupId?: string;
}

interface RuleRecord {
  readonly name: string;
  readonly pattern: string;
  readonly isEnabled: boolean;
  readonly description?: string;
  readonly roleArn?: string;
  readonly tags: Readonly<Record<string, string>>;
  readonly targets: readonly TargetRecord[];
}

interface Pending {
  readonly body: string;
  readonly ruleArn: string;
  readonly target: TargetRecord;
}

export interface EventBridgeDeps extends ServiceDeps {
  readonly sqs: {
    deliver(
      queueArn: string,
      from: { readonly service: string; readonly sourceArn: string },
      message: { readonly body: string; readonly groupId?: string | undefined },
      nowMs: number,
    ): boolean;
  };
}

const BUS = 'default';
const ENTRIES_MAX = 10;
/** The largest PutEvents request. */
const REQUEST_BYTES_MAX = 1_048_576;
const TARGETS_MAX = 5;
const BATCH_MAX = 10;
const PAGE_MAX = 100;
const TAGS_MAX = 50;
const UNSUPPORTED_OF_TARGETS = [
  'Input',
  'InputPath',
  'InputTransformer',
  'RoleArn',
  'DeadLetterConfig',
  'RetryPolicy',
  'KinesisParameters',
  'RunCommandParameters',
  'EcsParameters',
  'BatchParameters',
  'HttpParameters',
  'RedshiftDataParameters',
  'SageMakerPipelineParameters',
  'AppSyncParameters',
] as const;

export class EventBridgeService implements CloudService, EventSink {
  readonly id = 'events';
  readonly operations: Readonly<Record<string, Handler>>;
  readonly #deps: EventBridgeDeps;
  readonly #rules: Collection<RuleRecord>;
  /** By `<due, ms>#<number>`. */
  readonly #pending: Collection<Pending>;
  readonly #matchers = new Map<string, Matcher>();
  /** Nothing is due before then. May be too early, when a step was undone; never too late. */
  #nextMs: number;
  #number = 0;

  constructor(deps: EventBridgeDeps) {
    this.#deps = deps;
    this.#rules = deps.state.collection('events.rules');
    this.#pending = deps.state.collection('events.pending');
    this.#nextMs = this.#earliest();
    for (const key of this.#pending.keys()) this.#number = Math.max(this.#number, Number(key.split('#')[1]));
    this.operations = {
      PutRule: this.#putRule,
      DescribeRule: this.#describeRule,
      DeleteRule: this.#deleteRule,
      EnableRule: (input: events.EnableRuleCommandInput) => this.#switch(input, true),
      DisableRule: (input: events.DisableRuleCommandInput) => this.#switch(input, false),
      ListRules: this.#listRules,
      ListRuleNamesByTarget: this.#listRuleNamesByTarget,
      PutTargets: this.#putTargets,
      RemoveTargets: this.#removeTargets,
      ListTargetsByRule: this.#listTargetsByRule,
      PutEvents: this.#putEvents,
      TestEventPattern: this.#testEventPattern,
      TagResource: this.#tagResource,
      UntagResource: this.#untagResource,
      ListTagsForResource: (input: events.ListTagsForResourceCommandInput) => ({
        Tags: Object.entries(this.#byArn(input.ResourceARN).tags).map(([Key, Value]) => ({ Key, Value })),
      }),
    };
  }

  advance(nowMs: number): void {
    if (this.#nextMs > nowMs) return;
    for (const key of this.#pending.keys().sort()) {
      if (dueOf(key) > nowMs) break;
      const pending = this.#pending.get(key);
      if (pending) this.#deliver(pending, nowMs);
      this.#pending.delete(key);
    }
    this.#nextMs = this.#earliest();
  }

  nextAtMs(): number | undefined {
    return Number.isFinite(this.#nextMs) ? this.#nextMs : undefined;
  }

  emit(
    source: string,
    detailType: string,
    nowMs: number,
    describe: () => Pick<Emitted, 'resources' | 'detail'>,
    delayMs = this.#deps.settings.events?.delayMs ?? 0,
  ): void {
    if (!this.#hasTargets()) return;
    this.#route({ source, detailType, ...describe() }, nowMs, nowMs, delayMs);
  }

  taggedResources(): TaggedResource[] {
    return this.#rules.values().map(({ name, tags }) => ({ arn: this.#arn(name), tags }));
  }

  // ---------------------------------------------------------------------------------------------------------- routing

  #hasTargets(): boolean {
    return (
      this.#rules.size > 0 && this.#rules.values().some(({ isEnabled, targets }) => isEnabled && targets.length > 0)
    );
  }

  /** Returns the event's id. */
  #route(event: Emitted, timeMs: number, nowMs: number, delayMs: number): string {
    const { accountId, region } = this.#deps.settings;
    const id = uuid(this.#deps.random);
    const envelope = {
      version: '0',
      id,
      'detail-type': event.detailType,
      source: event.source,
      account: accountId,
      // To the second, as EventBridge has it.
      time: `${new Date(timeMs).toISOString().slice(0, 19)}Z`,
      region,
      resources: event.resources,
      detail: event.detail,
    };
    let body: string | undefined;
    for (const rule of this.#rules.values()) {
      if (!rule.isEnabled || rule.targets.length === 0 || !this.#matcher(rule.pattern)(envelope)) continue;
      body ??= JSON.stringify(envelope);
      for (const target of rule.targets) {
        // Whole, as the keys of equal length need it: a virtual clock knows parts of a millisecond.
        const dueMs = Math.ceil(nowMs + delayMs);
        this.#number += 1;
        const key = `${String(dueMs).padStart(15, '0')}#${String(this.#number).padStart(12, '0')}`;
        this.#pending.set(key, { body, ruleArn: this.#arn(rule.name), target });
        this.#nextMs = Math.min(this.#nextMs, dueMs);
      }
    }
    return id;
  }

  /** A target that does not take it is not asked again: AWS would for a day, without another result here. */
  #deliver({ body, ruleArn, target }: Pending, nowMs: number): void {
    const from = { service: 'events.amazonaws.com', sourceArn: ruleArn };
    this.#deps.sqs.deliver(target.arn, from, { body, groupId: target.groupId }, nowMs);
  }

  #matcher(pattern: string): Matcher {
    let matcher = this.#matchers.get(pattern);
    if (!matcher) {
      matcher = compilePattern(pattern);
      this.#matchers.set(pattern, matcher);
    }
    return matcher;
  }

  #earliest(): number {
    return this.#pending.keys().reduce((least, key) => Math.min(least, dueOf(key)), Number.POSITIVE_INFINITY);
  }

  readonly #putEvents = (
    input: events.PutEventsCommandInput,
    { nowMs }: RequestContext,
  ): Omit<events.PutEventsCommandOutput, '$metadata'> => {
    const entries = input.Entries ?? [];
    if (input.EndpointId !== undefined) throw unsupported('EndpointId in PutEvents');
    if (entries.length < 1 || entries.length > ENTRIES_MAX) {
      throw constraint(`[${entries.length} entries]`, 'entries', `have length between 1 and ${ENTRIES_MAX}`);
    }
    const bytes = entries.reduce((sum, entry) => sum + entryBytes(entry), 0);
    if (bytes > REQUEST_BYTES_MAX) throw validation('Total size of the entries in the request is over the limit.');
    const results = entries.map((entry) => this.#putEvent(entry, nowMs));
    return { FailedEntryCount: results.filter(({ ErrorCode }) => ErrorCode).length, Entries: results };
  };

  #putEvent(entry: events.PutEventsRequestEntry, nowMs: number): events.PutEventsResultEntry {
    const { Source, DetailType, Detail, Resources = [], Time, EventBusName } = entry;
    const missing = (member: string) => ({
      ErrorCode: 'InvalidArgument',
      ErrorMessage: `Parameter ${member} is not valid. Reason: ${member} is a required argument.`,
    });
    if (!Source) return missing('Source');
    if (!DetailType) return missing('DetailType');
    if (!Detail) return missing('Detail');
    if (Source.startsWith('aws.')) {
      return { ErrorCode: 'NotAuthorizedForSourceException', ErrorMessage: 'Not authorized for the source.' };
    }
    const detail = objectOf(Detail);
    if (!detail) return { ErrorCode: 'MalformedDetail', ErrorMessage: 'Detail is malformed.' };
    // An event for a bus that is not there is taken and lost, as on AWS.
    if (EventBusName !== undefined && !this.#isDefault(EventBusName)) return { EventId: uuid(this.#deps.random) };
    const event = { source: Source, detailType: DetailType, resources: Resources, detail };
    const delayMs = this.#deps.settings.events?.delayMs ?? 0;
    return { EventId: this.#route(event, Time?.getTime() ?? nowMs, nowMs, delayMs) };
  }

  readonly #testEventPattern = (input: events.TestEventPatternCommandInput) => {
    const event = objectOf(input.Event ?? '');
    const fields = ['id', 'account', 'source', 'time', 'region', 'resources', 'detail-type'];
    const missing = fields.find((field) => event?.[field] === undefined);
    if (!event || missing !== undefined) {
      throw validation(`Parameter Event is not valid. Reason: ${missing ?? 'The event'} is missing or malformed.`);
    }
    return { Result: compiled(input.EventPattern ?? '')(event) };
  };

  // ------------------------------------------------------------------------------------------------------------ rules

  readonly #putRule = (input: events.PutRuleCommandInput): Omit<events.PutRuleCommandOutput, '$metadata'> => {
    this.#checkBus(input.EventBusName);
    const name = input.Name ?? '';
    if (!/^[.\-_A-Za-z0-9]{1,64}$/.test(name)) {
      throw constraint(
        name,
        'name',
        'satisfy regular expression pattern: [\\.\\-_A-Za-z0-9]+ and have length between 1 and 64',
      );
    }
    if (input.ScheduleExpression !== undefined) throw unsupported('ScheduleExpression in PutRule');
    if (!input.EventPattern) {
      throw validation('Parameter(s) EventPattern or ScheduleExpression must be specified.');
    }
    compiled(input.EventPattern);
    const state = input.State ?? 'ENABLED';
    if (state !== 'ENABLED' && state !== 'DISABLED') throw unsupported(`the state ${state} in PutRule`);
    const before = this.#rules.get(name);
    if (before && input.Tags) throw validation('Tags cannot be specified when a rule is updated.');
    this.#rules.set(name, {
      name,
      pattern: input.EventPattern,
      isEnabled: state === 'ENABLED',
      ...(input.Description === undefined ? {} : { description: input.Description }),
      ...(input.RoleArn === undefined ? {} : { roleArn: input.RoleArn }),
      tags: before?.tags ?? withTags({}, input.Tags),
      targets: before?.targets ?? [],
    });
    return { RuleArn: this.#arn(name) };
  };

  readonly #describeRule = (
    input: events.DescribeRuleCommandInput,
  ): Omit<events.DescribeRuleCommandOutput, '$metadata'> => ({
    ...this.#shape(this.#rule(input.Name, input.EventBusName)),
    CreatedBy: this.#deps.settings.accountId,
  });

  readonly #deleteRule = (input: events.DeleteRuleCommandInput): void => {
    this.#checkBus(input.EventBusName);
    const rule = this.#rules.get(input.Name ?? '');
    if (rule && rule.targets.length > 0) throw validation("Rule can't be deleted since it has targets.");
    this.#rules.delete(input.Name ?? '');
  };

  #switch(input: events.EnableRuleCommandInput, isEnabled: boolean): void {
    const rule = this.#rule(input.Name, input.EventBusName);
    this.#rules.set(rule.name, { ...rule, isEnabled });
  }

  readonly #listRules = (input: events.ListRulesCommandInput): Omit<events.ListRulesCommandOutput, '$metadata'> => {
    this.#checkBus(input.EventBusName);
    const rules = this.#rules
      .values()
      .filter(({ name }) => name.startsWith(input.NamePrefix ?? ''))
      .sort((a, b) => (a.name < b.name ? -1 : 1));
    const { items, NextToken } = paged(rules, input);
    return { Rules: items.map((rule) => this.#shape(rule)), ...NextToken };
  };

  readonly #listRuleNamesByTarget = (
    input: events.ListRuleNamesByTargetCommandInput,
  ): Omit<events.ListRuleNamesByTargetCommandOutput, '$metadata'> => {
    this.#checkBus(input.EventBusName);
    const rules = this.#rules.values().filter(({ targets }) => targets.some(({ arn }) => arn === input.TargetArn));
    const { items, NextToken } = paged(rules.map(({ name }) => name).sort(), input);
    return { RuleNames: items, ...NextToken };
  };

  // ---------------------------------------------------------------------------------------------------------- targets

  readonly #putTargets = (input: events.PutTargetsCommandInput): Omit<events.PutTargetsCommandOutput, '$metadata'> => {
    const rule = this.#rule(input.Rule, input.EventBusName);
    const given = input.Targets ?? [];
    checkCount(given.length, 'targets');
    const added = given.map((target) => this.#target(target));
    const ids = new Set(added.map(({ id }) => id));
    if (ids.size < added.length) throw validation('The target ids of a request must be distinct.');
    const targets = [...rule.targets.filter(({ id }) => !ids.has(id)), ...added];
    if (targets.length > TARGETS_MAX) {
      throw new AwsError('LimitExceededException', `The requested resource exceeds the maximum number allowed.`);
    }
    this.#rules.set(rule.name, { ...rule, targets });
    return { FailedEntryCount: 0, FailedEntries: [] };
  };

  #target(target: events.Target): TargetRecord {
    const { Id: id = '', Arn: arn = '', SqsParameters } = target;
    if (!/^[.\-_A-Za-z0-9]{1,64}$/.test(id)) {
      throw constraint(id, 'targets.1.member.id', 'satisfy regular expression pattern: [\\.\\-_A-Za-z0-9]+');
    }
    const member = UNSUPPORTED_OF_TARGETS.find((name) => target[name] !== undefined);
    if (member !== undefined) throw unsupported(`${member} of a target`);
    const { region, accountId } = this.#deps.settings;
    if (!arn.startsWith(`arn:aws:sqs:${region}:${accountId}:`)) {
      throw arn.startsWith('arn:')
        ? unsupported(`the target ${arn}: it has SQS queues of this account and region`)
        : validation(`Parameter ${arn} is not valid. Reason: Provided Arn is not in correct format.`);
    }
    const groupId = SqsParameters?.MessageGroupId;
    if (arn.endsWith('.fifo') && groupId === undefined) {
      throw validation(`Parameter(s) SqsParameters must be specified for target: ${id}.`);
    }
    return { id, arn, ...(groupId === undefined ? {} : { groupId }) };
  }

  readonly #removeTargets = (
    input: events.RemoveTargetsCommandInput,
  ): Omit<events.RemoveTargetsCommandOutput, '$metadata'> => {
    const rule = this.#rule(input.Rule, input.EventBusName);
    const ids = input.Ids ?? [];
    checkCount(ids.length, 'ids');
    this.#rules.set(rule.name, { ...rule, targets: rule.targets.filter(({ id }) => !ids.includes(id)) });
    return { FailedEntryCount: 0, FailedEntries: [] };
  };

  readonly #listTargetsByRule = (
    input: events.ListTargetsByRuleCommandInput,
  ): Omit<events.ListTargetsByRuleCommandOutput, '$metadata'> => {
    const { targets } = this.#rule(input.Rule, input.EventBusName);
    const { items, NextToken } = paged(targets, input);
    const Targets = items.map(({ id, arn, groupId }) => ({
      Id: id,
      Arn: arn,
      ...(groupId === undefined ? {} : { SqsParameters: { MessageGroupId: groupId } }),
    }));
    return { Targets, ...NextToken };
  };

  // ------------------------------------------------------------------------------------------------------------- tags

  readonly #tagResource = (input: events.TagResourceCommandInput): void => {
    const rule = this.#byArn(input.ResourceARN);
    this.#rules.set(rule.name, { ...rule, tags: withTags(rule.tags, input.Tags) });
  };

  readonly #untagResource = (input: events.UntagResourceCommandInput): void => {
    const rule = this.#byArn(input.ResourceARN);
    const gone = new Set(input.TagKeys);
    const tags = Object.fromEntries(Object.entries(rule.tags).filter(([key]) => !gone.has(key)));
    this.#rules.set(rule.name, { ...rule, tags });
  };

  #byArn(arn = ''): RuleRecord {
    const prefix = this.#arn('');
    return this.#rule(arn.startsWith(prefix) ? arn.slice(prefix.length) : arn, undefined);
  }

  #rule(name = '', bus: string | undefined): RuleRecord {
    this.#checkBus(bus);
    const rule = this.#rules.get(name);
    if (rule) return rule;
    throw new AwsError('ResourceNotFoundException', `Rule ${name} does not exist on EventBus ${BUS}.`);
  }

  #shape(rule: RuleRecord): events.Rule {
    return {
      Name: rule.name,
      Arn: this.#arn(rule.name),
      EventPattern: rule.pattern,
      State: rule.isEnabled ? 'ENABLED' : 'DISABLED',
      ...(rule.description === undefined ? {} : { Description: rule.description }),
      ...(rule.roleArn === undefined ? {} : { RoleArn: rule.roleArn }),
      EventBusName: BUS,
    };
  }

  #checkBus(bus: string | undefined): void {
    if (bus === undefined || this.#isDefault(bus)) return;
    throw new AwsError('ResourceNotFoundException', `Event bus ${bus} does not exist.`);
  }

  #isDefault(bus: string): boolean {
    const { region, accountId } = this.#deps.settings;
    return bus === BUS || bus === `arn:aws:events:${region}:${accountId}:event-bus/${BUS}`;
  }

  #arn(rule: string): string {
    return `arn:aws:events:${this.#deps.settings.region}:${this.#deps.settings.accountId}:rule/${rule}`;
  }
}

function dueOf(key: string): number {
  return Number(key.slice(0, key.indexOf('#')));
}

/** @throws AwsError InvalidEventPatternException */
function compiled(pattern: string): Matcher {
  try {
    return compilePattern(pattern);
  } catch (error) {
    if (!(error instanceof PatternDefect)) throw error;
    throw new AwsError('InvalidEventPatternException', `Event pattern is not valid. Reason: ${error.message}`);
  }
}

function objectOf(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null && !Array.isArray(value)
      ? (value as Record<string, unknown>)
      : undefined;
  } catch {
    return undefined;
  }
}

/** https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-putevent-size.html */
function entryBytes({ Time, Source = '', DetailType = '', Detail = '', Resources = [] }: events.PutEventsRequestEntry) {
  const texts = [Source, DetailType, Detail, ...Resources];
  return (Time ? 14 : 0) + texts.reduce((sum, text) => sum + Buffer.byteLength(text), 0);
}

function checkCount(count: number, member: string): void {
  if (count >= 1 && count <= BATCH_MAX) return;
  throw constraint(`[${count} members]`, member, `have length between 1 and ${BATCH_MAX}`);
}

function paged<T>(
  all: readonly T[],
  { Limit = PAGE_MAX, NextToken }: { Limit?: number | undefined; NextToken?: string | undefined },
): { items: T[]; NextToken: { NextToken?: string } } {
  if (Limit < 1 || Limit > PAGE_MAX) throw constraint(String(Limit), 'limit', `be between 1 and ${PAGE_MAX}`);
  const page = pageOf(all, NextToken, Limit);
  if (!page) throw validation('Parameter NextToken is not valid. Reason: The token is invalid.');
  return { items: page.items, NextToken: page.token === undefined ? {} : { NextToken: page.token } };
}

function withTags(present: Readonly<Record<string, string>>, given: readonly events.Tag[] | undefined) {
  const tags = { ...present };
  for (const { Key = '', Value = '' } of given ?? []) {
    if (Key.length < 1 || Key.length > 128 || Value.length > 256 || /^aws:/i.test(Key))
      throw validation(`The tag '${Key}' is not valid.`);
    tags[Key] = Value;
  }
  if (Object.keys(tags).length > TAGS_MAX) throw validation(`A rule can have at most ${TAGS_MAX} tags.`);
  return tags;
}

function validation(message: string): AwsError {
  return new AwsError('ValidationException', message);
}

function constraint(value: string, member: string, must: string): AwsError {
  return validation(
    `1 validation error detected: Value '${value}' at '${member}' failed to satisfy constraint: Member must ${must}`,
  );
}

function unsupported(what: string): AwsError {
  return validation(`The local cloud's events does not support ${what}`);
}
