/** The AWS CLI, a client that is not the JS SDK, over each protocol. Skipped by name where `aws` is not installed. */
import { execFile, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { AwsError, type ServiceId } from '../../../src/local-cloud/contract.ts';
import { serveWire } from '../../../src/local-cloud/wire/index.ts';
import { echoCloud } from './echo-cloud.ts';

const installed = spawnSync('aws', ['--version']).status === 0;
const echo = echoCloud();
let server: Awaited<ReturnType<typeof serveWire>>;
let folder: string;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'lambdacontainer-cli-'));
  // What makes versions 1 and 2 agree: bytes as given, times in words.
  const settings = '[default]\ncli_binary_format = raw-in-base64-out\ncli_timestamp_format = iso8601\n';
  writeFileSync(join(folder, 'config'), settings);
  server = await serveWire({ cloud: echo.cloud, host: '127.0.0.1', port: 0 });
});
afterAll(async () => {
  await server.close();
  rmSync(folder, { recursive: true, force: true });
});

function aws(...args: string[]): Promise<{ exitCode: number; stdout: string; stderr: string }> {
  const env = {
    PATH: `${process.env.PATH}`,
    HOME: folder,
    AWS_CONFIG_FILE: join(folder, 'config'),
    AWS_ACCESS_KEY_ID: 'test',
    AWS_SECRET_ACCESS_KEY: 'test',
    AWS_DEFAULT_REGION: 'us-east-1',
    AWS_EC2_METADATA_DISABLED: 'true',
    AWS_PAGER: '',
  };
  return new Promise((resolve) => {
    execFile(
      'aws',
      ['--endpoint-url', `http://127.0.0.1:${server.port}`, '--output', 'json', ...args],
      { env },
      (error, stdout, stderr) => resolve({ exitCode: error ? Number(error.code) : 0, stdout, stderr }),
    );
  });
}

const when = new Date(Date.UTC(2026, 4, 6, 7, 8, 9));

const cases: {
  name: string;
  args: string[];
  service: ServiceId;
  input: object;
  output: object;
  printed: object;
}[] = [
  {
    name: 'dynamodb, JSON 1.0 with bytes',
    args: [
      'dynamodb',
      'put-item',
      '--table-name',
      't',
      '--item',
      '{"k":{"S":"é"},"b":{"B":"xy"}}',
      '--return-values',
      'ALL_OLD',
    ],
    service: 'dynamodb',
    input: { TableName: 't', Item: { k: { S: 'é' }, b: { B: new Uint8Array([120, 121]) } }, ReturnValues: 'ALL_OLD' },
    output: { Attributes: { n: { N: '1' }, b: { B: new Uint8Array([3]) } } },
    printed: { Attributes: { n: { N: '1' }, b: { B: 'Aw==' } } },
  },
  {
    name: 'dynamodbstreams, JSON 1.0',
    args: [
      'dynamodbstreams',
      'describe-stream',
      '--stream-arn',
      'arn:aws:dynamodb:us-east-1:000000000000:table/t/stream/2026',
    ],
    service: 'streams',
    input: { StreamArn: 'arn:aws:dynamodb:us-east-1:000000000000:table/t/stream/2026' },
    output: { StreamDescription: { StreamStatus: 'ENABLED' } },
    printed: { StreamDescription: { StreamStatus: 'ENABLED' } },
  },
  {
    name: 'sqs, JSON 1.0 that was a form once',
    args: ['sqs', 'receive-message', '--queue-url', 'http://127.0.0.1:1/000000000000/a', '--wait-time-seconds', '1'],
    service: 'sqs',
    input: { QueueUrl: 'http://127.0.0.1:1/000000000000/a', WaitTimeSeconds: 1 },
    output: { Messages: [{ MessageId: 'm', Body: 'é' }] },
    printed: { Messages: [{ MessageId: 'm', Body: 'é' }] },
  },
  {
    name: 'events, JSON 1.1',
    args: ['events', 'put-targets', '--rule', 'r', '--targets', 'Id=t,Arn=arn:aws:sqs:us-east-1:000000000000:a'],
    service: 'events',
    input: { Rule: 'r', Targets: [{ Id: 't', Arn: 'arn:aws:sqs:us-east-1:000000000000:a' }] },
    output: { FailedEntryCount: 0, FailedEntries: [] },
    printed: { FailedEntryCount: 0, FailedEntries: [] },
  },
  {
    name: 'ecs, JSON 1.1 with a time',
    args: ['ecs', 'describe-services', '--cluster', 'c', '--services', 'a', 'b'],
    service: 'ecs',
    input: { cluster: 'c', services: ['a', 'b'] },
    output: { services: [{ serviceName: 'a', desiredCount: 2, createdAt: when }], failures: [] },
    printed: {
      services: [{ serviceName: 'a', desiredCount: 2, createdAt: expect.stringMatching(/^2026-05-0/) }],
      failures: [],
    },
  },
  {
    name: 'elbv2, form and XML with nested lists',
    args: [
      'elbv2',
      'modify-rule',
      '--rule-arn',
      'r',
      '--actions',
      '[{"Type":"forward","ForwardConfig":{"TargetGroups":[{"TargetGroupArn":"g","Weight":0}]}}]',
    ],
    service: 'elbv2',
    input: {
      RuleArn: 'r',
      Actions: [{ Type: 'forward', ForwardConfig: { TargetGroups: [{ TargetGroupArn: 'g', Weight: 0 }] } }],
    },
    output: { Rules: [{ RuleArn: 'r', IsDefault: false, Conditions: [], Actions: [{ Type: 'forward', Order: 1 }] }] },
    printed: { Rules: [{ RuleArn: 'r', IsDefault: false, Conditions: [], Actions: [{ Type: 'forward', Order: 1 }] }] },
  },
  {
    name: 'iam, form and XML',
    args: ['iam', 'get-role', '--role-name', 'r'],
    service: 'iam',
    input: { RoleName: 'r' },
    output: {
      Role: {
        RoleName: 'r',
        Path: '/',
        RoleId: 'A',
        Arn: 'a<&>',
        CreateDate: when,
        AssumeRolePolicyDocument: encodeURIComponent('{"Statement":[]}'),
      },
    },
    printed: {
      Role: {
        Arn: 'a<&>',
        CreateDate: expect.stringMatching(/^2026-05-06T07:08:09/),
        AssumeRolePolicyDocument: { Statement: [] },
      },
    },
  },
  {
    name: 'lambda, REST with an ARN in the path',
    args: [
      'lambda',
      'get-function',
      '--function-name',
      'arn:aws:lambda:us-east-1:000000000000:function:f',
      '--qualifier',
      'live',
    ],
    service: 'lambda',
    input: { FunctionName: 'arn:aws:lambda:us-east-1:000000000000:function:f', Qualifier: 'live' },
    output: { Configuration: { FunctionName: 'f', MemorySize: 128 } },
    printed: { Configuration: { FunctionName: 'f', MemorySize: 128 } },
  },
  {
    name: 'lambda, a list, as an older botocore spells its path',
    args: ['lambda', 'list-functions', '--no-paginate'],
    service: 'lambda',
    input: {},
    output: { Functions: [] },
    printed: { Functions: [] },
  },
  {
    name: 'logs, JSON 1.1',
    args: ['logs', 'create-log-group', '--log-group-name', '/a', '--tags', 'k=v'],
    service: 'logs',
    input: { logGroupName: '/a', tags: { k: 'v' } },
    output: {},
    printed: {},
  },
  {
    name: 'ecr, JSON 1.1',
    args: ['ecr', 'describe-images', '--repository-name', 'repo', '--image-ids', 'imageTag=x', '--no-paginate'],
    service: 'ecr',
    input: { repositoryName: 'repo', imageIds: [{ imageTag: 'x' }] },
    output: { imageDetails: [{ imageDigest: 'sha256:1', imageSizeInBytes: 5_000_000_000 }] },
    printed: { imageDetails: [{ imageDigest: 'sha256:1', imageSizeInBytes: 5_000_000_000 }] },
  },
  {
    name: 'codebuild, JSON 1.1',
    args: ['codebuild', 'stop-build', '--id', 'p:1'],
    service: 'codebuild',
    input: { id: 'p:1' },
    output: { build: { id: 'p:1', buildComplete: true } },
    printed: { build: { id: 'p:1', buildComplete: true } },
  },
  {
    name: 'application-autoscaling, JSON 1.1',
    args: ['application-autoscaling', 'describe-scalable-targets', '--service-namespace', 'ecs', '--no-paginate'],
    service: 'autoscaling',
    input: { ServiceNamespace: 'ecs' },
    output: { ScalableTargets: [] },
    printed: { ScalableTargets: [] },
  },
];

