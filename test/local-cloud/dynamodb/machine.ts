/**
 * The two machines on state in memory, with a clock that the test moves. Every call first advances them, as the cloud
 * does, and every stored value passes through JSON, as the journal makes it.
 */
import { seededRandom } from '../../../src/core/index.ts';
import type { CloudState, Collection, ServiceDeps, Stored } from '../../../src/local-cloud/contract.ts';
import { AwsError } from '../../../src/local-cloud/contract.ts';
import { type DynamoDeps, DynamoService } from '../../../src/local-cloud/services/dynamodb.ts';
import { StreamsService } from '../../../src/local-cloud/services/streams.ts';

export class MemoryState implements CloudState {
  readonly #collections = new Map<string, Map<string, string>>();

  collection<T>(name: string): Collection<T> {
    const texts = this.#collections.get(name) ?? new Map<string, string>();
    this.#collections.set(name, texts);
    const parse = (text: string | undefined) => (text === undefined ? undefined : (JSON.parse(text) as T));
    return {
      get: (key) => parse(texts.get(key)),
      has: (key) => texts.has(key),
      set: (key, value) => void texts.set(key, JSON.stringify(value)),
      delete: (key) => texts.delete(key),
      values: () => [...texts.values()].map((text) => JSON.parse(text) as T),
      each: () => [...texts.values()].map((text) => JSON.parse(text) as Stored<T>),
      keys: () => [...texts.keys()],
      get size() {
        return texts.size;
      },
    };
  }

  /** Puts back what a copy held: the way a cloud undoes a step. */
  restore(copy: Map<string, Map<string, string>>): void {
    for (const [name, texts] of this.#collections) {
      texts.clear();
      for (const [key, text] of copy.get(name) ?? []) texts.set(key, text);
    }
  }

  copy(): Map<string, Map<string, string>> {
    return new Map([...this.#collections].map(([name, texts]) => [name, new Map(texts)]));
  }
}

export const START_MS = Date.UTC(2026, 0, 1);

export class Machine {
  readonly state: MemoryState;
  dynamo: DynamoService;
  streams: StreamsService;
  nowMs = START_MS;

  readonly #shards: DynamoDeps['shards'];

  constructor(state = new MemoryState(), shards: DynamoDeps['shards'] = {}) {
    this.state = state;
    this.#shards = shards;
    [this.dynamo, this.streams] = this.#start();
  }

  /** New machines on the same state: what a restart of the cloud is. */
  restart(): void {
    [this.dynamo, this.streams] = this.#start();
  }

  #start(): [DynamoService, StreamsService] {
    const deps: ServiceDeps = {
      state: this.state,
      settings: {
        accountId: '000000000000',
        region: 'us-east-1',
        awsHost: () => '127.0.0.1:4577',
        delays: { lambdaPendingMs: 0, taskProvisioningMs: 0, serviceDrainingMs: 0, buildQueuedMs: 0 },
      },
      random: seededRandom(7),
      enter: (step) => step(this.nowMs),
    };
    const dynamo = new DynamoService({ ...deps, shards: this.#shards ?? {} });
    return [dynamo, new StreamsService({ ...deps, dynamodb: dynamo })];
  }

  // biome-ignore lint/suspicious/noExplicitAny: tests read any operation's answer
  call(operation: string, input: object): any {
    this.dynamo.advance(this.nowMs);
    const handler = this.dynamo.operations[operation] ?? this.streams.operations[operation];
    if (!handler) throw new Error(`no operation ${operation}`);
    return handler(input, { nowMs: this.nowMs, requestId: 'r' });
  }

  /** `Code: message` of the error that a call must give. */
  refusal(operation: string, input: object): string {
    return `${this.error(operation, input).code}: ${this.error(operation, input).message}`;
  }

  error(operation: string, input: object): AwsError {
    try {
      this.call(operation, input);
    } catch (error) {
      if (error instanceof AwsError) return error;
      throw error;
    }
    throw new Error(`${operation} did not fail`);
  }

  pass(ms: number): void {
    this.nowMs += ms;
    this.dynamo.advance(this.nowMs);
  }

  /** Lets every timer that the machines ask for fire, in order, until `ms` have passed. */
  run(ms: number): void {
    const endMs = this.nowMs + ms;
    for (;;) {
      const dueAtMs = this.dynamo.nextAtMs();
      if (dueAtMs === undefined || dueAtMs > endMs) break;
      this.nowMs = Math.max(this.nowMs, dueAtMs);
      this.dynamo.advance(this.nowMs);
    }
    this.nowMs = endMs;
  }

  /** An active table `tbl` with keys `pk` (S) and `sk` (N). */
  table(more: object = {}, name = 'tbl'): this {
    this.call('CreateTable', {
      TableName: name,
      KeySchema: [
        { AttributeName: 'pk', KeyType: 'HASH' },
        { AttributeName: 'sk', KeyType: 'RANGE' },
      ],
      AttributeDefinitions: [
        { AttributeName: 'pk', AttributeType: 'S' },
        { AttributeName: 'sk', AttributeType: 'N' },
      ],
      BillingMode: 'PAY_PER_REQUEST',
      ...more,
    });
    this.pass(1000);
    return this;
  }
}
