/** What a class names: its cluster, listeners, roles and images. */
import type { LambdaContainerClassSpec } from '../../api/index.ts';
import { iamRole } from '../../kinds/index.ts';
import type { Account } from './account.ts';
import { check, type Finding, type Said } from './findings.ts';

/** https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-limits.html */
const GROUPS_PER_LOAD_BALANCER_MAX = 100;
/** An object has one for its tasks and one for its function. */
const GROUPS_PER_OBJECT = 2;
const ECS_TASKS = 'ecs-tasks.amazonaws.com';
const CODEBUILD = 'codebuild.amazonaws.com';

export interface ClassUse {
  readonly name: string;
  readonly spec: LambdaContainerClassSpec;
  /** CPU architectures that its tasks have. */
  readonly architectures: readonly ('x86_64' | 'arm64')[];
}

export async function classChecks({ name, spec, architectures }: ClassUse, account: Account): Promise<Finding[]> {
  const subject = `lambdacontainerclass/${name}`;
  const { roles, build, adapter } = spec;
  const ownArchitecture = build.environmentType === 'ARM_CONTAINER' ? 'arm64' : 'x86_64';
  const findings = await Promise.all([
    check(subject, 'Cluster', () => cluster(spec.cluster, account)),
    ...spec.listeners.map((listener, index) =>
      check(subject, 'Listener', () => listenerSaid(listener, `spec.listeners[${index}]`, account)),
    ),
    ...(spec.listeners.length === 0 ? [check(subject, 'Listener', async () => noListener())] : []),
    check(subject, 'Role', () => role('spec.roles.execution', roles.execution, ECS_TASKS, account)),
    check(subject, 'Role', () => role('spec.roles.build', roles.build, CODEBUILD, account)),
    ...(roles.task === undefined
      ? []
      : [check(subject, 'Role', () => role('spec.roles.task', roles.task ?? '', ECS_TASKS, account))]),
    ...architectures.map((architecture) =>
      check(subject, 'Image', () => image('spec.adapter.image', adapter.image, architecture, account)),
    ),
    check(subject, 'Image', () => image('spec.build.image', build.image, ownArchitecture, account)),
  ]);
  return findings.flat();
}

async function cluster(name: string, account: Account): Promise<Said> {
  const field = 'spec.cluster';
  const found = await account.cluster(name);
  if (!found) {
    const remedy = `create it, or correct ${field} of the class`;
    return { level: 'fail', field, value: name, message: 'there is no such cluster', remedy };
  }
  if (found.status !== 'ACTIVE') {
    const message = `the cluster is ${found.status}`;
    return { level: 'fail', field, value: name, message, remedy: 'wait until it is ACTIVE, or name another' };
  }
  return { level: 'ok', field, value: name, message: 'the cluster is ACTIVE' };
}

async function listenerSaid(
  { arn, priorities }: LambdaContainerClassSpec['listeners'][number],
  field: string,
  account: Account,
): Promise<Said[]> {
  const facts = await account.listener(arn);
  const value = arn;
  if (!facts) {
    const remedy = 'correct the ARN, or create the listener';
    return [{ level: 'fail', field: `${field}.arn`, value, message: 'there is no such listener', remedy }];
  }
  const { loadBalancer, rules, groupCount, idleTimeoutSec } = facts;
  const state = loadBalancer?.State?.Code ?? 'unknown';
  const said: Said[] = [
    state === 'active'
      ? {
          level: 'ok',
          field: `${field}.arn`,
          value,
          message: `its load balancer is active, idle timeout ${idleTimeoutSec} s`,
        }
      : {
          level: 'warn',
          field: `${field}.arn`,
          value,
          message: `its load balancer is ${state}`,
          remedy: 'wait until it is active',
        },
  ];
  const taken = rules.filter(({ Priority }) => within(Priority, priorities)).length;
  const free = priorities.to - priorities.from + 1 - taken;
  const range = `${priorities.from}–${priorities.to}`;
  said.push(
    free > 0
      ? { level: 'ok', field: `${field}.priorities`, value: range, message: `${free} of its priorities are free` }
      : {
          level: 'fail',
          field: `${field}.priorities`,
          value: range,
          message: 'none of its priorities is free: new objects find no place here',
          remedy: 'widen the range, or add a listener to the class',
        },
  );
  const room = Math.floor((GROUPS_PER_LOAD_BALANCER_MAX - groupCount) / GROUPS_PER_OBJECT);
  const message = `its load balancer uses ${groupCount} of ${GROUPS_PER_LOAD_BALANCER_MAX} target groups: room for ${room} more objects`;
  const remedy = 'add a listener of another load balancer to the class; the quota is not adjustable';
  const level = room < 1 ? 'fail' : room <= 5 ? 'warn' : 'ok';
  said.push({ level, field: `${field}.arn`, value, message, ...(level === 'ok' ? {} : { remedy }) });
  return said;
}

function noListener(): Said {
  return {
    level: 'fail',
    field: 'spec.listeners',
    message: 'the class names no listener: its objects cannot be served',
    remedy: 'add the ARN and the URL of a listener',
  };
}

/** Also for roles that an object names for itself. */
export async function role(field: string, roleArn: string, service: string, account: Account): Promise<Said> {
  const observed = await account.role(roleArn);
  if (!observed) {
    const remedy = 'create it, or correct the ARN';
    return { level: 'fail', field, value: roleArn, message: 'there is no such role', remedy };
  }
  const readiness = iamRole.readiness(observed, { mustTrust: service });
  if (readiness.state === 'failed') {
    const [message = '', remedy] = readiness.message.split(/\. (?=Add )/);
    return { level: 'fail', field, value: roleArn, message, remedy };
  }
  return { level: 'ok', field, value: roleArn, message: `${service} may assume it` };
}

async function image(
  field: string,
  reference: string,
  architecture: 'x86_64' | 'arm64',
  account: Account,
): Promise<Said> {
  // CodeBuild's own, which no registry answers for.
  if (reference.startsWith('aws/codebuild/')) {
    return { level: 'ok', field, value: reference, message: 'an image of CodeBuild itself' };
  }
  const digest = await account.image(reference, architecture);
  if (digest === undefined) {
    const message = `the registry has no such image for ${architecture}`;
    return { level: 'fail', field, value: reference, message, remedy: 'push it, or correct the reference' };
  }
  return { level: 'ok', field, value: reference, message: `${digest.slice(0, 19)}… for ${architecture}` };
}

function within(priority: string | undefined, { from, to }: { from: number; to: number }): boolean {
  const number = Number(priority);
  return number >= from && number <= to;
}
