/**
 * The control plane of DynamoDB: tables, their streams' switch, TTL settings and tags, as API operations. Secondary
 * indexes and what else the product has no use for are refused by name.
 */
import type {
  CreateTableCommandInput,
  DeleteTableCommandInput,
  DescribeTableCommandInput,
  DescribeTimeToLiveCommandInput,
  ListTablesCommandInput,
  ListTagsOfResourceCommandInput,
  TableDescription,
  Tag,
  TagResourceCommandInput,
  TimeToLiveDescription,
  UntagResourceCommandInput,
  UpdateTableCommandInput,
  UpdateTimeToLiveCommandInput,
} from '@aws-sdk/client-dynamodb';
import { type Random, uuid } from '../../../core/index.ts';
import { AwsError, type CloudSettings, type Handler, type RequestContext } from '../../contract.ts';
import { invalid, invalidParameter } from './attribute-value.ts';
import { type ChangeLog, STREAM_VIEW_TYPES, type StreamViewType } from './change-log.ts';
import { Constraints, refuseUnsupported } from './constraints.ts';
import { type KeyAttribute, type KeySchema, keyAttributes } from './key-schema.ts';
import type { Table, Tables } from './tables.ts';

const COUNT_EVERY_MS = 6 * 3_600_000;
const TTL_CHANGE_EVERY_MS = 3_600_000;
const TAGS_MAX = 50;
const UNSUPPORTED_TABLE: Readonly<Record<string, string>> = {
  GlobalSecondaryIndexes: 'tables have no secondary indexes here',
  LocalSecondaryIndexes: 'tables have no secondary indexes here',
  GlobalSecondaryIndexUpdates: 'tables have no secondary indexes here',
  ReplicaUpdates: 'there is one region here',
  SSESpecification: 'data is not encrypted here',
  TableClass: 'there is one table class here',
  ResourcePolicy: 'permissions are not evaluated here',
  OnDemandThroughput: 'throughput is not limited here',
  WarmThroughput: 'throughput is not limited here',
};

export class TableOperations {
  readonly #tables: Tables;
  readonly #log: ChangeLog;
  readonly #settings: CloudSettings;
  readonly #random: Random;

  constructor(tables: Tables, log: ChangeLog, settings: CloudSettings, random: Random) {
    this.#tables = tables;
    this.#log = log;
    this.#settings = settings;
    this.#random = random;
  }

  readonly operations: Readonly<Record<string, Handler>> = {
    CreateTable: (input: CreateTableCommandInput, context) => this.#create(input, context),
    DescribeTable: (input: DescribeTableCommandInput, context) => this.#describeTable(input, context),
    UpdateTable: (input: UpdateTableCommandInput, context) => this.#update(input, context),
    DeleteTable: (input: DeleteTableCommandInput, context) => this.#delete(input, context),
    ListTables: (input: ListTablesCommandInput) => this.#list(input),
    DescribeTimeToLive: (input: DescribeTimeToLiveCommandInput, context) => this.#describeTtl(input, context),
    UpdateTimeToLive: (input: UpdateTimeToLiveCommandInput, context) => this.#updateTtl(input, context),
    TagResource: (input: TagResourceCommandInput) => this.#tag(input),
    UntagResource: (input: UntagResourceCommandInput) => this.#untag(input),
    ListTagsOfResource: (input: ListTagsOfResourceCommandInput) => this.#listTags(input),
  };

