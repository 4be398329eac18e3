/**
 * Queue and rules by which the local account tells the controller what happened, as `deploy/` makes them in a real one.
 * Idempotent: rules that no kind asks for any more go.
 */
import type { Ports } from '../../aws/index.ts';
import { eventPatterns } from '../../controller/index.ts';
import { KINDS } from '../../kinds/index.ts';

export const EVENTS_QUEUE = 'lambdacontainer-events';
/** Of every rule's name that is ours. */
const PREFIX = 'lambdacontainer-';
const TARGET_ID = 'events';

export interface Place {
  readonly accountId: string;
  readonly region: string;
}

/** Returns the queue's name. */
export async function createEventRules({ sqs, events }: Pick<Ports, 'sqs' | 'events'>, { accountId, region }: Place) {
  const queueArn = `arn:aws:sqs:${region}:${accountId}:${EVENTS_QUEUE}`;
  const { QueueUrl } = await sqs.createQueue({ QueueName: EVENTS_QUEUE });
  const Policy = JSON.stringify({
    Version: '2012-10-17',
    Statement: [
      {
        Effect: 'Allow',
        Principal: { Service: 'events.amazonaws.com' },
        Action: 'sqs:SendMessage',
        Resource: queueArn,
        Condition: { ArnLike: { 'aws:SourceArn': `arn:aws:events:${region}:${accountId}:rule/${PREFIX}*` } },
      },
    ],
  });
  await sqs.setQueueAttributes({ QueueUrl, Attributes: { Policy } });
  const patterns = eventPatterns(KINDS);
  await Promise.all(
    patterns.map(async ({ name, pattern }) => {
      await events.putRule({ Name: name, EventPattern: JSON.stringify(pattern) });
      await events.putTargets({ Rule: name, Targets: [{ Id: TARGET_ID, Arn: queueArn }] });
    }),
  );
  const { Rules = [] } = await events.listRules({ NamePrefix: PREFIX });
  for (const { Name } of Rules) {
    if (patterns.some(({ name }) => name === Name)) continue;
    await events.removeTargets({ Rule: Name, Ids: [TARGET_ID] });
    await events.deleteRule({ Name });
  }
  return EVENTS_QUEUE;
}
