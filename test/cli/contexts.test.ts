/** Contexts: the file, where a verb goes, and the verbs of `config`. */
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { locate } from '../../src/cli/context/locate.ts';
import { CliWorld } from './world.ts';

let world: CliWorld;
let config: string;
let env: Record<string, string>;

beforeEach(async () => {
  world = await CliWorld.create();
  config = join(world.folder, 'contexts.yaml');
  env = { LAMBDACONTAINER_CONFIG: config, LAMBDACONTAINER_DATA_DIR: join(world.folder, 'data') };
});

afterEach(() => world.close());

const LOCAL = {
  awsEndpoint: 'http://127.0.0.1:4577',
  httpEndpoint: 'http://127.0.0.1:8080',
  tables: { desired: 'd', state: 's' },
  pid: 1,
  region: 'us-east-1',
};
const runs = () => true;
const ended = () => false;

function localCloud(folder = 'data', body: unknown = LOCAL): string {
  const path = join(world.folder, folder);
  mkdirSync(path, { recursive: true });
  writeFileSync(join(path, 'local.json'), typeof body === 'string' ? body : JSON.stringify(body));
  return path;
}

const PROD = 'name: prod\n    aws: { region: eu-west-1, profile: work, account: "111122223333" }';

function contexts(...lines: string[]): void {
  writeFileSync(config, `${lines.join('\n')}\n`);
}

function run(...args: string[]) {
  return world.run(['config', ...args], { env });
}

