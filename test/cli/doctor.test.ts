/** `doctor`, `bootstrap` and `version --controller`: what everything stands on. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { toItem } from '../../src/aws/index.ts';
import { Failure, UserError } from '../../src/core/index.ts';
import { account } from './account-services.ts';
import { driftItems, putClass, SWEPT } from './fixtures.ts';
import { CliWorld, type RunOptions } from './world.ts';

const DESIRED = 'lambdacontainer-desired';
const STATE = 'lambdacontainer-state';

let world: CliWorld;

beforeEach(async () => {
  world = await CliWorld.create();
});

afterEach(() => world.close());

async function lease(body: Record<string, unknown>): Promise<void> {
  const nowMs = world.clock.now();
  const whole = { holder: 'h-1', epoch: 4, expiresAtMs: nowMs + 10_000, durationMs: 15_000, released: false, ...body };
  const key = { namespace: '_controller', key: 'lease' };
  await world.ports.dynamodb.putItem({ TableName: STATE, Item: toItem({ ...key, epoch: 4, body: whole }) });
}

interface Check {
  readonly name: string;
  readonly status: string;
  readonly message: string;
  readonly remedy?: string;
}

async function checks(options: RunOptions = {}): Promise<{ code: number; checks: Check[] }> {
  const { code, out } = await world.run(['doctor', '-o', 'json'], options);
  return { code, checks: (JSON.parse(out) as { checks: Check[] }).checks };
}

function of(name: string, found: readonly Check[]): Check[] {
  return found.filter((check) => check.name === name);
}

/** The world's ports with some calls refused. */
function refusing(
  service: 'sts' | 'dynamodb',
  operation: string,
  failure: Partial<Failure> & { kind: Failure['kind']; code: string },
): RunOptions {
  const refuse = () =>
    Promise.reject(
      new Failure({
        service,
        operation,
        message: failure.message ?? failure.code,
        kind: failure.kind,
        code: failure.code,
      }),
    );
  return { ports: { ...world.ports, [service]: { ...world.ports[service], [operation]: refuse } } };
}

