/**
 * What the store suite runs on: a DynamoDB reached over the wire by the product's own SDK ports. The embedded one is
 * started here; Amazon's DynamoDB Local in test/referees/dynamodb-local.
 */
import { DeleteTableCommand, DynamoDBClient, UpdateTableCommand } from '@aws-sdk/client-dynamodb';
import { createSdkPorts, type DynamoPort, type Ports } from '../../src/aws/index.ts';
import { type Clock, seededRandom, sleep, systemClock } from '../../src/core/index.ts';
import { CloudCore } from '../../src/local-cloud/cloud-core.ts';
import { DynamoService } from '../../src/local-cloud/services/dynamodb.ts';
import { StreamsService } from '../../src/local-cloud/services/streams.ts';
import { memoryState } from '../../src/local-cloud/state/index.ts';
import { serveWire } from '../../src/local-cloud/wire/index.ts';

export interface Backend {
  readonly ports: Pick<Ports, 'dynamodb' | 'streams'>;
  /** Resolves when the table is gone. */
  deleteTable(name: string): Promise<void>;
  /** Switches a table's stream off, or on under a new ARN. */
  switchStream(name: string, on: boolean): Promise<void>;
  close(): Promise<void>;
}

class DynamoCloud extends CloudCore {
  constructor(shards: { spanMs?: number; splitUnits?: number }) {
    const state = memoryState();
    const random = seededRandom(3);
    super({ clock: systemClock, random, state });
    this.start(() => {
      const settings = {
        accountId: '000000000000',
        region: 'us-east-1',
        awsHost: () => '127.0.0.1:0',
        delays: { lambdaPendingMs: 0, taskProvisioningMs: 0, serviceDrainingMs: 0, buildQueuedMs: 0 },
      };
      const deps = { state, settings, random, enter: this.enter };
      const dynamodb = new DynamoService({ ...deps, tablePhaseMs: 20, shards });
      return { services: [dynamodb, new StreamsService({ ...deps, dynamodb })], result: undefined };
    });
  }
}

/** The embedded DynamoDB behind its wire protocol. */
export async function openEmbedded(shards: { spanMs?: number; splitUnits?: number } = {}): Promise<Backend> {
  const cloud = new DynamoCloud(shards);
  const server = await serveWire({ cloud, host: '127.0.0.1', port: 0 });
  return backendAt(`http://127.0.0.1:${server.port}`, async () => {
    await server.close();
    cloud.close();
  });
}

/** A DynamoDB that listens already; `stop` ends it. */
export function backendAt(endpoint: string, stop: () => Promise<void>): Backend {
  const settings = { region: 'us-east-1', endpoint, credentials: { accessKeyId: 'any', secretAccessKey: 'any' } };
  const registry = { resolveDigest: () => Promise.reject(new Error('the store asks no registry')) };
  const { ports, close } = createSdkPorts(settings, registry);
  // The product itself neither deletes tables nor switches streams.
  const administrator = new DynamoDBClient({ ...settings, maxAttempts: 1 });
  return {
    ports,
    deleteTable: async (TableName) => {
      await administrator.send(new DeleteTableCommand({ TableName }));
      await settled(ports.dynamodb, TableName);
    },
    switchStream: async (TableName, on) => {
      const StreamSpecification = on
        ? { StreamEnabled: true, StreamViewType: 'NEW_AND_OLD_IMAGES' as const }
        : { StreamEnabled: false };
      await administrator.send(new UpdateTableCommand({ TableName, StreamSpecification }));
      await settled(ports.dynamodb, TableName);
    },
    close: async () => {
      close();
      administrator.destroy();
      await stop();
    },
  };
}

/** A table as `lc bootstrap` makes it, active. */
export async function createTable(dynamodb: DynamoPort, name: string, kind: 'desired' | 'state'): Promise<void> {
  const sortKey = kind === 'desired' ? 'name' : 'key';
  await dynamodb.createTable({
    TableName: name,
    BillingMode: 'PAY_PER_REQUEST',
    AttributeDefinitions: [
      { AttributeName: 'namespace', AttributeType: 'S' },
      { AttributeName: sortKey, AttributeType: 'S' },
    ],
    KeySchema: [
      { AttributeName: 'namespace', KeyType: 'HASH' },
      { AttributeName: sortKey, KeyType: 'RANGE' },
    ],
    ...(kind === 'desired'
      ? { StreamSpecification: { StreamEnabled: true, StreamViewType: 'NEW_AND_OLD_IMAGES' } }
      : {}),
  });
  await settled(dynamodb, name);
  if (kind === 'desired') return;
  const TimeToLiveSpecification = { AttributeName: 'expiresAt', Enabled: true };
  await dynamodb.updateTimeToLive({ TableName: name, TimeToLiveSpecification });
}

/** Waits until the table is active, or gone. */
async function settled(dynamodb: DynamoPort, TableName: string): Promise<void> {
  for (;;) {
    const table = await dynamodb.describeTable({ TableName }).catch((error: { kind?: string }) => {
      if (error.kind !== 'notFound') throw error;
      return undefined;
    });
    if (!table || table.Table?.TableStatus === 'ACTIVE') return;
    await sleep(systemClock, 10);
  }
}

/** The platform's clock, faster: what waits half a minute takes seconds. */
export function hurriedClock(factor: number): Clock {
  const startMs = systemClock.now();
  const startMonotonicMs = systemClock.monotonic();
  return {
    now: () => startMs + (systemClock.now() - startMs) * factor,
    monotonic: () => (systemClock.monotonic() - startMonotonicMs) * factor,
    after: (delayMs, fire, options) => systemClock.after(delayMs / factor, fire, options),
  };
}

/** A list that grows, and can be waited for: resolves as soon as `done` holds. */
export class Told {
  readonly all: string[] = [];
  #waiting: { done: (all: readonly string[]) => boolean; resolve: () => void }[] = [];

  readonly add = (text: string): void => {
    this.all.push(text);
    for (const waiter of this.#waiting) if (waiter.done(this.all)) waiter.resolve();
    this.#waiting = this.#waiting.filter(({ done }) => !done(this.all));
  };

  until(done: (all: readonly string[]) => boolean): Promise<void> {
    if (done(this.all)) return Promise.resolve();
    return new Promise((resolve) => this.#waiting.push({ done, resolve }));
  }
}
