/**
 * One script of SQS and EventBridge calls through the unmodified SDK, at the local cloud and at moto: where moto is right,
 * both answer alike. Where it is known to differ from AWS the script does not go. The SDK's own digests are checked on
 * the way. Skipped by name where moto is not installed.
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import * as events from '@aws-sdk/client-eventbridge';
import * as sqs from '@aws-sdk/client-sqs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { seededRandom, systemClock } from '../../../src/core/index.ts';
import { BareCloud } from '../../../src/local-cloud/cloud-core.ts';
import { EventBridgeService } from '../../../src/local-cloud/services/eventbridge.ts';
import { SqsService } from '../../../src/local-cloud/services/sqs.ts';
import { memoryState } from '../../../src/local-cloud/state/index.ts';
import { serveWire } from '../../../src/local-cloud/wire/index.ts';

const hasMoto = process.env.CI === 'true' || spawnSync('moto_server', ['--help'], { stdio: 'ignore' }).status === 0;
/** moto's account. */
const ACCOUNT = '123456789012';
const REGION = 'us-east-1';
const CREDENTIALS = { accessKeyId: 'test', secretAccessKey: 'test' };

interface Place {
  readonly url: string;
  close(): Promise<void>;
}

async function localCloud(): Promise<Place> {
  const random = seededRandom(1);
  const state = memoryState();
  let port = 0;
  const settings = {
    accountId: ACCOUNT,
    region: REGION,
    awsHost: () => `127.0.0.1:${port}`,
    delays: { lambdaPendingMs: 0, taskProvisioningMs: 0, serviceDrainingMs: 0, buildQueuedMs: 0 },
  };
  const cloud = new BareCloud({ clock: systemClock, random, state }, (enter) => {
    const deps = { state, settings, random, enter };
    const queues = new SqsService(deps);
    return [queues, new EventBridgeService({ ...deps, sqs: queues })];
  });
  const wire = await serveWire({ cloud, host: '127.0.0.1', port: 0 });
  port = wire.port;
  return {
    url: `http://127.0.0.1:${port}`,
    close: async () => {
      await wire.close();
      cloud.close();
    },
  };
}

