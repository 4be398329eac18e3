/**
 * CloudWatch Logs: groups, streams, retention, tags, and events in a bounded ring (`logs/event-ring.ts`: 1 MiB a stream,
 * 32 MiB in all, durable). Retention hides events at once instead of deleting them within days. `storedBytes` stays 0,
 * where AWS is hours late. No subscriptions, metric filters or Insights.
 */
import type {
  CreateLogGroupCommandInput,
  CreateLogStreamCommandInput,
  DeleteLogGroupCommandInput,
  DeleteRetentionPolicyCommandInput,
  DescribeLogGroupsCommandInput,
  DescribeLogGroupsCommandOutput,
  DescribeLogStreamsCommandInput,
  DescribeLogStreamsCommandOutput,
  FilterLogEventsCommandInput,
  FilterLogEventsCommandOutput,
  GetLogEventsCommandInput,
  GetLogEventsCommandOutput,
  ListTagsForResourceCommandInput,
  ListTagsForResourceCommandOutput,
  LogGroupClass,
  PutLogEventsCommandInput,
  PutLogEventsCommandOutput,
  PutRetentionPolicyCommandInput,
  RejectedLogEventsInfo,
  TagResourceCommandInput,
  UntagResourceCommandInput,
} from '@aws-sdk/client-cloudwatch-logs';
import { shortHash } from '../../core/index.ts';
import {
  AwsError,
  type CloudService,
  type Collection,
  type Handler,
  type RequestContext,
  type ServiceDeps,
} from '../contract.ts';
import {
  BATCH_EVENTS_MAX,
  EVENT_OVERHEAD_BYTES,
  EventRing,
  type LogEvent,
  type StoredStream,
} from './logs/event-ring.ts';
import { compileFilterPattern } from './logs/filter-pattern.ts';
import type { TaggedResource } from './tagging.ts';

type Output<T> = Omit<T, '$metadata'>;

interface StoredGroup {
  readonly name: string;
  readonly createdMs: number;
  readonly retentionDays: number | undefined;
  readonly logGroupClass: LogGroupClass;
  readonly deletionProtected: boolean;
  readonly tags: Readonly<Record<string, string>>;
}

const DAY_MS = 86_400_000;
const RETENTION_DAYS = new Set([
  1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653,
]);
const GROUP_CLASSES: ReadonlySet<string> = new Set(['STANDARD', 'INFREQUENT_ACCESS', 'DELIVERY']);
const TAGS_MAX = 50;
const PAGE_MAX = 50;
const PUT_BYTES_MAX = 1_048_576;
const ANSWER_BYTES_MAX = 1_048_576;
const ANSWER_EVENTS_MAX = 10_000;
/** Longer lines of a container are cut, as the awslogs driver does. */
const APPEND_CHARACTERS_MAX = 256 * 1024;

export class LogsService implements CloudService {
  readonly id = 'logs';
  readonly operations: Readonly<Record<string, Handler>>;
  readonly #deps: ServiceDeps;
  readonly #groups: Collection<StoredGroup>;
  readonly #ring: EventRing;

