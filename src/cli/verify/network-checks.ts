/**
 * Whether tasks of a class can reach what they cannot start without: ECR, S3 (where ECR keeps its layers) and CloudWatch
 * Logs. A subnet has a way out (NAT, a transit gateway, or the internet for tasks with public addresses), or endpoints
 * for each of them. It reads routes and endpoints; what firewalls and security groups let through it does not judge.
 * https://docs.aws.amazon.com/AmazonECS/latest/developerguide/fargate-task-networking.html
 */
import type { Route, RouteTable, Subnet, VpcEndpoint } from '@aws-sdk/client-ec2';
import type { LambdaContainerClassSpec } from '../../api/index.ts';
import type { AccountPorts } from '../../aws/account-ports.ts';
import { isFailure } from '../../core/index.ts';
import { check, type Finding, type Said } from './findings.ts';

/** Endpoints of services, as the last part of their names. */
const NEEDED = ['ecr.api', 'ecr.dkr', 'logs', 's3'] as const;
const FIELD = 'spec.subnets';

type NetworkSpec = Pick<LambdaContainerClassSpec, 'subnets' | 'assignPublicIp'>;

/** Three calls, four where a subnet follows its VPC's main route table; none where the class names no subnet. */
export async function networkChecks(name: string, spec: NetworkSpec, ec2: AccountPorts['ec2']): Promise<Finding[]> {
  if (spec.subnets.length === 0) return [];
  return check(`lambdacontainerclass/${name}`, 'Network', () => networkSaid(spec, ec2));
}

async function networkSaid({ subnets: ids, assignPublicIp }: NetworkSpec, ec2: AccountPorts['ec2']): Promise<Said[]> {
  const subnets = await subnetsOf(ids, ec2);
  if (subnets === undefined) {
    const remedy = `correct ${FIELD} of the class`;
    return [
      { level: 'fail', field: FIELD, value: ids.join(', '), message: 'one of these subnets does not exist', remedy },
    ];
  }
  const vpcs = [...new Set(subnets.map(({ VpcId = '' }) => VpcId))];
  const vpc = vpcs[0] ?? '';
  if (vpcs.length > 1) {
    const message = `the subnets are in ${vpcs.length} VPCs: a service runs in one`;
    return [{ level: 'fail', field: FIELD, value: vpcs.join(', '), message, remedy: 'name subnets of one VPC' }];
  }
  const Filters = [{ Name: 'vpc-id', Values: [vpc] }];
  const [tables, endpoints] = await Promise.all([
    all('RouteTables', (NextToken) => ec2.describeRouteTables({ Filters, ...NextToken })),
    all('VpcEndpoints', (NextToken) => ec2.describeVpcEndpoints({ Filters, ...NextToken })),
  ]);
  const zones = new Set(
    subnets.map(({ AvailabilityZoneId, AvailabilityZone }) => AvailabilityZoneId ?? AvailabilityZone),
  );
  return [
    zones.size > 1
      ? { level: 'ok', field: FIELD, message: `tasks are spread over ${zones.size} zones` }
      : {
          level: 'warn',
          field: FIELD,
          value: ids.join(', '),
          message: 'all subnets are in one zone: tasks go down with it',
          remedy: 'name subnets of two zones',
        },
    ...subnets.map((subnet) => wayOut(subnet, tables, endpoints, assignPublicIp)),
  ];
}

async function subnetsOf(SubnetIds: readonly string[], ec2: AccountPorts['ec2']): Promise<Subnet[] | undefined> {
  try {
    return (await ec2.describeSubnets({ SubnetIds: [...SubnetIds] })).Subnets ?? [];
  } catch (error) {
    if (isFailure(error) && /^InvalidSubnetID/.test(error.code)) return undefined;
    throw error;
  }
}

/** Judges one subnet by the table that it is associated with, else by its VPC's main one. */
function wayOut(
  { SubnetId: value = '', VpcId }: Subnet,
  tables: readonly RouteTable[],
  endpoints: readonly VpcEndpoint[],
  isPublic: boolean,
): Said {
  const field = FIELD;
  const own = tables.find(({ Associations }) => Associations?.some(({ SubnetId }) => SubnetId === value));
  const table = own ?? tables.find((one) => one.VpcId === VpcId && one.Associations?.some(({ Main }) => Main === true));
  const route = table?.Routes?.find(({ DestinationCidrBlock }) => DestinationCidrBlock === '0.0.0.0/0');
  const how = route && goesBy(route);
  if (how === 'blackhole') {
    const message = 'its default route leads nowhere: what it led to was deleted';
    return { level: 'fail', field, value, message, remedy: 'point the default route at a NAT gateway' };
  }
  if (how === 'gateway' && isPublic) {
    return { level: 'ok', field, value, message: 'tasks reach AWS by the internet gateway, with public addresses' };
  }
  if (how === 'private') return { level: 'ok', field, value, message: 'tasks reach AWS by its default route' };
  const missing = NEEDED.filter((service) => !endpoints.some((one) => serves(one, service, table?.RouteTableId)));
  if (missing.length === 0) return { level: 'ok', field, value, message: 'tasks reach ECR, S3 and logs by endpoints' };
  const why =
    how === 'gateway'
      ? 'it leads to an internet gateway, which tasks without public addresses cannot use'
      : 'it has no default route';
  return {
    level: 'fail',
    field,
    value,
    message: `${why}, and there is no endpoint for ${missing.join(', ')}: tasks cannot start`,
    remedy: 'add a NAT gateway, or these endpoints (s3 as a gateway in its route table, others with private DNS)',
  };
}

function goesBy({ GatewayId, State, ...others }: Route): 'blackhole' | 'gateway' | 'private' {
  if (State === 'blackhole') return 'blackhole';
  const isPrivate = others.NatGatewayId ?? others.TransitGatewayId ?? others.NetworkInterfaceId ?? others.InstanceId;
  return isPrivate === undefined && GatewayId?.startsWith('igw-') ? 'gateway' : 'private';
}

/** A gateway endpoint serves by the route tables that it is in, an interface by its names in the VPC's own DNS. */
function serves({ ServiceName, State, VpcEndpointType: type, ...rest }: VpcEndpoint, service: string, table?: string) {
  if (!ServiceName?.endsWith(`.${service}`) || State?.toLowerCase() !== 'available') return false;
  if (type === 'Gateway') return table !== undefined && rest.RouteTableIds?.includes(table) === true;
  return type === 'Interface' && rest.PrivateDnsEnabled === true;
}

async function all<Key extends string, T>(
  key: Key,
  page: (next: {
    NextToken?: string;
  }) => Promise<{ [K in Key]?: T[] | undefined } & { NextToken?: string | undefined }>,
): Promise<T[]> {
  const found: T[] = [];
  let NextToken: string | undefined;
  do {
    const answer = await page(NextToken === undefined ? {} : { NextToken });
    found.push(...((answer[key] as T[] | undefined) ?? []));
    NextToken = answer.NextToken;
  } while (NextToken !== undefined);
  return found;
}
