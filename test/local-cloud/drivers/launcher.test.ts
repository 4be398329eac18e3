import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Logger, seededRandom, shortHash, silentLogger, systemClock } from '../../../src/core/index.ts';
import { Launcher } from '../../../src/local-cloud/drivers/launcher.ts';
import { programStart, programsMarked } from '../../../src/local-cloud/drivers/leftovers.ts';

const onLinux = process.platform === 'linux';
let folder: string;
let launcher: Launcher;
const children: ChildProcess[] = [];
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'lc-launcher-'));
  launcher = newLauncher();
});
afterEach(async () => {
  await launcher.close();
  for (const child of children.splice(0)) child.kill('SIGKILL');
  expect(await programsMarked(`LAMBDACONTAINER_GROUP=${mark()}`)).toEqual([]);
  await rm(folder, { recursive: true, force: true });
});

function newLauncher(logger: Logger = silentLogger): Launcher {
  return new Launcher({ folder, clock: systemClock, random: seededRandom(1), logger });
}

function mark(): string {
  return `${shortHash(folder, 16)}.`;
}

const shell = (script: string) => ({
  argv: ['/bin/sh', '-c', script],
  workingDirectory: '/',
  environment: { PATH: '/usr/bin:/bin' },
});

/** A program that an earlier cloud would have left behind. */
function leftover(environment: Record<string, string> = {}): ChildProcess & { pid: number } {
  const child = spawn('/bin/sh', ['-c', 'sleep 1000 & wait'], {
    detached: true,
    stdio: 'ignore',
    env: { PATH: '/usr/bin:/bin', ...environment },
  });
  children.push(child);
  if (child.pid === undefined) throw new Error('not started');
  return child as ChildProcess & { pid: number };
}

const record = (name: string, value: unknown) => writeFile(join(folder, `${name}.json`), JSON.stringify(value));

describe('recover', () => {
  it('ends a recorded group whose leader is still the program that was recorded', async () => {
    const child = leftover();
    await record('a', { pid: child.pid, start: await programStart(child.pid) });
    const ended = once(child, 'exit');
    await launcher.recover();
    expect(await ended).toEqual([null, 'SIGKILL']);
    expect(await readdir(folder)).toEqual([]);
  });

  it('leaves a program alone that only has the pid', async () => {
    const child = leftover();
    await record('a', { pid: child.pid, start: 'another boot 12345' });
    await launcher.recover();
    expect(await programStart(child.pid)).toBeDefined();
    process.kill(-child.pid, 'SIGKILL');
    await once(child, 'exit');
    expect(await readdir(folder)).toEqual([]);
  });

  it('finds by their mark those that no record names, and waits for their end', async () => {
    leftover({ LAMBDACONTAINER_GROUP: `${mark()}0123` });
    await launcher.recover();
    expect(await programsMarked(`LAMBDACONTAINER_GROUP=${mark()}`)).toEqual([]);
  });

  it("is not confused by another folder's programs or by a broken record", async () => {
    const child = leftover({ LAMBDACONTAINER_GROUP: `${shortHash('elsewhere', 16)}.0123` });
    await writeFile(join(folder, 'broken.json'), '{"pid":');
    await record('odd', { pid: 'x' });
    await launcher.recover();
    expect(await programStart(child.pid)).toBeDefined();
    process.kill(-child.pid, 'SIGKILL');
    await once(child, 'exit');
  });

  it('creates its folder', async () => {
    await rm(folder, { recursive: true });
    await launcher.recover();
    expect(await readdir(folder)).toEqual([]);
  });
});

describe('a group', () => {
  it('is recorded while it lives', async () => {
    await launcher.recover();
    const group = await launcher.start(shell('read line; exec sleep 1000'), undefined);
    // Standard input is empty, so the shell has already passed on.
    group.signal('SIGKILL');
    expect(await group.ended).toBe(137);
    expect(await readdir(folder)).toEqual([]);
  });

  it.runIf(onLinux)('takes its children along, those too that left it and keep the output open', async () => {
    const output = { write() {} };
    const group = await launcher.start(shell('setsid sleep 1000 & sleep 1000 & exit 5'), {
      stdout: output,
      stderr: output,
    });
    expect(await group.ended).toBe(5);
    expect(await programsMarked(`LAMBDACONTAINER_GROUP=${mark()}`)).toEqual([]);
  });

  it.runIf(onLinux)('has nothing left after close, not even a child that left it quietly', async () => {
    const group = await launcher.start(shell('setsid sleep 1000 & exit 5'), undefined);
    expect(await group.ended).toBe(5);
    await launcher.close();
    expect(await programsMarked(`LAMBDACONTAINER_GROUP=${mark()}`)).toEqual([]);
  });

  it('cannot be started after close', async () => {
    await launcher.close();
    await expect(launcher.start(shell('exit 0'), undefined)).rejects.toThrow('shutting down');
  });

  it('that cannot be started says why', async () => {
    await expect(launcher.start({ ...shell(''), argv: ['nothing'] }, undefined)).rejects.toThrow(
      'executable file not found in $PATH',
    );
    await expect(
      launcher.start({ ...shell('exit 0'), workingDirectory: '/no/such/folder' }, undefined),
    ).rejects.toThrow('ENOENT');
  });
});

describe('a cloud that is killed', () => {
  it('has its programs ended by the watchdog', async () => {
    const connections: Socket[] = [];
    const server = createServer((socket) => {
      socket.on('error', () => {});
      connections.push(socket);
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const victim = fileURLToPath(new URL('./victim.ts', import.meta.url));
    const cloud = spawn(process.execPath, ['--import', 'tsx', victim, folder, String(port)], {
      stdio: ['ignore', 'inherit', 'inherit'],
    });
    children.push(cloud);
    while (connections.length < 2) await once(server, 'connection');
    const ends = connections.map((socket) => once(socket, 'close'));
    for (const socket of connections) socket.resume();
    cloud.kill('SIGKILL');
    await Promise.all(ends);
    server.close();
  });

  it.runIf(onLinux)('is watched over even when the watchdog itself was killed', async () => {
    let told: () => void = () => {};
    const restarted = new Promise<void>((resolve) => {
      told = resolve;
    });
    const watched = newLauncher({ ...silentLogger, warn: () => told() });
    await watched.recover();
    const group = await watched.start(shell('exec sleep 1000'), undefined);
    const [before] = await watchdogs();
    expect(before).toBeDefined();
    if (before) process.kill(before, 'SIGKILL');
    await restarted;
    const more = await watched.start(shell('exec sleep 1000'), undefined);
    expect(await watchdogs()).toHaveLength(1);
    await watched.close();
    expect([await group.ended, await more.ended]).toEqual([137, 137]);
    expect(await watchdogs(), 'the watchdog ends with its cloud').toEqual([]);
  });
});

/** Watchdogs that this very process has started. */
async function watchdogs(): Promise<number[]> {
  const pids: number[] = [];
  for (const name of await readdir('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    const command = await readFile(`/proc/${name}/cmdline`, 'latin1').catch(() => '');
    const stat = await readFile(`/proc/${name}/stat`, 'latin1').catch(() => '');
    const parent = Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]);
    if (parent === process.pid && command.includes('read -r change group')) pids.push(Number(name));
  }
  return pids;
}
