/**
 * What `doctor` finds of the account behind a connection: the controller's stack, the queue that AWS's events come by,
 * what the caller may do with records, and quotas. It only reads; what it may not read is said as a warning with the
 * call's name, and what is not there is not guessed at.
 */
import type { Stack } from '@aws-sdk/client-cloudformation';
import { validateLambdaContainer } from '../../api/index.ts';
import type { AccountPorts } from '../../aws/account-ports.ts';
import { isFailure } from '../../core/index.ts';
import { ClassLookup, classNameOf } from '../commands/classes.ts';
import type { Connection } from '../commands/connection.ts';
import type { Finding as VerifyFinding } from '../verify/findings.ts';
import { quotaChecks } from '../verify/quota-checks.ts';
import type { Finding } from './finding.ts';

/** A leader reads the queue all the time; so many do not lie in it while one does. */
const EVENTS_WAITING_MAX = 1_000;

/** The controller's stack, and its outputs where it has them. */
export async function stackFindings(
  { cloudformation }: AccountPorts,
  stackName: string,
): Promise<{ readonly findings: readonly Finding[]; readonly outputs: Readonly<Record<string, string>> }> {
  const name = 'stack';
  const stack = await stackOf(cloudformation, stackName);
  if (!stack) {
    const message = `there is no stack ${stackName}: the controller was deployed by other means, or not at all`;
    const remedy = 'lambdacontainer bootstrap --apply deploys it; --stack names another one';
    return { findings: [{ name, status: 'warn', message, remedy }], outputs: {} };
  }
  const outputs = Object.fromEntries((stack.Outputs ?? []).map((one) => [one.OutputKey ?? '', one.OutputValue ?? '']));
  const status = stack.StackStatus ?? '';
  const message = `${stackName} is ${status}`;
  if (/^(CREATE|UPDATE|IMPORT)_COMPLETE$/.test(status)) return { findings: [{ name, status: 'ok', message }], outputs };
  const isGoing = status.endsWith('_IN_PROGRESS');
  const remedy = isGoing ? 'wait until it has settled' : 'see its events, then: lambdacontainer bootstrap --apply';
  const isBroken = !isGoing && !status.endsWith('UPDATE_ROLLBACK_COMPLETE');
  return { findings: [{ name, status: isBroken ? 'fail' : 'warn', message, remedy }], outputs };
}

/** The queue of AWS's events: who may write to it, where letters go that nobody could read, and whether it is read. */
export async function eventFindings(
  { sqs }: Connection['ports'],
  outputs: Readonly<Record<string, string>>,
): Promise<Finding[]> {
  const name = 'events';
  const { EventQueueName: queue, DeadLetterQueueName: deadLetters } = outputs;
  if (queue === undefined || deadLetters === undefined) return [];
  const remedy = 'run: lambdacontainer bootstrap --apply';
  const [waiting, dead] = await Promise.all([queue, deadLetters].map((one) => attributesOf(sqs, one)));
  if (!waiting || !dead) {
    const gone = waiting ? deadLetters : queue;
    return [{ name, status: 'fail', message: `queue ${gone} does not exist: drift is found by sweeps alone`, remedy }];
  }
  const findings: Finding[] = [];
  const count = Number(waiting.ApproximateNumberOfMessages ?? 0);
  const message = `${count} wait in ${queue}`;
  findings.push(
    count <= EVENTS_WAITING_MAX
      ? { name, status: 'ok', message }
      : { name, status: 'warn', message, remedy: 'see whether a controller leads, and what it logs of the queue' },
  );
  if (!waiting.Policy?.includes('events.amazonaws.com')) {
    const what = 'its policy does not let EventBridge in: nothing arrives';
    findings.push({ name, status: 'fail', message: what, remedy });
  }
  if (waiting.RedrivePolicy === undefined) {
    const what = 'it has no dead letter queue: what cannot be read comes again until it expires';
    findings.push({ name, status: 'warn', message: what, remedy });
  }
  const deadCount = Number(dead.ApproximateNumberOfMessages ?? 0);
  if (deadCount > 0) {
    const what = `${deadCount} could not be read or delivered, in ${deadLetters}`;
    const help = 'look at one, report it as a defect, and purge the queue; sweeps find what they spoke of';
    findings.push({ name, status: 'warn', message: what, remedy: help });
  }
  return findings;
}

