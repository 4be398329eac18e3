/** A cloud of queues and rules alone, under a virtual clock. */
import { seededRandom, VirtualClock } from '../../../src/core/index.ts';
import { BareCloud } from '../../../src/local-cloud/cloud-core.ts';
import type { EventSettings } from '../../../src/local-cloud/contract.ts';
import { EventBridgeService } from '../../../src/local-cloud/services/eventbridge.ts';
import { SqsService } from '../../../src/local-cloud/services/sqs.ts';
import { memoryState } from '../../../src/local-cloud/state/index.ts';
import type { StateStore } from '../../../src/local-cloud/state/store.ts';
import { SETTINGS } from '../cloud/world.ts';

// biome-ignore lint/suspicious/noExplicitAny: answers are looked at member by member
type Answer = any;

export function queueWorld(settings: { state?: StateStore; clock?: VirtualClock; events?: EventSettings } = {}) {
  const { state = memoryState(), clock = new VirtualClock() } = settings;
  const random = seededRandom(5);
  let services: { sqs: SqsService; events: EventBridgeService } | undefined;
  const cloud = new BareCloud({ clock, random, state }, (enter) => {
    const deps = { state, settings: { ...SETTINGS, events: settings.events }, random, enter };
    const sqs = new SqsService(deps);
    services = { sqs, events: new EventBridgeService({ ...deps, sqs }) };
    return Object.values(services);
  });
  if (!services) throw new Error('not built');
  const call = (operation: string, input: object): Answer => cloud.call('sqs', operation, input);
  return {
    clock,
    cloud,
    state,
    ...services,
    call,
    events: services.events,
    callEvents: (operation: string, input: object): Answer => cloud.call('events', operation, input),
    queue: (QueueName: string, Attributes: Record<string, string> = {}): string =>
      call('CreateQueue', { QueueName, Attributes }).QueueUrl,
    receive: (QueueUrl: string, input: object = {}, signal?: AbortSignal): Promise<Answer> =>
      cloud.callAsync('sqs', 'ReceiveMessage', { QueueUrl, ...input }, undefined, signal),
    /** Lets so much time pass. */
    pass: async (ms: number) => {
      clock.after(ms, () => {});
      await clock.run(() => false, ms);
    },
  };
}
