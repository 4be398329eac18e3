/**
 * Ports of the services that only a person's commands talk to: stacks, networks, quotas, what a policy allows. They stand
 * apart from `OPERATIONS`, because these clients are large and neither the daemon nor a test that needs none of them may
 * pay for loading them: whoever needs them imports this file when it does. The rules are the same: one attempt per call,
 * errors are `Failure`s.
 */
import * as cloudformation from '@aws-sdk/client-cloudformation';
import * as ec2 from '@aws-sdk/client-ec2';
import * as elbv2 from '@aws-sdk/client-elastic-load-balancing-v2';
import * as iam from '@aws-sdk/client-iam';
import * as quotas from '@aws-sdk/client-service-quotas';
import { deadline } from '../core/index.ts';
import { toFailure } from './classify.ts';
import type { Call, PortOf } from './ports.ts';
import { clientConfiguration, type SdkSettings } from './sdk-ports.ts';

export const ACCOUNT_OPERATIONS = {
  cloudformation: {
    createChangeSet: cloudformation.CreateChangeSetCommand,
    describeChangeSet: cloudformation.DescribeChangeSetCommand,
    executeChangeSet: cloudformation.ExecuteChangeSetCommand,
    deleteChangeSet: cloudformation.DeleteChangeSetCommand,
    deleteStack: cloudformation.DeleteStackCommand,
    describeStacks: cloudformation.DescribeStacksCommand,
    describeStackEvents: cloudformation.DescribeStackEventsCommand,
  },
  ec2: {
    describeSubnets: ec2.DescribeSubnetsCommand,
    describeRouteTables: ec2.DescribeRouteTablesCommand,
    describeVpcEndpoints: ec2.DescribeVpcEndpointsCommand,
  },
  quotas: {
    getServiceQuota: quotas.GetServiceQuotaCommand,
  },
  limits: {
    describeAccountLimits: elbv2.DescribeAccountLimitsCommand,
  },
  policies: {
    simulatePrincipalPolicy: iam.SimulatePrincipalPolicyCommand,
  },
} as const;

export type AccountPorts = {
  readonly [Service in keyof typeof ACCOUNT_OPERATIONS]: PortOf<(typeof ACCOUNT_OPERATIONS)[Service]>;
};

interface AnyClient {
  send(command: unknown, options: { abortSignal: AbortSignal }): Promise<unknown>;
  destroy(): void;
}

const CLIENTS: Readonly<Record<keyof AccountPorts, new (configuration: never) => unknown>> = {
  cloudformation: cloudformation.CloudFormationClient,
  ec2: ec2.EC2Client,
  quotas: quotas.ServiceQuotasClient,
  limits: elbv2.ElasticLoadBalancingV2Client,
  policies: iam.IAMClient,
};

/** What people know these services as. */
const SERVICE_NAMES: Readonly<Record<string, string>> = {
  quotas: 'servicequotas',
  limits: 'elasticloadbalancing',
  policies: 'iam',
};

/** A person waits, but a template of 50 KB with a change set takes AWS a while. */
const CALL_TIMEOUT_MS = 30_000;

/** Ports over the SDK, and `close()` which drops their sockets. Does no IO before the first call. */
export function connectAccountPorts(settings: SdkSettings): {
  readonly ports: AccountPorts;
  readonly close: () => void;
} {
  const clients: AnyClient[] = [];
  const port = (service: keyof AccountPorts) => {
    const Client = CLIENTS[service] as new (configuration: object) => AnyClient;
    let client: AnyClient | undefined;
    const connected = () => {
      if (client) return client;
      client = new Client(clientConfiguration(settings));
      clients.push(client);
      return client;
    };
    const call = (operation: string, Command: new (input: never) => unknown) => async (input: unknown, how?: Call) => {
      const { signal: abortSignal, end } = deadline(how?.timeoutMs ?? CALL_TIMEOUT_MS, how?.signal);
      try {
        return await connected().send(new Command(input as never), { abortSignal });
      } catch (error) {
        if (error instanceof TypeError || error instanceof ReferenceError || error instanceof RangeError) throw error;
        throw toFailure(SERVICE_NAMES[service] ?? service, operation, error);
      } finally {
        end();
      }
    };
    return Object.fromEntries(
      Object.entries(ACCOUNT_OPERATIONS[service]).map(([operation, Command]) => [operation, call(operation, Command)]),
    );
  };
  const ports = Object.fromEntries(
    (Object.keys(ACCOUNT_OPERATIONS) as (keyof AccountPorts)[]).map((service) => [service, port(service)]),
  );
  return {
    ports: ports as unknown as AccountPorts,
    close: () => {
      for (const client of clients) client.destroy();
    },
  };
}
