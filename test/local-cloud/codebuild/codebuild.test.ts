import { beforeEach, describe, expect, it } from 'vitest';
import { seededRandom, VirtualClock } from '../../../src/core/index.ts';
import { BareCloud } from '../../../src/local-cloud/cloud-core.ts';
import { AwsError, type BuildEvent, type BuildLaunch } from '../../../src/local-cloud/contract.ts';
import { CodeBuildService } from '../../../src/local-cloud/services/codebuild.ts';
import { memoryState, type StateStore } from '../../../src/local-cloud/state/index.ts';

const ROLE = 'arn:aws:iam::000000000000:role/build';
const QUEUED_MS = 50;

/** A driver that does as the test says. */
class Builds {
  readonly launches: BuildLaunch[] = [];
  readonly stopped: string[] = [];
  readonly #reports = new Map<string, (event: BuildEvent) => void>();
  start(launch: BuildLaunch, report: (event: BuildEvent) => void): void {
    this.launches.push(launch);
    this.#reports.set(launch.buildId, report);
  }
  stop(buildId: string): void {
    this.stopped.push(buildId);
  }
  report(id: string, ...events: BuildEvent[]): void {
    for (const event of events) this.#reports.get(id)?.(event);
  }
}

const SECRET_VALUE = 'planted-in-secret-0';
/** One secret, for one role. */
const SECRETS = {
  read: (role: string, session: string, { SecretId }: { SecretId: string | undefined }) => {
    expect({ role, session }).toEqual({ role: ROLE, session: expect.stringMatching(/^AWSCodeBuild-[0-9a-f-]{36}$/) });
    if (SecretId?.endsWith('known')) return { SecretString: SECRET_VALUE };
    throw new AwsError('ResourceNotFoundException', "Secrets Manager can't find the specified secret.");
  },
};

let clock: VirtualClock;
let state: StateStore;
let builds: Builds;
let cloud: BareCloud;

function start(): void {
  const random = seededRandom(state.collection('codebuild.builds').size + 1);
  const settings = {
    accountId: '000000000000',
    region: 'us-east-1',
    awsHost: () => '127.0.0.1:4577',
    delays: { lambdaPendingMs: 0, taskProvisioningMs: 0, serviceDrainingMs: 0, buildQueuedMs: QUEUED_MS },
  };
  const iam = { trusts: (role: string, principal: string) => role === ROLE && principal === 'codebuild.amazonaws.com' };
  builds = new Builds();
  cloud = new BareCloud({ clock, random, state }, (enter) => [
    new CodeBuildService({ state, settings, random, enter, builds, iam, secrets: SECRETS }),
  ]);
}

beforeEach(() => {
  clock = new VirtualClock();
  state = memoryState();
  start();
});

// biome-ignore lint/suspicious/noExplicitAny: answers are compared by shape
const call = (operation: string, input: object = {}): any => cloud.call('codebuild', operation, input);

function refusal(operation: string, input: object): AwsError {
  try {
    call(operation, input);
  } catch (error) {
    if (error instanceof AwsError) return error;
    throw error;
  }
  throw new Error(`${operation} was not refused`);
}

function pass(ms: number): void {
  const until = clock.now() + ms;
  for (let next = clock.nextAtMs(); next !== undefined && next <= until; next = clock.nextAtMs()) clock.step();
  clock.after(until - clock.now(), () => {});
  clock.step();
}

const PROJECT = {
  name: 'builder',
  source: { type: 'NO_SOURCE', buildspec: 'version: 0.2\n' },
  artifacts: { type: 'NO_ARTIFACTS' },
  environment: {
    type: 'LINUX_CONTAINER',
    computeType: 'BUILD_GENERAL1_SMALL',
    image: '127.0.0.1:4577/lambdacontainer/builder@sha256:1',
    environmentVariables: [
      { name: 'KEPT', value: 'project', type: 'PLAINTEXT' },
      { name: 'OVER', value: 'project', type: 'PLAINTEXT' },
    ],
  },
  serviceRole: ROLE,
};

const build = (id: string) => call('BatchGetBuilds', { ids: [id] }).builds[0];
const phases = (id: string) =>
  build(id).phases.map(
    (phase: { phaseType: string; phaseStatus?: string }) => `${phase.phaseType} ${phase.phaseStatus ?? '-'}`,
  );
const startBuild = (input: object = {}): string => call('StartBuild', { projectName: 'builder', ...input }).build.id;
const SUCCESS: BuildEvent[] = [
  'PROVISIONING',
  'DOWNLOAD_SOURCE',
  'INSTALL',
  'PRE_BUILD',
  'BUILD',
  'POST_BUILD',
  'UPLOAD_ARTIFACTS',
  'FINALIZING',
].map((phase) => ({ type: 'phase', phase, succeeded: true }));

