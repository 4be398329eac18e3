/**
 * Amazon's DynamoDB Local as a child process, in memory, on a port of its own. `.ci/dynamodb-local FOLDER` fetches it;
 * DYNAMODB_LOCAL_DIR says where it is. It listens on all addresses, as it cannot be told otherwise, for as long as the
 * tests run.
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Backend, backendAt } from '../../store/backend.ts';

const folder = process.env.DYNAMODB_LOCAL_DIR;

/** Why DynamoDB Local cannot run here; undefined when it can. */
export const missing: string | undefined = !folder
  ? 'DYNAMODB_LOCAL_DIR is not set; run .ci/dynamodb-local FOLDER'
  : !existsSync(folder) || !readdirSync(folder).some((name) => /^DynamoDBLocal-.*\.jar$/.test(name))
    ? `there is no DynamoDB Local in ${folder}`
    : spawnSync('java', ['-version'], { stdio: 'ignore' }).status !== 0
      ? 'there is no java'
      : undefined;

const MAIN = 'com.amazonaws.services.dynamodbv2.local.main.ServerRunner';
const ATTEMPTS = 5;

/** Starts it; `close` ends the process and removes what it wrote. */
export async function openDynamoDbLocal(): Promise<Backend> {
  const work = mkdtempSync(join(tmpdir(), 'dynamodb-local-'));
  for (let attempt = 1; ; attempt++) {
    const port = await freePort();
    try {
      const server = await start(port, work);
      return backendAt(`http://127.0.0.1:${port}`, async () => {
        const ended = new Promise((resolve) => server.once('exit', resolve));
        server.kill('SIGKILL');
        await ended;
        rmSync(work, { recursive: true, force: true });
      });
    } catch (error) {
      // It takes no port 0: between our look and its start somebody else may have taken the port.
      if (attempt === ATTEMPTS || !/Address already in use|BindException/.test(String(error))) throw error;
    }
  }
}

function start(port: number, cwd: string): Promise<ChildProcess> {
  const server = spawn(
    'java',
    [
      `-Dsqlite4java.library.path=${folder}`,
      '-cp',
      `${folder}/*`,
      MAIN,
      '-inMemory',
      '-disableTelemetry',
      '-port',
      String(port),
    ],
    { cwd, stdio: ['ignore', 'pipe', 'pipe'] },
  );
  return new Promise((resolve, reject) => {
    let text = '';
    const timer = setTimeout(() => fail('did not listen within a minute'), 60_000);
    const fail = (reason: string) => {
      clearTimeout(timer);
      server.kill('SIGKILL');
      reject(new Error(`DynamoDB Local ${reason}: ${text}`));
    };
    server.once('error', (error) => fail(error.message));
    server.once('exit', (code) => fail(`ended with ${code}`));
    const listen = (chunk: Buffer) => {
      text += chunk;
      // The last line of what it says; then its port is bound, or the process ends.
      if (!text.includes('CorsParams')) return;
      answers(port, server).then(
        () => {
          clearTimeout(timer);
          server.removeAllListeners('exit');
          resolve(server);
        },
        (error: Error) => fail(error.message),
      );
    };
    server.stdout?.on('data', listen);
    server.stderr?.on('data', (chunk) => {
      text += chunk;
    });
  });
}

/** Resolves once the port answers while our process is there. */
async function answers(port: number, server: ChildProcess): Promise<void> {
  while (server.exitCode === null) {
    const status = await fetch(`http://127.0.0.1:${port}/`).then(
      (response) => response.status,
      () => undefined,
    );
    if (status !== undefined && server.exitCode === null) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const probe = createServer();
    probe.once('error', reject);
    probe.listen(0, '127.0.0.1', () => {
      const address = probe.address();
      probe.close(() => resolve(typeof address === 'object' && address ? address.port : 0));
    });
  });
}