  #create(input: CreateTableCommandInput, { nowMs }: RequestContext): { TableDescription: TableDescription } {
    checkCreate(input);
    const name = input.TableName ?? '';
    const present = this.#tables.find(name);
    if (present) {
      throw new AwsError('ResourceInUseException', `Table already exists: ${name}`);
    }
    const schema = schemaOf(input);
    const viewType = viewTypeOf(input.StreamSpecification);
    const arn = `arn:aws:dynamodb:${this.#settings.region}:${this.#settings.accountId}:table/${name}`;
    const onDemand = input.BillingMode === 'PAY_PER_REQUEST';
    const table: Table = {
      name,
      id: uuid(this.#random),
      arn,
      schema,
      createdAtMs: nowMs,
      status: 'CREATING',
      billing: {
        mode: onDemand ? 'PAY_PER_REQUEST' : 'PROVISIONED',
        read: input.ProvisionedThroughput?.ReadCapacityUnits ?? 0,
        write: input.ProvisionedThroughput?.WriteCapacityUnits ?? 0,
        ...(onDemand ? { onDemandSinceMs: nowMs } : {}),
      },
      tags: tagsOf(input.Tags ?? []),
      deletionProtection: input.DeletionProtectionEnabled ?? false,
      counted: { atMs: nowMs, items: 0, bytes: 0 },
    };
    const streaming = viewType ? this.#withStream(table, viewType, nowMs) : table;
    return { TableDescription: describe(this.#tables.enter(streaming, 'CREATING', nowMs)) };
  }

  #describeTable(input: DescribeTableCommandInput, { nowMs }: RequestContext): { Table: TableDescription } {
    let table = this.#tables.existing(required(input.TableName));
    if (nowMs - table.counted.atMs >= COUNT_EVERY_MS) {
      table = { ...table, counted: { atMs: nowMs, ...this.#tables.items(table).count() } };
      this.#tables.save(table);
    }
    return { Table: describe(table) };
  }

  #update(input: UpdateTableCommandInput, { nowMs }: RequestContext): { TableDescription: TableDescription } {
    refuseUnsupported(input, UNSUPPORTED_TABLE);
    const constraints = new Constraints();
    constraints.oneOf('billingMode', input.BillingMode, ['PROVISIONED', 'PAY_PER_REQUEST']);
    checkThroughput(constraints, input);
    constraints.enforce();
    const table = this.#tables.existing(required(input.TableName));
    if (
      input.BillingMode === undefined &&
      input.ProvisionedThroughput === undefined &&
      input.StreamSpecification === undefined &&
      input.DeletionProtectionEnabled === undefined
    ) {
      throw invalid(
        'At least one of ProvisionedThroughput, BillingMode, UpdateStreamEnabled, GlobalSecondaryIndexUpdates or ' +
          'SSESpecification or ReplicaUpdates is required',
      );
    }
    refuseBusy(table);
    const updated = this.#switchStream(
      {
        ...table,
        billing: billingAfter(table, input, nowMs),
        deletionProtection: input.DeletionProtectionEnabled ?? table.deletionProtection,
      },
      input,
      nowMs,
    );
    return { TableDescription: describe(this.#tables.enter(updated, 'UPDATING', nowMs)) };
  }

  #switchStream(table: Table, input: UpdateTableCommandInput, nowMs: number): Table {
    if (input.StreamSpecification === undefined) return table;
    const viewType = viewTypeOf(input.StreamSpecification);
    if (viewType) {
      if (table.stream?.enabled) throw invalid(`Table already has an enabled stream: TableName: ${table.name}`);
      return this.#withStream(table, viewType, nowMs);
    }
    if (!table.stream?.enabled) throw invalid(`Table has no stream to disable: TableName: ${table.name}`);
    this.#log.close(table.stream.arn, nowMs);
    return { ...table, stream: { ...table.stream, enabled: false } };
  }

  #withStream(table: Table, viewType: StreamViewType, nowMs: number): Table {
    const { arn, label } = this.#log.open(table, viewType, nowMs);
    return { ...table, stream: { arn, label, viewType, enabled: true } };
  }

  #delete(input: DeleteTableCommandInput, { nowMs }: RequestContext): { TableDescription: TableDescription } {
    const table = this.#tables.existing(required(input.TableName));
    refuseBusy(table);
    if (table.deletionProtection) {
      throw invalid(
        'Resource cannot be deleted as it is currently protected against deletion. Disable deletion protection first.',
      );
    }
    if (table.stream) this.#log.close(table.stream.arn, nowMs);
    const { stream, ...rest } = table;
    const ending = stream ? { ...rest, stream: { ...stream, enabled: false } } : rest;
    return { TableDescription: describe(this.#tables.enter(ending, 'DELETING', nowMs)) };
  }

  #list(input: ListTablesCommandInput) {
    const constraints = new Constraints();
    constraints.range('limit', input.Limit, 1, 100);
    constraints.enforce();
    const start = input.ExclusiveStartTableName;
    const names = this.#tables.names().filter((name) => start === undefined || name > start);
    const page = names.slice(0, input.Limit ?? 100);
    const last = page.at(-1);
    return {
      TableNames: page,
      ...(last !== undefined && page.length < names.length ? { LastEvaluatedTableName: last } : {}),
    };
  }

  #describeTtl(input: DescribeTimeToLiveCommandInput, { nowMs }: RequestContext) {
    return { TimeToLiveDescription: this.#ttl(this.#tables.existing(required(input.TableName)), nowMs) };
  }

  #ttl({ ttl }: Table, nowMs: number): TimeToLiveDescription {
    const settled = !ttl || nowMs >= ttl.changedAtMs + this.#tables.phaseMs;
    if (!ttl || (settled && !ttl.enabled)) return { TimeToLiveStatus: 'DISABLED' };
    const status = ttl.enabled ? (settled ? 'ENABLED' : 'ENABLING') : 'DISABLING';
    return { TimeToLiveStatus: status, AttributeName: ttl.attribute };
  }

