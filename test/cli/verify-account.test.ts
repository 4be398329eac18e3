/** What `verify` looks at in the account beside what objects name: the network of a class, and quotas. */
import type { RouteTable, Subnet, VpcEndpoint } from '@aws-sdk/client-ec2';
import { describe, expect, it } from 'vitest';
import type { AccountPorts } from '../../src/aws/account-ports.ts';
import { networkChecks } from '../../src/cli/verify/network-checks.ts';
import { quotaChecks, vcpusOf } from '../../src/cli/verify/quota-checks.ts';
import { Failure } from '../../src/core/index.ts';
import { account, refused } from './account-services.ts';

const A: Subnet = { SubnetId: 'subnet-a', VpcId: 'vpc-1', AvailabilityZone: 'a' };
const B: Subnet = { SubnetId: 'subnet-b', VpcId: 'vpc-1', AvailabilityZone: 'b' };
const DEFAULT = { DestinationCidrBlock: '0.0.0.0/0', State: 'active' as const };
const NAT = { ...DEFAULT, NatGatewayId: 'nat-1' };
const INTERNET = { ...DEFAULT, GatewayId: 'igw-1' };

function main(...routes: NonNullable<RouteTable['Routes']>): RouteTable {
  return { RouteTableId: 'rtb-main', VpcId: 'vpc-1', Routes: routes, Associations: [{ Main: true }] };
}

function endpoint(service: string, more: Partial<VpcEndpoint> = {}): VpcEndpoint {
  const ServiceName = `com.amazonaws.eu-west-1.${service}`;
  return { ServiceName, State: 'available' as never, VpcEndpointType: 'Interface', PrivateDnsEnabled: true, ...more };
}
const S3 = endpoint('s3', { VpcEndpointType: 'Gateway', RouteTableIds: ['rtb-main'], PrivateDnsEnabled: false });
const ALL = [endpoint('ecr.api'), endpoint('ecr.dkr'), endpoint('logs'), S3];

interface Network {
  readonly subnets?: readonly Subnet[];
  readonly tables?: readonly RouteTable[];
  readonly endpoints?: readonly VpcEndpoint[];
}

function ec2({ subnets = [A, B], tables = [], endpoints = [] }: Network): AccountPorts['ec2'] {
  const $metadata = {};
  return {
    describeSubnets: async () => ({ Subnets: [...subnets], $metadata }),
    // One on each page: what is on the second counts, too.
    describeRouteTables: async ({ NextToken = '0' }) => {
      const next = Number(NextToken) + 1;
      return {
        RouteTables: tables.slice(next - 1, next),
        ...(next < tables.length ? { NextToken: String(next) } : {}),
        $metadata,
      };
    },
    describeVpcEndpoints: async () => ({ VpcEndpoints: [...endpoints], $metadata }),
  };
}

const PRIVATE = { subnets: ['subnet-a', 'subnet-b'], assignPublicIp: false };
const PUBLIC = { ...PRIVATE, assignPublicIp: true };

