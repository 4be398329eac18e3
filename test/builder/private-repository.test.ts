/**
 * A private repository in a build: the command as CodeBuild runs it, git's own server behind a password, and a program in
 * buildah's place that looks for the secret wherever it could have been left.
 */
import { execFile } from 'node:child_process';
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { BuildDeps } from '../../src/builder/deps.ts';
import { checkedOut } from '../../src/builder/repository.ts';
import { systemClock, UserError } from '../../src/core/index.ts';
import { type GitServer, serveGit } from '../gitops/git-server.ts';
import { Origin } from '../gitops/origin.ts';
import { git, openssl } from '../gitops/tools.ts';

const PASSWORD = 'planted-in-secret-0';
/** What buildah's stand-in ends with, so that nothing is pushed. */
const LOOKED = 7;

describe.skipIf(!git)('a private repository (git is needed)', () => {
  let folder: string;
  let commit: string;
  let server: GitServer;
  /** Answers as ECR does when it is asked for a login. */
  const ecr = createServer((_request, response) => {
    const authorizationToken = encoded('AWS:login');
    response.setHeader('content-type', 'application/x-amz-json-1.1');
    response.end(JSON.stringify({ authorizationData: [{ authorizationToken, expiresAt: 4e9 }] }));
  });

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'lc-private-'));
    const origin = new Origin(folder);
    commit = origin.commit({ Dockerfile: 'FROM scratch\nCOPY . /\n' });
    server = await serveGit(dirname(origin.bare));
    server.credentials = `x-access-token:${PASSWORD}`;
    await new Promise<void>((resolve) => ecr.listen(0, '127.0.0.1', resolve));
    await mkdir(join(folder, 'bin'));
    await program('docker', 'exit 1');
    // `found`: files of the build that hold the secret, however it is written; the context among them, `.git` included.
    await program(
      'buildah',
      [
        'test "$1" = --version && exit 0',
        `{ env; echo "$@"; } >"${folder}/seen"`,
        'for context; do :; done',
        `ls -a "$context" >"${folder}/context"; cat "$context/.git/config" >"${folder}/config"`,
        `grep -rlF -e ${PASSWORD} -e ${encoded(`x-access-token:${PASSWORD}`)} "$TMPDIR" >"${folder}/found"`,
        `exit ${LOOKED}`,
      ].join('\n'),
    );
  });
  afterAll(async () => {
    await server.close();
    ecr.close();
    ecr.closeAllConnections();
    await rm(folder, { recursive: true, force: true });
  });

  async function program(name: string, lines: string): Promise<void> {
    const path = join(folder, 'bin', name);
    await writeFile(path, `#!/bin/sh\n${lines}\n`);
    await chmod(path, 0o755);
  }

  const source = () =>
    ({
      type: 'repository',
      url: server.url('origin.git'),
      commit,
      context: '.',
      dockerfile: 'Dockerfile',
    }) as const;

  async function build(secret: string): Promise<string> {
    const order = {
      recipe: 'dockerfile-v1',
      source: source(),
      baseImage: null,
      repositoryUri: '127.0.0.1:1/shop',
      tag: 'v1-private',
      handler: null,
      architecture: 'x86_64',
      layers: [],
      ownRuntime: false,
      labels: {},
    };
    const temporary = await mkdtemp(join(folder, 'tmp-'));
    const { stdout, stderr } = await promisify(execFile)(process.execPath, ['--import', 'tsx', 'src/builder/main.ts'], {
      env: {
        PATH: `${join(folder, 'bin')}:${process.env.PATH ?? ''}`,
        TMPDIR: temporary,
        AWS_REGION: 'us-east-1',
        AWS_ACCESS_KEY_ID: 'k',
        AWS_SECRET_ACCESS_KEY: 's',
        AWS_ENDPOINT_URL: `http://127.0.0.1:${(ecr.address() as AddressInfo).port}`,
        LAMBDACONTAINER_BUILD: JSON.stringify(order),
        LAMBDACONTAINER_GIT_SECRET: secret,
      },
    }).then(
      () => Promise.reject(new Error('nothing was pushed, and the build ended well')),
      (error: { stdout: string; stderr: string }) => error,
    );
    return `${stdout}${stderr}`;
  }

  it('is cloned, and what builds it finds the secret nowhere', async () => {
    const said = await build(JSON.stringify({ token: PASSWORD }));
    expect(said).toContain(`fetched ${commit} of ${server.url('origin.git')}`);
    expect(said).toMatch(new RegExp(`buildah \\S+ ended with ${LOOKED}\\n$`));
    const of = (name: string) => readFile(join(folder, name), 'utf8');
    expect(await of('context')).toContain('Dockerfile');
    expect(await of('config')).not.toContain('credential');
    expect(await of('found')).toBe('');
    const seen = await of('seen');
    expect(seen, 'it saw its environment').toContain('TMPDIR=');
    expect(seen).not.toContain('LAMBDACONTAINER_GIT');
    for (const text of [said, seen]) expect(text).not.toContain(PASSWORD);
  });

  /** What a clone works with, and what could be read of it. */
  async function fetching(secret: string | undefined): Promise<{ said: string[]; deps: BuildDeps }> {
    const temporary = await mkdtemp(join(folder, 'tmp-'));
    const said: string[] = [];
    const run = async (argv: readonly string[], more = {}) => {
      const env = { PATH: process.env.PATH, HOME: folder, GIT_TERMINAL_PROMPT: '0', GIT_CONFIG_NOSYSTEM: '1', ...more };
      said.push(...argv);
      await promisify(execFile)('git', argv, { env }).catch(({ code, stderr }) => {
        said.push(stderr);
        throw new UserError(`git ${argv[0]} ended with ${code}`);
      });
    };
    const deps = { folder: temporary, clock: systemClock, git: run, gitSecret: secret, print: () => {} };
    return { said, deps: deps as unknown as BuildDeps };
  }

  it.each([
    { reason: 'without credentials', secret: undefined, says: /^git -C ended with 128$/ },
    {
      reason: 'with others',
      secret: JSON.stringify({ token: `${PASSWORD}-old` }),
      says: /^git -C ended with 128; \S+ was asked with the credentials of the class \(spec\.build\.gitCredentials\)$/,
    },
    {
      reason: 'with a secret that is none',
      secret: PASSWORD,
      says: /^the secret for \S+ \(class: spec\.build\.gitCredentials\) is not JSON/,
    },
  ])('is refused $reason, in one line', async ({ secret, says }) => {
    const { said, deps } = await fetching(secret);
    const failure = await checkedOut(source(), deps).catch((error: unknown) => error);
    if (!(failure instanceof UserError)) throw new Error('it was not refused');
    expect(failure.message).toMatch(says);
    expect(`${failure.stack} ${said.join(' ')}`).not.toContain(PASSWORD);
  });

  it.skipIf(!openssl)(
    'is cloned of a server with a certificate of its own, if the secret names its authority',
    async () => {
      const [keyFile, certFile] = [join(folder, 'key.pem'), join(folder, 'cert.pem')];
      const subject = ['-subj', '/CN=127.0.0.1', '-addext', 'subjectAltName=IP:127.0.0.1'];
      const made = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2', ...subject];
      await promisify(execFile)('openssl', ['req', '-x509', ...made, '-keyout', keyFile, '-out', certFile]);
      const [key, cert] = [await readFile(keyFile, 'utf8'), await readFile(certFile, 'utf8')];
      const own = await serveGit(folder, { key, cert });
      own.credentials = `x-access-token:${PASSWORD}`;
      const { deps } = await fetching(JSON.stringify({ token: PASSWORD, caCertificate: cert }));
      await checkedOut({ ...source(), url: own.url('origin.git') }, deps);
      expect(await readdir(deps.folder), 'its authority is gone').toEqual(['repository']);
      const { deps: without } = await fetching(JSON.stringify({ token: PASSWORD }));
      await expect(checkedOut({ ...source(), url: own.url('origin.git') }, without)).rejects.toThrow(/ended with 128/);
      await own.close();
    },
  );
});

function encoded(text: string): string {
  return Buffer.from(text).toString('base64');
}
