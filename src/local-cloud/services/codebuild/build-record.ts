/**
 * A build as it is kept, and how it moves through CodeBuild's phases. Pure: a report or the passage of time gives a new
 * record. It knows no projects and starts nothing.
 */
import type {
  Build,
  BuildPhase,
  BuildPhaseType,
  LogsLocation,
  ProjectEnvironment,
  StatusType,
} from '@aws-sdk/client-codebuild';
import type { BuildEvent } from '../../contract.ts';

export interface PhaseRecord {
  readonly type: string;
  readonly startMs: number;
  /** Null while it goes on. */
  readonly endMs: number | null;
  readonly status: StatusType | null;
  readonly context: PhaseContext | null;
}

export interface PhaseContext {
  readonly statusCode: string;
  readonly message: string;
}

export interface BuildRecord {
  readonly id: string;
  readonly arn: string;
  readonly number: number;
  readonly projectName: string;
  readonly startMs: number;
  readonly endMs: number | null;
  readonly status: StatusType;
  readonly phases: readonly PhaseRecord[];
  readonly buildspec: string;
  readonly environment: ProjectEnvironment;
  readonly serviceRole: string;
  readonly timeoutMinutes: number;
  readonly queuedTimeoutMinutes: number;
  readonly encryptionKey: string;
  readonly logGroup: string | null;
  readonly logStream: string;
}

/** CodeBuild's order. Without a source, DOWNLOAD_SOURCE reads the buildspec. */
const ORDER = [
  'SUBMITTED',
  'QUEUED',
  'PROVISIONING',
  'DOWNLOAD_SOURCE',
  'INSTALL',
  'PRE_BUILD',
  'BUILD',
  'POST_BUILD',
  'UPLOAD_ARTIFACTS',
  'FINALIZING',
  'COMPLETED',
];

const STATUS_OF_CODE: Readonly<Record<string, StatusType>> = {
  BUILD_TIMED_OUT: 'TIMED_OUT',
  BUILD_STOPPED: 'STOPPED',
  INTERNAL_SERVICE_ERROR: 'FAULT',
};

export function isRunning(build: BuildRecord): boolean {
  return build.endMs === null;
}

export function currentPhase(build: BuildRecord): string {
  return build.phases.at(-1)?.type ?? 'SUBMITTED';
}

/** The first phases: a build is submitted at once and then waits for a place. */
export function submitted(nowMs: number): PhaseRecord[] {
  return [ended('SUBMITTED', nowMs, nowMs, 'SUCCEEDED', null), open('QUEUED', nowMs)];
}

/** Out of the queue: its environment is being made. */
export function provisioned(build: BuildRecord, nowMs: number): BuildRecord {
  return afterPhase(build, 'QUEUED', 'SUCCEEDED', null, nowMs);
}

/** What a driver's report makes of a running build. */
export function reported(build: BuildRecord, event: BuildEvent, nowMs: number): BuildRecord {
  if (event.type === 'phase') {
    const context = event.succeeded ? null : contextOf(event.message ?? '');
    const status = event.succeeded ? 'SUCCEEDED' : (STATUS_OF_CODE[context?.statusCode ?? ''] ?? 'FAILED');
    return afterPhase(build, event.phase, status, context, nowMs);
  }
  const failed = build.phases.find((phase) => phase.status !== null && phase.status !== 'SUCCEEDED');
  if (event.succeeded) return completed(build, 'SUCCEEDED', nowMs);
  if (failed?.status) return completed(build, failed.status, nowMs);
  // The driver gave up without saying in which phase: that is nobody's build error.
  return broken(
    build,
    'FAULT',
    { statusCode: 'INTERNAL_SERVICE_ERROR', message: 'The build ended unexpectedly; see its log' },
    nowMs,
  );
}

/** Ends a build in the phase that it is in. */
export function broken(build: BuildRecord, status: StatusType, context: PhaseContext, nowMs: number): BuildRecord {
  return completed(afterPhase(build, currentPhase(build), status, context, nowMs), status, nowMs);
}

