/** The AWS CLI as the only tool: a bare record is served, follows its function, and is gone when it is deleted. */
import { execFile, spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { zipSync } from 'fflate';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually, get, LocalRun, load, removeFolder, temporaryFolder } from './local-run.ts';

const hasAws = spawnSync('aws', ['--version']).error === undefined;
const LONG = 90_000;
const execute = promisify(execFile);

let folder = '';
let run: LocalRun;

async function aws(...args: string[]): Promise<Record<string, unknown>> {
  const { stdout } = await execute(
    'aws',
    ['--endpoint-url', run.local.awsEndpoint, '--region', 'us-east-1', '--output', 'json', ...args],
    {
      env: { ...process.env, AWS_ACCESS_KEY_ID: 'local', AWS_SECRET_ACCESS_KEY: 'local', AWS_PAGER: '' },
    },
  );
  return stdout.trim() === '' ? {} : JSON.parse(stdout);
}

function zip(name: string, body: string): string {
  const path = join(folder, name);
  writeFileSync(
    path,
    zipSync({ 'index.mjs': Buffer.from(`export const handler = async () => ({ statusCode: 200, body: '${body}' });`) }),
  );
  return `fileb://${path}`;
}

describe.skipIf(!hasAws)('with the AWS CLI alone (skipped without aws)', () => {
  beforeAll(async () => {
    folder = temporaryFolder();
    run = new LocalRun(folder, ['--example', 'none']);
    await run.says('Ctrl-C stops everything');
  }, LONG);

  afterAll(async () => {
    await run?.stop();
    removeFolder(folder);
  }, LONG);

  it(
    'put-item → served',
    async () => {
      await aws(
        'lambda',
        'create-function',
        '--function-name',
        'greeter',
        '--runtime',
        'nodejs22.x',
        '--handler',
        'index.handler',
        '--role',
        'arn:aws:iam::000000000000:role/lambdacontainer-example-function',
        '--zip-file',
        zip('one.zip', 'one'),
      );
      await aws(
        'dynamodb',
        'put-item',
        '--table-name',
        'lambdacontainer-desired',
        '--item',
        '{"namespace":{"S":"default"},"name":{"S":"greeter"},"spec":{"M":{"source":{"M":{"functionRef":{"M":{"name":{"S":"greeter"}}}}}}}}',
      );
      await eventually(async () => (await get(`${run.url}/greeter`)).body === 'one');
    },
    LONG,
  );

  it(
    'update-function-code → the new body, with no failed request at 50 a second',
    async () => {
      const requests = load(`${run.url}/greeter`, 50);
      await aws('lambda', 'update-function-code', '--function-name', 'greeter', '--zip-file', zip('two.zip', 'two'));
      await eventually(
        async () => requests.answers.length > 50 && requests.answers.slice(-25).every(({ body }) => body === 'two'),
      );
      const answers = await requests.stop();
      expect(answers.filter(({ status }) => status < 200 || status > 299)).toEqual([]);
    },
    LONG,
  );

  it(
    'delete-item → everything owned is gone, the function untouched',
    async () => {
      const before = await aws('lambda', 'get-function', '--function-name', 'greeter');
      await aws(
        'dynamodb',
        'delete-item',
        '--table-name',
        'lambdacontainer-desired',
        '--key',
        '{"namespace":{"S":"default"},"name":{"S":"greeter"}}',
      );
      await eventually(async () => (await run.status('greeter')) === undefined);
      expect(await aws('ecs', 'list-services', '--cluster', 'lambdacontainer')).toEqual({ serviceArns: [] });
      expect(await aws('elbv2', 'describe-target-groups')).toEqual({ TargetGroups: [] });
      expect(
        await aws(
          'ecr',
          'describe-repositories',
          '--query',
          "repositories[?starts_with(repositoryName, 'lambdacontainer/default')]",
        ),
      ).toEqual([]);
      expect(await aws('codebuild', 'list-projects')).toEqual({ projects: [] });
      expect(await aws('ecs', 'list-task-definitions', '--status', 'ACTIVE')).toEqual({ taskDefinitionArns: [] });
      expect(await aws('application-autoscaling', 'describe-scalable-targets', '--service-namespace', 'ecs')).toEqual({
        ScalableTargets: [],
      });
      expect(await aws('logs', 'describe-log-groups', '--log-group-name-prefix', '/lambdacontainer/')).toMatchObject({
        logGroups: [],
      });
      const after = await aws('lambda', 'get-function', '--function-name', 'greeter');
      expect((after.Configuration as { RevisionId: string }).RevisionId).toBe(
        (before.Configuration as { RevisionId: string }).RevisionId,
      );
    },
    LONG,
  );
});