describe('where a verb goes', () => {
  it('to the endpoint that was named, before all but --context', () => {
    localCloud();
    contexts('current-context: prod', `contexts:\n  - ${PROD}`);
    const withUrl = { ...env, AWS_ENDPOINT_URL: 'http://127.0.0.1:5555' };
    expect(locate({ endpoint: 'http://localhost:6666' }, withUrl, runs)).toMatchObject({
      context: 'endpoint http://localhost:6666',
      region: 'us-east-1',
      credentials: { accessKeyId: 'local', secretAccessKey: 'local' },
      tables: { desired: 'lambdacontainer-desired', state: 'lambdacontainer-state' },
    });
    expect(locate({}, withUrl, runs).endpoint).toBe('http://127.0.0.1:5555');
    expect(locate({ context: 'prod' }, withUrl, runs)).toMatchObject({
      endpoint: undefined,
      ignoresConfiguredEndpoints: true,
    });
  });

  it('a named endpoint asks no file of contexts', () => {
    contexts('contexts: 7');
    expect(locate({ endpoint: 'http://localhost:6666' }, env, runs).endpoint).toBe('http://localhost:6666');
  });

  it('dummy credentials never leave this machine', () => {
    expect(locate({ endpoint: 'https://dynamodb.example.com' }, {}, runs).credentials).toBeUndefined();
    const keys = { AWS_ACCESS_KEY_ID: 'a', AWS_SECRET_ACCESS_KEY: 'b', AWS_SESSION_TOKEN: 'c' };
    expect(locate({ endpoint: 'http://127.0.0.1:1' }, keys, runs).credentials).toEqual({
      accessKeyId: 'a',
      secretAccessKey: 'b',
      sessionToken: 'c',
    });
  });

  it('to a local cloud that runs in this folder', () => {
    localCloud();
    const target = locate({}, { ...env, AWS_REGION: 'eu-west-1' }, runs);
    expect(target).toMatchObject({
      contextName: 'local',
      context: 'local cloud http://127.0.0.1:4577',
      endpoint: 'http://127.0.0.1:4577',
      region: 'us-east-1',
      isLocal: true,
      credentials: { accessKeyId: 'local', secretAccessKey: 'local' },
      tables: { desired: 'd', state: 's' },
    });
    expect(locate({ context: 'local' }, { ...env, AWS_ENDPOINT_URL: 'http://127.0.0.1:9' }, runs)).toEqual(target);
  });

  it('to the local cloud of the folder that was named, whatever the environment says', () => {
    const other = localCloud('other', { ...LOCAL, awsEndpoint: 'http://127.0.0.1:7777' });
    contexts('current-context: prod', `contexts:\n  - ${PROD}`);
    const noisy = { ...env, AWS_ENDPOINT_URL: 'http://127.0.0.1:9', LAMBDACONTAINER_CONTEXT: 'prod' };
    expect(locate({ dataDir: other }, noisy, runs).endpoint).toBe('http://127.0.0.1:7777');
    expect(() => locate({ dataDir: join(world.folder, 'none') }, { AWS_REGION: 'eu-west-1' }, runs)).toThrow(
      /no local cloud runs on .*none; start one with 'lambdacontainer local'/,
    );
  });

  it('never silently to AWS when the local cloud is gone', () => {
    localCloud();
    expect(() => locate({}, { ...env, AWS_REGION: 'eu-west-1' }, ended)).toThrow(
      /the local cloud of .* \(process 1\) is gone; start it again.*, or remove .*local\.json to talk to AWS/,
    );
    localCloud('data', '{');
    expect(() => locate({}, env, runs)).toThrow(/is not what a local cloud writes/);
  });

  it('to AWS, named with its profile', () => {
    const there = { ...env, AWS_REGION: 'eu-west-1' };
    expect(locate({}, there, runs)).toMatchObject({
      context: 'AWS eu-west-1',
      endpoint: undefined,
      credentials: undefined,
      isLocal: false,
      ignoresConfiguredEndpoints: false,
    });
    expect(locate({ region: 'eu-west-3' }, { ...there, AWS_PROFILE: 'prod' }, runs).context).toBe(
      'AWS eu-west-3, profile prod',
    );
  });

  it('nowhere without a region', () => {
    expect(() => locate({}, env, runs)).toThrow(
      /no local cloud runs on .*, no context is in use and no AWS region is set/,
    );
    expect(() => locate({ endpoint: '127.0.0.1:4577' }, {}, runs)).toThrow(
      "--endpoint: '127.0.0.1:4577' is not a URL; write it like",
    );
    expect(() => locate({}, { AWS_ENDPOINT_URL: 'x' }, runs)).toThrow("AWS_ENDPOINT_URL: 'x' is not a URL");
  });

  it('to a context by name: all that it says, and nothing of the environment', () => {
    contexts(
      'contexts:',
      '  - name: prod',
      '    aws: { region: eu-west-1, profile: work, account: "111122223333", roleArn: "arn:aws:iam::111122223333:role/lc", externalId: x }',
      '    tables: { desired: shop-desired, state: shop-state }',
      '    namespace: shop',
      '    protected: true',
    );
    const noisy = {
      ...env,
      AWS_REGION: 'us-west-2',
      AWS_PROFILE: 'other',
      LAMBDACONTAINER_DESIRED_TABLE: 'other',
      AWS_ENDPOINT_URL: 'http://127.0.0.1:1',
    };
    const expected = {
      contextName: 'prod',
      context: 'prod (AWS eu-west-1, account 111122223333, profile work, role lc)',
      isProtected: true,
      isLocal: false,
      defaultNamespace: 'shop',
      region: 'eu-west-1',
      endpoint: undefined,
      ignoresConfiguredEndpoints: true,
      credentials: undefined,
      profile: 'work',
      role: { arn: 'arn:aws:iam::111122223333:role/lc', externalId: 'x' },
      account: '111122223333',
      tables: { desired: 'shop-desired', state: 'shop-state' },
    };
    expect(locate({ context: 'prod' }, noisy, runs)).toEqual(expected);
    const { AWS_ENDPOINT_URL: _, ...quiet } = noisy;
    expect(locate({}, { ...quiet, LAMBDACONTAINER_CONTEXT: 'prod' }, runs)).toEqual(expected);
  });

  it('to a local context, whose folder is beside the file of contexts', () => {
    localCloud('dev');
    contexts('contexts:', '  - { name: dev, local: { dataDir: dev }, namespace: blog }');
    expect(locate({ context: 'dev' }, env, runs)).toMatchObject({
      contextName: 'dev',
      context: 'dev (local cloud http://127.0.0.1:4577)',
      defaultNamespace: 'blog',
      isLocal: true,
    });
    expect(() => locate({ context: 'dev' }, env, ended)).toThrow(/dev \(process 1\) is gone/);
  });

  it.each<[string, Record<string, string>, string]>([
    ['--region', { region: 'eu-west-1' }, '--context says all of where to go; remove --region'],
    ['--endpoint', { endpoint: 'http://127.0.0.1:1' }, '--context says all of where to go; remove --endpoint'],
    ['--data-dir', { dataDir: '/x' }, '--context says all of where to go; remove --data-dir'],
  ])('--context does not go with %s', (_, flags, message) => {
    contexts(`contexts:\n  - ${PROD}`);
    expect(() => locate({ context: 'prod', ...flags }, env, runs)).toThrow(message);
  });

  it('a context that nobody made is an error that lists the others', () => {
    contexts(`contexts:\n  - ${PROD}`);
    expect(() => locate({ context: 'prd' }, env, runs)).toThrow(
      `--context: there is no context 'prd' in ${config}; use one of local, prod, or make it`,
    );
    expect(() => locate({}, { ...env, LAMBDACONTAINER_CONTEXT: 'prd' }, runs)).toThrow(
      "LAMBDACONTAINER_CONTEXT: there is no context 'prd'",
    );
    contexts('current-context: gone');
    expect(() => locate({}, env, runs)).toThrow(`current-context of ${config}: there is no context 'gone'`);
  });
});