/** The phase that is open takes the name of the one that was reported: phases without commands are passed over. */
function afterPhase(
  build: BuildRecord,
  type: string,
  status: StatusType,
  context: PhaseContext | null,
  nowMs: number,
): BuildRecord {
  const last = build.phases.at(-1);
  const before = build.phases.slice(0, -1);
  const startMs = last?.startMs ?? nowMs;
  const next = ORDER[ORDER.indexOf(type) + 1] ?? 'FINALIZING';
  return { ...build, phases: [...before, ended(type, startMs, nowMs, status, context), open(next, nowMs)] };
}

function completed(build: BuildRecord, status: StatusType, nowMs: number): BuildRecord {
  // The phase that never came to anything is not reported.
  const phases = build.phases.filter((phase) => phase.endMs !== null);
  return { ...build, status, endMs: nowMs, phases: [...phases, ended('COMPLETED', nowMs, null, null, null)] };
}

function open(type: string, nowMs: number): PhaseRecord {
  return ended(type, nowMs, null, null, null);
}

function ended(
  type: string,
  startMs: number,
  endMs: number | null,
  status: StatusType | null,
  context: PhaseContext | null,
): PhaseRecord {
  return { type, startMs, endMs, status, context };
}

/** Drivers say `CODE: message`. */
function contextOf(text: string): PhaseContext {
  const match = /^([A-Z_]+): (.*)$/s.exec(text);
  return match
    ? { statusCode: match[1] ?? '', message: match[2] ?? '' }
    : { statusCode: 'CLIENT_ERROR', message: text };
}

/** As BatchGetBuilds answers it. */
export function buildShape(build: BuildRecord, scope: { region: string; accountId: string }): Build {
  const running = isRunning(build);
  return {
    id: build.id,
    arn: build.arn,
    buildNumber: build.number,
    startTime: new Date(build.startMs),
    ...(build.endMs === null ? {} : { endTime: new Date(build.endMs) }),
    currentPhase: currentPhase(build),
    buildStatus: build.status,
    projectName: build.projectName,
    phases: build.phases.map(phaseShape),
    source: { type: 'NO_SOURCE', buildspec: build.buildspec, insecureSsl: false },
    secondarySources: [],
    secondarySourceVersions: [],
    artifacts: { location: '' },
    secondaryArtifacts: [],
    cache: { type: 'NO_CACHE' },
    environment: build.environment,
    serviceRole: build.serviceRole,
    logs: logsShape(build, scope),
    timeoutInMinutes: build.timeoutMinutes,
    queuedTimeoutInMinutes: build.queuedTimeoutMinutes,
    buildComplete: !running,
    initiator: 'local',
    encryptionKey: build.encryptionKey,
  };
}

function phaseShape({ type, startMs, endMs, status, context }: PhaseRecord): BuildPhase {
  return {
    phaseType: type as BuildPhaseType,
    startTime: new Date(startMs),
    ...(status === null ? {} : { phaseStatus: status }),
    ...(endMs === null ? {} : { endTime: new Date(endMs), durationInSeconds: Math.round((endMs - startMs) / 1000) }),
    ...(status === null || type === 'SUBMITTED' || type === 'QUEUED'
      ? {}
      : { contexts: [context ?? { statusCode: '', message: '' }] }),
  };
}

function logsShape(build: BuildRecord, scope: { region: string; accountId: string }): LogsLocation {
  if (build.logGroup === null)
    return { cloudWatchLogs: { status: 'DISABLED' }, s3Logs: { status: 'DISABLED', encryptionDisabled: false } };
  const shared = {
    cloudWatchLogs: { status: 'ENABLED', groupName: build.logGroup },
    s3Logs: { status: 'DISABLED', encryptionDisabled: false },
  } as const;
  const waits = currentPhase(build) === 'QUEUED';
  // There is no stream before there is an environment.
  if (waits) return { ...shared, cloudWatchLogsArn: logArn(build, scope, 'null') };
  return {
    ...shared,
    groupName: build.logGroup,
    streamName: build.logStream,
    cloudWatchLogsArn: logArn(build, scope, build.logStream),
  };
}

function logArn(
  build: BuildRecord,
  { region, accountId }: { region: string; accountId: string },
  stream: string,
): string {
  return `arn:aws:logs:${region}:${accountId}:log-group:${build.logGroup}:log-stream:${stream}`;
}
