/**
 * Every verb there is, taken from the program's own definition: nobody can add one without help, examples that work,
 * a place in the documentation, and an end where there is no terminal.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Command } from 'commander';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { CliIo } from '../../src/cli/output/io.ts';
import { buildProgram, runProgram } from '../../src/cli/program.ts';
import { examplesOf, Run } from '../../src/cli/verbs/verb.ts';
import { putClass, ready, SPEC } from './fixtures.ts';
import { CliWorld } from './world.ts';

const DOCS = readFileSync(join(import.meta.dirname, '../../docs/cli.md'), 'utf8');

interface Verb {
  readonly path: string;
  readonly command: Command;
}

function tree(): { program: Command; verbs: Verb[] } {
  const io = { stdout: () => undefined, stderr: () => undefined, env: {} } as unknown as CliIo;
  const program = buildProgram(new Run({ io, local: async () => 0, start: async () => 0 }));
  const below = (command: Command, path: string): Verb[] =>
    command.commands.flatMap((child) => {
      const name = `${path}${child.name()}`;
      return [{ path: name, command: child }, ...below(child, `${name} `)];
    });
  return { program, verbs: below(program, '').filter(({ path }) => !path.startsWith('__')) };
}

const VERBS = tree().verbs;

/** A command line as a shell would split it; what redirects and follows is not the program's. */
function split(example: string): string[] {
  const line = example.replace(/\s+(#|<|>|\||&&).*$/, '');
  return [...line.matchAll(/(?:[^\s'"]|'[^']*'|"[^"]*")+/g)].map(([word]) =>
    word.replaceAll(/'([^']*)'|"([^"]*)"/g, '$1$2'),
  );
}

describe('every verb', () => {
  it('is there', () => {
    expect(VERBS.map(({ path }) => path)).toEqual(
      expect.arrayContaining([
        ...[
          'local',
          'start',
          'bootstrap',
          'apply',
          'delete',
          'get',
          'describe',
          'edit',
          'label',
          'annotate',
          'wait',
          'events',
        ],
        ...[
          'plan',
          'diff',
          'verify',
          'logs',
          'invoke',
          'reconcile',
          'suspend',
          'resume',
          'restart',
          'doctor',
          'version',
          'completion',
        ],
        ...['rollout status', 'rollout history', 'rollout restart', 'rollout pause', 'rollout resume'],
        ...[
          'get-contexts',
          'current-context',
          'use-context',
          'set-context',
          'delete-context',
          'rename-context',
          'view',
        ].map((name) => `config ${name}`),
      ]),
    );
  });

  it.each(VERBS)('$path says what it does', ({ command }) => {
    expect(command.description()).toMatch(/^[A-Z][^\n]{10,}\.$/);
    for (const { flags, description } of command.options)
      expect([flags, description]).toEqual([flags, expect.stringMatching(/\S{2,}/)]);
  });

  it.each(VERBS)('$path has two examples in its help, and they parse', async ({ path, command }) => {
    const examples = examplesOf(command);
    expect(examples.length).toBeGreaterThanOrEqual(2);
    const { program, verbs } = tree();
    const help: string[] = [];
    for (const one of verbs) {
      one.command
        .exitOverride()
        .configureOutput({ writeOut: (text) => void help.push(text), writeErr: () => undefined });
    }
    await expect(program.parseAsync([...path.split(' '), '--help'], { from: 'user' })).rejects.toMatchObject({
      code: 'commander.helpDisplayed',
    });
    for (const example of examples) expect(help.join('')).toContain(`  $ lambdacontainer ${example}\n`);
    for (const example of examples) {
      const ran: string[] = [];
      const fresh = tree();
      for (const one of fresh.verbs) {
        one.command.exitOverride().configureOutput({ writeErr: () => undefined });
        if (one.command.commands.length === 0) one.command.action(() => void ran.push(one.path));
      }
      await fresh.program.parseAsync(split(example), { from: 'user' });
      expect(ran, example).toEqual([
        command.commands.length === 0 ? path : expect.stringMatching(new RegExp(`^${path} `)),
      ]);
    }
  });

  it.each(VERBS)('$path is in docs/cli.md', ({ path }) => {
    expect(DOCS).toMatch(new RegExp(`\`(lambdacontainer |lc )?${path}[\` ]`));
  });

  it('the documentation names no verb that is not there', () => {
    const known = new Set(VERBS.map(({ path }) => path.split(' ')[0] ?? ''));
    const named = [...DOCS.matchAll(/^(?:\$ )?(?:lc|lambdacontainer) ([a-z]+)/gm)].map(([, verb]) => verb ?? '');
    expect(named.length).toBeGreaterThan(10);
    expect(named.filter((verb) => !known.has(verb))).toEqual([]);
  });
});

describe('without a terminal', () => {
  let world: CliWorld;

  beforeEach(async () => {
    world = await CliWorld.create();
    await putClass(world);
    await world.putRecord({ namespace: 'default', name: 'hello', spec: SPEC });
    await ready(world);
  });

  afterEach(() => world.close());

  /** Arguments with which a verb does something; those of verbs that are not here are none. */
  const ARGUMENTS: Readonly<Record<string, readonly string[]>> = {
    apply: ['-f', '-'],
    delete: ['hello'],
    describe: ['hello'],
    edit: ['hello'],
    label: ['hello', 'a=b'],
    annotate: ['hello', 'a=b'],
    wait: ['hello', '--for=condition=Ready', '--timeout=5s'],
    suspend: ['hello'],
    resume: ['hello'],
    restart: ['hello'],
    reconcile: ['hello', '--timeout=5s'],
    'rollout status': ['hello', '--timeout=5s'],
    'rollout history': ['hello'],
    'rollout restart': ['hello'],
    'rollout pause': ['hello'],
    'rollout resume': ['hello'],
    plan: ['hello'],
    diff: ['hello'],
    verify: ['hello'],
    logs: ['hello'],
    invoke: ['hello'],
    completion: ['bash'],
    'config use-context': ['local'],
    'config set-context': ['prod', '--region', 'eu-west-1'],
    'config delete-context': ['prod'],
    'config rename-context': ['prod', 'other'],
  };

  it.each(VERBS)('$path ends by itself in a protected context and asks nobody', async ({ path }) => {
    const env = { LAMBDACONTAINER_CONFIG: join(world.folder, 'config.yaml') };
    // CliWorld throws when somebody is asked who is not there, and when a verb does not end.
    const { code } = await world.run([...path.split(' '), ...(ARGUMENTS[path] ?? [])], {
      env,
      isProtected: true,
      stdin: '',
    });
    expect([0, 1, 2]).toContain(code);
  });

  it('an error that is none of ours is not swallowed', async () => {
    const io = { stderr: () => undefined, stdout: () => undefined, env: {}, isTTY: false } as never;
    const start = async (): Promise<number> => {
      throw new TypeError('a defect');
    };
    await expect(runProgram(['start'], { io, local: start, start })).rejects.toThrow('a defect');
  });
});
