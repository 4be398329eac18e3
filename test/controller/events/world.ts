/** An intake on the local cloud's own queues, under a virtual clock: what it asks for, says and measures. */

import type { SqsPort } from '../../../src/aws/index.ts';
import { EventIntake, type IntakeCondition, IntakeMetrics, LastWriters } from '../../../src/controller/index.ts';
import { type Logger, Metrics, seededRandom } from '../../../src/core/index.ts';
import { createDirectPorts } from '../../../src/local-cloud/index.ts';
import {
  type AnyKind,
  type AwsEvent,
  formatKey,
  type KindRegistry,
  type ObjectKey,
} from '../../../src/resource/index.ts';
import { queueWorld } from '../../local-cloud/sqs/world.ts';

/** Two kinds as the real ones declare their interests. */
const KINDS: KindRegistry = new Map([
  [
    'service',
    {
      name: 'service',
      events: [
        {
          source: 'aws.ecs',
          detailType: 'ECS Service Action',
          names: ({ resources }: AwsEvent) => resources.map((arn) => arn.slice(arn.lastIndexOf('/') + 1)),
        },
      ],
    } as unknown as AnyKind,
  ],
  [
    'rule',
    {
      name: 'rule',
      events: [
        {
          source: 'aws.elasticloadbalancing',
          detailType: 'AWS API Call via CloudTrail',
          detail: { eventName: ['ModifyRule'] },
          needsTrail: true,
          names: ({ detail }: AwsEvent) => [String((detail.requestParameters as { ruleArn: string }).ruleArn)],
        },
      ],
    } as unknown as AnyKind,
  ],
]);

export const OWN = 'arn:aws:sts::000000000000:assumed-role/controller/session';

export interface Line {
  readonly level: string;
  readonly message: string;
  readonly fields: object;
}

/** `objects`: names of services and rules by the object that has them. */
export function intakeWorld(
  settings: { objects?: Record<string, string>; queue?: string; sqs?: (real: SqsPort) => Partial<SqsPort> } = {},
) {
  const { objects = { web: 'shop/web' }, queue = 'events' } = settings;
  const cloud = queueWorld();
  const ports = createDirectPorts(cloud.cloud, { resolveDigest: () => Promise.reject(new Error('not asked')) });
  const calls: string[] = [];
  const counted = new Proxy(ports.sqs, {
    get: (target, name: keyof SqsPort) => (input: never, call: never) => {
      calls.push(name);
      const replaced = settings.sqs?.(ports.sqs)[name] as ((input: never, call: never) => unknown) | undefined;
      return replaced ? replaced(input, call) : target[name](input, call);
    },
  });
  const asked: { key: string; kind: string; reason: string; atMs: number }[] = [];
  const lines: Line[] = [];
  const log = (level: string) => (fields: object, message: string) => void lines.push({ level, message, fields });
  const logger = {
    ...{ debug: log('debug'), info: log('info'), warn: log('warn'), error: log('error'), fatal: log('fatal') },
    child: () => logger,
  } as unknown as Logger;
  const conditions: IntakeCondition[] = [];
  const metrics = new Metrics();
  const writers = new LastWriters(() => cloud.clock.now());
  const intake = new EventIntake({
    sqs: counted,
    queue,
    kinds: KINDS,
    index: {
      keysOf: (_kind, names) =>
        names.flatMap((name) => {
          const [namespace, object] = objects[name]?.split('/') ?? [];
          return namespace && object ? [{ namespace, name: object }] : [];
        }),
    },
    own: { made: async ({ detail }) => (detail.userIdentity as { arn?: string } | undefined)?.arn === OWN },
    writers,
    enqueue: (key: ObjectKey, { kind, reasons }) =>
      void asked.push({ key: formatKey(key), kind, reason: reasons.join(), atMs: cloud.clock.now() }),
    journal: { write: async (condition) => void conditions.push(condition) },
    metrics: new IntakeMetrics(metrics),
    clock: cloud.clock,
    random: seededRandom(1),
    logger,
  });
  const stopping = new AbortController();
  let running: Promise<void> | undefined;
  let number = 0;
  return {
    ...cloud,
    asked,
    lines,
    conditions,
    calls,
    writers,
    start: () => {
      running = intake.run(stopping.signal);
    },
    stop: async () => {
      stopping.abort();
      await running;
    },
    event: (changes: object = {}) => ({
      version: '0',
      id: `id-${number++}`,
      'detail-type': 'ECS Service Action',
      source: 'aws.ecs',
      account: '000000000000',
      region: 'us-east-1',
      time: new Date(cloud.clock.now()).toISOString(),
      resources: ['arn:aws:ecs:us-east-1:000000000000:service/main/web'],
      detail: { eventType: 'INFO', eventName: 'SERVICE_STEADY_STATE' },
      ...changes,
    }),
    send: (QueueUrl: string, body: unknown) =>
      cloud.call('SendMessage', { QueueUrl, MessageBody: typeof body === 'string' ? body : JSON.stringify(body) }),
    metric: (name: string): number => {
      const line = metrics
        .text()
        .split('\n')
        .find((each) => each.startsWith(`${name} `));
      return Number(line?.slice(name.length + 1) ?? 0);
    },
    count: (QueueUrl: string): number => {
      const names = ['ApproximateNumberOfMessages', 'ApproximateNumberOfMessagesNotVisible'];
      const { Attributes } = cloud.call('GetQueueAttributes', { QueueUrl, AttributeNames: names });
      return names.reduce((sum, name) => sum + Number(Attributes[name]), 0);
    },
  };
}