describe('projects', () => {
  it('are created, described, changed, listed and deleted', () => {
    const { project } = call('CreateProject', { ...PROJECT, description: 'd', tags: [{ key: 'a', value: '1' }] });
    expect(project).toMatchObject({
      name: 'builder',
      arn: 'arn:aws:codebuild:us-east-1:000000000000:project/builder',
      timeoutInMinutes: 60,
      queuedTimeoutInMinutes: 480,
      environment: { privilegedMode: false, imagePullCredentialsType: 'CODEBUILD' },
      tags: [{ key: 'a', value: '1' }],
    });
    call('UpdateProject', { name: 'builder', timeoutInMinutes: 10, tags: [] });
    expect(call('BatchGetProjects', { names: ['builder', 'none'] })).toMatchObject({
      projects: [{ timeoutInMinutes: 10, description: 'd', tags: [], source: { buildspec: 'version: 0.2\n' } }],
      projectsNotFound: ['none'],
    });
    call('CreateProject', { ...PROJECT, name: 'another' });
    expect(call('ListProjects').projects).toEqual(['another', 'builder']);
    call('DeleteProject', { name: 'builder' });
    call('DeleteProject', { name: 'builder' });
    expect(call('ListProjects').projects).toEqual(['another']);
  });

  const environment = PROJECT.environment;
  const cases: { case: string; input: object; code?: string; message?: RegExp }[] = [
    { case: 'a name that exists', input: { name: 'there' }, code: 'ResourceAlreadyExistsException' },
    { case: 'a name with a space', input: { name: 'a b' } },
    {
      case: 'a role that CodeBuild cannot assume',
      input: { serviceRole: 'arn:aws:iam::000000000000:role/other' },
      message: /^CodeBuild is not authorized to perform: sts:AssumeRole on arn:aws:iam::000000000000:role\/other$/,
    },
    { case: 'a source that is fetched', input: { source: { type: 'GITHUB', location: 'x' } }, message: /GITHUB/ },
    { case: 'no buildspec', input: { source: { type: 'NO_SOURCE' } }, message: /buildspec is required/ },
    { case: 'artifacts', input: { artifacts: { type: 'S3' } }, message: /artifacts of type S3/ },
    { case: 'an unknown environment', input: { environment: { ...environment, type: 'X' } } },
    {
      case: 'compute of another environment',
      input: { environment: { ...environment, computeType: 'BUILD_LAMBDA_1GB' } },
      message: /not available/,
    },
    {
      case: 'parameters of SSM',
      input: {
        environment: { ...environment, environmentVariables: [{ name: 'A', value: 'b', type: 'PARAMETER_STORE' }] },
      },
      message: /PARAMETER_STORE/,
    },
    { case: 'a timeout of 4 minutes', input: { timeoutInMinutes: 4 }, message: /between 5 and 2160/ },
    { case: 'a VPC (by name)', input: { vpcConfig: { vpcId: 'v' } }, message: /does not support vpcConfig/ },
  ];
  it.each(cases)('refuse $case', ({ input, code = 'InvalidInputException', message = /./ }) => {
    call('CreateProject', { ...PROJECT, name: 'there' });
    const refused = refusal('CreateProject', { ...PROJECT, ...input });
    expect(refused.code).toBe(code);
    expect(refused.message).toMatch(message);
  });
});

