/** A task called as the function is: by the SDK and by the AWS CLI, unmodified but for the endpoint. */
import { execFile, spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { InvokeCommand, type InvokeCommandInput, LambdaClient } from '@aws-sdk/client-lambda';
import { describe, expect, onTestFinished, test } from 'vitest';
import { codeFolder, FUNCTION_ARN, nodeRuntime, serving, type TestAdapter } from './support.ts';

const HANDLER = {
  'index.js': `
exports.handler = async (event, context) => {
  if (event.fail) throw new TypeError('asked for');
  console.log('got ' + JSON.stringify(event));
  return { event, custom: context.clientContext?.custom };
};`,
};

function clientOf(adapter: TestAdapter): LambdaClient {
  const client = new LambdaClient({
    endpoint: `http://127.0.0.1:${adapter.httpPort}`,
    region: 'us-east-1',
    credentials: { accessKeyId: 'any', secretAccessKey: 'any' },
    maxAttempts: 1,
  });
  onTestFinished(() => client.destroy());
  return client;
}

describe('the SDK', () => {
  const invoke = async (input: Partial<InvokeCommandInput>) => {
    const { adapter, runtimes } = await serving(nodeRuntime(), HANDLER);
    const answered = clientOf(adapter).send(new InvokeCommand({ FunctionName: 'hello', ...input }));
    return { answer: await answered, runtimes, adapter };
  };

  test('RequestResponse, by ARN, with client context and the log’s tail', async () => {
    const { answer } = await invoke({
      FunctionName: FUNCTION_ARN,
      Payload: Buffer.from('{"ü":1}'),
      ClientContext: Buffer.from('{"custom":{"k":"v"}}').toString('base64'),
      LogType: 'Tail',
    });
    expect(answer).toMatchObject({ StatusCode: 200, ExecutedVersion: '$LATEST' });
    expect(answer.FunctionError).toBeUndefined();
    expect(JSON.parse(answer.Payload?.transformToString() ?? '')).toEqual({ event: { ü: 1 }, custom: { k: 'v' } });
    expect(Buffer.from(answer.LogResult ?? '', 'base64').toString()).toMatch(/^START RequestId: /);
  });

  test('a function that fails', async () => {
    const { answer } = await invoke({ Payload: Buffer.from('{"fail":1}') });
    expect(answer).toMatchObject({ StatusCode: 200, FunctionError: 'Unhandled' });
    expect(JSON.parse(answer.Payload?.transformToString() ?? '')).toMatchObject({ errorType: 'TypeError' });
  });

  test('Event and DryRun', async () => {
    const { answer, runtimes } = await invoke({ InvocationType: 'Event', Payload: Buffer.from('{"n":1}') });
    expect(answer).toMatchObject({ StatusCode: 202 });
    await runtimes[0]?.says('got {"n":1}');
    expect((await invoke({ InvocationType: 'DryRun' })).answer).toMatchObject({ StatusCode: 204 });
  });

  test.each([
    ['another function', { FunctionName: 'other' }, 'ResourceNotFoundException'],
    ['another version', { Qualifier: '7' }, 'ResourceNotFoundException'],
    ['no JSON', { Payload: Buffer.from('{') }, 'InvalidRequestContentException'],
    ['more than 6 MB', { Payload: Buffer.alloc(6 * 1024 * 1024 + 101, '1') }, 'RequestTooLargeException'],
  ])('is told by the service’s own errors: %s', async (_reason, input, name) => {
    await expect(invoke(input)).rejects.toMatchObject({ name });
  });
});

const asked = spawnSync('aws', ['--version'], { encoding: 'utf8' });
const awsVersion = asked.status === 0 ? asked.stdout : '';

test.skipIf(awsVersion === '')(
  `aws lambda invoke${awsVersion === '' ? ' (skipped: the AWS CLI is missing)' : ''}`,
  async () => {
    const { adapter } = await serving(nodeRuntime(), HANDLER);
    const folder = codeFolder({});
    const aws = async (...args: string[]) => {
      const { stdout } = await promisify(execFile)(
        'aws',
        [
          ...['lambda', 'invoke', '--endpoint-url', `http://127.0.0.1:${adapter.httpPort}`, '--output', 'json'],
          ...['--function-name', 'hello', ...args, 'out.json'],
        ],
        {
          cwd: folder,
          env: {
            ...{ PATH: process.env.PATH ?? '', HOME: folder, AWS_DEFAULT_REGION: 'us-east-1' },
            ...{ AWS_ACCESS_KEY_ID: 'any', AWS_SECRET_ACCESS_KEY: 'any', AWS_MAX_ATTEMPTS: '1' },
          },
        },
      );
      return { said: JSON.parse(stdout), out: readFileSync(join(folder, 'out.json'), 'utf8') };
    };
    // Version 2 takes a payload for base64 unless told otherwise; version 1 does not know the option.
    const raw = awsVersion.startsWith('aws-cli/2') ? ['--cli-binary-format', 'raw-in-base64-out'] : [];
    const plain = await aws(...raw, '--payload', '{"n":1}', '--log-type', 'Tail');
    expect(plain.said).toMatchObject({ StatusCode: 200, ExecutedVersion: '$LATEST', LogResult: expect.any(String) });
    expect(JSON.parse(plain.out)).toEqual({ event: { n: 1 } });
    expect((await aws('--invocation-type', 'DryRun')).said).toMatchObject({ StatusCode: 204 });
    await expect(aws('--qualifier', 'nobody')).rejects.toThrow('ResourceNotFoundException');
  },
);