  constructor(deps: ServiceDeps) {
    this.#deps = deps;
    this.#groups = deps.state.collection('logs.groups');
    this.#ring = new EventRing(deps.state);
    this.operations = {
      CreateLogGroup: (input: CreateLogGroupCommandInput, context) => this.#createGroup(input, context),
      DeleteLogGroup: (input: DeleteLogGroupCommandInput) => this.#deleteGroup(input),
      DescribeLogGroups: (input: DescribeLogGroupsCommandInput) => this.#describeGroups(input),
      PutRetentionPolicy: (input: PutRetentionPolicyCommandInput) => this.#putRetention(input),
      DeleteRetentionPolicy: (input: DeleteRetentionPolicyCommandInput) => {
        const group = this.#group(input.logGroupName);
        this.#groups.set(group.name, { ...group, retentionDays: undefined });
      },
      CreateLogStream: (input: CreateLogStreamCommandInput, context) => this.#createStream(input, context),
      DescribeLogStreams: (input: DescribeLogStreamsCommandInput) => this.#describeStreams(input),
      PutLogEvents: (input: PutLogEventsCommandInput, context) => this.#putEvents(input, context),
      GetLogEvents: (input: GetLogEventsCommandInput, context) => this.#getEvents(input, context),
      FilterLogEvents: (input: FilterLogEventsCommandInput, context) => this.#filterEvents(input, context),
      TagResource: (input: TagResourceCommandInput) => this.#tag(input),
      UntagResource: (input: UntagResourceCommandInput) => this.#untag(input),
      ListTagsForResource: (input: ListTagsForResourceCommandInput): Output<ListTagsForResourceCommandOutput> => ({
        tags: { ...this.#tagged(input.resourceArn).tags },
      }),
    };
  }

  /**
   * What a container or a build printed. Creates the stream; messages for a group that does not exist are dropped, as
   * its owner asked for none.
   */
  append(group: string, stream: string, messages: readonly { timestampMs: number; message: string }[]): void {
    if (!this.#groups.has(group)) return;
    this.#deps.enter((nowMs) => {
      // The group may have gone meanwhile: reports can wait for a step to end.
      if (!this.#groups.has(group)) return;
      let stored = this.#ring.get(group, stream) ?? this.#ring.create(group, stream, nowMs);
      const events = messages
        .filter(({ message }) => message !== '')
        .map(({ timestampMs, message }) => [timestampMs, message.slice(0, APPEND_CHARACTERS_MAX)] as const);
      for (let start = 0; start < events.length; start += BATCH_EVENTS_MAX) {
        stored = this.#ring.append(stored, events.slice(start, start + BATCH_EVENTS_MAX), nowMs);
      }
    });
  }

  // ------------------------------------------------------------------------------------------------------------ groups

  #createGroup(input: CreateLogGroupCommandInput, { nowMs }: RequestContext): void {
    const name = checkedGroupName(input.logGroupName);
    const tags = withTags({}, input.tags);
    const logGroupClass = input.logGroupClass ?? 'STANDARD';
    if (!GROUP_CLASSES.has(logGroupClass)) {
      throw constraint(logGroupClass, 'logGroupClass', `satisfy enum value set: [${[...GROUP_CLASSES].join(', ')}]`);
    }
    if (this.#groups.has(name))
      throw new AwsError('ResourceAlreadyExistsException', 'The specified log group already exists');
    const deletionProtected = input.deletionProtectionEnabled ?? false;
    this.#groups.set(name, {
      name,
      createdMs: nowMs,
      retentionDays: undefined,
      logGroupClass,
      deletionProtected,
      tags,
    });
  }

  #deleteGroup(input: DeleteLogGroupCommandInput): void {
    const group = this.#group(input.logGroupName);
    if (group.deletionProtected)
      throw new AwsError('ValidationException', 'The log group has deletion protection enabled');
    for (const stream of this.#ring.streamsOf(group.name)) this.#ring.remove(stream);
    this.#groups.delete(group.name);
  }

  #describeGroups(input: DescribeLogGroupsCommandInput): Output<DescribeLogGroupsCommandOutput> {
    const { logGroupNamePrefix: prefix, logGroupNamePattern: pattern, logGroupClass, logGroupIdentifiers } = input;
    if (prefix !== undefined && pattern !== undefined) {
      throw invalid('LogGroup name prefix and LogGroup name pattern are mutually exclusive parameters.');
    }
    if (logGroupIdentifiers && (logGroupIdentifiers.length < 1 || logGroupIdentifiers.length > PAGE_MAX))
      throw constraint(
        `${logGroupIdentifiers.length} names`,
        'logGroupIdentifiers',
        `have length between 1 and ${PAGE_MAX}`,
      );
    if (logGroupIdentifiers && (prefix ?? pattern ?? logGroupClass) !== undefined)
      throw invalid('logGroupIdentifiers cannot be combined with another filter.');
    const wanted = logGroupIdentifiers && new Set(logGroupIdentifiers.map((identifier) => this.#nameOf(identifier)));
    const names = this.#groups
      .keys()
      .filter((name) => name.startsWith(prefix ?? '') && name.includes(pattern ?? '') && (wanted?.has(name) ?? true));
    const groups = names.flatMap((name) => this.#groups.get(name) ?? []);
    const ofClass =
      logGroupClass === undefined ? groups : groups.filter((group) => group.logGroupClass === logGroupClass);
    const { items, nextToken } = page(ofClass, ({ name }) => name, false, input);
    const logGroups = items.map((group) => {
      const arn = this.#arn(group.name);
      return {
        logGroupName: group.name,
        creationTime: group.createdMs,
        ...(group.retentionDays === undefined ? {} : { retentionInDays: group.retentionDays }),
        metricFilterCount: 0,
        arn: `${arn}:*`,
        storedBytes: 0,
        logGroupClass: group.logGroupClass,
        logGroupArn: arn,
        deletionProtectionEnabled: group.deletionProtected,
      };
    });
    return { logGroups, ...nextToken };
  }

  #putRetention(input: PutRetentionPolicyCommandInput): void {
    const group = this.#group(input.logGroupName);
    const days = input.retentionInDays ?? 0;
    if (!RETENTION_DAYS.has(days))
      throw constraint(String(days), 'retentionInDays', `satisfy enum value set: [${[...RETENTION_DAYS].join(', ')}]`);
    this.#groups.set(group.name, { ...group, retentionDays: days });
  }

  #tag(input: TagResourceCommandInput): void {
    const group = this.#tagged(input.resourceArn);
    this.#groups.set(group.name, { ...group, tags: withTags(group.tags, input.tags) });
  }

  #untag(input: UntagResourceCommandInput): void {
    const group = this.#tagged(input.resourceArn);
    const removed = new Set(input.tagKeys);
    const tags = Object.fromEntries(Object.entries(group.tags).filter(([key]) => !removed.has(key)));
    this.#groups.set(group.name, { ...group, tags });
  }

  #group(name: string | undefined): StoredGroup {
    const group = this.#groups.get(checkedGroupName(name));
    if (!group) throw new AwsError('ResourceNotFoundException', 'The specified log group does not exist.');
    return group;
  }

  /** The ARN for tags has no `:*` at its end, unlike the one that DescribeLogGroups calls `arn`. */
  #tagged(arn = ''): StoredGroup {
    const prefix = this.#arn('');
    const group = arn.startsWith(prefix) ? this.#groups.get(arn.slice(prefix.length)) : undefined;
    if (!group) throw new AwsError('ResourceNotFoundException', 'The specified resource does not exist.');
    return group;
  }

  /** For the account's tag listing. */
  *taggedResources(): Iterable<TaggedResource> {
    for (const { name, tags } of this.#groups.each()) yield { arn: this.#arn(name), tags };
  }

  #arn(group: string): string {
    const { region, accountId } = this.#deps.settings;
    return `arn:aws:logs:${region}:${accountId}:log-group:${group}`;
  }

  #nameOf(identifier: string): string {
    const prefix = this.#arn('');
    return identifier.startsWith(prefix) ? identifier.slice(prefix.length) : identifier;
  }

  #named(input: { logGroupName?: string | undefined; logGroupIdentifier?: string | undefined }): StoredGroup {
    const { logGroupName, logGroupIdentifier } = input;
    if ((logGroupName === undefined) === (logGroupIdentifier === undefined)) {
      throw invalid('Specify either logGroupName or logGroupIdentifier, and not both.');
    }
    return this.#group(logGroupName ?? this.#nameOf(logGroupIdentifier ?? ''));
  }

  // ----------------------------------------------------------------------------------------------------------- streams

  #createStream(input: CreateLogStreamCommandInput, { nowMs }: RequestContext): void {
    const group = this.#group(input.logGroupName);
    const name = checkedStreamName(input.logStreamName);
    if (this.#ring.has(group.name, name)) {
      throw new AwsError('ResourceAlreadyExistsException', 'The specified log stream already exists');
    }
    this.#ring.create(group.name, name, nowMs);
  }

  #describeStreams(input: DescribeLogStreamsCommandInput): Output<DescribeLogStreamsCommandOutput> {
    const group = this.#named(input);
    const { logStreamNamePrefix: prefix, orderBy = 'LogStreamName', descending = false } = input;
    if (orderBy !== 'LogStreamName' && orderBy !== 'LastEventTime') {
      throw constraint(orderBy, 'orderBy', 'satisfy enum value set: [LogStreamName, LastEventTime]');
    }
    if (prefix !== undefined && orderBy === 'LastEventTime')
      throw invalid('Cannot order by LastEventTime with a logStreamNamePrefix.');
    const streams = this.#ring.streamsOf(group.name).filter(({ name }) => name.startsWith(prefix ?? ''));
    const sortKey = ({ name, lastEventMs = 0 }: StoredStream) =>
      orderBy === 'LogStreamName' ? name : `${String(lastEventMs).padStart(16, '0')}${name}`;
    const { items, nextToken } = page(streams, sortKey, descending, input);
    const logStreams = items.map((stream) => ({
      logStreamName: stream.name,
      creationTime: stream.createdMs,
      ...(stream.lastEventMs === undefined
        ? {}
        : {
            firstEventTimestamp: stream.firstEventMs,
            lastEventTimestamp: stream.lastEventMs,
            lastIngestionTime: stream.lastIngestionMs,
          }),
      uploadSequenceToken: sequenceToken(stream),
      arn: `${this.#arn(group.name)}:log-stream:${stream.name}`,
      storedBytes: 0,
    }));
    return { logStreams, ...nextToken };
  }

  #stream(group: StoredGroup, name: string | undefined): StoredStream {
    const stream = this.#ring.get(group.name, checkedStreamName(name));
    if (!stream) throw new AwsError('ResourceNotFoundException', 'The specified log stream does not exist.');
    return stream;
  }

  // ------------------------------------------------------------------------------------------------------------ events

  #putEvents(input: PutLogEventsCommandInput, { nowMs }: RequestContext): Output<PutLogEventsCommandOutput> {
    const group = this.#group(input.logGroupName);
    const stream = this.#stream(group, input.logStreamName);
    const events = checkedEvents(input);
    const oldestMs = nowMs - 14 * DAY_MS;
    const expiredMs = group.retentionDays === undefined ? -Infinity : nowMs - group.retentionDays * DAY_MS;
    const newestMs = nowMs + 2 * 3_600_000;
    const tooOld = events.filter(([timestampMs]) => timestampMs < oldestMs).length;
    const expired = events.filter(([timestampMs]) => timestampMs < expiredMs).length;
    const tooNew = events.findIndex(([timestampMs]) => timestampMs > newestMs);
    const accepted = events.slice(Math.max(tooOld, expired), tooNew === -1 ? undefined : tooNew);
    const rejected: RejectedLogEventsInfo = {
      ...(tooNew === -1 ? {} : { tooNewLogEventStartIndex: tooNew }),
      ...(tooOld === 0 ? {} : { tooOldLogEventEndIndex: tooOld }),
      ...(expired === 0 ? {} : { expiredLogEventEndIndex: expired }),
    };
    return {
      nextSequenceToken: sequenceToken(this.#ring.append(stream, accepted, nowMs)),
      ...(accepted.length === events.length ? {} : { rejectedLogEventsInfo: rejected }),
    };
  }

  #getEvents(input: GetLogEventsCommandInput, { nowMs }: RequestContext): Output<GetLogEventsCommandOutput> {
    const group = this.#named(input);
    const stream = this.#stream(group, input.logStreamName);
    const limit = checkedLimit(input.limit, ANSWER_EVENTS_MAX);
    const events = this.#visible(group, stream, nowMs, input.startTime, (input.endTime ?? Infinity) - 1);
    const cursor = input.nextToken === undefined ? undefined : parseCursor(input.nextToken);
    const forward = cursor ? cursor.forward : (input.startFromHead ?? false);
    const rest = cursor ? events.filter((event) => before(event, cursor) !== forward) : events;
    const answered = forward ? take(rest, limit) : take(rest.toReversed(), limit).reverse();
    const first = answered[0];
    const last = answered.at(-1);
    // A cursor is a place between two events: at the end the same token comes back, as AWS promises.
    const place = cursor ?? { timestampMs: input.startTime ?? 0, ordinal: 0 };
    return {
      events: answered.map(({ timestampMs, message, ingestionMs }) => ({
        timestamp: timestampMs,
        message,
        ingestionTime: ingestionMs,
      })),
      nextForwardToken: `f/${last ? `${last.timestampMs}/${last.ordinal + 1}` : `${place.timestampMs}/${place.ordinal}`}`,
      nextBackwardToken: `b/${first ? `${first.timestampMs}/${first.ordinal}` : `${place.timestampMs}/${place.ordinal}`}`,
    };
  }

  #filterEvents(input: FilterLogEventsCommandInput, { nowMs }: RequestContext): Output<FilterLogEventsCommandOutput> {
    const group = this.#named(input);
    const { logStreamNames: names, logStreamNamePrefix: prefix } = input;
    if (names !== undefined && prefix !== undefined)
      throw invalid('logStreamNames and logStreamNamePrefix cannot be specified together.');
    if (input.startFromHead === false) throw invalid('The local cloud answers FilterLogEvents from the head only.');
    const limit = checkedLimit(input.limit, ANSWER_EVENTS_MAX);
    const matches = compileFilterPattern(input.filterPattern ?? '');
    const after = input.nextToken === undefined ? '' : fromToken(input.nextToken);
    const streams = names
      ? names.map((name) => this.#stream(group, name))
      : this.#ring.streamsOf(group.name).filter(({ name }) => name.startsWith(prefix ?? ''));
    const found = streams
      .flatMap((stream) =>
        this.#visible(group, stream, nowMs, input.startTime, input.endTime).map((event) => ({
          ...event,
          stream: stream.name,
          key: filterKey(stream.name, event),
        })),
      )
      .filter(({ key, message }) => key > after && matches(message))
      .sort((a, b) => (a.key < b.key ? -1 : 1));
    const answered = take(found, limit);
    const last = answered.at(-1);
    return {
      events: answered.map((event) => ({
        logStreamName: event.stream,
        timestamp: event.timestampMs,
        message: event.message,
        ingestionTime: event.ingestionMs,
        eventId: eventId(group.name, event.stream, event),
      })),
      searchedLogStreams: [],
      ...(last && answered.length < found.length ? { nextToken: toToken(last.key) } : {}),
    };
  }

  /** Events from `startMs` to `endMs`, both included (GetLogEvents excludes its end), within the group's retention. */
  #visible(group: StoredGroup, stream: StoredStream, nowMs: number, startMs = 0, endMs = Infinity): LogEvent[] {
    const retainedMs = group.retentionDays === undefined ? 0 : nowMs - group.retentionDays * DAY_MS;
    const fromMs = Math.max(startMs, retainedMs);
    return this.#ring.read(stream).filter(({ timestampMs }) => timestampMs >= fromMs && timestampMs <= endMs);
  }
}

