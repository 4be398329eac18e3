import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { BuildEvent, BuildLaunch } from '../../../src/local-cloud/contract.ts';
import { parseBuildspec } from '../../../src/local-cloud/drivers/buildspec.ts';
import { Machine, Reports } from './machine.ts';

let machine: Machine;
let image: string;
beforeEach(async () => {
  machine = await Machine.start();
  image = await machine.image({
    files: { 'usr/local/bin/tool': '#!/bin/sh\necho "tool $GREETING $1"\n', 'etc/motd': 'from the image' },
    environment: ['GREETING=hello', 'MOTD=/etc/motd'],
  });
});
afterEach(() => machine.end());

function start(buildspec: string, change: Partial<BuildLaunch> = {}): Reports<BuildEvent> {
  const reports = new Reports<BuildEvent>();
  machine.drivers.builds.start(
    {
      buildId: 'project:1',
      image,
      buildspec,
      environment: {},
      logGroup: '/build',
      logStream: 'build',
      timeoutMs: 60_000,
      ...change,
    },
    reports.report,
  );
  expect(reports.seen, 'nothing is reported inside the call').toEqual([]);
  return reports;
}

async function ended(reports: Reports<BuildEvent>): Promise<BuildEvent[]> {
  for (let event = await reports.next(); event.type !== 'ended'; event = await reports.next());
  return reports.seen;
}

const phases = (events: BuildEvent[]) =>
  events.map((event) => (event.type === 'phase' ? `${event.phase} ${event.succeeded}` : `ended ${event.succeeded}`));
const output = () => machine.lines('build').filter((line) => !line.startsWith('[Container]'));

describe('a build', () => {
  it('runs the phases in order, in the image, with what CodeBuild sets', async () => {
    const reports = start(
      `version: 0.2
env:
  variables:
    FROM_SPEC: spec
    BOTH: spec
phases:
  install:
    commands:
      - export KEPT="over commands"
      - mkdir deep && cd deep
  build:
    commands:
      - tool $FROM_SPEC
      - echo "$KEPT in $(basename "$PWD") of $(basename "$CODEBUILD_SRC_DIR")"
      - cat /etc/motd; echo; cat "$MOTD"; echo
      - echo "$BOTH $CODEBUILD_BUILD_ID $CODEBUILD_BUILD_SUCCEEDING $CODEBUILD_RESOLVED_SOURCE_VERSION."
      - |
        for i in 1 2; do
          echo "line $i"
        done
`,
      { environment: { BOTH: 'build' } },
    );
    const events = await ended(reports);
    expect(phases(events)).toEqual([
      'PROVISIONING true',
      'DOWNLOAD_SOURCE true',
      'INSTALL true',
      'PRE_BUILD true',
      'BUILD true',
      'POST_BUILD true',
      'UPLOAD_ARTIFACTS true',
      'FINALIZING true',
      'ended true',
    ]);
    expect(output()).toEqual([
      'tool hello spec',
      'over commands in deep of source',
      'from the image',
      'from the image',
      'build project:1 1 .',
      'line 1',
      'line 2',
    ]);
    expect(machine.lines('build')).toContainEqual(
      expect.stringMatching(/^\[Container\] \d{4}\/\d\d\/\d\d [\d:.]+ Running command tool \$FROM_SPEC$/),
    );
    expect(await readdir(join(machine.folder, 'builds')), 'its folder is gone').toEqual([]);
  });

  it('whose command fails skips the phase, still does post_build, and says which command', async () => {
    const events = await ended(
      start(`version: 0.2
phases:
  build:
    commands: [echo one, exit 7, echo never]
    finally: [echo "finally $CODEBUILD_BUILD_SUCCEEDING"]
  post_build:
    commands: ['echo "post $CODEBUILD_BUILD_SUCCEEDING"']
`),
    );
    expect(events).toContainEqual({
      type: 'phase',
      phase: 'BUILD',
      succeeded: false,
      message: 'COMMAND_EXECUTION_ERROR: Error while executing command: exit 7. Reason: exit status 7',
    });
    expect(output()).toEqual(['one', 'finally 0', 'post 0']);
    expect(phases(events).at(-1)).toBe('ended false');
  });

  it.each([
    {
      reason: 'pre_build ends the build',
      spec: 'pre_build: {commands: ["false"]}, build: {commands: [echo never]}, post_build: {commands: [echo never]}',
      said: [],
      succeeded: false,
    },
    {
      reason: 'a build phase that aborts has no post_build',
      spec: 'build: {on-failure: ABORT, commands: ["false"]}, post_build: {commands: [echo never]}',
      said: [],
      succeeded: false,
    },
    {
      reason: 'one that continues does not fail the build',
      spec: 'pre_build: {on-failure: CONTINUE, commands: ["false"]}, build: {commands: [echo on]}',
      said: ['on'],
      succeeded: true,
    },
    {
      reason: 'exit 0 ends only its command',
      spec: 'build: {commands: [exit 0, echo on]}',
      said: ['on'],
      succeeded: true,
    },
    {
      reason: 'a syntax error is a failed command',
      spec: 'build: {commands: ["if", echo never]}',
      said: [expect.stringContaining('yntax error')],
      succeeded: false,
    },
  ])('$reason', async ({ spec, said, succeeded }) => {
    const events = await ended(start(`{version: 0.2, phases: {${spec}}}`));
    expect(output()).toEqual(said);
    expect(phases(events).at(-1)).toBe(`ended ${succeeded}`);
  });

  it('times out, with everything that it started', async () => {
    const events = await ended(
      start('{version: 0.2, phases: {build: {commands: ["sleep 1000 & sleep 1000"]}}}', { timeoutMs: 300 }),
    );
    expect(events).toContainEqual({
      type: 'phase',
      phase: 'BUILD',
      succeeded: false,
      message: 'BUILD_TIMED_OUT: Build has timed out after 300ms',
    });
    expect(await machine.programs()).toEqual([]);
  });

  it('stops when it is told to', async () => {
    const reports = start('{version: 0.2, phases: {build: {commands: [echo up; sleep 1000, echo never]}}}');
    await machine.line('build', /^up/);
    machine.drivers.builds.stop('project:1');
    const events = await ended(reports);
    expect(phases(events).slice(-2)).toEqual(['BUILD false', 'ended false']);
    machine.drivers.builds.stop('project:1');
    expect(output()).toEqual(['up']);
  });

  it.each([
    {
      reason: 'an image that is not there',
      change: { image: 'none' },
      phase: 'PROVISIONING',
      message: /^BUILD_CONTAINER_UNABLE_TO_PULL_IMAGE: /,
    },
    {
      reason: 'a buildspec that is none',
      change: { buildspec: '- a\n- b' },
      phase: 'DOWNLOAD_SOURCE',
      message: /^YAML_FILE_ERROR: /,
    },
  ])('fails for $reason', async ({ change, phase, message }) => {
    const events = await ended(start('{version: 0.2, phases: {build: {commands: [echo never]}}}', change));
    expect(events.slice(-2)).toEqual([
      { type: 'phase', phase, succeeded: false, message: expect.stringMatching(message) },
      { type: 'ended', succeeded: false },
    ]);
    expect(output()).toEqual([]);
  });
});

