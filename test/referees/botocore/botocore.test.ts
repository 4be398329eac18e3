/**
 * What the local cloud answers over the wire, held against botocore's service models by botocore itself: the life of
 * every resource kind and a tour of what kinds do not call, success and refusal. Run alone, it writes the report:
 * `WRITE_REPORT=1 npx vitest run test/referees/botocore`. Skipped by name where Python has no botocore.
 */
import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { createSdkPorts, OPERATIONS, type SdkSettings, type ServiceName } from '../../../src/aws/index.ts';
import { Failure } from '../../../src/core/index.ts';
import { KINDS } from '../../../src/kinds/index.ts';
import type { CloudService } from '../../../src/local-cloud/contract.ts';
import { serveWire } from '../../../src/local-cloud/wire/index.ts';
import { FIXTURES } from '../../conformance/fixtures.ts';
import { TestCloud } from '../../conformance/test-cloud.ts';
import { record } from './recorder.ts';
import { TOUR } from './tour.ts';

const REPORT = join(import.meta.dirname, '../../../docs/conformance.md');
const hasBotocore =
  process.env.CI === 'true' || spawnSync('python3', ['-c', 'import botocore'], { stdio: 'ignore' }).status === 0;

/** Differences that are known, by how they begin: each with why it stays. */
const EXPLAINED: Readonly<Record<string, string>> = {
  's3 GetObject (NoSuchBucket)': "an error of S3's reference that no operation of the model lists",
  's3 GetObject (PreconditionFailed)': "an error of S3's reference that no operation of the model lists",
  's3 HeadObject (404)': 'an answer to HEAD has no body, and so no code but its status',
  'codebuild BatchGetBuilds (ok): Invalid length for parameter buildsNotFound, value: 0':
    'the model wants one entry at least; CodeBuild answers an empty list when nothing is missing',
  'codebuild BatchGetProjects (ok): Invalid length for parameter projectsNotFound, value: 0': 'as for builds',
  'codebuild ListBuildsForProject (ok): Invalid length for parameter ids, value: 0': 'as for builds',
  'dynamodb CreateTable (ok): Invalid value for parameter TableDescription.ProvisionedThroughput.NumberOfDecreasesToday, value: 0':
    'the model wants one at least; DynamoDB answers 0 on a table whose throughput was never decreased',
  'dynamodb DescribeTable (ok): Invalid value for parameter Table.ProvisionedThroughput.NumberOfDecreasesToday, value: 0':
    'as for CreateTable',
  'dynamodb UpdateTable (ok): Invalid value for parameter TableDescription.ProvisionedThroughput.NumberOfDecreasesToday, value: 0':
    'as for CreateTable',
  "lambda UpdateFunctionCode (ok): .LastUpdateStatusReasonCode: 'Creating'":
    'Lambda answers it while it takes in new code, although the model does not list it',
  'sqs CreateQueue (QueueAlreadyExists)':
    'the code of the query protocol, which SQS still sends beside the JSON one (awsQueryCompatible) and botocore prefers',
  'sqs GetQueueUrl (AWS.SimpleQueueService.NonExistentQueue)': 'as for CreateQueue',
};

function explanationOf(difference: string): string | undefined {
  return Object.keys(EXPLAINED).find((beginning) => difference.startsWith(beginning));
}

/** What botocore calls the services that the ports call otherwise. */
const NAMES: Partial<Record<ServiceName, string>> = {
  autoscaling: 'application-autoscaling',
  streams: 'dynamodbstreams',
  tagging: 'resourcegroupstaggingapi',
};

interface Verdict {
  readonly botocore: string;
  readonly operations: Readonly<Record<string, Readonly<Record<string, number>>>>;
  readonly differences: readonly string[];
}

const lines: string[] = [];
const closing: (() => unknown)[] = [];
afterAll(async () => {
  for (const close of closing.reverse()) await close();
});

/** A cloud whose every port goes over a wire that is recorded. */
async function recordedCloud(): Promise<TestCloud> {
  const settings: SdkSettings = { region: 'us-east-1', credentials: { accessKeyId: 'test', secretAccessKey: 'test' } };
  const cloud = new TestCloud(1, (_cloud, registry) => {
    const { ports, close } = createSdkPorts(settings, registry);
    closing.push(close);
    return ports;
  });
  const wire = await serveWire({ cloud: cloud.cloud, host: '127.0.0.1', port: 0 });
  const recorder = await record(wire.port);
  settings.endpoint = recorder.url;
  closing.push(
    () => lines.push(...recorder.lines),
    recorder.close,
    wire.close,
    () => cloud.cloud.close(),
  );
  return cloud;
}