interface Cursor {
  readonly forward: boolean;
  readonly timestampMs: number;
  readonly ordinal: number;
}

function parseCursor(token: string): Cursor {
  const match = /^([fb])\/(\d+)\/(\d+)$/.exec(token);
  if (!match) throw invalid('The specified nextToken is invalid.');
  return { forward: match[1] === 'f', timestampMs: Number(match[2]), ordinal: Number(match[3]) };
}

function before(event: LogEvent, cursor: Cursor): boolean {
  return (
    event.timestampMs < cursor.timestampMs ||
    (event.timestampMs === cursor.timestampMs && event.ordinal < cursor.ordinal)
  );
}

/** The first events that fit into an answer. */
function take<T extends LogEvent>(events: readonly T[], limit: number): T[] {
  let bytes = 0;
  const end = events.findIndex((event, index) => {
    bytes += Buffer.byteLength(event.message) + EVENT_OVERHEAD_BYTES;
    return index >= limit || (bytes > ANSWER_BYTES_MAX && index > 0);
  });
  return end === -1 ? events.slice() : events.slice(0, end);
}

/** Sorts by time, stream and arrival. */
function filterKey(stream: string, event: LogEvent): string {
  return `${String(event.timestampMs).padStart(16, '0')}:${stream}:${String(event.ordinal).padStart(16, '0')}`;
}

