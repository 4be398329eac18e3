import { once } from 'node:events';
import { readdir } from 'node:fs/promises';
import { connect, createServer } from 'node:net';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { ContainerEvent, ContainerLaunch } from '../../../src/local-cloud/contract.ts';
import { Machine, Reports } from './machine.ts';

let machine: Machine;
beforeEach(async () => {
  machine = await Machine.start();
});
afterEach(() => machine.end());

const NODE = { 'usr/local/bin/node': '#!/bin/sh\nexec "$LAMBDACONTAINER_HOST_NODE" "$@"\n' };

function container(image: string, change: Partial<ContainerLaunch> = {}): ContainerLaunch {
  return {
    name: 'app',
    image,
    entryPoint: undefined,
    command: undefined,
    workingDirectory: undefined,
    environment: {},
    containerPorts: [],
    logGroup: '/task',
    logStream: 'app',
    ...change,
  };
}

function start(
  containers: ContainerLaunch[],
  taskArn = 'arn:aws:ecs:us-east-1:000000000000:task/c/1',
  privateIp = '10.0.0.7',
) {
  machine.drivers.tasks.prepare({ taskArn, privateIp, containers });
  return containers.map(({ name }) => {
    const reports = new Reports<ContainerEvent>();
    machine.drivers.tasks.startContainer(taskArn, name, reports.report);
    expect(reports.seen, 'nothing is reported inside the call').toEqual([]);
    return reports;
  });
}

const TASK = 'arn:aws:ecs:us-east-1:000000000000:task/c/1';

async function run(image: string, change: Partial<ContainerLaunch> = {}): Promise<ContainerEvent[]> {
  const [reports = new Reports<ContainerEvent>()] = start([container(image, change)]);
  const events = [await reports.next()];
  if (events[0]?.type === 'started') events.push(await reports.next());
  machine.drivers.tasks.release(TASK);
  return events;
}

describe('containers', () => {
  it('run the image in its folder with its environment, and their output is logged line by line', async () => {
    const image = await machine.image({
      files: {
        ...NODE,
        'app/main.mjs':
          'console.log(process.cwd(), process.env.FROM_IMAGE, process.env.OWN, process.argv[2]); console.error("to stderr"); process.stdout.write("no end of line")',
      },
      entryPoint: ['/usr/local/bin/node', 'main.mjs'],
      command: ['/app/main.mjs'],
      environment: ['FROM_IMAGE=/app/main.mjs', 'OWN=image'],
      workingDirectory: '/app',
    });
    expect(await run(image, { environment: { OWN: 'task' } })).toEqual([
      { type: 'started' },
      { type: 'exited', exitCode: 0 },
    ]);
    const rootfs = join(machine.folder, 'rootfs', image.slice(image.indexOf('sha256')).replace(':', '-'));
    const lines = machine.lines('app');
    expect(lines).toContain(`${rootfs}/app ${rootfs}/app/main.mjs task ${rootfs}/app/main.mjs`);
    expect(lines).toContain('to stderr');
    expect(lines).toContain('no end of line');
  });

  it.each([
    { reason: 'an exit code is the exit code', command: 'exit 3', exitCode: 3 },
    { reason: 'a signal is 128 + n', command: 'kill -SEGV $$', exitCode: 139 },
    { reason: 'a background child does not keep a container alive', command: 'sleep 1000 & exit 0', exitCode: 0 },
  ])('$reason', async ({ command, exitCode }) => {
    const image = await machine.image({ entryPoint: ['/bin/sh', '-c'], command: [command] });
    expect(await run(image)).toEqual([{ type: 'started' }, { type: 'exited', exitCode }]);
    expect(await machine.programs(), 'the group died with its leader').toEqual([]);
  });

  it('get SIGTERM as a group and may answer it; SIGKILL cannot be refused', async () => {
    const image = await machine.image({ entryPoint: ['/bin/sh', '-c'], command: ['exit 1'] });
    const containers = [
      container(image, {
        name: 'polite',
        logStream: 'polite',
        command: ['trap "echo bye; exit 0" TERM; echo up; while :; do sleep 0.05; done'],
      }),
      container(image, { name: 'plain', logStream: 'plain', command: ['echo up; sleep 1000'] }),
      container(image, {
        name: 'deaf',
        logStream: 'deaf',
        command: ['trap "" TERM; echo up; while :; do sleep 0.05; done'],
      }),
    ];
    const [polite, plain, deaf] = start(containers) as [
      Reports<ContainerEvent>,
      Reports<ContainerEvent>,
      Reports<ContainerEvent>,
    ];
    for (const [name, reports] of [
      ['polite', polite],
      ['plain', plain],
      ['deaf', deaf],
    ] as const) {
      expect(await reports.next()).toEqual({ type: 'started' });
      await machine.line(name, /up/);
      machine.drivers.tasks.signalContainer(TASK, name, 'SIGTERM');
    }
    expect(await polite.next()).toEqual({ type: 'exited', exitCode: 0 });
    expect(machine.lines('polite')).toContain('bye');
    expect(await plain.next()).toEqual({ type: 'exited', exitCode: 143 });
    machine.drivers.tasks.signalContainer(TASK, 'deaf', 'SIGKILL');
    expect(await deaf.next()).toEqual({ type: 'exited', exitCode: 137 });
  });

  it('that are stopped before they started never start', async () => {
    const image = await machine.image({ entryPoint: ['/bin/sh', '-c', 'echo ran'] });
    const [reports = new Reports<ContainerEvent>()] = start([container(image)]);
    machine.drivers.tasks.signalContainer(TASK, 'app', 'SIGTERM');
    expect(await reports.next()).toEqual({ type: 'exited', exitCode: 143 });
    expect(machine.lines('app')).toEqual([]);
  });

  it('may be started again after they ended', async () => {
    const image = await machine.image({ entryPoint: ['/bin/sh', '-c', 'exit 4'] });
    const [first = new Reports<ContainerEvent>()] = start([container(image)]);
    expect([await first.next(), await first.next()]).toEqual([{ type: 'started' }, { type: 'exited', exitCode: 4 }]);
    const second = new Reports<ContainerEvent>();
    machine.drivers.tasks.startContainer(TASK, 'app', second.report);
    expect([await second.next(), await second.next()]).toEqual([{ type: 'started' }, { type: 'exited', exitCode: 4 }]);
  });

  it('end with the drivers, unreported', async () => {
    const image = await machine.image({ entryPoint: ['/bin/sh', '-c', 'sleep 1000 & echo up; wait'] });
    const [reports = new Reports<ContainerEvent>()] = start([container(image)]);
    await reports.next();
    await machine.line('app', /up/);
    expect((await machine.programs()).length).toBe(2);
    await machine.drivers.close();
    expect(await machine.programs()).toEqual([]);
    expect(reports.seen).toEqual([{ type: 'started' }]);
  });
});

