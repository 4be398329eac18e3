/**
 * Secrets of containers on a whole cloud that enforces IAM: what may be registered, what a task is started with, how it
 * fails, and that no value is in the cloud's own state but where Secrets Manager keeps it.
 */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { EXECUTION_POLICY } from '../../../src/cli/local/controller-identity.ts';
import { seededRandom, VirtualClock } from '../../../src/core/index.ts';
import { Cloud, type Denied, memoryBlobs, openJournal, type TaskLaunch } from '../../../src/local-cloud/index.ts';
import { grantsOf, list, template } from '../../deploy/template.ts';
import { unused } from '../cloud/idle-cloud.ts';
import { SETTINGS } from '../cloud/world.ts';
import { refusal } from './world.ts';

const PASSWORD = 'planted-in-secret-0';
const PREFIX =
  'ResourceInitializationError: unable to pull secrets or registry auth: execution resource retrieval failed:';
const FROM_ASM = `${PREFIX} unable to retrieve secret from asm: service call has been retried 1 time(s):`;

const OCI = 'application/vnd.oci.image';

const closing: (() => void)[] = [];
afterEach(() => {
  for (const close of closing.splice(0)) close();
});

function secretCloud() {
  const folder = mkdtempSync(join(tmpdir(), 'lambdacontainer-secrets-'));
  const clock = new VirtualClock();
  const launches: TaskLaunch[] = [];
  const denials: Denied[] = [];
  const open = () =>
    new Cloud({
      clock,
      random: seededRandom(6),
      state: openJournal(folder),
      blobs: memoryBlobs(),
      settings: { ...SETTINGS, iam: 'enforce' },
      onDenial: (denied) => denials.push(denied),
      drivers: () => ({
        tasks: {
          prepare: (launch) => void launches.push(launch),
          startContainer: (_task, _container, report) => report({ type: 'started' }),
          signalContainer: () => {},
          checkContainer: unused,
          release: () => {},
        },
        builds: { start: unused, stop: unused },
        functions: { invoke: unused },
        probes: { probe: unused },
      }),
    });
  const cloud = open();
  closing.push(() => {
    cloud.close();
    rmSync(folder, { recursive: true, force: true });
  });
  // biome-ignore lint/suspicious/noExplicitAny: answers are looked at member by member
  const call = (service: Parameters<Cloud['call']>[0], operation: string, input: object): any =>
    cloud.call(service, operation, input);
  call('ecs', 'CreateCluster', { clusterName: 'main' });
  const { Role } = call('iam', 'CreateRole', {
    RoleName: 'start',
    AssumeRolePolicyDocument: JSON.stringify({
      Version: '2012-10-17',
      Statement: { Effect: 'Allow', Principal: { Service: 'ecs-tasks.amazonaws.com' }, Action: 'sts:AssumeRole' },
    }),
  });
  call('iam', 'PutRolePolicy', {
    RoleName: 'start',
    PolicyName: 'start',
    PolicyDocument: JSON.stringify(EXECUTION_POLICY),
  });
  const secretArn: string = call('secretsmanager', 'CreateSecret', {
    Name: 'lambdacontainer/tasks/db',
    SecretString: JSON.stringify({
      user: 'shop',
      password: PASSWORD,
      port: 5432,
      rows: 1234567,
      tls: true,
      nested: {},
    }),
  }).ARN;
  const image = call('ecr', 'CreateRepository', { repositoryName: 'app' }).repository.repositoryUri as string;
  cloud.enter((nowMs) => {
    const { ecr } = cloud.services;
    const content = Buffer.from('{"architecture":"amd64","os":"linux","rootfs":{"type":"layers","diff_ids":[]}}');
    const config = { mediaType: `${OCI}.config.v1+json`, digest: ecr.putBlob('app', content), size: content.length };
    const manifest = { schemaVersion: 2, mediaType: `${OCI}.manifest.v1+json`, config, layers: [] };
    ecr.putManifest('app', 'v1', manifest.mediaType, Buffer.from(JSON.stringify(manifest)), nowMs);
  });

  const definition = (secrets: object[], more: object = {}, container: object = {}) => ({
    family: 'app',
    requiresCompatibilities: ['FARGATE'],
    networkMode: 'awsvpc',
    cpu: '256',
    memory: '512',
    executionRoleArn: Role.Arn,
    ...more,
    containerDefinitions: [
      { name: 'web', image: `${image}:v1`, environment: [{ name: 'MODE', value: 'plain' }], secrets, ...container },
    ],
  });
  const register = (secrets: object[], more: object = {}, container: object = {}) =>
    call('ecs', 'RegisterTaskDefinition', definition(secrets, more, container)).taskDefinition;
  /** Starts one task; what was launched, and what ECS says of the task. */
  const start = (valueFrom: string, more: object = {}) => {
    const { taskDefinitionArn } = register([{ name: 'SECRET', valueFrom }], more);
    const before = launches.length;
    const { tasks } = call('ecs', 'RunTask', {
      cluster: 'main',
      taskDefinition: taskDefinitionArn,
      launchType: 'FARGATE',
      networkConfiguration: { awsvpcConfiguration: { subnets: ['subnet-a'] } },
    });
    const told = call('ecs', 'DescribeTasks', { cluster: 'main', tasks: [tasks[0].taskArn] }).tasks[0];
    return { task: told, environment: launches[before]?.containers[0]?.environment };
  };
  return { cloud, call, folder, launches, denials, secretArn, register, start, roleArn: Role.Arn as string };
}