describe('the network of a class', () => {
  it.each<{ reason: string; network: Network; spec?: typeof PRIVATE; expected: string[] }>([
    {
      reason: 'a NAT gateway is the way out of both',
      network: { tables: [main(NAT)] },
      expected: ['ok tasks are spread over 2 zones', ...Array(2).fill('ok tasks reach AWS by its default route')],
    },
    {
      reason: 'a table of its own counts before the main one',
      network: {
        tables: [main(NAT), { RouteTableId: 'rtb-b', VpcId: 'vpc-1', Associations: [{ SubnetId: 'subnet-b' }] }],
      },
      expected: [
        'ok tasks are spread over 2 zones',
        'ok tasks reach AWS by its default route',
        'fail it has no default route, and there is no endpoint for ecr.api, ecr.dkr, logs, s3: tasks cannot start',
      ],
    },
    {
      reason: 'endpoints take the place of a route',
      network: { tables: [main()], endpoints: ALL },
      expected: ['ok tasks are spread over 2 zones', ...Array(2).fill('ok tasks reach ECR, S3 and logs by endpoints')],
    },
    {
      reason: 'an endpoint in another route table, without private names, or on its way serves nobody',
      network: {
        tables: [main()],
        endpoints: [
          endpoint('ecr.api', { PrivateDnsEnabled: false }),
          endpoint('ecr.dkr', { State: 'pending' as never }),
          endpoint('logs'),
          { ...S3, RouteTableIds: ['rtb-other'] },
        ],
      },
      expected: [
        'ok tasks are spread over 2 zones',
        ...Array(2).fill(
          'fail it has no default route, and there is no endpoint for ecr.api, ecr.dkr, s3: tasks cannot start',
        ),
      ],
    },
    {
      reason: 'an internet gateway is no way out for a task without a public address',
      network: { tables: [main(INTERNET)], subnets: [A] },
      expected: [
        'warn all subnets are in one zone: tasks go down with it',
        'fail it leads to an internet gateway, which tasks without public addresses cannot use, and there is no endpoint for ecr.api, ecr.dkr, logs, s3: tasks cannot start',
      ],
    },
    {
      reason: 'and is one for a task that has it',
      network: { tables: [main(INTERNET)], subnets: [A] },
      spec: PUBLIC,
      expected: [
        'warn all subnets are in one zone: tasks go down with it',
        'ok tasks reach AWS by the internet gateway, with public addresses',
      ],
    },
    {
      reason: 'a NAT gateway that was deleted leaves its route behind',
      network: { tables: [main({ ...NAT, State: 'blackhole' })], subnets: [A], endpoints: ALL },
      expected: [
        'warn all subnets are in one zone: tasks go down with it',
        'fail its default route leads nowhere: what it led to was deleted',
      ],
    },
    {
      reason: 'a service runs in one VPC',
      network: { subnets: [A, { ...B, VpcId: 'vpc-2' }] },
      expected: ['fail the subnets are in 2 VPCs: a service runs in one'],
    },
  ])('$reason', async ({ network, spec = PRIVATE, expected }) => {
    const findings = await networkChecks('standard', spec, ec2(network));
    expect(findings.map(({ level, message }) => `${level} ${message}`)).toEqual(expected);
    for (const { level, remedy } of findings) expect(remedy === undefined, level).toBe(level === 'ok');
  });

  it('a subnet that is not there fails; a look that is not allowed is a warning', async () => {
    const gone = new Failure({
      kind: 'invalid',
      service: 'ec2',
      operation: 'describeSubnets',
      code: 'InvalidSubnetID.NotFound',
      message: 'gone',
    });
    const failing = (failure: Failure) => ({ ...ec2({}), describeSubnets: () => Promise.reject(failure) });
    expect(await networkChecks('standard', PRIVATE, failing(gone))).toMatchObject([
      { level: 'fail', message: 'one of these subnets does not exist' },
    ]);
    expect(
      await networkChecks('standard', PRIVATE, failing(refused('ec2', 'describeSubnets', 'denied', 'no'))),
    ).toMatchObject([{ level: 'warn', remedy: expect.stringContaining('ec2:DescribeSubnets') }]);
  });
});

describe('quotas', () => {
  const spec = (cpu: number, max: number, weight = 0, mode: 'fargate' | 'lambda' = 'fargate') =>
    ({ compute: { cpu, spot: { weight } }, scaling: { max }, placement: { mode } }) as Parameters<typeof vcpusOf>[0][0];

  it('count what tasks have at their most, on demand and on Spot; Lambda needs none', () => {
    expect(vcpusOf([spec(512, 4), spec(1024, 10, 40), spec(4096, 100, 0, 'lambda')])).toEqual({ onDemand: 8, spot: 4 });
  });

  it.each([
    { vcpus: 20, level: 'ok', reason: 'there is room' },
    { vcpus: 9, level: 'warn', reason: 'most of it is needed' },
    { vcpus: 6, level: 'fail', reason: 'more is needed' },
  ])('of $vcpus vCPUs, 8 needed: $level, because $reason', async ({ vcpus, level }) => {
    const [fargate] = await quotaChecks([spec(1024, 8)], account({ vcpus }));
    expect(fargate).toMatchObject({ subject: 'quotas', check: 'Fargate', level, value: `8 of ${vcpus} vCPUs` });
  });

  it('of Spot are asked for only where it is used', async () => {
    const checks = async (weight: number) =>
      (await quotaChecks([spec(1024, 8, weight)], account())).map(({ check }) => check);
    expect(await checks(0)).toEqual(['Fargate', 'LoadBalancer']);
    expect(await checks(50)).toEqual(['Fargate', 'FargateSpot', 'LoadBalancer']);
  });
});