const ON_RECORDS = ['dynamodb:GetItem', 'dynamodb:Query', 'dynamodb:PutItem', 'dynamodb:DeleteItem'];
const ON_STATUS = ['dynamodb:GetItem', 'dynamodb:Query'];

/**
 * What IAM says that the caller may do with records and status. Policies with conditions on keys (a namespace's) are
 * judged without a key, so that a denial is a hint and no verdict.
 */
export async function permissionFindings(
  { policies }: AccountPorts,
  { ports, tables, region }: Connection,
): Promise<Finding[]> {
  const name = 'permissions';
  const { Arn = '', Account = '' } = await ports.sts.getCallerIdentity({});
  const principal = await principalOf(Arn, ports.iam);
  if (principal === undefined) return [{ name, status: 'ok', message: 'the account’s root may do everything' }];
  const partition = Arn.split(':')[1] ?? 'aws';
  const table = (of: string) => `arn:${partition}:dynamodb:${region}:${Account}:table/${of}`;
  const asked = [
    { of: tables.desired, actions: ON_RECORDS },
    { of: tables.state, actions: ON_STATUS },
  ];
  const denied: string[] = [];
  for (const { of, actions } of asked) {
    const { EvaluationResults } = await policies.simulatePrincipalPolicy({
      PolicySourceArn: principal,
      ActionNames: [...actions],
      ResourceArns: [table(of)],
    });
    for (const { EvalActionName, EvalDecision } of EvaluationResults ?? []) {
      if (EvalDecision !== 'allowed') denied.push(`${EvalActionName} on ${of}`);
    }
  }
  if (denied.length === 0) return [{ name, status: 'ok', message: 'may read and write records, and read status' }];
  return [
    {
      name,
      status: 'warn',
      message: `IAM does not allow ${denied.join(', ')}, as far as it can be told without a namespace`,
      remedy:
        'attach the policy of deploy/namespace.yaml (to write) or deploy/reader.yaml (to look), where it is meant to',
    },
  ];
}

/** The quotas against what all records ask for at their most. */
export async function quotaFindings(ports: AccountPorts, connection: Connection): Promise<Finding[]> {
  const classes = new ClassLookup([], connection);
  const specs = [];
  for await (const record of connection.desired.list()) {
    if (record.key.namespace.startsWith('_')) continue;
    const klass = await classes.get(classNameOf(record.item.spec));
    if (typeof klass === 'string') continue;
    const { spec } = validateLambdaContainer(record.item.spec, klass, record.key.namespace);
    if (spec) specs.push(spec);
  }
  return (await quotaChecks(specs, ports)).map(asFinding);
}

function asFinding({ level, value, message, remedy }: VerifyFinding): Finding {
  const text = value === undefined ? message : `${value}: ${message}`;
  return { name: 'quotas', status: level, message: text, ...(remedy === undefined ? {} : { remedy }) };
}

/** Undefined where there is none of that name. */
async function stackOf(port: AccountPorts['cloudformation'], StackName: string): Promise<Stack | undefined> {
  try {
    return (await port.describeStacks({ StackName })).Stacks?.[0];
  } catch (error) {
    if (isFailure(error) && /does not exist/.test(error.message)) return undefined;
    throw error;
  }
}

async function attributesOf(
  sqs: Connection['ports']['sqs'],
  QueueName: string,
): Promise<Readonly<Partial<Record<string, string>>> | undefined> {
  try {
    const { QueueUrl } = await sqs.getQueueUrl({ QueueName });
    return (await sqs.getQueueAttributes({ QueueUrl, AttributeNames: ['All'] })).Attributes ?? {};
  } catch (error) {
    if (isFailure(error) && /NonExistentQueue|QueueDoesNotExist/.test(error.code)) return undefined;
    throw error;
  }
}

/** The user or role whose policies decide; undefined for the root. A session says its role's name, not its path. */
async function principalOf(arn: string, iam: Connection['ports']['iam']): Promise<string | undefined> {
  if (arn.endsWith(':root')) return undefined;
  const RoleName = /:assumed-role\/([^/]+)\//.exec(arn)?.[1];
  if (RoleName === undefined) return arn;
  return (await iam.getRole({ RoleName })).Role?.Arn ?? arn;
}