  #updateTtl(input: UpdateTimeToLiveCommandInput, { nowMs }: RequestContext) {
    const specification = input.TimeToLiveSpecification;
    const constraints = new Constraints();
    if (constraints.required('timeToLiveSpecification', specification)) {
      constraints.required('timeToLiveSpecification.enabled', specification?.Enabled);
      if (constraints.required('timeToLiveSpecification.attributeName', specification?.AttributeName)) {
        constraints.length('timeToLiveSpecification.attributeName', specification?.AttributeName, 1, 255);
      }
    }
    constraints.enforce();
    const attribute = specification?.AttributeName ?? '';
    const enabled = specification?.Enabled ?? false;
    const table = this.#tables.existing(required(input.TableName));
    refuseBusy(table);
    if (enabled === (table.ttl?.enabled ?? false)) {
      throw invalid(
        enabled && table.ttl?.attribute !== attribute
          ? `TimeToLive is active on a different AttributeName: current AttributeName is ${table.ttl?.attribute}`
          : `TimeToLive is already ${enabled ? 'enabled' : 'disabled'}`,
      );
    }
    if (table.ttl?.enabled && table.ttl.attribute !== attribute) {
      throw invalid(
        `TimeToLive is active on a different AttributeName: current AttributeName is ${table.ttl.attribute}`,
      );
    }
    if (table.ttl && nowMs < table.ttl.changedAtMs + TTL_CHANGE_EVERY_MS) {
      throw invalid('Time to live has been modified multiple times within a fixed interval');
    }
    this.#tables.save({ ...table, ttl: { attribute, enabled, changedAtMs: nowMs } });
    return { TimeToLiveSpecification: { AttributeName: attribute, Enabled: enabled } };
  }

  #tag(input: TagResourceCommandInput) {
    const table = this.#byArn(input.ResourceArn);
    this.#tables.save({ ...table, tags: tagsOf(input.Tags ?? [], table.tags) });
    return {};
  }

  #untag(input: UntagResourceCommandInput) {
    const table = this.#byArn(input.ResourceArn);
    const gone = new Set(input.TagKeys);
    const tags = Object.fromEntries(Object.entries(table.tags).filter(([key]) => !gone.has(key)));
    this.#tables.save({ ...table, tags });
    return {};
  }

  #listTags(input: ListTagsOfResourceCommandInput) {
    const { tags } = this.#byArn(input.ResourceArn);
    return { Tags: Object.entries(tags).map(([Key, Value]) => ({ Key, Value })) };
  }

  #byArn(arn: string | undefined): Table {
    if (!arn?.startsWith('arn:')) throw invalidParameter('Invalid TableArn: ResourceArn must be the ARN of a table');
    const table = this.#tables.existing(arn);
    if (table.arn === arn) return table;
    throw new AwsError('ResourceNotFoundException', `Requested resource not found: ResourcArn: ${arn} not found`);
  }
}

function required(name: string | undefined): string {
  const constraints = new Constraints();
  if (constraints.required('tableName', name)) {
    constraints.length('tableName', name, 1, 1024);
    constraints.pattern('tableName', name, '[a-zA-Z0-9_.:/-]+');
  }
  constraints.enforce();
  return name ?? '';
}