describe('local and AWS are never confused', () => {
  beforeEach(() => contexts('current-context: prod', `contexts:\n  - ${PROD}`));

  it('a current context and a local cloud that runs here: the verb refuses and says how to choose', () => {
    const folder = localCloud();
    expect(() => locate({}, env, runs)).toThrow(
      `the current context is prod (AWS eu-west-1, account 111122223333, profile work), and a local cloud runs on ${folder} (http://127.0.0.1:4577); say which is meant: --context prod or --context local`,
    );
    expect(locate({ context: 'prod' }, env, runs).region).toBe('eu-west-1');
    expect(locate({ context: 'local' }, env, runs).isLocal).toBe(true);
    expect(locate({}, { ...env, LAMBDACONTAINER_CONTEXT: 'prod' }, runs).region).toBe('eu-west-1');
  });

  it('also when that local cloud has died: whoever left it there may still mean it', () => {
    localCloud();
    expect(() => locate({}, env, ended)).toThrow(/is gone; start it again .*, or give --context prod to talk to that/);
  });

  it('a current context that is this very local cloud competes with nobody', () => {
    const folder = localCloud();
    contexts('current-context: dev', `contexts:\n  - { name: dev, local: { dataDir: ${folder} } }`);
    expect(locate({}, env, runs).contextName).toBe('dev');
    contexts('current-context: local');
    expect(locate({}, env, runs).contextName).toBe('local');
  });

  it('without a local cloud the current context is used', () => {
    expect(locate({}, { ...env, AWS_REGION: 'us-west-2' }, runs)).toMatchObject({
      contextName: 'prod',
      region: 'eu-west-1',
    });
  });

  it('the refusal has exit status 1', async () => {
    localCloud('data', { ...LOCAL, pid: process.pid });
    const { connectBySdk } = await import('../../src/cli/commands/connection.ts');
    expect(await world.run(['get'], { env, connect: connectBySdk })).toMatchObject({
      code: 1,
      out: '',
      err: expect.stringContaining('say which is meant: --context prod or --context local'),
    });
  });
});