async function moto(): Promise<Place> {
  const server: ChildProcess = spawn('moto_server', ['-H', '127.0.0.1', '-p', '0'], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  const url = await new Promise<string>((listening, reject) => {
    let text = '';
    server.stderr?.on('data', (chunk: Buffer) => {
      text += chunk.toString();
      const found = /Running on (http:\/\/127\.0\.0\.1:\d+)/.exec(text)?.[1];
      if (found) listening(found);
    });
    server.once('error', reject);
    server.once('exit', () => reject(new Error(`moto_server ended: ${text}`)));
  });
  const close = async () => {
    const ended = new Promise((resolve) => server.once('exit', resolve));
    server.kill();
    await ended;
  };
  return { url, close };
}

/** What an observer may compare: no ids, handles, times or hosts. */
function comparable(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(comparable);
  if (typeof value === 'string') return value.replace(/http:\/\/[^/]+\//, 'http://host/');
  if (typeof value !== 'object' || value === null) return value;
  const dropped =
    /^(\$metadata|MessageId|ReceiptHandle|EventId|.*Timestamp|SenderId|SequenceNumber|Message|CreatedBy)$/;
  return Object.fromEntries(
    Object.entries(value)
      .filter(([key, member]) => !dropped.test(key) && member !== undefined)
      .filter(([, member]) => !(Array.isArray(member) && member.length === 0))
      .map(([key, member]) => [key, comparable(member)]),
  );
}

type Step = readonly [what: string, run: (at: At) => Promise<unknown>];

class At {
  readonly #url: string;
  readonly sqs: sqs.SQSClient;
  readonly events: events.EventBridgeClient;
  readonly handles: string[] = [];

  constructor(url: string) {
    this.#url = url;
    const settings = { region: REGION, endpoint: url, credentials: CREDENTIALS, maxAttempts: 1 };
    this.sqs = new sqs.SQSClient(settings);
    this.events = new events.EventBridgeClient(settings);
  }

  queue(name: string): string {
    return `${this.#url}/${ACCOUNT}/${name}`;
  }

  async receive(name: string, input: Partial<sqs.ReceiveMessageCommandInput> = {}): Promise<unknown> {
    const command = new sqs.ReceiveMessageCommand({ QueueUrl: this.queue(name), MaxNumberOfMessages: 10, ...input });
    const { Messages = [] } = await this.sqs.send(command);
    this.handles.splice(0, this.handles.length, ...Messages.map(({ ReceiptHandle = '' }) => ReceiptHandle));
    return Messages;
  }

  close(): void {
    this.sqs.destroy();
    this.events.destroy();
  }
}

const BINARY = new Uint8Array([1, 2, 255]);
const FIFO = { FifoQueue: 'true', ContentBasedDeduplication: 'true' };
const arn = (name: string) => `arn:aws:sqs:${REGION}:${ACCOUNT}:${name}`;

const QUEUES: readonly Step[] = [
  [
    'create',
    (at) =>
      at.sqs.send(
        new sqs.CreateQueueCommand({ QueueName: 'a', Attributes: { VisibilityTimeout: '60' }, tags: { t: '1' } }),
      ),
  ],
  [
    'create again',
    (at) => at.sqs.send(new sqs.CreateQueueCommand({ QueueName: 'a', Attributes: { VisibilityTimeout: '60' } })),
  ],
  [
    'create otherwise',
    (at) => at.sqs.send(new sqs.CreateQueueCommand({ QueueName: 'a', Attributes: { VisibilityTimeout: '61' } })),
  ],
  ['a bad name', (at) => at.sqs.send(new sqs.CreateQueueCommand({ QueueName: 'a b' }))],
  ['its URL', (at) => at.sqs.send(new sqs.GetQueueUrlCommand({ QueueName: 'a' }))],
  ['no queue', (at) => at.sqs.send(new sqs.GetQueueUrlCommand({ QueueName: 'none' }))],
  [
    'some attributes',
    (at) =>
      at.sqs.send(
        new sqs.GetQueueAttributesCommand({
          QueueUrl: at.queue('a'),
          AttributeNames: [
            'QueueArn',
            'VisibilityTimeout',
            'DelaySeconds',
            'MessageRetentionPeriod',
            'ReceiveMessageWaitTimeSeconds',
          ],
        }),
      ),
  ],
  ['tags', (at) => at.sqs.send(new sqs.ListQueueTagsCommand({ QueueUrl: at.queue('a') }))],
  [
    'send',
    (at) =>
      at.sqs.send(
        new sqs.SendMessageCommand({
          QueueUrl: at.queue('a'),
          MessageBody: 'wörk',
          MessageAttributes: {
            text: { DataType: 'String', StringValue: 'é' },
            bytes: { DataType: 'Binary', BinaryValue: BINARY },
            number: { DataType: 'Number.int', StringValue: '7' },
          },
        }),
      ),
  ],
  [
    'send a batch',
    (at) =>
      at.sqs.send(
        new sqs.SendMessageBatchCommand({
          QueueUrl: at.queue('a'),
          Entries: ['1', '2'].map((Id) => ({ Id, MessageBody: `m${Id}` })),
        }),
      ),
  ],
  ['an empty batch', (at) => at.sqs.send(new sqs.SendMessageBatchCommand({ QueueUrl: at.queue('a'), Entries: [] }))],
  [
    'ids twice',
    (at) =>
      at.sqs.send(
        new sqs.SendMessageBatchCommand({
          QueueUrl: at.queue('a'),
          Entries: ['1', '1'].map((Id) => ({ Id, MessageBody: 'm' })),
        }),
      ),
  ],
  ['receive', (at) => at.receive('a', { MessageAttributeNames: ['All'] })],
  ['nothing is left', (at) => at.receive('a')],
  [
    'give one back',
    async (at) => {
      await at.receive('a');
      return at.sqs.send(new sqs.SendMessageCommand({ QueueUrl: at.queue('a'), MessageBody: 'back' }));
    },
  ],
  ['receive it', (at) => at.receive('a', { MessageSystemAttributeNames: ['ApproximateReceiveCount'] })],
  [
    'hide it for no time',
    (at) =>
      at.sqs.send(
        new sqs.ChangeMessageVisibilityCommand({
          QueueUrl: at.queue('a'),
          ReceiptHandle: at.handles[0],
          VisibilityTimeout: 0,
        }),
      ),
  ],
  ['it is there, with a count', (at) => at.receive('a', { MessageSystemAttributeNames: ['ApproximateReceiveCount'] })],
  [
    'delete it',
    (at) =>
      at.sqs.send(
        new sqs.DeleteMessageBatchCommand({
          QueueUrl: at.queue('a'),
          Entries: [{ Id: 'x', ReceiptHandle: at.handles[0] }],
        }),
      ),
  ],
  ['a FIFO queue', (at) => at.sqs.send(new sqs.CreateQueueCommand({ QueueName: 'f.fifo', Attributes: FIFO }))],
  [
    'two groups',
    async (at) => {
      for (const [group, body] of [
        ['x', 'x1'],
        ['x', 'x2'],
        ['y', 'y1'],
        ['x', 'x1'],
      ] as const) {
        await at.sqs.send(
          new sqs.SendMessageCommand({ QueueUrl: at.queue('f.fifo'), MessageBody: body, MessageGroupId: group }),
        );
      }
      return at.receive('f.fifo', { MaxNumberOfMessages: 1, MessageSystemAttributeNames: ['MessageGroupId'] });
    },
  ],
  ['a group that is out waits', (at) => at.receive('f.fifo')],
  ['no group', (at) => at.sqs.send(new sqs.SendMessageCommand({ QueueUrl: at.queue('f.fifo'), MessageBody: 'm' }))],
  ['list', (at) => at.sqs.send(new sqs.ListQueuesCommand({ QueueNamePrefix: 'f' }))],
  ['delete', (at) => at.sqs.send(new sqs.DeleteQueueCommand({ QueueUrl: at.queue('f.fifo') }))],
];

const RULES: readonly Step[] = [
  ['a queue', (at) => at.sqs.send(new sqs.CreateQueueCommand({ QueueName: 'told' }))],
  [
    'that lets EventBridge in',
    (at) =>
      at.sqs.send(
        new sqs.SetQueueAttributesCommand({
          QueueUrl: at.queue('told'),
          Attributes: {
            Policy: JSON.stringify({
              Version: '2012-10-17',
              Statement: [
                {
                  Effect: 'Allow',
                  Principal: { Service: 'events.amazonaws.com' },
                  Action: 'sqs:SendMessage',
                  Resource: arn('told'),
                },
              ],
            }),
          },
        }),
      ),
  ],
  [
    'a rule',
    (at) =>
      at.events.send(
        new events.PutRuleCommand({
          Name: 'r',
          EventPattern: '{"source":[{"prefix":"mine"}],"detail":{"n":[{"numeric":[">",1]}]}}',
        }),
      ),
  ],
  [
    'its target',
    (at) => at.events.send(new events.PutTargetsCommand({ Rule: 'r', Targets: [{ Id: 't', Arn: arn('told') }] })),
  ],
  [
    'targets of no rule',
    (at) => at.events.send(new events.PutTargetsCommand({ Rule: 'none', Targets: [{ Id: 't', Arn: arn('told') }] })),
  ],
  ['list', (at) => at.events.send(new events.ListRulesCommand({ NamePrefix: 'r' }))],
  ['its targets', (at) => at.events.send(new events.ListTargetsByRuleCommand({ Rule: 'r' }))],
  ['rules of a target', (at) => at.events.send(new events.ListRuleNamesByTargetCommand({ TargetArn: arn('told') }))],
  [
    'events',
    (at) =>
      at.events.send(
        new events.PutEventsCommand({
          Entries: [1, 2, 3].map((n) => ({
            Source: n < 3 ? 'mine.x' : 'other',
            DetailType: 't',
            Detail: `{"n":${n}}`,
          })),
        }),
      ),
  ],
  [
    'the one that matched',
    async (at) => {
      const messages = (await at.receive('told', { WaitTimeSeconds: 1 })) as { Body: string }[];
      return messages.map(({ Body }) => {
        // moto leaves the account out.
        const { id: _, time: __, account: ___, ...event } = JSON.parse(Body);
        return event;
      });
    },
  ],
  [
    'a pattern that is none',
    (at) => at.events.send(new events.PutRuleCommand({ Name: 'x', EventPattern: '{"source":"a"}' })),
  ],
  ['disabled', (at) => at.events.send(new events.DisableRuleCommand({ Name: 'r' }))],
  ['without targets', (at) => at.events.send(new events.RemoveTargetsCommand({ Rule: 'r', Ids: ['t'] }))],
  ['gone', (at) => at.events.send(new events.DeleteRuleCommand({ Name: 'r' }))],
  ['described', (at) => at.events.send(new events.DescribeRuleCommand({ Name: 'r' }))],
];

async function answers(url: string, steps: readonly Step[]): Promise<string[]> {
  const at = new At(url);
  const all: string[] = [];
  for (const [what, run] of steps) {
    const answer = await run(at).catch((error: unknown) => {
      if (error instanceof sqs.SQSServiceException || error instanceof events.EventBridgeServiceException) {
        return { error: error.name };
      }
      throw error;
    });
    all.push(`${what}: ${JSON.stringify(sorted(comparable(answer)))}`);
  }
  at.close();
  return all;
}

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, member]) => [key, sorted(member)]),
  );
}

describe.skipIf(!hasMoto)('as moto answers (skipped where moto_server is not installed)', () => {
  let here: Place;
  let there: Place;

  beforeAll(async () => {
    [here, there] = await Promise.all([localCloud(), moto()]);
  }, 30_000);
  afterAll(async () => {
    await Promise.all([here?.close(), there?.close()]);
  });

  it('queues', async () => {
    expect(await answers(here.url, QUEUES)).toEqual(await answers(there.url, QUEUES));
  });

  it('rules', async () => {
    expect(await answers(here.url, RULES)).toEqual(await answers(there.url, RULES));
  });
});