function checkCreate(input: CreateTableCommandInput): void {
  refuseUnsupported(input, UNSUPPORTED_TABLE);
  const constraints = new Constraints();
  if (constraints.required('tableName', input.TableName)) {
    constraints.length('tableName', input.TableName, 3, 255);
    constraints.pattern('tableName', input.TableName, '[a-zA-Z0-9_.-]+');
  }
  if (constraints.required('keySchema', input.KeySchema)) {
    constraints.length('keySchema', input.KeySchema, 1, 2);
    input.KeySchema?.forEach((element, i) => {
      constraints.required(`keySchema.${i + 1}.member.attributeName`, element.AttributeName);
      constraints.oneOf(`keySchema.${i + 1}.member.keyType`, element.KeyType, ['HASH', 'RANGE']);
    });
  }
  if (constraints.required('attributeDefinitions', input.AttributeDefinitions)) {
    input.AttributeDefinitions?.forEach((definition, i) => {
      constraints.required(`attributeDefinitions.${i + 1}.member.attributeName`, definition.AttributeName);
      constraints.oneOf(`attributeDefinitions.${i + 1}.member.attributeType`, definition.AttributeType, [
        'B',
        'N',
        'S',
      ]);
    });
  }
  constraints.oneOf('billingMode', input.BillingMode, ['PROVISIONED', 'PAY_PER_REQUEST']);
  checkThroughput(constraints, input);
  constraints.enforce();
  const throughput = input.ProvisionedThroughput;
  if (input.BillingMode === 'PAY_PER_REQUEST') {
    if (throughput) throw neitherUnits();
  } else if (!throughput) {
    throw invalidParameter(
      'ReadCapacityUnits and WriteCapacityUnits must both be specified when BillingMode is PROVISIONED',
    );
  }
}

function neitherUnits(): AwsError {
  return invalidParameter(
    'Neither ReadCapacityUnits nor WriteCapacityUnits can be specified when BillingMode is PAY_PER_REQUEST',
  );
}

function checkThroughput(constraints: Constraints, input: CreateTableCommandInput | UpdateTableCommandInput): void {
  const throughput = input.ProvisionedThroughput;
  if (!throughput) return;
  for (const name of ['ReadCapacityUnits', 'WriteCapacityUnits'] as const) {
    const at = `provisionedThroughput.${name[0]?.toLowerCase()}${name.slice(1)}`;
    if (constraints.required(at, throughput[name])) constraints.range(at, throughput[name], 1);
  }
}

function schemaOf(input: CreateTableCommandInput): KeySchema {
  const keys = (input.KeySchema ?? []).map(({ AttributeName }) => AttributeName ?? '');
  const definitions = new Map<string, KeyAttribute['type']>();
  for (const { AttributeName, AttributeType } of input.AttributeDefinitions ?? []) {
    if (AttributeName === undefined || AttributeType === undefined) continue;
    if (definitions.has(AttributeName))
      throw invalidParameter(`Duplicate AttributeName in AttributeDefinitions: ${AttributeName}`);
    definitions.set(AttributeName, AttributeType);
  }
  const attribute = (name: string): KeyAttribute => {
    const type = definitions.get(name);
    if (type) return { name, type };
    throw invalidParameter(
      `Some index key attributes are not defined in AttributeDefinitions. Keys: [${keys.join(', ')}], ` +
        `AttributeDefinitions: [${[...definitions.keys()].join(', ')}]`,
    );
  };
  const [hash = '', range] = keys;
  const attributes = keys.map(attribute);
  if (hash === range) throw invalid('Both the Hash Key and the Range Key element in the KeySchema have the same name');
  if (input.KeySchema?.[0]?.KeyType !== 'HASH') {
    throw invalid('Invalid KeySchema: The first KeySchemaElement is not a HASH key type');
  }
  if (range !== undefined && input.KeySchema[1]?.KeyType !== 'RANGE') {
    throw invalid('Invalid KeySchema: The second KeySchemaElement is not a RANGE key type');
  }
  if (definitions.size !== attributes.length) {
    throw invalidParameter(
      'Number of attributes in KeySchema does not exactly match number of attributes defined in AttributeDefinitions',
    );
  }
  return { hash: attribute(hash), ...(range === undefined ? {} : { range: attribute(range) }) };
}