describe('what cannot be started', () => {
  it.each([
    {
      reason: 'no such image',
      image: () => Promise.resolve('127.0.0.1:4577/none@sha256:0'),
      message: /^CannotPullContainerError: .*not found/,
    },
    {
      reason: 'a layer is missing',
      image: () =>
        Promise.resolve(
          machine.manifest(
            { config: { digest: machine.blobs.write(Buffer.from('{}')) }, layers: [{ digest: 'sha256:1' }] },
            'm',
          ),
        ),
      message: /^CannotPullContainerError: .*sha256:1/,
    },
    {
      reason: 'a layer is no tar',
      image: () => {
        const bytes = machine.blobs.write(Buffer.from('{}'));
        return Promise.resolve(
          machine.manifest(
            {
              config: { digest: bytes },
              layers: [{ digest: machine.blobs.write(Buffer.from('nonsense'.repeat(100))) }],
            },
            'm',
          ),
        );
      },
      message: /^CannotPullContainerError: failed to extract/,
    },
    {
      reason: 'an index without this platform',
      image: () =>
        Promise.resolve(
          machine.manifest(
            { manifests: [{ digest: 'sha256:2', platform: { os: 'windows', architecture: 'amd64' } }] },
            'i',
          ),
        ),
      message: /^CannotPullContainerError: image Manifest does not contain descriptor matching platform 'linux/,
    },
    {
      reason: 'no such program',
      image: () => machine.image({ entryPoint: ['nothing-of-this-name'] }),
      message: /^CannotStartContainerError: .*executable file not found in \$PATH/,
    },
    {
      reason: 'no such path',
      image: () => machine.image({ entryPoint: ['/opt/none'] }),
      message: /^CannotStartContainerError: .*no such file or directory/,
    },
    {
      reason: 'nothing to run',
      image: () => machine.image({}),
      message: /^CannotStartContainerError: No command specified/,
    },
  ])('is reported with the reason: $reason', async ({ image, message }) => {
    const [event] = await run(await image());
    expect(event).toEqual({ type: 'failed', reason: expect.stringMatching(message) });
  });

  it('leaves no half-unpacked folder, and can be had once the image is whole', async () => {
    const config = machine.blobs.write(Buffer.from('{}'));
    const broken = machine.manifest(
      { config: { digest: config }, layers: [{ digest: machine.blobs.write(Buffer.from('no tar'.repeat(200))) }] },
      'm',
    );
    await run(broken);
    expect(await readdir(join(machine.folder, 'rootfs'))).toEqual([]);
  });
});

