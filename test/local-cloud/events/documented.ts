/**
 * The members that AWS documents of the events that the local cloud emits, by path, each with its type: taken from the
 * examples of the user guides. `[]` is any element. What stands here must be there; more may be.
 */
export type Documented = Readonly<
  Record<string, 'string' | 'number' | 'boolean' | 'time' | 'text time' | 'object' | 'list'>
>;

/** https://docs.aws.amazon.com/eventbridge/latest/ref/overiew-event-structure.html */
export const ENVELOPE: Documented = {
  version: 'string',
  id: 'string',
  'detail-type': 'string',
  source: 'string',
  account: 'string',
  time: 'time',
  region: 'string',
  resources: 'list',
  detail: 'object',
};

/** https://docs.aws.amazon.com/AmazonECS/latest/developerguide/ecs_service_events.html */
export const SERVICE_ACTION: Documented = {
  eventType: 'string',
  eventName: 'string',
  clusterArn: 'string',
  createdAt: 'time',
};

/** https://docs.aws.amazon.com/AmazonECS/latest/developerguide/ecs_service_deployment_events.html */
export const DEPLOYMENT_STATE_CHANGE: Documented = {
  eventType: 'string',
  eventName: 'string',
  deploymentId: 'string',
  updatedAt: 'time',
  reason: 'string',
};

/** https://docs.aws.amazon.com/AmazonECS/latest/developerguide/ecs_task_events.html, of a task that runs */
export const TASK_STATE_CHANGE: Documented = {
  'attachments.[].id': 'string',
  'attachments.[].type': 'string',
  'attachments.[].status': 'string',
  'attachments.[].details.[].name': 'string',
  'attachments.[].details.[].value': 'string',
  availabilityZone: 'string',
  clusterArn: 'string',
  'containers.[].containerArn': 'string',
  'containers.[].lastStatus': 'string',
  'containers.[].name': 'string',
  'containers.[].image': 'string',
  'containers.[].imageDigest': 'string',
  'containers.[].runtimeId': 'string',
  'containers.[].taskArn': 'string',
  'containers.[].networkInterfaces.[].attachmentId': 'string',
  'containers.[].networkInterfaces.[].privateIpv4Address': 'string',
  createdAt: 'time',
  launchType: 'string',
  cpu: 'string',
  memory: 'string',
  desiredStatus: 'string',
  group: 'string',
  lastStatus: 'string',
  overrides: 'object',
  connectivity: 'string',
  connectivityAt: 'time',
  pullStartedAt: 'time',
  startedAt: 'time',
  pullStoppedAt: 'time',
  updatedAt: 'time',
  taskArn: 'string',
  taskDefinitionArn: 'string',
  version: 'number',
  platformVersion: 'string',
};

/** https://docs.aws.amazon.com/AmazonECR/latest/userguide/ecr-eventbridge.html */
export const IMAGE_ACTION: Documented = {
  result: 'string',
  'repository-name': 'string',
  'image-digest': 'string',
  'action-type': 'string',
  'image-tag': 'string',
};

/** https://docs.aws.amazon.com/codebuild/latest/userguide/sample-build-notifications-ref.html, of a build without a source */
const BUILD: Documented = {
  'project-name': 'string',
  'build-id': 'string',
  version: 'string',
  'additional-information.environment.image': 'string',
  'additional-information.environment.privileged-mode': 'boolean',
  'additional-information.environment.compute-type': 'string',
  'additional-information.environment.type': 'string',
  'additional-information.environment.environment-variables': 'list',
  'additional-information.timeout-in-minutes': 'number',
  'additional-information.build-complete': 'boolean',
  'additional-information.initiator': 'string',
  'additional-information.build-start-time': 'text time',
  'additional-information.source.type': 'string',
  'additional-information.logs.group-name': 'string',
  'additional-information.logs.stream-name': 'string',
  'additional-information.phases.[].start-time': 'text time',
  'additional-information.phases.[].phase-type': 'string',
};
export const BUILD_STATE_CHANGE: Documented = {
  ...BUILD,
  'build-status': 'string',
  'current-phase': 'string',
  'current-phase-context': 'string',
};
export const BUILD_PHASE_CHANGE: Documented = {
  ...BUILD,
  'completed-phase': 'string',
  'completed-phase-status': 'string',
  'completed-phase-context': 'string',
  'completed-phase-duration-seconds': 'number',
  'completed-phase-start': 'text time',
  'completed-phase-end': 'text time',
};

/** https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-event-reference-record-contents.html */
export const API_CALL: Documented = {
  eventVersion: 'string',
  'userIdentity.type': 'string',
  'userIdentity.arn': 'string',
  'userIdentity.accountId': 'string',
  eventTime: 'time',
  eventSource: 'string',
  eventName: 'string',
  awsRegion: 'string',
  sourceIPAddress: 'string',
  userAgent: 'string',
  requestParameters: 'object',
  requestID: 'string',
  eventID: 'string',
  eventType: 'string',
  recipientAccountId: 'string',
};

const TESTS: Readonly<Record<Documented[string], (value: unknown) => boolean>> = {
  string: (value) => typeof value === 'string',
  number: (value) => typeof value === 'number',
  boolean: (value) => typeof value === 'boolean',
  time: (value) => typeof value === 'string' && /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{3})?Z$/.test(value),
  'text time': (value) =>
    typeof value === 'string' && /^[A-Z][a-z]{2} \d{1,2}, \d{4} \d{1,2}:\d\d:\d\d [AP]M$/.test(value),
  object: (value) => typeof value === 'object' && value !== null && !Array.isArray(value),
  list: (value) => Array.isArray(value),
};

/** The documented members that a value lacks or has in another type. */
export function lacking(value: unknown, documented: Documented): string[] {
  return Object.entries(documented).flatMap(([path, type]) => {
    const found = at(value, path.split('.'));
    return found.length > 0 && found.every(TESTS[type]) ? [] : [`${path}: ${type}, not ${JSON.stringify(found)}`];
  });
}

function at(value: unknown, [step, ...rest]: readonly string[]): unknown[] {
  if (step === undefined) return [value];
  if (step === '[]') return Array.isArray(value) ? value.flatMap((each) => at(each, rest)) : [];
  const member = (value as Record<string, unknown> | null | undefined)?.[step];
  return member === undefined ? [] : at(member, rest);
}