describe('parseBuildspec', () => {
  it.each([
    { text: 'version: 0.1\nphases: {build: {commands: [a]}}', message: 'Unsupported version: 0.1' },
    { text: 'phases: {build: {commands: [a]}}', message: 'Unsupported version: undefined' },
    { text: 'version: 0.2', message: 'At least one phase' },
    { text: 'version: 0.2\nphases: {deploy: {commands: [a]}}', message: 'Unknown phase: deploy' },
    {
      text: 'version: 0.2\nphases: {build: {commands: a}}',
      message: 'Expected phases.build.commands to be a sequence',
    },
    {
      text: 'version: 0.2\nphases: {build: {commands: [{a: b}]}}',
      message: 'Expected phases.build.commands[0] to be a string',
    },
    {
      text: 'version: 0.2\nphases: {build: {runtime-versions: {nodejs: 20}}}',
      message: 'phases.build.runtime-versions is not supported',
    },
    {
      text: 'version: 0.2\nenv: {parameter-store: {A: b}}\nphases: {build: {commands: [a]}}',
      message: 'env.parameter-store is not supported',
    },
    {
      text: 'version: 0.2\nartifacts: {files: [x]}\nphases: {build: {commands: [a]}}',
      message: 'artifacts is not supported',
    },
    { text: 'version: "0.2\nphases', message: 'Missing closing' },
    { text: '', message: 'Expected buildspec to be a mapping' },
  ])('refuses $text', ({ text, message }) => {
    expect(() => parseBuildspec(text)).toThrow(
      expect.objectContaining({
        message: expect.stringMatching(`^YAML_FILE_ERROR: .*${message.replace(/[[\]]/g, '.')}`),
      }),
    );
  });

  it('takes numbers and flags as text', () => {
    expect(
      parseBuildspec('{version: 0.2, env: {variables: {N: 1, B: true}}, phases: {build: {commands: [true]}}}'),
    ).toEqual({
      variables: { N: '1', B: 'true' },
      phases: { build: { commands: ['true'], finally: [], onFailure: undefined } },
    });
  });
});