/** Refusals are answers too. */
async function tried<T>(call: Promise<T>): Promise<T | undefined> {
  try {
    return await call;
  } catch (error) {
    if (error instanceof Failure) return undefined;
    throw error;
  }
}

async function live(name: string): Promise<void> {
  const kind = KINDS.get(name);
  const fixture = FIXTURES.get(name);
  if (!kind || !fixture) throw new Error(`no kind ${name}`);
  const cloud = await recordedCloud();
  const scenario = await fixture.prepare(cloud);
  const call = { token: 'referee', tags: { 'lambdacontainer.dev/owner': 'referee' } };
  const identity = (await scenario.appear?.()) ?? scenario.identity;
  const observe = () => tried(kind.observe(cloud.io, identity, {}));
  await observe();
  if (kind.external) return;
  if (!scenario.facet) await kind.create(cloud.io, identity, scenario.desired, call);
  for (const props of [scenario.desired, ...Object.values(scenario.mutations)]) {
    await cloud.pass(60_000);
    const observed = await observe();
    if (observed === undefined) continue;
    const changes = kind.diff(props, observed);
    if (!changes.some(({ replace }) => replace))
      await tried(kind.update(cloud.io, identity, props, observed, changes, call));
  }
  await cloud.pass(60_000);
  const observed = await observe();
  if (observed === undefined) throw new Error(`${name} is absent`);
  await tried(kind.release(cloud.io, identity, observed, {}));
  await tried(kind.delete(cloud.io, identity, observed, {}));
  await cloud.pass(60_000);
  await observe();
}

function judged(): Verdict {
  const { stdout, stderr, status } = spawnSync('python3', [join(import.meta.dirname, 'judge.py')], {
    input: lines.join('\n'),
    encoding: 'utf8',
    maxBuffer: 64 << 20,
  });
  if (status !== 0) throw new Error(stderr);
  return JSON.parse(stdout) as Verdict;
}

/** Operations of the ports that the local cloud has, as botocore names them. */
async function operationsOfPorts(): Promise<string[]> {
  const { cloud } = new TestCloud();
  const services = cloud.services as unknown as Partial<Record<ServiceName, CloudService>>;
  const names = Object.entries(OPERATIONS).flatMap(([service, operations]) => {
    const machine = services[service as ServiceName];
    return Object.keys(operations)
      .map((name) => `${name.charAt(0).toUpperCase()}${name.slice(1)}`)
      .filter((name) => machine?.operations[name] ?? machine?.asyncOperations?.[name])
      .map((name) => `${NAMES[service as ServiceName] ?? service} ${name}`);
  });
  cloud.close();
  return names.sort();
}

function reportOf({ botocore, operations, differences }: Verdict): string {
  const rows = Object.entries(operations)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([operation, { ok = 0, ...errors }]) => {
      const found = differences.filter((one) => one.startsWith(`${operation} `));
      const notes = [...new Set(found.flatMap((one) => EXPLAINED[explanationOf(one) ?? ''] ?? 'open'))];
      return `| ${operation} | ${ok > 0 ? '✓' : ''} | ${Object.keys(errors).sort().join(', ')} | ${notes.join('; ')} |`;
    });
  return `<!-- botocore: written by test/referees/botocore/botocore.test.ts -->
Judged by botocore ${botocore}: ${rows.length} operations.

| operation | answers | refusals seen | what differs, and why it stays |
| --- | --- | --- | --- |
${rows.join('\n')}
<!-- end of botocore -->`;
}

describe.skipIf(!hasBotocore)(
  `the local cloud, judged by botocore${hasBotocore ? '' : ' (python3 has no botocore)'}`,
  () => {
    it.each([...KINDS.keys()])('%s lives over the wire', live, 60_000);

    it.each(Object.keys(TOUR))(
      '%s: what kinds do not call',
      async (name) => {
        const cloud = await recordedCloud();
        await TOUR[name]?.(cloud, tried);
      },
      60_000,
    );

    it('answers what the models know, and nothing else', async () => {
      while (closing.length > 0) await closing.pop()?.();
      const verdict = judged();
      const open = verdict.differences.filter((one) => explanationOf(one) === undefined);
      expect(open).toEqual([]);
      const stale = Object.keys(EXPLAINED).filter((one) => !verdict.differences.some((found) => found.startsWith(one)));
      expect(stale, 'explained, but no difference any more').toEqual([]);
      const silent = (await operationsOfPorts()).filter((one) => !verdict.operations[one]);
      expect(silent, 'operations that nothing here calls').toEqual([]);
      if (process.env.WRITE_REPORT) {
        const text = readFileSync(REPORT, 'utf8');
        writeFileSync(
          REPORT,
          text.replace(/<!-- botocore[\s\S]*end of botocore -->/, () => reportOf(verdict)),
        );
      }
    }, 60_000);
  },
);