describe('a build', () => {
  beforeEach(() => {
    call('CreateProject', { ...PROJECT, logsConfig: { cloudWatchLogs: { status: 'ENABLED', groupName: 'builds' } } });
  });

  it('waits in the queue, is launched with what was asked for, and goes through its phases', () => {
    const id = startBuild({
      environmentVariablesOverride: [
        { name: 'OVER', value: 'build' },
        { name: 'NEW', value: 'build' },
      ],
      timeoutInMinutesOverride: 7,
    });
    expect(build(id)).toMatchObject({
      buildStatus: 'IN_PROGRESS',
      currentPhase: 'QUEUED',
      buildComplete: false,
      buildNumber: 1,
    });
    expect(build(id).logs.groupName).toBeUndefined();
    expect(builds.launches).toEqual([]);
    pass(QUEUED_MS);
    expect(builds.launches).toEqual([
      {
        buildId: id,
        image: PROJECT.environment.image,
        buildspec: 'version: 0.2\n',
        environment: { KEPT: 'project', OVER: 'build', NEW: 'build' },
        logGroup: 'builds',
        logStream: id.split(':')[1],
        timeoutMs: 7 * 60_000,
      },
    ]);
    expect(build(id)).toMatchObject({
      currentPhase: 'PROVISIONING',
      logs: { groupName: 'builds', streamName: id.split(':')[1] },
    });
    const [provisioning, ...others] = SUCCESS;
    builds.report(id, provisioning as BuildEvent);
    expect(build(id).currentPhase).toBe('DOWNLOAD_SOURCE');
    pass(2000);
    builds.report(id, ...others, { type: 'ended', succeeded: true });
    expect(build(id)).toMatchObject({
      buildStatus: 'SUCCEEDED',
      currentPhase: 'COMPLETED',
      buildComplete: true,
      endTime: new Date(clock.now()),
    });
    expect(phases(id)).toEqual([
      'SUBMITTED SUCCEEDED',
      'QUEUED SUCCEEDED',
      ...SUCCESS.map((event) => `${event.type === 'phase' ? event.phase : ''} SUCCEEDED`),
      'COMPLETED -',
    ]);
    expect(build(id).phases[3]).toMatchObject({ phaseType: 'DOWNLOAD_SOURCE', durationInSeconds: 2 });
    expect(clock.nextAtMs()).toBeUndefined();
  });

  it.each(['known', 'arn:aws:secretsmanager:us-east-1:000000000000:secret:known'])(
    'is launched with the value of the secret %s, which no answer and no record has',
    (value) => {
      const variable = { name: 'KEY', value, type: 'SECRETS_MANAGER' };
      const id = startBuild({ environmentVariablesOverride: [variable] });
      pass(QUEUED_MS);
      expect(builds.launches[0]?.environment).toEqual({ KEPT: 'project', OVER: 'project', KEY: SECRET_VALUE });
      builds.report(id, ...SUCCESS, { type: 'ended', succeeded: true });
      expect(build(id).environment.environmentVariables).toContainEqual(variable);
      expect(JSON.stringify([build(id), state.collection('codebuild.builds').values()])).not.toContain(SECRET_VALUE);
    },
  );

  it.each([
    { value: 'none', message: /^ResourceNotFoundException: Secrets Manager can't find/ },
    { value: 'known:token', message: /hands on whole secrets alone, and 'known:token' is none/ },
  ])('fails before it begins without the secret $value', ({ value, message }) => {
    const id = startBuild({ environmentVariablesOverride: [{ name: 'KEY', value, type: 'SECRETS_MANAGER' }] });
    pass(QUEUED_MS);
    expect(builds.launches).toEqual([]);
    expect(build(id)).toMatchObject({ buildStatus: 'FAILED', buildComplete: true });
    const failed = build(id).phases.find(({ phaseStatus }: { phaseStatus: string }) => phaseStatus === 'FAILED');
    expect(failed.contexts).toEqual([
      { statusCode: 'Secrets Manager Error Message', message: expect.stringMatching(message) },
    ]);
  });

  it('says in which phase it failed and why', () => {
    const id = startBuild();
    pass(QUEUED_MS);
    builds.report(
      id,
      ...SUCCESS.slice(0, 4),
      {
        type: 'phase',
        phase: 'BUILD',
        succeeded: false,
        message: 'COMMAND_EXECUTION_ERROR: Error while executing command: x. Reason: exit status 1',
      },
      ...SUCCESS.slice(5),
      { type: 'ended', succeeded: false },
    );
    expect(build(id).buildStatus).toBe('FAILED');
    expect(build(id).phases.find((phase: { phaseType: string }) => phase.phaseType === 'BUILD')).toMatchObject({
      phaseStatus: 'FAILED',
      contexts: [
        { statusCode: 'COMMAND_EXECUTION_ERROR', message: 'Error while executing command: x. Reason: exit status 1' },
      ],
    });
  });

  it('that ends without a reason is a fault, not a failure', () => {
    const id = startBuild();
    pass(QUEUED_MS);
    builds.report(id, { type: 'ended', succeeded: false });
    expect(build(id).buildStatus).toBe('FAULT');
    expect(phases(id)).toEqual(['SUBMITTED SUCCEEDED', 'QUEUED SUCCEEDED', 'PROVISIONING FAULT', 'COMPLETED -']);
  });

  it('is stopped in the queue or at work, and what its driver says then is not heard', () => {
    const queued = startBuild();
    expect(call('StopBuild', { id: queued }).build).toMatchObject({ buildStatus: 'STOPPED', buildComplete: true });
    const running = startBuild();
    pass(QUEUED_MS);
    call('StopBuild', { id: running });
    expect(builds.stopped).toEqual([running]);
    expect(builds.launches.map((launch) => launch.buildId)).toEqual([running]);
    builds.report(running, ...SUCCESS, { type: 'ended', succeeded: true });
    expect(build(running).buildStatus).toBe('STOPPED');
    expect(call('StopBuild', { id: running }).build.buildStatus).toBe('STOPPED');
    expect(refusal('StopBuild', { id: 'builder:none' }).code).toBe('ResourceNotFoundException');
  });

  it('is ended when its time is over', () => {
    const id = startBuild({ timeoutInMinutesOverride: 5 });
    pass(QUEUED_MS);
    pass(5 * 60_000);
    expect(build(id)).toMatchObject({ buildStatus: 'TIMED_OUT', buildComplete: true });
    expect(build(id).phases.at(-2)).toMatchObject({
      phaseStatus: 'TIMED_OUT',
      contexts: [{ statusCode: 'BUILD_TIMED_OUT' }],
    });
    expect(builds.stopped).toEqual([id]);
  });

  it('is started once per token within five minutes', () => {
    const input = { idempotencyToken: 't', environmentVariablesOverride: [{ name: 'A', value: '1' }] };
    const id = startBuild(input);
    expect(startBuild(input)).toBe(id);
    const changed = { projectName: 'builder', ...input, environmentVariablesOverride: [] };
    expect(refusal('StartBuild', changed)).toMatchObject({
      code: 'InvalidInputException',
      message: expect.stringMatching(/different parameters/),
    });
    pass(5 * 60_000);
    expect(startBuild(input)).not.toBe(id);
  });

  it('ends as failed when the cloud ended under it; one that waited is launched', () => {
    const running = startBuild();
    pass(QUEUED_MS);
    const waiting = startBuild();
    const before = builds;
    cloud.close();
    start();
    expect(build(running)).toMatchObject({ buildStatus: 'FAILED', buildComplete: true });
    expect(build(running).phases.at(-2).contexts).toEqual([
      { statusCode: 'BUILD_INTERRUPTED', message: 'The local cloud ended while the build was running' },
    ]);
    pass(QUEUED_MS);
    expect(builds.launches.map((launch) => launch.buildId)).toEqual([waiting]);
    before.report(running, { type: 'ended', succeeded: true });
    expect(build(running).buildStatus).toBe('FAILED');
  });

  it('is listed newest first in pages of a hundred, and deleted when it is over', () => {
    const ids = Array.from({ length: 101 }, () => startBuild());
    const first = call('ListBuildsForProject', { projectName: 'builder' });
    expect(first.ids).toEqual([...ids].reverse().slice(0, 100));
    expect(call('ListBuildsForProject', { projectName: 'builder', nextToken: first.nextToken }).ids).toEqual([ids[0]]);
    expect(call('ListBuilds', { sortOrder: 'ASCENDING' }).ids[0]).toBe(ids[0]);
    const [one = '', two = ''] = ids;
    call('StopBuild', { id: one });
    expect(call('BatchDeleteBuilds', { ids: [one, two] })).toEqual({
      buildsDeleted: [`arn:aws:codebuild:us-east-1:000000000000:build/${one}`],
      buildsNotDeleted: [{ id: two, statusCode: 'BUILD_IN_PROGRESS' }],
    });
    expect(call('BatchGetBuilds', { ids: [one, two] })).toMatchObject({ builds: [{ id: two }], buildsNotFound: [one] });
  });

  const refused: { case: string; operation: string; input: object; code: string }[] = [
    {
      case: 'an unknown project',
      operation: 'StartBuild',
      input: { projectName: 'none' },
      code: 'ResourceNotFoundException',
    },
    {
      case: "an unknown project's builds",
      operation: 'ListBuildsForProject',
      input: { projectName: 'none' },
      code: 'ResourceNotFoundException',
    },
    {
      case: 'an override that it does not support',
      operation: 'StartBuild',
      input: { projectName: 'builder', sourceVersion: 'main' },
      code: 'InvalidInputException',
    },
    {
      case: 'a role that cannot be assumed',
      operation: 'StartBuild',
      input: { projectName: 'builder', serviceRoleOverride: 'x' },
      code: 'InvalidInputException',
    },
    {
      case: '101 ids',
      operation: 'BatchGetBuilds',
      input: { ids: Array.from({ length: 101 }, (_, i) => `builder:${i}`) },
      code: 'InvalidInputException',
    },
    {
      case: 'a batch build (by name)',
      operation: 'StartBuildBatch',
      input: { projectName: 'builder' },
      code: 'UnknownOperationException',
    },
  ];
  it.each(refused)('refuses $case', ({ operation, input, code }) => {
    expect(refusal(operation, input).code).toBe(code);
  });

  it('beyond the project’s limit has to wait', () => {
    call('UpdateProject', { name: 'builder', concurrentBuildLimit: 1 });
    const id = startBuild();
    expect(refusal('StartBuild', { projectName: 'builder' }).code).toBe('AccountLimitExceededException');
    call('StopBuild', { id });
    startBuild();
  });
});
