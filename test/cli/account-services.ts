/** The services of an account that `doctor` and `verify` look at, as answers that a test changes. */
import type { AccountPorts } from '../../src/aws/account-ports.ts';
import { Failure, type FailureKind } from '../../src/core/index.ts';
import { NO_ACCOUNT } from './world.ts';

export interface AccountFacts {
  /** Status of the controller's stack; undefined: there is none. */
  readonly stack?: string | undefined;
  readonly outputs?: Readonly<Record<string, string>>;
  /** `dynamodb:PutItem` … */
  readonly denied?: readonly string[];
  readonly vcpus?: number;
  readonly rules?: number;
}

/** An account in which all is well, but for what is said. */
export function account(facts: AccountFacts = {}): AccountPorts {
  const { stack = 'UPDATE_COMPLETE', outputs = {}, denied = [], vcpus = 100, rules = 100 } = facts;
  const $metadata = {};
  return {
    ...NO_ACCOUNT,
    cloudformation: {
      ...NO_ACCOUNT.cloudformation,
      describeStacks: async ({ StackName = '' }) => {
        if ('stack' in facts && facts.stack === undefined) {
          throw refused('cloudformation', 'describeStacks', 'invalid', `Stack with id ${StackName} does not exist`);
        }
        const Outputs = Object.entries(outputs).map(([OutputKey, OutputValue]) => ({ OutputKey, OutputValue }));
        const StackStatus = stack as 'UPDATE_COMPLETE';
        return { Stacks: [{ StackName, CreationTime: new Date(0), StackStatus, Outputs }], $metadata };
      },
    },
    policies: {
      simulatePrincipalPolicy: async ({ ActionNames = [] }) => ({
        EvaluationResults: ActionNames.map((EvalActionName) => ({
          EvalActionName,
          EvalDecision: denied.includes(EvalActionName) ? ('implicitDeny' as const) : ('allowed' as const),
        })),
        $metadata,
      }),
    },
    quotas: { getServiceQuota: async () => ({ Quota: { Value: vcpus }, $metadata }) },
    limits: {
      describeAccountLimits: async () => ({
        Limits: [
          { Name: 'target-groups-per-application-load-balancer', Max: '100' },
          { Name: 'rules-per-application-load-balancer', Max: String(rules) },
        ],
        $metadata,
      }),
    },
  };
}

export function refused(service: string, operation: string, kind: FailureKind, message: string): Failure {
  return new Failure({
    kind,
    service,
    operation,
    code: kind === 'denied' ? 'AccessDenied' : 'ValidationError',
    message,
  });
}