describe('the file', () => {
  it.each<[string, string, string]>([
    [
      'a misspelt field',
      'contexts:\n  - { name: a, aws: { regoin: eu-west-1 } }',
      "contexts[0].aws.regoin: 'regoin' is not a field here; did you mean 'region'?",
    ],
    [
      'no region',
      'contexts:\n  - { name: a, aws: { profile: x } }',
      'contexts[0].aws.region: is missing and has no default; add it (Region of the tables)',
    ],
    [
      'a wrong region',
      'contexts:\n  - { name: a, aws: { region: Ireland } }',
      "contexts[0].aws.region: 'Ireland' is not a region; write it like eu-west-1",
    ],
    [
      'an account without quotes',
      'contexts:\n  - { name: a, aws: { region: eu-west-1, account: 111122223333 } }',
      'contexts[0].aws.account: 111122223333 is a number, not text; put it in quotes: "111122223333"',
    ],
    [
      'two destinations',
      'contexts:\n  - { name: a, local: { dataDir: x }, aws: { region: eu-west-1 } }',
      'contexts[0]: has both local and aws; keep one of them',
    ],
    [
      'no destination',
      'contexts:\n  - { name: a }',
      'contexts[0]: leads nowhere; give local: {dataDir: …} or aws: {region: …}',
    ],
    [
      'tables of a local cloud',
      'contexts:\n  - { name: a, local: { dataDir: x }, tables: { desired: ddd, state: sss } }',
      'contexts[0].tables: are not for a local cloud',
    ],
    [
      'the built-in name',
      'contexts:\n  - { name: local, local: { dataDir: x } }',
      "contexts[0].name: 'local' always means the local cloud of the data folder; choose another name",
    ],
    [
      'a name twice',
      'contexts:\n  - { name: a, local: { dataDir: x } }\n  - { name: a, local: { dataDir: y } }',
      "contexts[1].name: 'a' is the name of another context too",
    ],
    [
      'an external id without a role',
      'contexts:\n  - { name: a, aws: { region: eu-west-1, externalId: x } }',
      "contexts[0].aws.externalId: 'x' is only for a role",
    ],
    ['another version', 'version: 2', 'version: 2 is too large; the most is 1'],
    ['a list', '- a', 'config: is a list, not an object'],
    ['no YAML', 'contexts: [', 'cannot be read: '],
    ['the same key twice', 'contexts: []\ncontexts: []', 'cannot be read: Map keys must be unique at line 2'],
  ])('%s is refused with its place and a remedy', (_, text, message) => {
    contexts(text);
    const look = () => locate({ context: 'a' }, env, runs);
    expect(look).toThrow(config);
    expect(look).toThrow(message.replace(/^config: /, ''));
  });

  it('is found by LAMBDACONTAINER_CONFIG, XDG_CONFIG_HOME, HOME', async () => {
    const home = join(world.folder, 'home');
    const xdg = join(world.folder, 'xdg');
    const make = (where: Record<string, string>) =>
      world.run(['config', 'set-context', 'a', '--region', 'eu-west-1'], { env: where });
    await make({ HOME: home });
    await make({ HOME: home, XDG_CONFIG_HOME: xdg });
    expect(existsSync(join(home, '.config/lambdacontainer/config.yaml'))).toBe(true);
    expect(existsSync(join(xdg, 'lambdacontainer/config.yaml'))).toBe(true);
    expect(await make({})).toMatchObject({ code: 1, err: expect.stringContaining('set LAMBDACONTAINER_CONFIG') });
  });

  it('is readable by its owner alone, and written as a whole', async () => {
    contexts('# mine', `contexts:\n  - ${PROD}`);
    chmodSync(config, 0o644);
    await run('use-context', 'prod');
    expect(statSync(config).mode & 0o777).toBe(0o600);
    expect(readFileSync(config, 'utf8')).toContain('# mine');
  });

  it('keeps comments, order and what it does not change', async () => {
    contexts(
      '# the contexts of our team',
      'contexts:',
      '  # ask Ann before',
      '  - name: prod # Ireland',
      '    aws:',
      '      region: eu-west-1 # never changes',
      '      profile: work',
      '    protected: true',
      '',
      '  - name: dev',
      '    local: { dataDir: dev }',
    );
    expect((await run('set-context', 'prod', '--profile', 'other', '-n', 'shop')).out).toBe(
      "Context 'prod' modified.\n",
    );
    expect(readFileSync(config, 'utf8').split('\n')).toEqual([
      '# the contexts of our team',
      'contexts:',
      '  # ask Ann before',
      '  - name: prod # Ireland',
      '    aws:',
      '      region: eu-west-1 # never changes',
      '      profile: other',
      '    protected: true',
      '    namespace: shop',
      '',
      '  - name: dev',
      '    local: { dataDir: dev }',
      '',
    ]);
  });

  it('a link to it stays a link', async () => {
    const real = join(world.folder, 'dotfiles.yaml');
    writeFileSync(real, `contexts:\n  - ${PROD}\n`);
    symlinkSync(real, config);
    await run('use-context', 'prod');
    expect(lstatSync(config).isSymbolicLink()).toBe(true);
    expect(parse(readFileSync(real, 'utf8'))).toMatchObject({ 'current-context': 'prod' });
  });

  it('that cannot be written is an error, and nothing is left beside it', async () => {
    mkdirSync(config);
    expect(await run('get-contexts')).toMatchObject({ code: 1, err: expect.stringContaining('cannot be read') });
  });
});