/** The view type asked for; undefined when the stream is to be off. */
function viewTypeOf(specification: CreateTableCommandInput['StreamSpecification']): StreamViewType | undefined {
  if (!specification) return undefined;
  const constraints = new Constraints();
  constraints.required('streamSpecification.streamEnabled', specification.StreamEnabled);
  constraints.oneOf('streamSpecification.streamViewType', specification.StreamViewType, STREAM_VIEW_TYPES);
  constraints.enforce();
  if (specification.StreamEnabled && !specification.StreamViewType) {
    throw invalidParameter('StreamViewType must be specified when StreamEnabled is true');
  }
  if (!specification.StreamEnabled && specification.StreamViewType) {
    throw invalidParameter('StreamViewType must not be specified when StreamEnabled is false');
  }
  return specification.StreamEnabled ? specification.StreamViewType : undefined;
}

function billingAfter(table: Table, input: UpdateTableCommandInput, nowMs: number): Table['billing'] {
  const mode = input.BillingMode ?? table.billing.mode;
  const throughput = input.ProvisionedThroughput;
  if (mode === 'PAY_PER_REQUEST') {
    if (throughput) throw neitherUnits();
    if (table.billing.mode === mode) return table.billing;
    return { mode, read: 0, write: 0, onDemandSinceMs: nowMs };
  }
  if (!throughput) {
    if (table.billing.mode === mode) return table.billing;
    throw invalidParameter('ProvisionedThroughput must be specified when BillingMode is PROVISIONED');
  }
  const read = throughput.ReadCapacityUnits ?? 0;
  const write = throughput.WriteCapacityUnits ?? 0;
  if (table.billing.mode === mode && read === table.billing.read && write === table.billing.write) {
    throw invalid(
      'The provisioned throughput for the table will not change. The requested value equals the current value. ' +
        `Current ReadCapacityUnits provisioned for the table: ${read}. Requested ReadCapacityUnits: ${read}. ` +
        `Current WriteCapacityUnits provisioned for the table: ${write}. Requested WriteCapacityUnits: ${write}. ` +
        'Refer to the Amazon DynamoDB Developer Guide for current limits and how to request higher limits.',
    );
  }
  return { ...table.billing, mode, read, write };
}

function refuseBusy(table: Table): void {
  if (table.status === 'ACTIVE') return;
  const doing = { CREATING: 'created', UPDATING: 'updated', DELETING: 'deleted' }[table.status];
  throw new AwsError(
    'ResourceInUseException',
    `Attempt to change a resource which is still in use: Table is being ${doing}: ${table.name}`,
  );
}

function tagsOf(tags: readonly Tag[], present: Readonly<Record<string, string>> = {}): Record<string, string> {
  const all = { ...present };
  for (const { Key, Value } of tags) {
    if (Key === undefined || Value === undefined) throw invalidParameter('A tag has a key and a value');
    all[Key] = Value;
  }
  if (Object.keys(all).length > TAGS_MAX) throw invalidParameter('Too many tags');
  return all;
}

function describe(table: Table): TableDescription {
  const attributes = keyAttributes(table.schema);
  const { billing, stream } = table;
  return {
    TableName: table.name,
    TableId: table.id,
    TableArn: table.arn,
    TableStatus: table.status,
    CreationDateTime: new Date(table.createdAtMs),
    KeySchema: attributes.map(({ name }, i) => ({ AttributeName: name, KeyType: i === 0 ? 'HASH' : 'RANGE' })),
    AttributeDefinitions: attributes.map(({ name, type }) => ({ AttributeName: name, AttributeType: type })),
    ProvisionedThroughput: {
      NumberOfDecreasesToday: 0,
      ReadCapacityUnits: billing.read,
      WriteCapacityUnits: billing.write,
    },
    ...(billing.onDemandSinceMs === undefined
      ? {}
      : {
          BillingModeSummary: {
            BillingMode: billing.mode,
            LastUpdateToPayPerRequestDateTime: new Date(billing.onDemandSinceMs),
          },
        }),
    ItemCount: table.counted.items,
    TableSizeBytes: table.counted.bytes,
    DeletionProtectionEnabled: table.deletionProtection,
    ...(stream ? { LatestStreamArn: stream.arn, LatestStreamLabel: stream.label } : {}),
    ...(stream?.enabled ? { StreamSpecification: { StreamEnabled: true, StreamViewType: stream.viewType } } : {}),
  };
}
