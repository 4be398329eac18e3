/** Flags, help, exit statuses and errors. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
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
    [['get', '-o', 'xml'], "argument 'xml' is invalid. Allowed choices are table, wide, json, yaml, name, jsonpath=…"],
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
        iam: 'off',
      },
      {
        awsPort: 0,
        httpPort: 9090,
        dataDir: '/data',
        examples: ['python'],
        manifests: ['a.yaml', 'b.yaml'],
        exitAfterReady: true,
        resync: '2s',
        iam: 'off',
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

describe('errors', () => {
  const failure = (kind: Failure['kind'], code: string, message: string) =>
    new Failure({ kind, service: 'dynamodb', operation: 'getItem', code, message, requestId: 'r-1' });

  it('of AWS name the call, the context and the request, and what to do', () => {
    expect(explain(failure('notFound', 'ResourceNotFoundException', 'no table'), 'AWS eu-west-1')).toEqual({
      text: 'error: dynamodb.getItem (AWS eu-west-1): ResourceNotFoundException: no table [request r-1]\nThe tables are not here: check context, region and account, or make them with: lambdacontainer bootstrap --tables',
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
