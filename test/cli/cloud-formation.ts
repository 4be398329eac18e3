/**
 * CloudFormation as far as `bootstrap` sees it, as a state machine: change sets are judged before they are ready, stacks
 * take a while, fail at a resource and go back, and nothing but a settled stack takes a change. Outputs are given to it,
 * because it reads no template.
 */
import type { Change, Parameter, Stack, StackEvent } from '@aws-sdk/client-cloudformation';
import type { AccountPorts } from '../../src/aws/account-ports.ts';
import { type Clock, Failure } from '../../src/core/index.ts';

type Port = AccountPorts['cloudformation'];

/** How long a change set and a stack take. */
const JUDGED_MS = 3_000;
const SETTLED_MS = 20_000;

interface ChangeSet {
  readonly stackName: string;
  readonly isNew: boolean;
  readonly templateBody: string;
  readonly parameters: Record<string, string>;
  readonly readyAtMs: number;
  readonly isEmpty: boolean;
}

interface Held {
  status: string;
  settlesAs?: { readonly status: string; readonly atMs: number };
  templateBody: string;
  parameters: Record<string, string>;
  readonly events: StackEvent[];
}

export class FakeCloudFormation {
  readonly #clock: Clock;
  readonly #stacks = new Map<string, Held>();
  readonly #changeSets = new Map<string, ChangeSet>();
  /** Of each stack, by its name. */
  outputs: Readonly<Record<string, Readonly<Record<string, string>>>> = {};
  /** What a change set of a stack shows. */
  changes: Readonly<Record<string, readonly Change[]>> = {};
  /** A resource that fails, by the stack's name. */
  failing: Readonly<Record<string, { readonly resource: string; readonly reason: string }>> = {};
  /** Why a change set of a stack is refused. */
  refusing: Readonly<Record<string, string>> = {};
  /** `Operation stack`, of those that change something. */
  readonly acts: string[] = [];
  #ids = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Puts a stack there, as somebody else left it. */
  hold(stackName: string, status: string, parameters: Record<string, string> = {}): void {
    this.#stacks.set(stackName, { status, templateBody: '', parameters, events: [] });
  }

  stack(stackName: string): { readonly status: string; readonly parameters: Record<string, string> } | undefined {
    const held = this.#stacks.get(stackName);
    if (held) this.#settle(stackName, held);
    return held;
  }