function eventId(group: string, stream: string, event: LogEvent): string {
  const place = BigInt(`0x${shortHash(`${group}:${stream}`, 15)}`);
  return `${String(event.timestampMs).padStart(20, '0')}${String(place).padStart(20, '0')}${String(event.ordinal).padStart(16, '0')}`;
}

/** Sequence tokens are answered for old clients and ignored when they come back, as AWS does since 2023. */
function sequenceToken(stream: StoredStream): string {
  return String(stream.nextBatch).padStart(56, '0');
}

function page<T>(
  all: readonly T[],
  keyOf: (item: T) => string,
  descending: boolean,
  input: { limit?: number | undefined; nextToken?: string | undefined },
): { items: T[]; nextToken: { nextToken?: string } } {
  const limit = checkedLimit(input.limit, PAGE_MAX);
  const after = input.nextToken === undefined ? undefined : fromToken(input.nextToken);
  const compare = (a: string, b: string) => (a === b ? 0 : a < b !== descending ? -1 : 1);
  const rest = all
    .filter((item) => after === undefined || compare(keyOf(item), after) > 0)
    .sort((a, b) => compare(keyOf(a), keyOf(b)));
  const items = rest.slice(0, limit);
  const last = items.at(-1);
  return {
    items,
    nextToken: last !== undefined && rest.length > items.length ? { nextToken: toToken(keyOf(last)) } : {},
  };
}