describe('config', () => {
  it('makes, lists, chooses, renames and removes contexts', async () => {
    expect(
      await run('set-context', 'prod', '--region', 'eu-west-1', '--profile', 'work', '-n', 'shop', '--protected'),
    ).toEqual({
      code: 0,
      out: "Context 'prod' created.\n",
      err: '',
    });
    await run('set-context', 'dev', '--data-dir', join(world.folder, 'dev'));
    expect((await run('use-context', 'prod')).out).toBe("Switched to context 'prod'.\n");
    const listed = (await run('get-contexts')).out.split('\n').map((line) => line.replaceAll(/ {2,}/g, ' | '));
    expect(listed).toEqual([
      'CURRENT | NAME | LEADS TO | NAMESPACE | PROTECTED',
      ' | local | the local cloud of the data folder',
      '* | prod | AWS eu-west-1, profile work | shop | yes',
      ` | dev | local cloud of ${join(world.folder, 'dev')}`,
      '',
    ]);
    expect((await run('current-context')).out).toBe('prod\n');
    expect((await run('rename-context', 'prod', 'prod-eu')).out).toBe("Context 'prod' renamed to 'prod-eu'.\n");
    expect((await run('current-context')).out).toBe('prod-eu\n');
    expect((await run('get-contexts', '-o', 'name')).out).toBe('prod-eu\ndev\n');
    expect(JSON.parse((await run('get-contexts', 'prod-eu', '-o', 'json')).out)).toEqual({
      name: 'prod-eu',
      aws: { region: 'eu-west-1', profile: 'work' },
      namespace: 'shop',
      protected: true,
      isCurrent: true,
    });
    expect(await run('delete-context', 'prod-eu')).toEqual({
      code: 0,
      out: `deleted context prod-eu from ${config}\n`,
      err: 'warning: this was the current context; choose another one with use-context\n',
    });
    expect((await run('use-context', 'local')).code).toBe(0);
    expect(parse(readFileSync(config, 'utf8'))).toEqual({
      kind: 'Config',
      version: 1,
      contexts: [{ name: 'dev', local: { dataDir: join(world.folder, 'dev') } }],
      'current-context': 'local',
    });
    expect((await run('view')).out).toBe(readFileSync(config, 'utf8'));
    expect(JSON.parse((await run('view', '-o', 'json')).out)).toMatchObject({ 'current-context': 'local' });
  });

  it('set-context --current changes the current one; an empty value takes a member away', async () => {
    contexts('current-context: prod', `contexts:\n  - ${PROD}`);
    await run('set-context', '--current', '-n', 'blog', '--protected');
    await run('set-context', '--current', '--profile', '', '--no-protected');
    expect(parse(readFileSync(config, 'utf8')).contexts).toEqual([
      { name: 'prod', aws: { region: 'eu-west-1', account: '111122223333' }, namespace: 'blog' },
    ]);
  });

  it.each<[string[], number, string]>([
    [['use-context', 'nobody'], 1, "there is no context 'nobody' in"],
    [['delete-context', 'nobody'], 1, 'there are: prod'],
    [['delete-context', 'local'], 1, "'local' is always there and not in"],
    [['rename-context', 'nobody', 'x'], 1, "there is no context 'nobody'"],
    [['rename-context', 'prod', 'prod'], 1, "there is a context 'prod' already"],
    [['rename-context', 'prod', 'local'], 1, "contexts[0].name: 'local' always means"],
    [['rename-context', 'prod', 'a b'], 1, "contexts[0].name: 'a b' is not a name for a context"],
    [['current-context'], 1, 'there is no current context in'],
    [['set-context'], 2, 'name the context to set, or give --current, not both'],
    [['set-context', 'prod', '--current'], 2, 'name the context to set, or give --current, not both'],
    [['set-context', '--current', '-n', 'x'], 2, 'there is no current context; name the one to set'],
    [['set-context', 'local', '--data-dir', 'x'], 2, "'local' always means the local cloud"],
    [['set-context', 'prod'], 2, 'nothing is set; give at least one flag'],
    [['set-context', 'prod', '--data-dir', 'x'], 1, "'prod' is an AWS context and stays one"],
    [['set-context', 'x', '--data-dir', 'x', '--region', 'eu-west-1'], 2, '--data-dir is of a local context'],
    [['set-context', 'x', '-n', 'shop'], 1, 'contexts[1]: leads nowhere; give local'],
    [['set-context', 'x', '--region', 'Ireland'], 1, "contexts[1].aws.region: 'Ireland' is not a region"],
    [['set-context', 'prod', '--account', '12'], 1, "contexts[0].aws.account: '12' is not an account id"],
    [['set-context', 'prod', '--endpoint', 'x'], 1, "contexts[0].aws.endpoint: 'x' is not a URL"],
    [['set-context', 'prod', '-n', 'Shop'], 1, "contexts[0].namespace: 'Shop' is not a valid name"],
    [['set-context', 'prod', '--desired-table', 'd'], 1, "contexts[0].tables.desired: 'd' is not the name of a table"],
    [['get-contexts', 'nobody'], 1, "there is no context 'nobody'"],
    [['frobnicate'], 2, "unknown command 'frobnicate'"],
    [[], 2, 'Usage: lambdacontainer config'],
  ])('%j is refused and the file stays as it was', async (args, code, message) => {
    contexts(`contexts:\n  - ${PROD}`);
    const before = readFileSync(config, 'utf8');
    expect(await run(...args)).toMatchObject({ code, err: expect.stringContaining(message) });
    expect(readFileSync(config, 'utf8')).toBe(before);
  });
});