  get changeSets(): readonly string[] {
    return [...this.#changeSets.values()].map(({ stackName }) => stackName);
  }

  readonly port: Port = {
    describeStacks: async ({ StackName = '' }) => {
      const held = this.#stacks.get(StackName);
      if (!held) throw refusal('describeStacks', `Stack with id ${StackName} does not exist`);
      this.#settle(StackName, held);
      const stack: Stack = {
        StackName,
        CreationTime: new Date(0),
        StackStatus: held.status as NonNullable<Stack['StackStatus']>,
        Parameters: Object.entries(held.parameters).map(([ParameterKey, ParameterValue]) => ({
          ParameterKey,
          ParameterValue,
        })),
        Outputs: Object.entries(this.outputs[StackName] ?? {}).map(([OutputKey, OutputValue]) => ({
          OutputKey,
          OutputValue,
        })),
      };
      return { Stacks: [stack], $metadata: {} };
    },
    createChangeSet: async (input) => {
      const { StackName = '', ChangeSetName = '', ChangeSetType, TemplateBody = '', Parameters = [] } = input;
      this.acts.push(`CreateChangeSet ${StackName}`);
      const held = this.#stacks.get(StackName);
      const isNew = ChangeSetType === 'CREATE';
      if (isNew !== (held === undefined || held.status === 'REVIEW_IN_PROGRESS')) {
        throw refusal('createChangeSet', `Stack ${StackName} is ${held?.status ?? 'not there'}`);
      }
      if (!held) this.hold(StackName, 'REVIEW_IN_PROGRESS');
      const parameters = resolved(Parameters, held?.parameters ?? {});
      this.#changeSets.set(ChangeSetName, {
        stackName: StackName,
        isNew,
        templateBody: TemplateBody,
        parameters,
        readyAtMs: this.#clock.now() + JUDGED_MS,
        isEmpty: !isNew && held?.templateBody === TemplateBody && same(held.parameters, parameters),
      });
      return { $metadata: {} };
    },
    describeChangeSet: async ({ ChangeSetName = '' }) => {
      const found = this.#changeSets.get(ChangeSetName);
      if (!found) throw refusal('describeChangeSet', `ChangeSet [${ChangeSetName}] does not exist`);
      if (this.#clock.now() < found.readyAtMs) return { Status: 'CREATE_IN_PROGRESS', $metadata: {} };
      const refused = this.refusing[found.stackName];
      const StatusReason = found.isEmpty
        ? "The submitted information didn't contain changes. Submit different information to create a change set."
        : refused;
      if (StatusReason !== undefined) return { Status: 'FAILED', StatusReason, $metadata: {} };
      return { Status: 'CREATE_COMPLETE', Changes: [...(this.changes[found.stackName] ?? [])], $metadata: {} };
    },
    deleteChangeSet: async ({ ChangeSetName = '' }) => {
      this.acts.push(`DeleteChangeSet ${this.#changeSets.get(ChangeSetName)?.stackName}`);
      this.#changeSets.delete(ChangeSetName);
      return { $metadata: {} };
    },
    deleteStack: async ({ StackName = '' }) => {
      this.acts.push(`DeleteStack ${StackName}`);
      this.#stacks.delete(StackName);
      return { $metadata: {} };
    },
    executeChangeSet: async ({ ChangeSetName = '' }) => {
      const wish = this.#changeSets.get(ChangeSetName);
      const held = this.#stacks.get(wish?.stackName ?? '');
      if (!wish || !held) throw refusal('executeChangeSet', `ChangeSet [${ChangeSetName}] does not exist`);
      this.acts.push(`ExecuteChangeSet ${wish.stackName}`);
      this.#changeSets.delete(ChangeSetName);
      const verb = wish.isNew ? 'CREATE' : 'UPDATE';
      const failing = this.failing[wish.stackName];
      this.#event(held, wish.stackName, `${verb}_IN_PROGRESS`);
      held.status = `${verb}_IN_PROGRESS`;
      if (failing) {
        this.#event(held, failing.resource, `${verb}_FAILED`, failing.reason);
        this.#event(held, 'Dashboard', `${verb}_FAILED`, 'Resource creation cancelled');
      } else {
        held.templateBody = wish.templateBody;
        held.parameters = wish.parameters;
      }
      const back = wish.isNew ? 'ROLLBACK_COMPLETE' : 'UPDATE_ROLLBACK_COMPLETE';
      held.settlesAs = { status: failing ? back : `${verb}_COMPLETE`, atMs: this.#clock.now() + SETTLED_MS };
      return { $metadata: {} };
    },
    describeStackEvents: async ({ StackName = '' }) => ({
      StackEvents: [...(this.#stacks.get(StackName)?.events ?? [])].reverse(),
      $metadata: {},
    }),
  };

  /** Lets a stack that was put there in progress come to its end. */
  settles(stackName: string, status: string, afterMs: number): void {
    const held = this.#stacks.get(stackName);
    if (held) held.settlesAs = { status, atMs: this.#clock.now() + afterMs };
  }

  #settle(stackName: string, held: Held): void {
    if (!held.settlesAs || this.#clock.now() < held.settlesAs.atMs) return;
    held.status = held.settlesAs.status;
    delete held.settlesAs;
    this.#event(held, stackName, held.status);
  }

  #event(held: Held, LogicalResourceId: string, status: string, ResourceStatusReason?: string): void {
    held.events.push({
      EventId: String(++this.#ids),
      StackId: 'arn:stack',
      StackName: LogicalResourceId,
      LogicalResourceId,
      ResourceType: 'AWS::ECS::Service',
      Timestamp: new Date(this.#clock.now()),
      ResourceStatus: status as NonNullable<StackEvent['ResourceStatus']>,
      ...(ResourceStatusReason === undefined ? {} : { ResourceStatusReason }),
    });
  }
}

function resolved(parameters: readonly Parameter[], before: Record<string, string>): Record<string, string> {
  return Object.fromEntries(
    parameters.map(({ ParameterKey = '', ParameterValue = '', UsePreviousValue }) => [
      ParameterKey,
      UsePreviousValue ? (before[ParameterKey] ?? '') : ParameterValue,
    ]),
  );
}

function same(one: Record<string, string>, other: Record<string, string>): boolean {
  return JSON.stringify(Object.entries(one).sort()) === JSON.stringify(Object.entries(other).sort());
}

function refusal(operation: string, message: string): Failure {
  return new Failure({ kind: 'invalid', service: 'cloudformation', operation, code: 'ValidationError', message });
}
