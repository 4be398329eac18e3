/** What could stand at the cursor, and that a real bash gets to know it. */
import { spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { UserError } from '../../src/core/index.ts';
import { putClass, SPEC } from './fixtures.ts';
import { CliWorld, type RunOptions } from './world.ts';

let world: CliWorld;

beforeEach(async () => {
  world = await CliWorld.create();
  await putClass(world);
  await world.putRecord({
    namespace: '_system',
    name: 'source/shop',
    spec: { url: 'https://git.example.com/a', ref: { branch: 'main' } },
  });
  for (const [namespace, name] of [
    ['default', 'hello'],
    ['default', 'help'],
    ['shop', 'cart'],
  ]) {
    await world.putRecord({ namespace, name, spec: SPEC });
  }
});

afterEach(() => world.close());

/** The words that are offered; the last of `words` is the one at the cursor. */
async function offered(words: readonly string[], options: RunOptions = {}): Promise<string[]> {
  const { code, out, err } = await world.run(['__complete', '--', ...words], options);
  expect([code, err]).toEqual([0, '']);
  return out
    .split('\n')
    .slice(0, -1)
    .map((line) => line.split('\t')[0] ?? '');
}

describe('candidates', () => {
  it.each<[string[], string[]]>([
    [['ge'], ['get']],
    [['config', 'rename'], ['rename-context']],
    [['rollout', 'h'], ['history']],
    [
      ['get', 'h'],
      ['hello', 'help'],
    ],
    [['get', 'hello', 'h'], ['help']],
    [['get', 'hello', '--', 'h'], ['help']],
    [
      ['get', '-n', 'shop', ''],
      ['cart', 'lc', 'class', 'source'],
    ],
    [
      ['get', '--namespace=shop', 'c'],
      ['cart', 'class'],
    ],
    [['get', 'class', ''], ['standard']],
    [['get', 'source/'], ['source/shop']],
    [
      ['describe', 'lc/he'],
      ['lc/hello', 'lc/help'],
    ],
    [
      ['edit', 'hel'],
      ['hello', 'help'],
    ],
    [['source', 'suspend', ''], ['shop']],
    [['source', 'suspend', 'shop', ''], []],
    [['get', '-n', 's'], ['shop']],
    [
      ['get', '--namespace', ''],
      ['default', 'shop'],
    ],
    [['get', '--namespace', '=', 's'], ['shop']],
    [
      ['get', '--namespace', '='],
      ['default', 'shop'],
    ],
    [
      ['get', '-o', 'j'],
      ['json', 'jsonpath=', 'jsonpath-as-json='],
    ],
    [
      ['delete', '--cascade', ''],
      ['background', 'orphan'],
    ],
    [['get', '--all-n'], ['--all-namespaces']],
    [['get', '-A', '--all-n'], []],
    [['apply', '-f', 'a.yaml', '--file'], ['--filename']],
    [['apply', '-f', ''], [':files']],
    [['get', '--data-dir', ''], [':files']],
    [
      ['completion', ''],
      ['bash', 'zsh', 'fish'],
    ],
    [['get', '--selector', ''], []],
    [['version', 'x'], []],
    [['frobnicate', ''], []],
  ])('%j → %j', async (words, expected) => {
    const found = await offered(words);
    if (expected.length === 0 && words[0] === 'frobnicate') expect(found).toContain('get');
    else expect(found).toEqual(expected);
  });

  it('every verb, with what it does, and nothing that is hidden', async () => {
    const { out } = await world.run(['__complete', '--', '']);
    expect(out).toContain('get\tList objects with their status\n');
    expect(out).not.toContain('__complete');
  });

  it('contexts come from their file', async () => {
    const config = join(world.folder, 'config.yaml');
    writeFileSync(
      config,
      'contexts: [{ name: prod, aws: { region: eu-west-1 } }, { name: dev, local: { dataDir: x } }]\n',
    );
    const env = { LAMBDACONTAINER_CONFIG: config };
    expect(await offered(['get', '--context', ''], { env })).toEqual(['local', 'prod', 'dev']);
    expect(await offered(['config', 'use-context', 'p'], { env })).toEqual(['prod']);
    expect(await offered(['delete', 'x', '--yes-to', 'p'], { env })).toEqual(['prod']);
  });

  it('names are read where the line leads', async () => {
    const asked: unknown[] = [];
    const connect: RunOptions['connect'] = (flags) => {
      asked.push(flags);
      throw new UserError('nowhere');
    };
    await world.run(['__complete', '--', 'get', '--context', 'prod', '-n', 'shop', ''], { connect });
    expect(asked).toEqual([{ context: 'prod', namespace: 'shop' }]);
  });

  it('says nothing at all where names cannot be had', async () => {
    const silent = { code: 1, out: '', err: '' };
    expect(await world.run(['__complete', '--', 'get', ''], { desiredTable: 'nowhere' })).toEqual(silent);
    const config = join(world.folder, 'config.yaml');
    writeFileSync(config, 'contexts: 7\n');
    expect(
      await world.run(['__complete', '--', 'get', '--context', ''], { env: { LAMBDACONTAINER_CONFIG: config } }),
    ).toEqual(silent);
    const dynamodb = { ...world.ports.dynamodb, query: () => new Promise<never>(() => {}) };
    const before = world.clock.now();
    expect(await world.run(['__complete', '--', 'get', ''], { ports: { ...world.ports, dynamodb } })).toEqual(silent);
    expect(world.clock.now() - before).toBe(2_000);
  });
});

describe('scripts', () => {
  it.each(['bash', 'zsh', 'fish'])('%s calls the program and knows both its names', async (shell) => {
    const { code, out } = await world.run(['completion', shell]);
    expect(code).toBe(0);
    expect(out).toContain('__complete --');
    expect(out).toMatch(/lambdacontainer lc\n|-c lc /);
  });

  it('another shell is refused', async () => {
    expect(await world.run(['completion', 'tcsh'])).toMatchObject({
      code: 2,
      err: expect.stringContaining(
        "command-argument value 'tcsh' is invalid for argument 'shell'. Allowed choices are bash, zsh, fish.",
      ),
    });
  });
});

const bash = spawnSync('bash', ['-c', 'echo $BASH_VERSION'], { encoding: 'utf8' });
const hasBash = bash.status === 0 && Number.parseInt(bash.stdout, 10) >= 4;

describe.skipIf(!hasBash)(`bash${hasBash ? '' : ' (skipped: bash 4 or later is not on the PATH)'}`, () => {
  /** What bash offers for a line, with a program in place that answers as ours does and says what it was asked. */
  async function completed(line: readonly string[], answer: string): Promise<{ offered: string[]; asked: string[] }> {
    const script = world.file('completion.bash', (await world.run(['completion', 'bash'])).out);
    const bin = join(world.folder, 'bin');
    mkdirSync(bin, { recursive: true });
    const program = join(bin, 'lambdacontainer');
    const log = join(world.folder, 'asked');
    writeFileSync(program, `#!/bin/sh\nprintf '%s\\n' "$@" > '${log}'\ncat <<'END'\n${answer}END\n`);
    chmodSync(program, 0o755);
    const words = line.map((word) => `'${word}'`).join(' ');
    const { stdout, stderr, status } = spawnSync(
      'bash',
      [
        '--norc',
        '-c',
        `source '${script}'; complete -p lambdacontainer lc; COMP_WORDS=(${words}); COMP_CWORD=${line.length - 1}; _lambdacontainer; printf '%s\\n' "\${COMPREPLY[@]}"; echo asked; cat '${log}'`,
      ],
      { encoding: 'utf8', env: { PATH: [bin, process.env.PATH].join(delimiter) } },
    );
    expect([status, stderr]).toEqual([0, '']);
    const [first, second, ...rest] = stdout.split('\n').slice(0, -1);
    expect([first, second]).toEqual([
      'complete -F _lambdacontainer lambdacontainer',
      'complete -F _lambdacontainer lc',
    ]);
    const at = rest.indexOf('asked');
    return { offered: rest.slice(0, at), asked: rest.slice(at + 1) };
  }

  it('gets verbs without their descriptions', async () => {
    const { out } = await world.run(['__complete', '--', 're']);
    const { offered, asked } = await completed(['lambdacontainer', 're'], out);
    expect(offered).toEqual(['resume', 'restart', 'reconcile']);
    expect(asked).toEqual(['__complete', '--', 're']);
  });

  it('gets names, and passes the whole line on', async () => {
    const words = ['get', '-n', 'default', 'hel'];
    const { out } = await world.run(['__complete', '--', ...words]);
    const { offered, asked } = await completed(['lambdacontainer', ...words], out);
    expect(offered).toEqual(['hello', 'help']);
    expect(asked).toEqual(['__complete', '--', ...words]);
  });

  it('completes the value behind an equals sign, which bash makes a word of its own', async () => {
    const words = ['get', '--namespace', '='];
    const { out } = await world.run(['__complete', '--', ...words]);
    expect((await completed(['lambdacontainer', ...words], out)).offered).toEqual(['default', 'shop']);
  });

  it('offers nothing itself where files are meant, or nothing is known', async () => {
    expect((await completed(['lambdacontainer', 'apply', '-f', ''], ':files\n')).offered).toEqual(['']);
    expect((await completed(['lambdacontainer', 'get', 'x'], '')).offered).toEqual(['']);
  });
});