describe('images', () => {
  it('are unpacked once for many containers', async () => {
    const image = await machine.image({
      files: { 'etc/motd': 'hello' },
      entryPoint: ['/bin/sh', '-c', 'cat /etc/motd'],
    });
    const containers = ['a', 'b', 'c'].map((name) => container(image, { name, logStream: name }));
    for (const reports of start(containers))
      expect([await reports.next(), await reports.next()]).toEqual([
        { type: 'started' },
        { type: 'exited', exitCode: 0 },
      ]);
    expect(['a', 'b', 'c'].map((name) => machine.lines(name))).toEqual([['hello'], ['hello'], ['hello']]);
    expect(await readdir(join(machine.folder, 'rootfs'))).toHaveLength(1);
    const layer = [...machine.reads.values()];
    expect(Math.min(...layer), 'the layer was read once').toBe(1);
  });

  it('are chosen from an index by this platform', async () => {
    const image = await machine.image({ entryPoint: ['/bin/sh', '-c', 'echo mine'] });
    const architecture = process.arch === 'arm64' ? 'arm64' : 'amd64';
    const index = machine.manifest(
      { manifests: [{ digest: image.split('@')[1], platform: { os: 'linux', architecture } }] },
      'i',
    );
    expect(await run(index)).toEqual([{ type: 'started' }, { type: 'exited', exitCode: 0 }]);
    expect(machine.lines('app')).toEqual(['mine']);
  });
});

describe('ports', () => {
  const server = `
    import { createServer } from 'node:http';
    createServer((request, response) => response.end(process.env.ANSWER)).listen(process.env.HTTP_PORT, '127.0.0.1', () => console.log('listening'));
  `;
  const caller = `
    console.log(await (await fetch('http://' + process.env.PEER)).text());
  `;

  it('of two tasks with the same container port differ, and containers of one task reach each other', async () => {
    const image = await machine.image({
      files: { ...NODE, 'server.mjs': server, 'caller.mjs': caller },
      entryPoint: ['node'],
    });
    const tasks = ['1', '2'].map((id) => ({
      arn: `arn:aws:ecs:us-east-1:000000000000:task/c/${id}`,
      ip: `10.0.0.${id}`,
    }));
    for (const { arn, ip } of tasks) {
      const environment = { HTTP_PORT: '8080', ANSWER: `from ${ip}` };
      const [main = new Reports<ContainerEvent>()] = start(
        [
          container(image, {
            name: 'main',
            logStream: `main-${ip}`,
            command: ['/server.mjs'],
            environment,
            containerPorts: [8080],
          }),
          container(image, { name: 'off', logStream: `off-${ip}`, command: ['-e', ''] }),
        ],
        arn,
        ip,
      );
      expect(await main.next()).toEqual({ type: 'started' });
      await machine.line(`main-${ip}`, /listening/);
      const endpoint = machine.drivers.endpoint(ip, 8080);
      expect(await (await fetch(`http://${endpoint?.host}:${endpoint?.port}/`)).text()).toBe(`from ${ip}`);
    }
    expect(machine.drivers.endpoint('10.0.0.1', 8080)).not.toEqual(machine.drivers.endpoint('10.0.0.2', 8080));
    expect(machine.drivers.endpoint('10.0.0.1', 9999), 'a port that nothing names').toBeUndefined();
    expect(machine.drivers.endpoint('10.0.0.3', 8080), 'an address without a task').toBeUndefined();
    for (const { arn } of tasks) machine.drivers.tasks.release(arn);
    expect(machine.drivers.endpoint('10.0.0.1', 8080)).toBeUndefined();
  });

  it('named in an environment are the same for all containers of the task', async () => {
    const image = await machine.image({
      files: { ...NODE, 'server.mjs': server, 'caller.mjs': caller },
      entryPoint: ['node'],
    });
    const main = container(image, {
      name: 'main',
      logStream: 'main',
      command: ['/server.mjs'],
      environment: { HTTP_PORT: '8080', ANSWER: 'found' },
      containerPorts: [8080],
    });
    const peer = container(image, {
      name: 'peer',
      logStream: 'peer',
      command: ['/caller.mjs'],
      environment: { PEER: 'localhost:8080' },
    });
    machine.drivers.tasks.prepare({ taskArn: TASK, privateIp: '10.0.0.7', containers: [main, peer] });
    machine.drivers.tasks.startContainer(TASK, 'main', () => {});
    await machine.line('main', /listening/);
    machine.drivers.tasks.startContainer(TASK, 'peer', () => {});
    expect(await machine.line('peer', /./)).toBe('found');
  });

  it('of the cloud itself are never rewritten', async () => {
    const image = await machine.image({ entryPoint: ['/bin/sh', '-c', 'echo $AWS_ENDPOINT_URL $OWN $OTHER'] });
    await run(image, { environment: { OWN: 'http://127.0.0.1:4577/x', OTHER: '127.0.0.1:9001' } });
    expect(machine.lines('app')[0]).toMatch(
      /^http:\/\/127\.0\.0\.1:4577 http:\/\/127\.0\.0\.1:4577\/x 127\.0\.0\.1:(?!9001)\d+$/,
    );
  });
});