describe('doctor', () => {
  it('all is well: status 0, one line each', async () => {
    await world.run(['bootstrap', '--tables']);
    await putClass(world);
    await lease({ version: 'from source' });
    const { code, out, err } = await world.run(['doctor'], { isLocal: false, accountPorts: account() });
    expect([code, err]).toEqual([0, '']);
    expect(out.split('\n').map((line) => line.trim().replaceAll(/ {2,}/g, ' | '))).toEqual([
      expect.stringMatching(/^ok \| program \| lambdacontainer from source on Node v\d+/),
      'ok | contexts | no home folder, so no contexts',
      'ok | context | a test',
      expect.stringMatching(/^ok \| credentials \| arn:aws:.* in account 000000000000$/),
      'ok | desired table | lambdacontainer-desired is ACTIVE',
      'ok | state table | lambdacontainer-state is ACTIVE',
      'ok | controller | runs (version from source, holder h-1, epoch 4), renewed 5.0s ago',
      "ok | classes | class 'standard' is there",
      'ok | stack | lambdacontainer is UPDATE_COMPLETE',
      'ok | permissions | may read and write records, and read status',
      "ok | quotas | 0 of 100 vCPUs: what these objects need on demand at their most fits the account's quota",
      'ok | quotas | 100 target groups, 100 rules: a load balancer holds 50 objects',
      '',
    ]);
  });

  it('says of each lack what to do, without failing', async () => {
    await lease({});
    const local = await checks();
    expect(local.code).toBe(0);
    expect(of('desired table', local.checks)).toEqual([
      { name: 'desired table', status: 'ok', message: `${DESIRED} is ACTIVE` },
      {
        name: 'desired table',
        status: 'warn',
        message: 'it has no stream: changes are seen only by the relist every few minutes',
        remedy: 'run: lambdacontainer bootstrap --tables',
      },
    ]);
    expect(of('state table', local.checks).map(({ message }) => message)).toContain(
      'nothing expires in it: events are kept for ever',
    );
    expect(of('classes', local.checks)).toMatchObject([
      { status: 'warn', remedy: expect.stringContaining('standard') },
    ]);
    const aws = await checks({ isLocal: false });
    expect(of('desired table', aws.checks).map(({ message }) => message)).toEqual(
      expect.arrayContaining([
        expect.stringContaining('point-in-time recovery is off'),
        expect.stringContaining('deletion protection is off'),
      ]),
    );
  });

  it.each<[string, Record<string, unknown> | undefined, string, RegExp]>([
    ['never ran', undefined, 'fail', /^none has ever run on these tables$/],
    [
      'ended in order',
      { released: true },
      'fail',
      /^none runs: the last one \(holder h-1, epoch 4\) ended in order 0ms ago$/,
    ],
    ['died', { expiresAtMs: -60_000 }, 'fail', /its lease ran out 1m00s ago$/],
    [
      'lives',
      { expiresAtMs: 14_000, version: '0.0.1' },
      'ok',
      /^runs \(version 0\.0\.1, holder h-1, epoch 4\), renewed 1\.0s ago$/,
    ],
    ['lives and is of an older version', { durationMs: undefined }, 'ok', /^runs \(holder h-1, epoch 4\)$/],
  ])('a controller that %s', async (_, body, status, message) => {
    if (body) {
      const { expiresAtMs, ...rest } = body;
      await lease({
        ...rest,
        ...(expiresAtMs === undefined ? {} : { expiresAtMs: world.clock.now() + Number(expiresAtMs) }),
      });
    }
    const { code, checks: found } = await checks();
    expect(of('controller', found)).toEqual([
      expect.objectContaining({ status, message: expect.stringMatching(message) }),
    ]);
    expect(code).toBe(status === 'fail' ? 1 : 0);
  });

  it('tells how soon drift is found, as the leader measured it, and whether events arrive', async () => {
    await lease({});
    const items = (events: object) => driftItems(world, STATE, events);
    await items({ type: 'EventsReceived', status: 'True', reason: 'Receiving', message: 'events are received from q' });
    const { code, checks: well } = await checks();
    expect(code).toBe(0);
    expect(of('drift', well)).toEqual([
      { name: 'drift', status: 'ok', message: `region us-east-1: ${SWEPT}` },
      { name: 'drift', status: 'ok', message: `account 111122223333, region eu-west-1: ${SWEPT}` },
    ]);
    expect(of('events', well)).toEqual([{ name: 'events', status: 'ok', message: 'events are received from q' }]);
    await items({ type: 'EventsReceived', status: 'False', reason: 'QueueMissing', message: 'no events' });
    expect(of('events', (await checks()).checks)).toMatchObject([
      { status: 'warn', message: 'QueueMissing: no events', remedy: expect.stringContaining('queue') },
    ]);
  });

  it('a clock that is off is seen by a lease that has more left than its length', async () => {
    await lease({ expiresAtMs: world.clock.now() + 15_000 + 2 * 60_000 });
    expect(of('clock', (await checks()).checks)).toMatchObject([
      { status: 'warn', message: "this clock is 2m00s behind the controller's" },
    ]);
    await lease({ expiresAtMs: world.clock.now() + 15_000 + 6 * 60_000 });
    expect(await checks()).toMatchObject({
      code: 1,
      checks: expect.arrayContaining([expect.objectContaining({ name: 'clock', status: 'fail' })]),
    });
  });

  it('another version of the controller is told', async () => {
    await lease({ version: '9.9.9' });
    expect(of('versions', (await checks()).checks)).toMatchObject([
      { status: 'warn', message: 'the controller is 9.9.9, this program from source' },
    ]);
  });

  it('tables that are not there fail, and nothing is said of what stands in them', async () => {
    const { code, checks: found } = await checks({ desiredTable: 'nowhere' });
    expect(code).toBe(1);
    expect(of('desired table', found)).toEqual([
      {
        name: 'desired table',
        status: 'fail',
        message: 'nowhere does not exist',
        remedy: 'run: lambdacontainer bootstrap --tables',
      },
    ]);
    expect(found.map(({ name }) => name)).not.toContain('controller');
  });

  it('tables with wrong keys fail', async () => {
    const { code, checks: found } = await checks({ desiredTable: STATE });
    expect(code).toBe(1);
    expect(of('desired table', found)[0]?.message).toContain(
      'its keys are namespace, key instead of the texts namespace, name',
    );
  });

  it.each<[string, RunOptions | (() => RunOptions), string, Partial<Check>]>([
    [
      'no credentials',
      () => refusing('sts', 'getCallerIdentity', { kind: 'denied', code: 'CredentialsProviderError' }),
      'credentials',
      { status: 'fail', remedy: expect.stringContaining('AWS_PROFILE') as string },
    ],
    [
      'nobody answers',
      () =>
        refusing('sts', 'getCallerIdentity', {
          kind: 'transient',
          code: 'Error',
          message: 'connect ECONNREFUSED 127.0.0.1:1',
        }),
      'credentials',
      { status: 'fail', remedy: expect.stringContaining('Nothing answers there') as string },
    ],
    [
      'a clock that AWS refuses',
      () =>
        refusing('sts', 'getCallerIdentity', {
          kind: 'denied',
          code: 'InvalidSignatureException',
          message: 'Signature expired: 2026',
        }),
      'credentials',
      { status: 'fail', remedy: 'the clock of this machine is off: set it by NTP' },
    ],
    [
      'another account',
      { account: '111122223333' },
      'credentials',
      { status: 'fail', message: expect.stringContaining('but the context is for account 111122223333') as string },
    ],
    [
      'no right to look',
      () => refusing('dynamodb', 'describeTable', { kind: 'denied', code: 'AccessDeniedException' }),
      'desired table',
      { status: 'fail', remedy: expect.stringContaining('check the profile') as string },
    ],
  ])('%s', async (_, options, name, expected) => {
    const { code, checks: found } = await checks(typeof options === 'function' ? options() : options);
    expect(code).toBe(1);
    expect(of(name, found)).toEqual([expect.objectContaining(expected)]);
  });

  it('an endpoint that is no AWS but has tables is looked at all the same', async () => {
    await lease({});
    const { code, checks: found } = await checks(
      refusing('sts', 'getCallerIdentity', { kind: 'invalid', code: 'UnknownOperationException' }),
    );
    expect(code).toBe(0);
    expect(of('credentials', found)).toMatchObject([{ status: 'warn' }]);
    expect(found.map(({ name }) => name)).toContain('controller');
  });

  it('tells why nothing can be reached at all, and of a broken file of contexts', async () => {
    const config = join(world.folder, 'config.yaml');
    writeFileSync(config, 'contexts: 7\n');
    const { code, out } = await world.run(['doctor'], {
      env: { LAMBDACONTAINER_CONFIG: config },
      connect: () => {
        throw new UserError('there is nowhere to go');
      },
    });
    expect(code).toBe(1);
    expect(out).toMatch(/fail +contexts +the contexts in .* are not valid/);
    expect(out).toContain(`→ correct ${config}`);
    expect(out).toMatch(/fail +context +there is nowhere to go/);
  });

  it('tells of the contexts', async () => {
    const config = join(world.folder, 'config.yaml');
    writeFileSync(config, 'current-context: a\ncontexts: [{ name: a, aws: { region: eu-west-1 } }]\n');
    const { checks: found } = await checks({ env: { LAMBDACONTAINER_CONFIG: config }, isProtected: true });
    expect(of('contexts', found)[0]?.message).toBe(`one context in ${config}, 'a' is current`);
    expect(of('context', found)[0]?.message).toBe('a test, protected');
  });
});

