/**
 * A CloudTrail trail: calls that changed something become "AWS API Call via CloudTrail" events, some time later and in
 * CloudTrail's spelling. It keeps no log and no event history, tells of management calls only (no items, messages, log
 * lines or invocations), and of none that was refused: those changed nothing.
 * https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-event-reference-record-contents.html
 */
import { type Random, uuid } from '../core/index.ts';
import type { CloudSettings, RequestContext, ServiceId } from './contract.ts';
import type { Identity } from './iam/identity.ts';
import { serviceEntry } from './wire/catalog.ts';
import type { Shape } from './wire/schema.ts';

/** Where its events go; EventBridgeService is one. */
export interface TrailSink {
  emit(
    source: string,
    detailType: string,
    nowMs: number,
    describe: () => { readonly resources: readonly string[]; readonly detail: Readonly<Record<string, unknown>> },
    delayMs?: number,
  ): void;
}

const DETAIL_TYPE = 'AWS API Call via CloudTrail';
const READING = /^(Get|List|Head|Describe|BatchGet|Filter|Test|Select|Decode|Lookup|Search|Assume)/;
/** Data events, which a trail has only when it is asked for them. */
const DATA: Readonly<Partial<Record<ServiceId, RegExp>>> = {
  dynamodb: /Item$|Items$|^(Query|Scan|Execute)/,
  streams: /./,
  s3: /Object$/,
  sqs: /Message/,
  lambda: /^Invoke/,
  logs: /^(Put|Create)Log(Events|Stream)$/,
  events: /^PutEvents$/,
};
/**
 * Whose source is not the name that requests are signed for.
 * https://docs.aws.amazon.com/autoscaling/application/userguide/logging-using-cloudtrail.html
 */
const SOURCES: Readonly<Partial<Record<ServiceId, string>>> = { autoscaling: 'autoscaling' };
/** Lambda's names carry the version of the API that each operation came with. */
const LAMBDA_NAMES: Readonly<Record<string, string>> = {
  AddPermission: 'AddPermission20150331v2',
  CreateAlias: 'CreateAlias20150331',
  CreateFunction: 'CreateFunction20150331',
  DeleteAlias: 'DeleteAlias20150331',
  DeleteFunction: 'DeleteFunction20150331',
  DeleteFunctionConcurrency: 'DeleteFunctionConcurrency20171031',
  PublishLayerVersion: 'PublishLayerVersion20181031',
  PublishVersion: 'PublishVersion20150331',
  PutFunctionConcurrency: 'PutFunctionConcurrency20171031',
  RemovePermission: 'RemovePermission20150331v2',
  TagResource: 'TagResource20170331v2',
  UntagResource: 'UntagResource20170331v2',
  UpdateAlias: 'UpdateAlias20150331',
  UpdateFunctionCode: 'UpdateFunctionCode20150331v2',
  UpdateFunctionConfiguration: 'UpdateFunctionConfiguration20150331v2',
};
/** What CloudTrail never shows. */
const HIDDEN = 'HIDDEN_DUE_TO_SECURITY_REASONS';
const SECRET_MEMBERS = new Set(['secretString', 'secretBinary', 'secretAccessKey', 'sessionToken']);

export class Trail {
  readonly #sink: TrailSink;
  readonly #settings: CloudSettings;
  readonly #random: Random;
  readonly #delayMs: number;

  constructor(sink: TrailSink, settings: CloudSettings, random: Random, delayMs: number) {
    this.#sink = sink;
    this.#settings = settings;
    this.#random = random;
    this.#delayMs = delayMs;
  }

  /** Takes note of a call that was answered; does nothing for one that a trail does not tell. Part of the call's step. */
  note(service: ServiceId, operation: string, input: unknown, output: unknown, context: RequestContext): void {
    if (READING.test(operation) || DATA[service]?.test(operation)) return;
    const entry = serviceEntry(service);
    const schema = entry.operations.get(operation);
    if (!schema) return;
    const name = SOURCES[service] ?? entry.signingName;
    const { nowMs, requestId, caller } = context;
    const describe = () => {
      const answered = shown(output ?? {}, schema.output()) as Record<string, unknown>;
      const detail = {
        eventVersion: '1.11',
        userIdentity: identityOf(caller, this.#settings.accountId),
        eventTime: `${new Date(nowMs).toISOString().slice(0, 19)}Z`,
        eventSource: `${name}.amazonaws.com`,
        eventName: (service === 'lambda' && LAMBDA_NAMES[operation]) || operation,
        awsRegion: this.#settings.region,
        sourceIPAddress: '127.0.0.1',
        userAgent: 'aws-sdk',
        requestParameters: shown(input ?? {}, schema.input()),
        responseElements: Object.keys(answered).length === 0 ? null : answered,
        ...(service === 'autoscaling' ? { additionalEventData: { service: 'application-autoscaling' } } : {}),
        requestID: requestId,
        eventID: uuid(this.#random),
        readOnly: false,
        eventType: 'AwsApiCall',
        managementEvent: true,
        recipientAccountId: this.#settings.accountId,
        eventCategory: 'Management',
      };
      return { resources: [], detail };
    };
    this.#sink.emit(`aws.${name}`, DETAIL_TYPE, nowMs, describe, this.#delayMs);
  }
}

/** https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-event-reference-user-identity.html */
function identityOf(caller: Identity | undefined, accountId: string): Record<string, unknown> {
  // The cloud's own hand signs with nothing: to the account it is the root.
  if (!caller || caller.type === 'Account') {
    return { type: 'Root', principalId: accountId, arn: `arn:aws:iam::${accountId}:root`, accountId };
  }
  const shared = { principalId: caller.userId, arn: caller.arn, accountId: caller.accountId };
  if (caller.type === 'User') return { type: 'IAMUser', ...shared, userName: caller.name };
  const roleArn = caller.arns.find((arn) => arn.includes(':role/'));
  return {
    type: 'AssumedRole',
    ...shared,
    sessionContext: {
      sessionIssuer: {
        type: 'Role',
        principalId: caller.userId.split(':')[0],
        arn: roleArn,
        accountId: caller.accountId,
        userName: roleArn?.slice(roleArn.lastIndexOf('/') + 1),
      },
      attributes: { mfaAuthenticated: 'false' },
    },
  };
}

/** A value in CloudTrail's spelling: members begin small, keys of maps stay, bytes are left out, secrets hidden. */
function shown(value: unknown, shape: Shape): unknown {
  switch (shape.kind) {
    case 'structure':
    case 'union': {
      const record = value as Readonly<Record<string, unknown>>;
      const result: Record<string, unknown> = {};
      for (const { name, shape: inner } of shape.members) {
        const member = record[name];
        if (member === undefined || inner().kind === 'blob') continue;
        const small = `${name.charAt(0).toLowerCase()}${name.slice(1)}`;
        result[small] = SECRET_MEMBERS.has(small) ? HIDDEN : shown(member, inner());
      }
      return result;
    }
    case 'list':
      return (value as readonly unknown[]).map((each) => shown(each, shape.element()));
    case 'map':
      return Object.fromEntries(
        Object.entries(value as object).map(([key, each]) => [key, shown(each, shape.element())]),
      );
    case 'timestamp':
      return (value as Date).toISOString();
    default:
      return value;
  }
}
