/**
 * Many small objects in one class of their own: served by Lambda alone, so that a hundred of them cost a simulation
 * little. Functions and listeners are as many as AWS's limits ask for.
 */
import { toItem } from '../../src/aws/index.ts';
import { functionCode, type World } from './world.ts';

/** A function's policy holds 20 KB, a listener's load balancer 100 target groups. */
const OBJECTS_PER_FUNCTION = 20;
export const OBJECTS_PER_LISTENER = 50;

export const CLASS = 'fleet';

export interface Fleet {
  readonly names: readonly string[];
  /** The spec of the object with this name. */
  specOf(name: string): object;
  /** Writes the record of the class, changed by `change`. */
  writeClass(change?: object): Promise<void>;
}

/** Names without leading zeros would sort otherwise than they are counted. */
function nameOf(index: number): string {
  return `app-${String(index).padStart(3, '0')}`;
}

/** Functions, listeners and the class; records of objects are the test's to write. */
export async function fleetOf(world: World, size: number, placement: object = { mode: 'lambda' }): Promise<Fleet> {
  const { aws } = world;
  const { Role } = await aws.iam.getRole({ RoleName: 'lambdacontainer-example-function' });
  for (let i = 0; i < Math.ceil(size / OBJECTS_PER_FUNCTION); i++) {
    await aws.lambda.createFunction({
      FunctionName: `fleet-${i}`,
      Role: Role?.Arn,
      Runtime: 'nodejs22.x',
      Handler: 'index.handler',
      Code: { ZipFile: functionCode('fleet') },
    });
  }
  await world.run(30_000);
  const listeners: Awaited<ReturnType<typeof addListener>>[] = [];
  for (let i = 0; i < Math.ceil(size / OBJECTS_PER_LISTENER); i++) listeners.push(await addListener(world, i));
  const { Item } = await aws.dynamodb.getItem({
    TableName: world.desiredTable,
    Key: toItem({ namespace: '_system', name: 'class/standard' }),
  });
  const standard = Item?.spec?.M ?? {};
  const writeClass = async (change: object = {}) => {
    await aws.dynamodb.putItem({
      TableName: world.desiredTable,
      Item: {
        ...toItem({ namespace: '_system', name: `class/${CLASS}` }),
        spec: { M: { ...standard, ...toItem({ listeners, ...change }) } },
      },
    });
  };
  await writeClass();
  return {
    names: Array.from({ length: size }, (_, index) => nameOf(index)),
    specOf: (name) => {
      const index = Number(name.slice('app-'.length));
      const functionRef = { name: `fleet-${Math.floor(index / OBJECTS_PER_FUNCTION)}` };
      return { className: CLASS, source: { functionRef }, placement };
    },
    writeClass,
  };
}

/** A load balancer with a listener, as a class's record names it. */
export async function addListener({ aws }: World, index: number) {
  const { LoadBalancers } = await aws.elbv2.createLoadBalancer({
    Name: `fleet-${index}`,
    Type: 'application',
    Scheme: 'internet-facing',
    Subnets: ['subnet-local1', 'subnet-local2'],
    SecurityGroups: ['sg-local'],
  });
  const { Listeners } = await aws.elbv2.createListener({
    LoadBalancerArn: LoadBalancers?.[0]?.LoadBalancerArn,
    Port: 9000 + index,
    Protocol: 'HTTP',
    DefaultActions: [
      {
        Type: 'fixed-response',
        FixedResponseConfig: { StatusCode: '404', ContentType: 'text/plain', MessageBody: '' },
      },
    ],
  });
  return {
    arn: Listeners?.[0]?.ListenerArn ?? '',
    url: `http://127.0.0.1:${9000 + index}`,
    priorities: { from: 100, to: 1000 },
  };
}