describe('bootstrap --tables', () => {
  const TABLES = ['new-desired', 'new-state'];
  const fresh = { tables: { desired: TABLES[0] ?? '', state: TABLES[1] ?? '' } };

  async function described(TableName: string) {
    const { Table } = await world.ports.dynamodb.describeTable({ TableName });
    const { TimeToLiveDescription } = await world.ports.dynamodb.describeTimeToLive({ TableName });
    const { ContinuousBackupsDescription } = await world.ports.dynamodb.describeContinuousBackups({ TableName });
    return {
      keys: Table?.KeySchema?.map(({ AttributeName }) => AttributeName),
      stream: Table?.StreamSpecification?.StreamViewType,
      isProtected: Table?.DeletionProtectionEnabled,
      billing: Table?.BillingModeSummary?.BillingMode,
      expiry: TimeToLiveDescription?.AttributeName,
      recovery: ContinuousBackupsDescription?.PointInTimeRecoveryDescription?.PointInTimeRecoveryStatus,
    };
  }

  const GOOD = { isProtected: true, billing: 'PAY_PER_REQUEST', recovery: 'ENABLED' };

  it('makes both tables, whole', async () => {
    expect(await world.run(['bootstrap', '--tables'], fresh)).toEqual({
      code: 0,
      out:
        'table/new-desired created\ntable/new-desired point-in-time recovery switched on\n' +
        'table/new-state created\ntable/new-state expiry switched on\ntable/new-state point-in-time recovery switched on\n',
      err: 'bootstrapping a test\n',
    });
    expect(await described('new-desired')).toEqual({
      ...GOOD,
      keys: ['namespace', 'name'],
      stream: 'NEW_AND_OLD_IMAGES',
      expiry: undefined,
    });
    expect(await described('new-state')).toEqual({
      ...GOOD,
      keys: ['namespace', 'key'],
      stream: undefined,
      expiry: 'expiresAt',
    });
    expect((await world.run(['bootstrap', '--tables'], fresh)).out).toBe(
      'table/new-desired unchanged\ntable/new-state unchanged\n',
    );
  });

  it('adds what tables of an older version lack', async () => {
    expect((await world.run(['bootstrap', '--tables', '--dry-run'])).out).toBe(
      `table/${DESIRED} stream switched on (dry run)\ntable/${DESIRED} point-in-time recovery switched on (dry run)\ntable/${DESIRED} deletion protection switched on (dry run)\n` +
        `table/${STATE} expiry switched on (dry run)\ntable/${STATE} point-in-time recovery switched on (dry run)\ntable/${STATE} deletion protection switched on (dry run)\n`,
    );
    expect(await described(DESIRED)).toMatchObject({ stream: undefined, isProtected: false, recovery: 'DISABLED' });
    expect((await world.run(['bootstrap', '--tables'])).code).toBe(0);
    expect(await described(DESIRED)).toEqual({
      ...GOOD,
      keys: ['namespace', 'name'],
      stream: 'NEW_AND_OLD_IMAGES',
      expiry: undefined,
    });
    expect(await described(STATE)).toMatchObject({ expiry: 'expiresAt', recovery: 'ENABLED' });
  });

  it('refuses tables that cannot be made right, and touches neither', async () => {
    const swapped = { tables: { desired: STATE, state: 'new-state' } };
    expect(await world.run(['bootstrap', '--tables'], swapped)).toMatchObject({
      code: 1,
      out: '',
      err: expect.stringContaining(`nothing was changed: table ${STATE}: its keys are namespace, key instead of`),
    });
    await expect(world.ports.dynamodb.describeTable({ TableName: 'new-state' })).rejects.toMatchObject({
      kind: 'notFound',
    });
    await world.ports.dynamodb.updateTable({
      TableName: DESIRED,
      StreamSpecification: { StreamEnabled: true, StreamViewType: 'KEYS_ONLY' },
    });
    expect((await world.run(['bootstrap', '--tables'])).err).toContain(
      'its stream shows KEYS_ONLY instead of NEW_AND_OLD_IMAGES',
    );
  });

  it('goes on without recovery where the endpoint knows no backups', async () => {
    const none = () =>
      Promise.reject(
        new Failure({
          kind: 'invalid',
          service: 'dynamodb',
          operation: 'x',
          code: 'UnknownOperationException',
          message: 'no',
        }),
      );
    const dynamodb = { ...world.ports.dynamodb, describeContinuousBackups: none, updateContinuousBackups: none };
    const options = { ports: { ...world.ports, dynamodb } };
    expect((await world.run(['bootstrap', '--tables'], { ...options, ...fresh })).out).toBe(
      'table/new-desired created\ntable/new-state created\ntable/new-state expiry switched on\n',
    );
    const again = await world.run(['bootstrap', '--tables'], options);
    expect(again.err).toContain(`warning: table/${DESIRED}: this endpoint knows no point-in-time recovery`);
    expect(again.out).not.toContain('recovery');
  });

  it('waits for backups of a fresh table, and no longer than a minute', async () => {
    const late = () =>
      Promise.reject(
        new Failure({
          kind: 'invalid',
          service: 'dynamodb',
          operation: 'updateContinuousBackups',
          code: 'ContinuousBackupsUnavailableException',
          message: 'Please retry later',
        }),
      );
    let refusals = 3;
    const update = world.ports.dynamodb.updateContinuousBackups;
    const dynamodb = {
      ...world.ports.dynamodb,
      updateContinuousBackups: ((...args) => (refusals-- > 0 ? late() : update(...args))) as typeof update,
    };
    expect((await world.run(['bootstrap', '--tables'], { ports: { ...world.ports, dynamodb }, ...fresh })).code).toBe(
      0,
    );
    const never = { ...world.ports.dynamodb, updateContinuousBackups: late };
    expect((await world.run(['bootstrap', '--tables'], { ports: { ...world.ports, dynamodb: never } })).err).toContain(
      'ContinuousBackupsUnavailableException',
    );
  });

  it('--print writes the same as CloudFormation, without a call', async () => {
    const connect = () => {
      throw new Error('nothing is connected to');
    };
    const { out, code } = await world.run(['bootstrap', '--tables', '--print'], {
      connect,
      env: { LAMBDACONTAINER_STATE_TABLE: 'mine' },
    });
    expect(code).toBe(0);
    const template = parse(out);
    expect(template.Resources.DesiredTable).toMatchObject({
      Type: 'AWS::DynamoDB::Table',
      DeletionPolicy: 'Retain',
      Properties: {
        TableName: DESIRED,
        BillingMode: 'PAY_PER_REQUEST',
        StreamSpecification: { StreamViewType: 'NEW_AND_OLD_IMAGES' },
        PointInTimeRecoverySpecification: { PointInTimeRecoveryEnabled: true },
        DeletionProtectionEnabled: true,
      },
    });
    expect(template.Resources.StateTable.Properties).toMatchObject({
      TableName: 'mine',
      TimeToLiveSpecification: { AttributeName: 'expiresAt', Enabled: true },
    });
    // What the template says is what the verb makes.
    for (const { Properties } of Object.values(template.Resources) as { Properties: Record<string, never> }[]) {
      const { TimeToLiveSpecification, PointInTimeRecoverySpecification: _, StreamSpecification, ...rest } = Properties;
      await world.ports.dynamodb.createTable({
        ...(rest as never as Parameters<typeof world.ports.dynamodb.createTable>[0]),
        TableName: `printed-${String(Properties.TableName)}`,
        ...(StreamSpecification
          ? { StreamSpecification: { StreamEnabled: true, ...(StreamSpecification as object) } }
          : {}),
      });
      expect(TimeToLiveSpecification === undefined).toBe(StreamSpecification !== undefined);
    }
    expect(
      JSON.parse((await world.run(['bootstrap', '--tables', '--print', '-o', 'json', '--context', 'x'])).out),
    ).toHaveProperty('Resources.StateTable');
    expect(await world.run(['bootstrap', '--tables', '-o', 'json'])).toMatchObject({
      code: 2,
      err: expect.stringContaining('give both too'),
    });
  });
});

describe('version --controller', () => {
  it('tells who leads, or that nobody ever did', async () => {
    expect((await world.run(['version', '--controller'])).out).toMatch(
      /\ncontroller unknown: none has run on these tables\n$/,
    );
    await lease({ version: '1.2.3' });
    expect((await world.run(['version', '--controller'])).out).toMatch(/\ncontroller 1\.2\.3\n$/);
    expect(JSON.parse((await world.run(['version', '--controller', '-o', 'json'])).out)).toMatchObject({
      controller: '1.2.3',
    });
    await lease({});
    expect((await world.run(['version', '--controller'])).out).toContain('controller older than this program');
  });
});