describe('what may be registered', () => {
  it('secrets are kept as they were named, and no value with them', () => {
    const { register, secretArn } = secretCloud();
    const secrets = [{ name: 'PASSWORD', valueFrom: `${secretArn}:password::` }];
    expect(register(secrets).containerDefinitions[0].secrets).toEqual(secrets);
  });

  const SECRET = 'arn:aws:secretsmanager:us-east-1:000000000000:secret:db-AbCdEf';
  it.each([
    {
      reason: 'no execution role to read them with',
      secrets: [{ name: 'A', valueFrom: SECRET }],
      more: { executionRoleArn: undefined },
      error: /you must also specify a value for 'executionRoleArn'/,
    },
    {
      reason: 'a name that is a variable already',
      secrets: [{ name: 'MODE', valueFrom: SECRET }],
      error: /The secret name must be unique and not shared with .* such as 'MODE'/,
    },
    {
      reason: 'a name twice',
      secrets: [
        { name: 'A', valueFrom: SECRET },
        { name: 'A', valueFrom: SECRET },
      ],
      error: /such as 'A'/,
    },
    { reason: 'nowhere to read it', secrets: [{ name: 'A', valueFrom: '' }], error: /must not be null or empty/ },
    {
      reason: 'a parameter of SSM, which is not here',
      secrets: [{ name: 'A', valueFrom: '/team/password' }],
      error: /Container\.secrets from SSM parameters \('\/team\/password' of 'A'\) is not supported by the local cloud/,
    },
  ])('refuses $reason', ({ secrets, more, error }) => {
    const { register } = secretCloud();
    expect(refusal(() => register(secrets, more))).toMatch(error);
  });
});

describe('what a task is started with', () => {
  it.each([
    { reason: 'a text of the JSON', suffix: ':password::', value: PASSWORD },
    { reason: 'a number, as Go writes it', suffix: ':port::', value: '5432' },
    { reason: 'a large number, as Go writes it', suffix: ':rows::', value: '1.234567e+06' },
    { reason: 'true', suffix: ':tls::', value: 'true' },
  ])('$reason', ({ suffix, value }) => {
    const { start, secretArn } = secretCloud();
    expect(start(`${secretArn}${suffix}`).environment).toEqual({ MODE: 'plain', SECRET: value });
  });

  it('the whole secret, by its ARN with and without the random end', () => {
    const { start, secretArn } = secretCloud();
    for (const arn of [secretArn, secretArn.slice(0, -7)]) {
      expect(start(arn).environment?.SECRET).toContain(PASSWORD);
    }
  });

  it('the version that has the label, or has the id, at the moment of its start', () => {
    const { start, call, secretArn } = secretCloud();
    const { VersionId } = call('secretsmanager', 'GetSecretValue', { SecretId: secretArn });
    call('secretsmanager', 'PutSecretValue', { SecretId: secretArn, SecretString: 'second' });
    expect(start(secretArn).environment?.SECRET).toBe('second');
    expect(start(`${secretArn}::AWSPREVIOUS:`).environment?.SECRET).toContain(PASSWORD);
    expect(start(`${secretArn}:user::${VersionId}`).environment?.SECRET).toBe('shop');
  });
});