function toToken(key: string): string {
  return Buffer.from(key).toString('base64url');
}

function fromToken(token: string): string {
  const key = Buffer.from(token, 'base64url').toString('utf8');
  if (toToken(key) !== token) throw invalid('The specified nextToken is invalid.');
  return key;
}

function checkedLimit(limit: number | undefined, max: number): number {
  if (limit !== undefined && (!Number.isInteger(limit) || limit < 1 || limit > max)) {
    throw constraint(String(limit), 'limit', `have value between 1 and ${max}`);
  }
  return limit ?? max;
}

function checkedGroupName(name = ''): string {
  if (!/^[.\-_/#A-Za-z0-9]{1,512}$/.test(name)) {
    throw constraint(
      name,
      'logGroupName',
      'have length between 1 and 512 and satisfy regular expression pattern: [\\.\\-_/#A-Za-z0-9]+',
    );
  }
  return name;
}

function checkedStreamName(name = ''): string {
  if (!/^[^:*]{1,512}$/.test(name)) {
    throw constraint(
      name,
      'logStreamName',
      'have length between 1 and 512 and satisfy regular expression pattern: [^:*]*',
    );
  }
  return name;
}

function checkedEvents(input: PutLogEventsCommandInput): (readonly [number, string])[] {
  const events = (input.logEvents ?? []).map(({ timestamp = 0, message = '' }) => [timestamp, message] as const);
  if (events.length < 1 || events.length > BATCH_EVENTS_MAX) {
    throw constraint(`${events.length} events`, 'logEvents', `have length between 1 and ${BATCH_EVENTS_MAX}`);
  }
  let bytes = 0;
  for (const [index, [timestampMs, message]] of events.entries()) {
    const path = `logEvents.${index + 1}.member`;
    if (!Number.isInteger(timestampMs) || timestampMs < 0)
      throw constraint(String(timestampMs), `${path}.timestamp`, 'have value greater than or equal to 0');
    if (message === '') throw constraint('', `${path}.message`, 'have length greater than or equal to 1');
    if (timestampMs < (events[index - 1]?.[0] ?? 0))
      throw invalid('Log events in a single PutLogEvents request must be in chronological order.');
    bytes += Buffer.byteLength(message) + EVENT_OVERHEAD_BYTES;
  }
  if (bytes > PUT_BYTES_MAX) throw invalid(`Upload too large: ${bytes} bytes exceeds limit of ${PUT_BYTES_MAX}`);
  if ((events.at(-1)?.[0] ?? 0) - (events[0]?.[0] ?? 0) > DAY_MS) {
    throw invalid('The batch of log events in a single PutLogEvents request cannot span more than 24 hours.');
  }
  return events;
}

function withTags(
  tags: Readonly<Record<string, string>>,
  added: Readonly<Record<string, string>> = {},
): Record<string, string> {
  for (const [key, value] of Object.entries(added)) {
    if (!/^[\p{L}\p{Z}\p{N}_.:/=+\-@]{1,128}$/u.test(key))
      throw constraint(key, 'tags', 'have keys of 1 to 128 letters, digits, spaces and _.:/=+-@');
    if (!/^[\p{L}\p{Z}\p{N}_.:/=+\-@]{0,256}$/u.test(value))
      throw constraint(value, `tags.${key}.member`, 'have at most 256 letters, digits, spaces and _.:/=+-@');
    if (/^aws:/i.test(key)) throw invalid('aws: prefixed tag key names are not allowed for external use.');
  }
  const result = { ...tags, ...added };
  if (Object.keys(result).length > TAGS_MAX)
    throw new AwsError('TooManyTagsException', `A resource can have no more than ${TAGS_MAX} tags.`);
  return result;
}

function constraint(value: string, path: string, member: string): AwsError {
  return invalid(
    `1 validation error detected: Value '${value}' at '${path}' failed to satisfy constraint: Member must ${member}`,
  );
}

function invalid(message: string): AwsError {
  return new AwsError('InvalidParameterException', message);
}
