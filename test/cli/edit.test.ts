/** `edit`, with a function in the editor's place. */
import { existsSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { KEY, putClass, SPEC } from './fixtures.ts';
import { CliWorld, type RunOptions } from './world.ts';

let world: CliWorld;
/** What the editor was shown, round by round. */
let shown: string[];
let files: string[];

beforeEach(async () => {
  world = await CliWorld.create();
  shown = [];
  files = [];
  await putClass(world);
  await world.putRecord({ ...KEY, spec: SPEC, labels: { team: 'shop' } });
});

afterEach(() => {
  for (const file of files) rmSync(dirname(file), { recursive: true, force: true });
  world.close();
});

/** Each round changes the file by one of these; the last one again and again. */
function editor(...rounds: ((text: string) => string | Promise<string>)[]): RunOptions {
  return {
    env: { EDITOR: 'changer --wait' },
    handOver: async (command, args) => {
      expect([command, args.slice(0, 3)]).toEqual(['sh', ['-c', 'changer --wait "$1"', 'sh']]);
      const file = args[3] ?? '';
      files.push(file);
      const text = readFileSync(file, 'utf8');
      const change = rounds[Math.min(shown.length, rounds.length - 1)];
      shown.push(text);
      expect(statSync(file).mode & 0o077).toBe(0);
      if (change) writeFileSync(file, await change(text));
      return { status: 0, signal: null };
    },
  };
}

const bigger = (text: string): string => `${text.trimEnd()}\n  scaling:\n    max: 9\n`;
const invalid = (text: string): string => `${text.trimEnd()}\n  compute:\n    cpu: 300\n`;

async function item(): Promise<Record<string, unknown> | undefined> {
  return (await world.desired.get(KEY))?.item;
}

describe('edit', () => {
  it('shows the manifest and writes what was saved', async () => {
    expect(await world.run(['edit', 'hello'], editor(bigger))).toEqual({
      code: 0,
      out: 'lambdacontainer/hello edited\n',
      err: 'editing in a test\n',
    });
    expect(shown).toEqual([expect.stringMatching(/^# Edit the object below\..*\n(#.*\n)+apiVersion: /)]);
    expect(shown[0]).not.toContain('status:');
    expect(await item()).toMatchObject({ labels: { team: 'shop' }, spec: { ...SPEC, scaling: { max: 9 } } });
    expect(existsSync(files[0] ?? '')).toBe(false);
  });

  it.each<[string, (text: string) => string]>([
    ['nothing changed', (text) => text],
    ['only comments changed', (text) => `# a thought\n${text}`],
    ['the same written otherwise', (text) => text.replace(/spec:[\s\S]*$/, `spec: ${JSON.stringify(SPEC)}\n`)],
    ['an empty file', () => ''],
    ['nothing but comments', () => '# no\n'],
  ])('%s: nothing is written', async (_, change) => {
    expect(await world.run(['edit', 'hello'], editor(change))).toEqual({
      code: 0,
      out: '',
      err: 'nothing was changed\n',
    });
    expect(existsSync(files[0] ?? '')).toBe(false);
  });

  it('what is not valid is opened again with its defects, until it is', async () => {
    const mend = (text: string) => text.replace(/^ {4}cpu: 300$/m, '    cpu: 512');
    expect(await world.run(['edit', 'hello'], editor(invalid, mend))).toMatchObject({ code: 0 });
    expect(shown[1]).toContain('# It is not valid:\n#   spec.compute.cpu: 300 is not a Fargate size; use 256, 512');
    expect(shown[1]).toContain('cpu: 300');
    expect(await item()).toMatchObject({ spec: { compute: { cpu: 512 } } });
  });

  it('who leaves it invalid keeps the file, and nothing is written', async () => {
    const ended = await world.run(
      ['edit', 'hello'],
      editor(invalid, (text) => text),
    );
    expect(ended).toMatchObject({ code: 1, out: '' });
    expect(ended.err).toContain('the edit is not valid and was not changed any more; nothing was written');
    expect(ended.err).toContain(`your edit is kept in ${files[0]}`);
    expect(readFileSync(files[0] ?? '', 'utf8')).toContain('cpu: 300');
    expect((await item())?.spec).toEqual(SPEC);
  });

  it('who takes the mistake back has changed nothing', async () => {
    const back = (text: string) => text.replace(/ {2}compute:[\s\S]*$/, '');
    expect(await world.run(['edit', 'hello'], editor(invalid, back))).toMatchObject({
      code: 0,
      err: 'nothing was changed\n',
    });
  });

  it.each<[string, (text: string) => string, string]>([
    [
      'another name',
      (text) => text.replace('name: hello\n', 'name: other\n'),
      'kind, name and namespace cannot be edited: this is lambdacontainer/other',
    ],
    [
      'another namespace',
      (text) => text.replace('namespace: default', 'namespace: shop'),
      "in namespace 'shop', not lambdacontainer/hello in namespace 'default'",
    ],
    ['two objects', (text) => `${text}---\n${text}`, 'the file must hold exactly one object'],
    ['no YAML', (text) => text.replace('spec:', 'spec: ['), '(syntax): '],
    [
      'a misspelt field',
      (text) => text.replace('spec:', 'spce:'),
      "spce: 'spce' is not a field here; did you mean 'spec'?",
    ],
  ])('%s is a defect', async (_, change, defect) => {
    await world.run(
      ['edit', 'hello'],
      editor(change, (text) => text),
    );
    expect(shown[1]).toContain(defect);
    expect((await item())?.spec).toEqual(SPEC);
  });

  it('what somebody else wrote meanwhile is not lost', async () => {
    const meanwhile = async (text: string) => {
      await world.putRecord({ ...KEY, spec: { ...SPEC, suspend: true } });
      return bigger(text);
    };
    const ended = await world.run(['edit', 'hello'], editor(meanwhile));
    expect(ended).toMatchObject({ code: 1, out: '' });
    expect(ended.err).toContain(
      'lambdacontainer/hello was changed by somebody else while you edited it; nothing was written',
    );
    expect(readFileSync(files[0] ?? '', 'utf8')).toContain('max: 9');
    expect((await item())?.spec).toEqual({ ...SPEC, suspend: true });
  });

  it('nor is a deletion undone', async () => {
    const meanwhile = async (text: string) => {
      await world.desired.delete(KEY);
      return bigger(text);
    };
    expect((await world.run(['edit', 'hello'], editor(meanwhile))).err).toContain('was deleted by somebody else');
    expect(await item()).toBeUndefined();
  });

  it('a record that cannot be understood is shown with its defects and can be mended', async () => {
    await world.putRecord({ ...KEY, spec: SPEC, statu: 1 });
    expect(await world.run(['edit', 'hello'], editor(bigger))).toMatchObject({ code: 0 });
    expect(shown[0]).toContain("#   statu: 'statu' is not a field here");
    expect(await item()).not.toHaveProperty('statu');
  });

  it('a class too; --dry-run writes nothing', async () => {
    const stage = (text: string) => text.replace('metadata:\n', 'metadata:\n  labels: { stage: live }\n');
    expect((await world.run(['edit', 'class/standard', '--dry-run'], editor(stage))).out).toBe(
      'lambdacontainerclass/standard edited (dry run)\n',
    );
    expect((await world.desired.get({ namespace: '_system', name: 'class/standard' }))?.item.labels).toBeUndefined();
  });

  it('a protected context asks only when there is something to write', async () => {
    const isProtected = true;
    expect(await world.run(['edit', 'hello'], { ...editor((text) => text), isProtected })).toMatchObject({ code: 0 });
    expect(await world.run(['edit', 'hello'], { ...editor(bigger), isProtected })).toMatchObject({
      code: 1,
      err: expect.stringContaining('your edit is kept in'),
    });
  });
});

describe('the editor', () => {
  it('is VISUAL, else EDITOR, else vi on a terminal', async () => {
    const asked: string[] = [];
    const handOver: RunOptions['handOver'] = (_, args) => {
      asked.push(args[1] ?? '');
      return { status: 0, signal: null };
    };
    await world.run(['edit', 'hello'], { env: { VISUAL: 'v', EDITOR: 'e' }, handOver });
    await world.run(['edit', 'hello'], { env: { EDITOR: 'e' }, handOver });
    await world.run(['edit', 'hello'], { answers: [], handOver });
    expect(asked).toEqual(['v "$1"', 'e "$1"', 'vi "$1"']);
  });

  it('is not guessed where there is no terminal', async () => {
    expect(await world.run(['edit', 'hello'])).toMatchObject({
      code: 2,
      err: expect.stringContaining('there is no terminal to edit on; set EDITOR'),
    });
  });

  it.each<[string, RunOptions['handOver'], string]>([
    ['fails', () => ({ status: 7, signal: null }), "the editor 'e' ended with status 7; nothing was changed"],
    [
      'is killed',
      () => ({ status: null, signal: 'SIGTERM' }),
      "the editor 'e' ended with SIGTERM; nothing was changed",
    ],
    ['is not there', undefined, "the editor 'e' cannot be run: spawn sh ENOENT; nothing was changed"],
  ])('that %s changes nothing', async (_, handOver, message) => {
    const before = readdirSync(dirname(world.folder)).filter((name) => name.startsWith('lambdacontainer-edit-'));
    expect(
      await world.run(['edit', 'hello'], { env: { EDITOR: 'e' }, ...(handOver ? { handOver } : {}) }),
    ).toMatchObject({
      code: 1,
      err: `error: ${message}\n`,
    });
    const after = readdirSync(dirname(world.folder)).filter((name) => name.startsWith('lambdacontainer-edit-'));
    expect(after).toEqual(before);
  });

  it.each<[string[], number, string]>([
    [['nobody'], 1, "lambdacontainer/nobody does not exist in namespace 'default'"],
    [['class/nobody'], 1, 'lambdacontainerclass/nobody does not exist'],
    [[], 2, "missing required argument 'object'"],
  ])('%j', async (args, code, message) => {
    expect(await world.run(['edit', ...args], { env: { EDITOR: 'e' } })).toMatchObject({
      code,
      err: expect.stringContaining(message),
    });
  });
});