describe('a task that cannot have its secrets stops', () => {
  it.each([
    {
      reason: 'IAM does not let the execution role read it',
      valueFrom: (_arn: string, other: string) => other,
      stopped: new RegExp(
        `^${escaped(FROM_ASM)} failed to fetch secret arn:\\S+:secret:elsewhere-\\w{6} from secrets manager: AccessDeniedException: User: arn:aws:sts::000000000000:assumed-role/start/[0-9a-f]{32} is not authorized to perform: secretsmanager:GetSecretValue on resource: \\S+ because no identity-based policy allows the secretsmanager:GetSecretValue action status code: 400, request id: \\S+$`,
      ),
      denied: 1,
    },
    {
      reason: 'there is none',
      valueFrom: (arn: string) => `${arn.slice(0, -6)}AAAAAA`,
      stopped: /ResourceNotFoundException: Secrets Manager can't find the specified secret\. status code: 400/,
      denied: 0,
    },
    {
      reason: 'no version has the label',
      valueFrom: (arn: string) => `${arn}::LATER:`,
      stopped: /ResourceNotFoundException: .*staging label: LATER/,
      denied: 0,
    },
    {
      reason: 'its JSON has no such key',
      valueFrom: (arn: string) => `${arn}:pasword::`,
      stopped: new RegExp(
        `^${escaped(FROM_ASM)} retrieved secret from Secrets Manager did not contain json key pasword$`,
      ),
      denied: 0,
    },
    {
      reason: 'what the key holds is not a value',
      valueFrom: (arn: string) => `${arn}:nested::`,
      stopped: /hands on no nested or empty value: json key nested is one$/,
      denied: 0,
    },
    {
      reason: 'the ARN has too few parts',
      valueFrom: (arn: string) => `${arn}:password`,
      stopped: new RegExp(`^${escaped(PREFIX)} an invalid ARN format for the AWS Secrets Manager secret was specified`),
      denied: 0,
    },
  ])('$reason', ({ valueFrom, stopped, denied }) => {
    const { start, call, secretArn, launches, denials } = secretCloud();
    const other = call('secretsmanager', 'CreateSecret', { Name: 'elsewhere', SecretString: PASSWORD }).ARN;
    const { task } = start(valueFrom(secretArn, other));
    expect(task).toMatchObject({ lastStatus: 'STOPPED', stopCode: 'TaskFailedToStart' });
    expect(task.stoppedReason).toMatch(stopped);
    expect(task.stoppedReason).not.toContain(PASSWORD);
    expect(launches, 'nothing of it ran').toEqual([]);
    expect(denials.length).toBe(denied);
  });

  it('a value that is no JSON is not quoted', () => {
    const { start, call, secretArn } = secretCloud();
    call('secretsmanager', 'PutSecretValue', { SecretId: secretArn, SecretString: PASSWORD });
    const { task } = start(`${secretArn}:password::`);
    expect(task.stoppedReason).toBe(`${FROM_ASM} invalid character looking for beginning of value`);
  });

  it('its role does not trust ECS tasks', () => {
    const { start, call, secretArn, roleArn } = secretCloud();
    call('iam', 'CreateRole', {
      RoleName: 'other',
      AssumeRolePolicyDocument: JSON.stringify({
        Version: '2012-10-17',
        Statement: { Effect: 'Allow', Principal: { Service: 'lambda.amazonaws.com' }, Action: 'sts:AssumeRole' },
      }),
    });
    const other = roleArn.replace('role/start', 'role/other');
    const { task } = start(secretArn, { executionRoleArn: other });
    expect(task.stoppedReason).toContain(`ECS was unable to assume the role '${other}'`);
  });
});

it('the cloud’s journal has a value where Secrets Manager keeps it, and in nothing of ECS', () => {
  const { start, secretArn, folder } = secretCloud();
  expect(start(`${secretArn}:password::`).environment?.SECRET).toBe(PASSWORD);
  const changes = readFileSync(join(folder, 'journal.jsonl'), 'utf8')
    .split('\n')
    .filter((line) => line.includes(PASSWORD))
    .flatMap((line) => JSON.parse(line) as [collection: string, key: string, value: unknown][])
    .filter((change) => JSON.stringify(change).includes(PASSWORD));
  expect(changes.length).toBeGreaterThan(0);
  expect([...new Set(changes.map(([collection]) => collection))]).toEqual(['secretsmanager.secrets']);
});

it('the execution role of the local account may read what the stack’s may', () => {
  const granted = grantsOf(template('class.yaml')).filter(
    ({ where, statement: { Sid } }) => where.includes('ExecutionRole') && Sid === 'ReadSecrets',
  );
  expect(granted.map(({ statement: { Sid, Action } }) => [Sid, list(Action)])).toEqual(
    EXECUTION_POLICY.Statement.map(({ Sid, Action }) => [Sid, Action]),
  );
});

function escaped(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
}
