/**
 * What ECS tells EventBridge: every change of a task, the course of deployments, and the notable of a service. Nothing
 * else: that a service was updated or deleted comes with a trail only.
 * https://docs.aws.amazon.com/AmazonECS/latest/developerguide/ecs_cwe_events.html
 */
import type { EventSink } from '../eventbridge.ts';
import type { Announcements, EcsRecords } from './model.ts';
import { taskShape } from './task-shape.ts';

const SOURCE = 'aws.ecs';
const DEPLOYMENT = {
  IN_PROGRESS: { eventType: 'INFO', eventName: 'SERVICE_DEPLOYMENT_IN_PROGRESS' },
  COMPLETED: { eventType: 'INFO', eventName: 'SERVICE_DEPLOYMENT_COMPLETED' },
  FAILED: { eventType: 'ERROR', eventName: 'SERVICE_DEPLOYMENT_FAILED' },
} as const;

export function announcements(records: EcsRecords, sink: EventSink): Announcements {
  return {
    task: (task, nowMs) =>
      sink.emit(SOURCE, 'ECS Task State Change', nowMs, () => {
        const { tags: _, attachments = [], ...shape } = taskShape(records, task);
        const detail = {
          ...shape,
          // The API calls it ElasticNetworkInterface.
          attachments: attachments.map((attachment) => ({ ...attachment, type: 'eni' })),
          updatedAt: new Date(nowMs),
        };
        return { resources: [task.arn], detail };
      }),
    deployment: (serviceArn, { id, rolloutState, rolloutStateReason, updatedMs }, nowMs) =>
      sink.emit(SOURCE, 'ECS Deployment State Change', nowMs, () => ({
        resources: [serviceArn],
        detail: {
          ...DEPLOYMENT[rolloutState],
          deploymentId: id,
          updatedAt: new Date(updatedMs),
          reason: rolloutStateReason,
        },
      })),
    action: ({ arn, clusterArn }, eventType, eventName, nowMs) =>
      sink.emit(SOURCE, 'ECS Service Action', nowMs, () => ({
        resources: [arn],
        detail: { eventType, eventName, clusterArn, createdAt: new Date(nowMs) },
      })),
  };
}
