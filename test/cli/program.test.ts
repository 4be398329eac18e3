/** Flags, help, exit statuses and errors; where a verb connects to. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { locate } from '../../src/cli/commands/connection.ts';
import { explain } from '../../src/cli/output/errors.ts';
import { table } from '../../src/cli/output/table.ts';
import { Failure, UserError } from '../../src/core/index.ts';
import { CliWorld } from './world.ts';

let world: CliWorld;

beforeEach(async () => {
  world = await CliWorld.create();
});

afterEach(() => world.close());

const VERBS = ['local', 'start', 'apply', 'delete', 'get', 'describe', 'events', 'wait', 'version'];

describe('help', () => {
  it('lists every verb', async () => {
    const { code, out } = await world.run(['--help']);
    expect(code).toBe(0);
    for (const verb of VERBS) expect(out).toMatch(new RegExp(`^  ${verb} `, 'm'));
  });

  it.each(VERBS)('%s has at least two examples', async (verb) => {
    const { code, out } = await world.run([verb, '--help']);
    expect(code).toBe(0);
    expect(out.match(/^ {2}\$ lambdacontainer /gm)?.length).toBeGreaterThanOrEqual(2);
  });
});

describe('usage errors have status 2 and a way on', () => {
  it.each<[string[], string]>([
    [['gett'], "unknown command 'gett'"],
    [['get', '--outptu', 'json'], '(Did you mean --output?)'],
    [['get', '-o', 'xml'], "argument 'xml' is invalid. Allowed choices are table, wide, json, yaml, name."],
    [['get', '-A', 'hello'], '-A lists; it does not go with names'],
    [['events', '--limit', '0'], 'Use a whole number from 1 to 1000.'],
    [['local', '--aws-port', '70000'], 'Use a whole number from 0 to 65535.'],
    [['apply', '-f', '-', '--wait', '--timeout', 'x'], "--timeout: 'x' is not a duration"],
  ])('%j', async (args, message) => {
    expect(await world.run(args)).toMatchObject({ code: 2, err: expect.stringContaining(message) });
  });

  it('without a verb the help is shown', async () => {
    expect(await world.run([])).toMatchObject({ code: 2, err: expect.stringContaining('Usage: lambdacontainer') });
  });
});

describe('local and start', () => {
  it('hand their flags over, the environment beneath them', async () => {
    await world.run(['local']);
    await world.run(
      ['local', '--aws-port', '0', '-f', 'a.yaml', '-f', 'b.yaml', '--example', 'python', '--exit-after-ready'],
      {
        env: { LAMBDACONTAINER_AWS_PORT: '5000', LAMBDACONTAINER_HTTP_PORT: '9090', LAMBDACONTAINER_DATA_DIR: '/data' },
      },
    );
    expect(world.started).toEqual([
      {
        awsPort: 4577,
        httpPort: 8080,
        dataDir: '.lambdacontainer',
        examples: undefined,
        manifests: [],
        exitAfterReady: false,
        resync: '2s',
      },
      {
        awsPort: 0,
        httpPort: 9090,
        dataDir: '/data',
        examples: ['python'],
        manifests: ['a.yaml', 'b.yaml'],
        exitAfterReady: true,
        resync: '2s',
      },
    ]);
    expect(await world.run(['local'], { env: { LAMBDACONTAINER_AWS_PORT: 'x' } })).toMatchObject({
      code: 2,
      err: expect.stringContaining("LAMBDACONTAINER_AWS_PORT: 'x' is not allowed"),
    });
    expect((await world.run(['start'])).code).toBe(0);
  });
});

describe('version', () => {
  it('as text and as JSON', async () => {
    expect((await world.run(['version'])).out).toMatch(/^lambdacontainer .*lambdacontainer\.dev\/v1alpha1, Node v\d+/);
    expect(JSON.parse((await world.run(['version', '-o', 'json'])).out)).toMatchObject({
      apiVersion: 'lambdacontainer.dev/v1alpha1',
      node: process.version,
    });
    expect((await world.run(['--version'])).code).toBe(0);
  });
});

describe('where a verb goes', () => {
  const runs = () => true;

  function withLocalFile(body: unknown): Record<string, string> {
    writeFileSync(join(world.folder, 'local.json'), typeof body === 'string' ? body : JSON.stringify(body));
    return { LAMBDACONTAINER_DATA_DIR: world.folder };
  }

  const local = {
    awsEndpoint: 'http://127.0.0.1:4577',
    httpEndpoint: 'http://127.0.0.1:8080',
    tables: { desired: 'd', state: 's' },
    pid: 1,
    region: 'us-east-1',
  };

  it('to the endpoint that was named, before all else', () => {
    const env = { ...withLocalFile(local), AWS_ENDPOINT_URL: 'http://127.0.0.1:5555' };
    expect(locate({ endpoint: 'http://localhost:6666' }, env, runs)).toMatchObject({
      context: 'endpoint http://localhost:6666',
      region: 'us-east-1',
      credentials: { accessKeyId: 'local', secretAccessKey: 'local' },
      tables: { desired: 'lambdacontainer-desired', state: 'lambdacontainer-state' },
    });
    expect(locate({}, env, runs).endpoint).toBe('http://127.0.0.1:5555');
  });

  it('dummy credentials never leave this machine', () => {
    expect(locate({ endpoint: 'https://dynamodb.example.com' }, {}, runs).credentials).toBeUndefined();
    const env = { AWS_ACCESS_KEY_ID: 'a', AWS_SECRET_ACCESS_KEY: 'b', AWS_SESSION_TOKEN: 'c' };
    expect(locate({ endpoint: 'http://127.0.0.1:1' }, env, runs).credentials).toEqual({
      accessKeyId: 'a',
      secretAccessKey: 'b',
      sessionToken: 'c',
    });
  });

  it('to a local cloud that runs in this folder', () => {
    expect(locate({}, { ...withLocalFile(local), AWS_REGION: 'eu-west-1' }, runs)).toEqual({
      context: 'local cloud http://127.0.0.1:4577',
      endpoint: 'http://127.0.0.1:4577',
      region: 'us-east-1',
      credentials: { accessKeyId: 'local', secretAccessKey: 'local' },
      tables: { desired: 'd', state: 's' },
    });
  });

  it('never silently to AWS when the local cloud is gone', () => {
    expect(() => locate({}, { ...withLocalFile(local), AWS_REGION: 'eu-west-1' }, () => false)).toThrow(
      /the local cloud of .* \(process 1\) is gone; start it again/,
    );
    expect(() => locate({}, withLocalFile('{'), runs)).toThrow(/is not what a local cloud writes/);
  });

  it('to AWS, named with its profile', () => {
    const env = { LAMBDACONTAINER_DATA_DIR: world.folder, AWS_REGION: 'eu-west-1' };
    expect(locate({}, env, runs)).toMatchObject({
      context: 'AWS eu-west-1',
      endpoint: undefined,
      credentials: undefined,
    });
    expect(locate({ region: 'eu-west-3' }, { ...env, AWS_PROFILE: 'prod' }, runs).context).toBe(
      'AWS eu-west-3, profile prod',
    );
  });

  it('nowhere without a region', () => {
    expect(() => locate({}, { LAMBDACONTAINER_DATA_DIR: world.folder }, runs)).toThrow(
      /no local cloud runs on .* and no AWS region is set/,
    );
    expect(() => locate({ endpoint: '127.0.0.1:4577' }, {}, runs)).toThrow(/is not a URL; write it like/);
  });
});

describe('errors', () => {
  const failure = (kind: Failure['kind'], code: string, message: string) =>
    new Failure({ kind, service: 'dynamodb', operation: 'getItem', code, message, requestId: 'r-1' });

  it('of AWS name the call, the context and the request, and what to do', () => {
    expect(explain(failure('notFound', 'ResourceNotFoundException', 'no table'), 'AWS eu-west-1')).toEqual({
      text: 'error: dynamodb.getItem (AWS eu-west-1): ResourceNotFoundException: no table [request r-1]\nThe tables are not here: check region and account, or the names in LAMBDACONTAINER_DESIRED_TABLE and LAMBDACONTAINER_STATE_TABLE',
      exitCode: 1,
    });
    expect(explain(failure('transient', 'Error', 'connect ECONNREFUSED 127.0.0.1:4577'), undefined)?.text).toContain(
      'Nothing answers there',
    );
    expect(explain(failure('denied', 'CredentialsProviderError', 'none'), undefined)?.text).toContain(
      'lambdacontainer local',
    );
  });

  it('of people are one line, of ours are not explained away', () => {
    expect(explain(new UserError('no', 2), 'x')).toEqual({ text: 'error: no', exitCode: 2 });
    expect(explain(new TypeError('x is not a function'), 'x')).toBeUndefined();
  });

  it('reach standard error through the program', async () => {
    const ended = await world.run(['get'], { desiredTable: 'nowhere' });
    expect(ended.code).toBe(1);
    expect(ended.err).toMatch(/^error: dynamodb\.query \(a test\): ResourceNotFoundException/);
  });
});

describe('tables', () => {
  it('align what is visible', () => {
    expect(
      table([
        ['A', 'LONG'],
        ['\x1b[32mabc\x1b[0m', 'x'],
        ['ü', ''],
      ]),
    ).toBe('A     LONG\n\x1b[32mabc\x1b[0m   x\nü\n');
  });
});