describe.skipIf(!installed)('the AWS CLI (skipped where it is not installed)', { timeout: 60_000 }, () => {
  it.each(cases)('$name', async ({ args, service, input, output, printed }) => {
    echo.seen.length = 0;
    echo.answer = () => output;
    const { exitCode, stdout, stderr } = await aws(...args);
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
    expect(echo.seen).toEqual([{ service, operation: expect.any(String), input }]);
    expect(stdout === '' ? {} : JSON.parse(stdout)).toMatchObject(printed);
  });

  it('lambda invoke carries bytes both ways', async () => {
    const file = join(folder, 'answer');
    echo.answer = ({ input }) => ({
      StatusCode: 200,
      ExecutedVersion: '$LATEST',
      Payload: (input as { Payload: Uint8Array }).Payload,
    });
    const { stdout, stderr } = await aws('lambda', 'invoke', '--function-name', 'f', '--payload', '{"a":"é"}', file);
    expect(stderr).toBe('');
    expect(JSON.parse(stdout)).toEqual({ StatusCode: 200, ExecutedVersion: '$LATEST' });
    expect(readFileSync(file, 'utf8')).toBe('{"a":"é"}');
  });

  const errors: { args: string[]; code: string; printed?: string }[] = [
    { args: ['ecs', 'list-tasks', '--cluster', 'x'], code: 'ClusterNotFoundException' },
    { args: ['elbv2', 'delete-rule', '--rule-arn', 'x'], code: 'RuleNotFound' },
    { args: ['lambda', 'get-function', '--function-name', 'x'], code: 'ResourceNotFoundException' },
    { args: ['dynamodb', 'describe-table', '--table-name', 'xxx'], code: 'ResourceNotFoundException' },
    {
      args: ['sqs', 'get-queue-url', '--queue-name', 'x'],
      code: 'QueueDoesNotExist',
      printed: 'AWS.SimpleQueueService.NonExistentQueue',
    },
  ];
  it.each(errors)('prints $code as AWS would', async ({ args, code, printed = code }) => {
    echo.answer = () => {
      throw new AwsError(code, 'It is not there.');
    };
    const { exitCode, stderr } = await aws(...args);
    expect(exitCode).not.toBe(0);
    expect(stderr).toMatch(
      new RegExp(`An error occurred \\(${printed}\\) when calling the \\w+ operation: It is not there\\.`),
    );
  });
});