describe('health checks', () => {
  it('run in the container, with its environment and ports', async () => {
    const image = await machine.image({
      files: {
        ...NODE,
        'check.mjs': `process.exit((await fetch('http://localhost:' + process.env.HTTP_PORT)).status === 200 ? 0 : 1)`,
        'server.mjs': `
        import { createServer } from 'node:http';
        createServer((request, response) => response.end()).listen(process.env.HTTP_PORT, '127.0.0.1', () => console.log('listening'));`,
      },
      entryPoint: ['node', '/server.mjs'],
    });
    start([container(image, { environment: { HTTP_PORT: '8080' }, containerPorts: [8080] })]);
    await machine.line('app', /listening/);
    const check = (command: string[], timeoutMs = 10_000) =>
      new Promise<boolean>((resolve) => machine.drivers.tasks.checkContainer(TASK, 'app', command, timeoutMs, resolve));
    expect(await check(['CMD', '/usr/local/bin/node', '/check.mjs'])).toBe(true);
    expect(await check(['CMD-SHELL', 'node /check.mjs || exit 1'])).toBe(true);
    expect(await check(['CMD-SHELL', 'exit 1'])).toBe(false);
    expect(await check(['CMD', 'no-such-program'])).toBe(false);
    expect(await check(['CMD-SHELL', 'sleep 1000'], 50), 'a check that takes too long').toBe(false);
  });

  it('of a container that does not run fail', async () => {
    const healthy = await new Promise((resolve) =>
      machine.drivers.tasks.checkContainer('arn:none/x', 'app', ['CMD', 'true'], 1000, resolve),
    );
    expect(healthy).toBe(false);
  });
});

describe('release', () => {
  it('kills what still runs and removes the folders of the task', async () => {
    const image = await machine.image({ entryPoint: ['/bin/sh', '-c', 'echo $TMPDIR; exec sleep 1000'] });
    const [reports = new Reports<ContainerEvent>()] = start([container(image)]);
    await reports.next();
    await machine.line('app', /tasks/);
    machine.drivers.tasks.release(TASK);
    expect(await reports.next()).toEqual({ type: 'exited', exitCode: 137 });
  });
});

describe('logs', () => {
  it('cut very long lines and keep every byte', async () => {
    const image = await machine.image({
      files: NODE,
      entryPoint: ['node', '-e', 'process.stdout.write("é".repeat(300000) + "\\nnext\\n\\n")'],
    });
    await run(image);
    const lines = machine.lines('app');
    expect(lines.at(-1)).toBe('next');
    expect(lines.slice(0, -1).join('')).toBe('é'.repeat(300_000));
    for (const line of lines) expect(Buffer.byteLength(line)).toBeLessThanOrEqual(262_118);
  });

  it('of a container without log configuration go nowhere, and do not block it', async () => {
    const image = await machine.image({
      files: NODE,
      entryPoint: ['node', '-e', 'process.stdout.write("x".repeat(1e6))'],
    });
    expect(await run(image, { logGroup: undefined, logStream: undefined })).toEqual([
      { type: 'started' },
      { type: 'exited', exitCode: 0 },
    ]);
  });
});

it('a port is free to others until its program listens, and the pool gives none twice', async () => {
  const { PortPool } = await import('../../../src/local-cloud/drivers/ports.ts');
  const pool = new PortPool();
  const ports = await Promise.all(Array.from({ length: 50 }, () => pool.take()));
  expect(new Set(ports).size).toBe(50);
  const listener = createServer().listen(ports[0], '127.0.0.1');
  await once(listener, 'listening');
  const socket = connect(ports[0] ?? 0, '127.0.0.1');
  await once(socket, 'connect');
  socket.destroy();
  listener.close();
});
