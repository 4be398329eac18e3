/** The edges of `lambdacontainer local`: ports, folders, its own end. */

import { writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { cli, eventually, LocalRun, removeFolder, temporaryFolder } from './local-run.ts';

const LONG = 60_000;
const MANIFEST =
  'apiVersion: lambdacontainer.dev/v1alpha1\nkind: LambdaContainer\nmetadata: {name: nowhere}\nspec: {source: {functionRef: {name: nowhere}}}\n';

describe('lambdacontainer local', () => {
  it(
    'a taken port is an error that names the flag',
    async () => {
      const server = createServer();
      await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
      const address = server.address();
      const port = typeof address === 'object' ? address?.port : 0;
      const folder = temporaryFolder();
      for (const [flag, other] of [
        ['--aws-port', '--http-port'],
        ['--http-port', '--aws-port'],
      ] as const) {
        const { status, stderr } = await cli(['local', flag, String(port), other, '0', '--data-dir', folder], folder);
        expect(status).toBe(1);
        expect(stderr).toContain(`port ${port}`);
        expect(stderr).toContain(`${flag} N`);
        expect(stderr).not.toContain('    at ');
      }
      server.close();
      removeFolder(folder);
    },
    LONG,
  );

  it.each([
    [['--aws-port', 'abc'], /--aws-port.*abc/s],
    [['--aws-port', '70000'], /--aws-port.*70000/s],
    [['--example', 'nothing'], /--example nothing: there is no such example; use .*hello/],
    [['-f', '/nowhere.yaml'], /\/nowhere\.yaml: there is no such file/],
    [['--resync', 'soon'], /--resync: 'soon' is not a duration; write it like 2s/],
    [['--frobnicate'], /unknown option '--frobnicate'/],
  ])(
    '%j is refused with the remedy',
    async (args, message) => {
      const folder = temporaryFolder();
      const { status, stderr } = await cli(['local', '--data-dir', join(folder, 'data'), ...args], folder);
      expect(status).toBeGreaterThan(0);
      expect(stderr).toMatch(message);
      expect(stderr).not.toContain('    at ');
      removeFolder(folder);
    },
    LONG,
  );

  it(
    '--exit-after-ready ends with 0 once everything is Ready',
    async () => {
      const folder = temporaryFolder();
      const run = new LocalRun(folder, ['--exit-after-ready']);
      expect(await run.ended).toEqual({ status: 0, signal: null });
      expect(run.output).toContain('answers 200');
      removeFolder(folder);
    },
    LONG,
  );

  it(
    '--exit-after-ready ends with 1 and the reasons when something cannot be',
    async () => {
      const folder = temporaryFolder();
      const manifest = join(folder, 'wrong.yaml');
      writeFileSync(
        manifest,
        'apiVersion: lambdacontainer.dev/v1alpha1\nkind: LambdaContainer\nmetadata: {name: nowhere}\nspec: {source: {functionRef: {name: nowhere}}}\n',
      );
      const run = new LocalRun(join(folder, 'data'), ['-f', manifest, '--exit-after-ready']);
      expect(await run.ended).toEqual({ status: 1, signal: null });
      expect(run.output).toMatch(/NotFound: .*nowhere does not exist/);
      removeFolder(folder);
    },
    LONG,
  );

  it(
    'the everyday verbs talk to it, and not to a context that somebody left current',
    async () => {
      const folder = temporaryFolder();
      const run = new LocalRun(folder, ['--example', 'none']);
      await run.says('Ctrl-C stops everything');
      const lc = (...args: string[]) => cli(args, folder, MANIFEST);
      const done = (stdout: unknown) => ({ status: 0, stdout });
      expect(await lc('apply', '-f', '-')).toMatchObject(done('lambdacontainer/nowhere created\n'));
      // The controller answers it, so it leads.
      expect(await lc('reconcile', 'nowhere')).toMatchObject(done(expect.stringMatching(/reconciled: .*NotFound/)));
      expect(await lc('doctor')).toMatchObject(done(expect.not.stringMatching(/^(warn|fail)/m)));
      expect(await lc('label', 'nowhere', 'team=shop')).toMatchObject(done('lambdacontainer/nowhere labeled\n'));
      expect(await lc('get', '-l', 'team', '-o', 'jsonpath={.items[*].metadata.name}')).toMatchObject(done('nowhere'));
      expect(await lc('__complete', '--', 'describe', 'no')).toMatchObject(done('nowhere\n'));
      expect(await lc('version', '--controller')).toMatchObject(done(expect.stringMatching(/^controller \d/m)));
      expect(await lc('config', 'set-context', 'prod', '--region', 'eu-west-1')).toMatchObject({ status: 0 });
      expect(await lc('config', 'use-context', 'prod')).toMatchObject({ status: 0 });
      expect(await lc('get')).toMatchObject({
        status: 1,
        stdout: '',
        stderr: expect.stringContaining('--context prod or --context local'),
      });
      expect(await lc('delete', 'nowhere', '--wait', '--context', 'local')).toMatchObject({ status: 0 });
      await run.stop();
      removeFolder(folder);
    },
    LONG,
  );

  it(
    'a folder in use is an error that says by whom',
    async () => {
      const folder = temporaryFolder();
      const run = new LocalRun(folder, ['--example', 'none']);
      await run.says('Ctrl-C stops everything');
      // To leave before it was let in is not what is tested here.
      await eventually(async () => run.controllerLog().includes('leading'));
      const second = await cli(['local', '--aws-port', '0', '--http-port', '0', '--data-dir', folder], folder);
      expect(second.status).toBe(1);
      expect(second.stderr).toContain(`process ${run.local.pid}`);
      await run.stop();
      removeFolder(folder);
    },
    LONG,
  );
});
