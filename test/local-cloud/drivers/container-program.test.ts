import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  findProgram,
  loopbackPorts,
  programOf,
  rewrite,
  type Site,
} from '../../../src/local-cloud/drivers/container-program.ts';

const rootfs = mkdtempSync(join(tmpdir(), 'lc-rootfs-'));
const site: Site = { rootfs, portFor: (port) => (port === 9001 ? 40_001 : port === 8080 ? 40_080 : undefined) };

beforeAll(() => {
  mkdirSync(join(rootfs, 'var/task/lib'), { recursive: true });
  mkdirSync(join(rootfs, 'opt/bin'), { recursive: true });
  mkdirSync(join(rootfs, 'usr/local/bin'), { recursive: true });
  writeFileSync(join(rootfs, 'var/task/index.mjs'), '');
  writeFileSync(join(rootfs, 'usr/local/bin/tool'), '#!/bin/sh\n', { mode: 0o755 });
  writeFileSync(join(rootfs, 'opt/bin/plain'), '', { mode: 0o644 });
  symlinkSync('missing', join(rootfs, 'opt/dangling'));
});
afterAll(() => rmSync(rootfs, { recursive: true }));

describe('rewrite', () => {
  it.each([
    { text: '/var/task', becomes: 'R/var/task', reason: 'a path that exists' },
    { text: '/var/task/', becomes: 'R/var/task/', reason: 'with its slash' },
    { text: '/var/none', becomes: '/var/none', reason: 'a path that does not exist' },
    { text: '/', becomes: '/', reason: 'the root alone means too much' },
    { text: '/var/task/index.mjs/x', becomes: '/var/task/index.mjs/x', reason: 'nothing lies below a file' },
    { text: '/opt/dangling', becomes: 'R/opt/dangling', reason: 'a link is there even if its target is not' },
    {
      text: '/var/task:/usr/lib:/var/task/lib',
      becomes: 'R/var/task:/usr/lib:R/var/task/lib',
      reason: 'a search path, element by element',
    },
    { text: '--root=/var/task', becomes: '--root=R/var/task', reason: 'an option with its value' },
    { text: 'cd /var/task && ls "/opt/bin"', becomes: 'cd R/var/task && ls "R/opt/bin"', reason: 'a shell command' },
    { text: 'file:///var/task/index.mjs', becomes: 'file://R/var/task/index.mjs', reason: 'a file URL' },
    { text: 'http://host/var/task', becomes: 'http://host/var/task', reason: 'the path of a URL is not a path here' },
    { text: 'x/var/task', becomes: 'x/var/task', reason: 'a relative path' },
    { text: './var/task', becomes: './var/task', reason: 'a relative path with a dot' },
    { text: '/../../etc/passwd', becomes: '/../../etc/passwd', reason: 'nothing climbs out' },
    { text: '127.0.0.1:9001', becomes: '127.0.0.1:40001', reason: 'a port of the task' },
    { text: 'http://localhost:8080/var/task', becomes: 'http://localhost:40080/var/task', reason: 'in a URL' },
    {
      text: '127.0.0.1:9001,127.0.0.1:9002',
      becomes: '127.0.0.1:40001,127.0.0.1:9002',
      reason: 'a list; a port that is not mapped stays',
    },
    { text: '10.127.0.0.1:9001', becomes: '10.127.0.0.1:9001', reason: 'the tail of another address' },
    { text: 'my-localhost:9001', becomes: 'my-localhost:9001', reason: 'the tail of another name' },
    { text: '127.0.0.1:90011', becomes: '127.0.0.1:90011', reason: 'the head of another port' },
  ])('$text: $reason', ({ text, becomes }) => {
    expect(rewrite(text, site)).toBe(becomes.replaceAll('R/', `${rootfs}/`));
  });

  it('is idempotent', () => {
    const once = rewrite('/var/task:/opt/bin', site);
    expect(rewrite(once, site)).toBe(once);
  });

  it('knows the ports that texts name', () => {
    expect(loopbackPorts(['127.0.0.1:9001,localhost:80', 'http://127.0.0.1:9001/x', 'host:70'])).toEqual([9001, 80]);
  });
});

describe('programOf', () => {
  const image = {
    entryPoint: ['/usr/local/bin/tool'],
    command: ['run', '/var/task'],
    environment: { A: 'image', B: '/var/task' },
    workingDirectory: '/var/task',
  };
  const given = { image, environment: {}, beneath: { A: 'platform', P: '/var/task' }, machinePath: '/usr/bin:/bin' };

  it.each([
    { reason: 'the image decides', spec: {}, argv: ['R/usr/local/bin/tool', 'run', 'R/var/task'] },
    {
      reason: 'a command of its own replaces the command',
      spec: { command: ['x'] },
      argv: ['R/usr/local/bin/tool', 'x'],
    },
    { reason: 'an entry point of its own discards both', spec: { entryPoint: ['tool'] }, argv: ['tool'] },
    { reason: 'both of its own', spec: { entryPoint: ['tool'], command: ['y'] }, argv: ['tool', 'y'] },
  ])('$reason', ({ spec, argv }) => {
    expect(programOf({ ...given, ...spec }, site, []).argv).toEqual(
      argv.map((each) => each.replace('R/', `${rootfs}/`)),
    );
  });

  it('lays environments over each other and leaves what the platform sets alone', () => {
    const { environment } = programOf({ ...given, environment: { C: 'own', A: 'own' } }, site, []);
    expect(environment).toMatchObject({ A: 'own', B: `${rootfs}/var/task`, C: 'own', P: '/var/task' });
  });

  it('replaces container ports in variables that are named so', () => {
    const ports = { PORT: '8080', HTTP_PORT: '8080', PORTS: '8080', OTHER_PORT: '9001', LEVEL: '8080' };
    expect(programOf({ ...given, environment: ports }, site, [8080]).environment).toMatchObject({
      ...ports,
      PORT: '40080',
      HTTP_PORT: '40080',
    });
  });

  it('searches the image before the machine', () => {
    const { environment } = programOf({ ...given, environment: { PATH: '/opt/bin:/no/such:/usr/bin' } }, site, []);
    expect(environment.PATH).toBe(`${rootfs}/opt/bin:${rootfs}/usr/local/bin:/usr/bin:/bin`);
  });

  it('needs something to run', () => {
    expect(() => programOf({ ...given, image: { ...image, entryPoint: [], command: [] } }, site, [])).toThrow(
      'No command specified',
    );
  });
});

it.each([
  { program: 'tool', found: true, reason: 'by the search path' },
  { program: '../bin/tool', found: true, reason: 'relative to the working directory' },
  { program: 'plain', found: false, reason: 'not executable' },
  { program: 'lib', found: false, reason: 'a folder' },
  { program: 'none', found: false, reason: 'missing' },
])('findProgram $program: $reason', ({ program, found }) => {
  const path = `${rootfs}/opt/bin:${rootfs}/var/task:${rootfs}/usr/local/bin`;
  expect(findProgram(program, path, join(rootfs, 'usr/local/bin'))).toBe(
    found ? join(rootfs, 'usr/local/bin/tool') : undefined,
  );
});
