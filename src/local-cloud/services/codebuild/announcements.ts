/**
 * What CodeBuild tells EventBridge: each change of a build's status, and each phase that ended.
 * https://docs.aws.amazon.com/codebuild/latest/userguide/sample-build-notifications-ref.html
 */
import type { EventSink } from '../eventbridge.ts';
import { type BuildRecord, currentPhase, isRunning, type PhaseRecord } from './build-record.ts';

const SOURCE = 'aws.codebuild';

/** Tells what is new in a build since `before`. */
export function announceBuild(
  sink: EventSink,
  before: BuildRecord | undefined,
  build: BuildRecord,
  nowMs: number,
): void {
  const resources = [build.arn];
  const shared = () => ({
    'project-name': build.projectName,
    'build-id': build.arn,
    'additional-information': information(build),
    version: '1',
  });
  const known = new Set(
    before?.phases.filter(({ endMs }) => endMs !== null).map(({ type, startMs }) => `${type} ${startMs}`),
  );
  for (const phase of build.phases) {
    if (phase.endMs === null || known.has(`${phase.type} ${phase.startMs}`)) continue;
    const { endMs } = phase;
    sink.emit(SOURCE, 'CodeBuild Build Phase Change', nowMs, () => ({
      resources,
      detail: {
        ...shared(),
        'completed-phase': phase.type,
        'completed-phase-status': phase.status,
        'completed-phase-context': contextText(phase),
        'completed-phase-duration-seconds': Math.round((endMs - phase.startMs) / 1000),
        'completed-phase-start': timeText(phase.startMs),
        'completed-phase-end': timeText(endMs),
      },
    }));
  }
  if (before?.status === build.status) return;
  sink.emit(SOURCE, 'CodeBuild Build State Change', nowMs, () => ({
    resources,
    detail: {
      ...shared(),
      'build-status': build.status,
      'current-phase': currentPhase(build),
      'current-phase-context': '[]',
    },
  }));
}

function information(build: BuildRecord) {
  const { environment } = build;
  return {
    'build-complete': !isRunning(build),
    'build-number': build.number,
    'timeout-in-minutes': build.timeoutMinutes,
    initiator: 'local',
    'build-start-time': timeText(build.startMs),
    source: { type: 'NO_SOURCE' },
    environment: {
      image: environment.image,
      'privileged-mode': environment.privilegedMode ?? false,
      'compute-type': environment.computeType,
      type: environment.type,
      'environment-variables': (environment.environmentVariables ?? []).map(({ name, value, type = 'PLAINTEXT' }) => ({
        name,
        type,
        value,
      })),
    },
    ...(build.logGroup === null ? {} : { logs: { 'group-name': build.logGroup, 'stream-name': build.logStream } }),
    phases: build.phases.map((phase) => ({
      ...(phase.status === null ? {} : { 'phase-context': contexts(phase) }),
      'start-time': timeText(phase.startMs),
      ...(phase.endMs === null
        ? {}
        : {
            'end-time': timeText(phase.endMs),
            'duration-in-seconds': Math.round((phase.endMs - phase.startMs) / 1000),
          }),
      'phase-type': phase.type,
      ...(phase.status === null ? {} : { 'phase-status': phase.status }),
    })),
  };
}

function contexts({ context }: PhaseRecord): string[] {
  return context ? [`${context.statusCode}: ${context.message}`] : [];
}

function contextText(phase: PhaseRecord): string {
  return `[${contexts(phase).join(', ')}]`;
}

/** `Sep 1, 2017 4:14:21 PM`, in UTC. */
function timeText(ms: number): string {
  return new Intl.DateTimeFormat('en-US', {
    timeZone: 'UTC',
    month: 'short',
    day: 'numeric',
    year: 'numeric',
    hour: 'numeric',
    minute: '2-digit',
    second: '2-digit',
  })
    .format(ms)
    .replace(/(\d{4}),/, '$1')
    .replaceAll('\u202f', ' ');
}
