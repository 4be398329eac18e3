/** `plan` and `apply --plan`, beside a running controller: what they say, that they only read, and what is refused. */
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { type Ports, toItem } from '../../src/aws/index.ts';
import { Failure } from '../../src/core/index.ts';
import { guarded, LiveWorld, TABLES } from './live-world.ts';

interface Row {
  node: string;
  action: string;
  expected?: string;
  fields: { path: string; desired: unknown; observed?: unknown; owner: string }[];
  calls: string[];
  risk: string;
}
interface Document {
  hash: string | null;
  changes: boolean;
  risk: string;
  objects: {
    name: string;
    record: string;
    state: string;
    notes: string[];
    obstacle?: { reason: string };
    rows: Row[];
  }[];
}

function manifest(name: string, spec: string, namespace = 'shop'): string {
  return `apiVersion: lambdacontainer.dev/v1alpha1
kind: LambdaContainer
metadata: { name: ${name}, namespace: ${namespace} }
spec:
  source: { functionRef: { name: hello } }
${spec}`;
}

/** Ports of which one operation fails. */
function failing(ports: Ports, call: string): Ports {
  return guarded(ports, (made) => {
    if (made !== call) return;
    const [service = '', operation = ''] = call.split(' ');
    throw new Failure({ kind: 'throttled', service, operation, code: 'ThrottlingException', message: 'not now' });
  });
}

const PLAIN = '  environment: { LOG_LEVEL: info }\n';
const SPEC = { source: { functionRef: { name: 'hello' } }, environment: { LOG_LEVEL: 'info' } };

/** The document that `plan -o json` prints, through ports that can change nothing. */
async function planOf(live: LiveWorld, ...args: string[]): Promise<Document> {
  const { out, err } = await live.run(['plan', ...args, '-o', 'json'], { ports: live.readOnly() });
  if (out === '') throw new Error(err);
  return JSON.parse(out) as Document;
}

const rowOf = (document: Document, node: string) => document.objects[0]?.rows.find((row) => row.node === node);

describe('of an object that is not there', () => {
  let live: LiveWorld;
  beforeAll(async () => {
    live = await LiveWorld.create();
  });
  afterAll(() => live.close());

  it('says what is made now and what follows, and only reads', async () => {
    const calls: string[] = [];
    const file = live.file('new.yaml', manifest('checkout', PLAIN));
    const { code, out } = await live.run(['plan', '-f', file], { ports: live.readOnly(calls) });
    expect(code).toBe(0);
    expect(out).toContain("lambdacontainer/checkout in namespace 'shop'  (record would be created)");
    expect(out).toContain('+ create log-group /lambdacontainer/shop/checkout: not there yet');
    expect(out).toContain('calls logs CreateLogGroup, logs PutRetentionPolicy');
    expect(out).toContain('> later (create) service ecs-service: after task-definition is ready');
    expect(out).toMatch(/it would get priority 100 on arn:aws:.*, if nobody is faster/);
    expect(out).toContain('RevisionSkew: the spec follows $LATEST');
    expect(out).toMatch(/\d to create, \d later; risk none\nplan hash v1(-[0-9a-f]{8}){5}\n/);
    expect(calls).toContain('elbv2 describeRules');
  });

  it('claims no priority, but gives two new objects of one file one each', async () => {
    const file = live.file('two.yaml', `${manifest('b', PLAIN)}---\n${manifest('a', PLAIN)}`);
    const { objects } = await planOf(live, '-f', file);
    const priorities = objects.map(({ name, notes }) => [name, /priority (\d+)/.exec(notes.join())?.[1]]);
    expect(priorities).toEqual([
      ['a', '100'],
      ['b', '101'],
    ]);
    const { Items = [] } = await live.aws.dynamodb.scan({ TableName: TABLES.state });
    expect(Items).toEqual([]);
  });

  it('has the same hash twice, and another for another wish', async () => {
    const file = live.file('new.yaml', manifest('checkout', PLAIN));
    const first = await planOf(live, '-f', file);
    expect((await planOf(live, '-f', file)).hash).toBe(first.hash);
    live.file('new.yaml', manifest('checkout', '  environment: { LOG_LEVEL: debug }\n'));
    expect((await planOf(live, '-f', file)).hash).not.toBe(first.hash);
  });

  const obstacles: { name: string; spec: string; reason: string; says: string; namespace?: string }[] = [
    {
      name: 'an invalid spec',
      spec: '  compute: { cpu: 300 }\n',
      reason: 'InvalidSpec',
      says: 'spec.compute.cpu: 300 is not a Fargate size',
    },
    {
      name: 'a class that nobody has',
      spec: '  className: gold\n',
      reason: 'ClassNotUsable',
      says: "there is no LambdaContainerClass 'gold'",
    },
  ];
  it.each(obstacles)('cannot be made for $name', async ({ spec, reason, says }) => {
    const file = live.file('bad.yaml', manifest('bad', spec));
    const { code, out } = await live.run(['plan', '-f', file], { ports: live.readOnly() });
    expect(code).toBe(1);
    expect(out).toContain(reason);
    expect(out).toContain(says);
  });

  it('is nothing for a suspended one', async () => {
    const file = live.file('suspended.yaml', manifest('calm', '  suspend: true\n'));
    const { code, out } = await live.run(['plan', '-f', file], { ports: live.readOnly() });
    expect([code, out]).toEqual([0, expect.stringContaining('Suspended: spec.suspend is true')]);
  });

  it('stops where the function is missing, and says what is not known yet', async () => {
    const file = live.file('lost.yaml', manifest('lost', '').replace('name: hello }', 'name: nobody }'));
    const { code, out } = await live.run(['plan', '-f', file], { ports: live.readOnly() });
    expect(code).toBe(0);
    expect(out).toContain('! blocked function lambda-function nobody: lambda-function nobody does not exist');
    expect(out).toContain('what else is needed is known once the source could be read');
  });

  it('has no hash when something cannot be read', async () => {
    const file = live.file('new.yaml', manifest('checkout', PLAIN));
    const { code, out } = await live.run(['plan', '-f', file], {
      ports: failing(live.readOnly(), 'logs describeLogGroups'),
    });
    expect(code).toBe(1);
    expect(out).toContain('? unknown log-group');
    expect(out).toContain('no plan hash: something could not be read');
  });

  it('compares the records of classes that are given with it, and plans by them', async () => {
    const stored = await live.run(['get', 'class/standard', '-o', 'json']);
    const changed = JSON.parse(stored.out) as { spec: { logs?: object } };
    changed.spec.logs = { retentionDays: 7 };
    const file = live.file('both.json', JSON.stringify(changed));
    const other = live.file('new.yaml', manifest('checkout', PLAIN));
    const document = await planOf(live, '-f', file, '-f', other);
    expect(document.objects.map(({ name, record }) => [name, record])).toEqual([
      ['standard', 'update'],
      ['checkout', 'create'],
    ]);
    const made = document.objects[1]?.rows.find(({ node }) => node === 'log-group');
    expect(made?.fields).toMatchObject([{ path: 'retentionDays', desired: 7 }]);
  });

  const mistakes: { name: string; args: string[]; code: number; says: string }[] = [
    { name: 'nothing named', args: [], code: 2, says: 'name the objects to plan, or give --all or -l' },
    { name: 'a name that is not there', args: ['nobody'], code: 1, says: 'lambdacontainer/nobody not found' },
    { name: 'a class', args: ['class/standard'], code: 2, says: 'makes nothing by itself' },
    { name: 'names and files', args: ['a', '-f', 'x.yaml'], code: 2, says: 'give -f alone' },
    { name: 'files of records to delete', args: ['--delete', '-f', 'x.yaml'], code: 2, says: 'give -f alone' },
    { name: 'a file that is not there', args: ['-f', 'x.yaml'], code: 1, says: 'there is no such file or folder' },
    { name: 'an output that is none', args: ['a', '-o', 'xml'], code: 2, says: "'xml' is invalid" },
  ];
  it.each(mistakes)('refuses $name', async ({ args, code, says }) => {
    const ended = await live.run(['plan', ...args], { ports: live.readOnly() });
    expect([ended.code, ended.err]).toEqual([code, expect.stringContaining(says)]);
  });

  it('refuses a manifest with a defect in its envelope, with its place', async () => {
    const file = live.file('torn.yaml', manifest('Torn', ''));
    const { code, err } = await live.run(['plan', '-f', file], { ports: live.readOnly() });
    expect(code).toBe(1);
    expect(err).toContain('torn.yaml:3:');
    expect(err).toContain('nothing was planned');
  });
});

describe('of an object that serves', () => {
  let live: LiveWorld;
  beforeAll(async () => {
    live = await LiveWorld.create();
    await live.serve('shop', 'checkout', SPEC);
  });
  afterAll(() => live.close());

  it('as it is, has nothing to do', async () => {
    const file = live.file('same.yaml', manifest('checkout', PLAIN));
    for (const args of [['-f', file], ['checkout', '-n', 'shop'], ['-A'], ['-A', '-l', '!legacy']]) {
      const document = await planOf(live, ...args);
      expect(document, args.join(' ')).toMatchObject({ changes: false, risk: 'none' });
      expect(document.objects[0]).toMatchObject({ record: 'unchanged', state: 'planned' });
      expect(new Set(document.objects[0]?.rows.map(({ action }) => action))).toEqual(new Set(['none']));
    }
    const { out } = await live.run(['plan', 'checkout', '-n', 'shop']);
    expect(out).toContain('= nothing to do: all');
    expect(out, 'who looks at what is there knows it').not.toContain('RevisionSkew');
  });

  it('shows a change of its environment down to the rolling deployment, and no secret', async () => {
    const spec =
      '  environment: { LOG_LEVEL: debug, DB_PASSWORD: hunter22 }\n  acknowledgePlaintextEnvironment: true\n';
    const file = live.file('changed.yaml', manifest('checkout', spec));
    const document = await planOf(live, '-f', file);
    expect(rowOf(document, 'task-definition')).toMatchObject({
      action: 'create',
      fields: [
        { path: 'function-1.environment.DB_PASSWORD', desired: '(hidden)', observed: null },
        { path: 'function-1.environment.LOG_LEVEL', desired: 'debug', observed: 'info' },
      ],
    });
    expect(rowOf(document, 'service')).toMatchObject({
      action: 'later',
      expected: 'update',
      fields: [{ path: 'taskDefinition' }],
      calls: ['ecs UpdateService'],
      risk: 'brief',
    });
    expect(document).toMatchObject({ changes: true, risk: 'brief' });
    const { out } = await live.run(['plan', '-f', file, '-o', 'wide']);
    expect(out + JSON.stringify(document)).not.toContain('hunter22');
  });

  it('shows who answers for the same path', async () => {
    const file = live.file('rival.yaml', manifest('rival', '  traffic: { paths: [/checkout] }\n'));
    const { code, out } = await live.run(['plan', '-f', file], { ports: live.readOnly() });
    expect([code, out]).toEqual([
      1,
      expect.stringContaining("PathConflict: spec.traffic: another object already answers for '* /checkout'"),
    ]);
  });

  it('does not take off the marks that verbs left', async () => {
    const mark = (annotations: Record<string, string>) =>
      live.aws.dynamodb.putItem({
        TableName: TABLES.desired,
        Item: toItem({ namespace: 'shop', name: 'checkout', annotations, spec: SPEC }),
      });
    await mark({ 'lambdacontainer.dev/protected': 'true', 'lambdacontainer.dev/cascade': 'orphan', note: 'mine' });
    const file = live.file('same.yaml', manifest('checkout', PLAIN));
    const { out } = await live.run(['diff', '-f', file], { ports: live.readOnly() });
    expect(out).not.toMatch(/^[-+].*protected/m);
    expect(out, 'who applies an object wants it').toMatch(/^-.*lambdacontainer\.dev\/cascade: orphan$/m);
    expect(out, "the rest is the manifest's").toMatch(/^-.*note: mine$/m);
    await mark({ 'lambdacontainer.dev/protected': 'true' });
    expect((await planOf(live, '-f', file)).objects[0]?.record).toBe('unchanged');
    const { objects } = await planOf(live, '--delete', 'checkout', '-n', 'shop');
    expect(objects[0]?.notes).toEqual(['it is protected: its deletion is held until somebody confirms it']);
    await mark({});
  });

  it('--delete says what goes, in which order, and what it ends', async () => {
    const document = await planOf(live, '--delete', 'checkout', '-n', 'shop');
    expect(document).toMatchObject({ changes: true, risk: 'interrupts' });
    expect(document.objects[0]?.record).toBe('delete');
    expect(rowOf(document, 'service')).toMatchObject({ action: 'later', expected: 'delete', risk: 'interrupts' });
    expect(rowOf(document, 'scalable-target')).toMatchObject({ action: 'delete' });
    expect(rowOf(document, 'weights')).toMatchObject({ action: 'forget', calls: [] });
  });

  it('--delete of what was never made is only its record', async () => {
    await live.world.put('quiet', 'calm', { ...SPEC, suspend: true });
    const ended = await live.run(['plan', '--delete', 'calm', '-n', 'quiet'], { ports: live.readOnly() });
    expect(ended.code).toBe(0);
    expect(ended.out).toContain('nothing was made for it: only its record goes');
  });
});

describe('of what people and AWS did since', () => {
  let live: LiveWorld | undefined;
  afterEach(async () => {
    await live?.close();
    live = undefined;
  });

  /** An object that serves, whose controller has stopped looking. */
  async function unattended(spec: object = SPEC): Promise<LiveWorld> {
    live = await LiveWorld.create();
    await live.serve('shop', 'checkout', spec);
    await live.world.stop();
    live.world.controller = undefined;
    return live;
  }

  it('shows drift field by field, with its owner', async () => {
    const w = await unattended();
    await w.aws.logs.putRetentionPolicy({ logGroupName: '/lambdacontainer/shop/checkout', retentionInDays: 1 });
    const document = await planOf(w, 'checkout', '-n', 'shop');
    expect(rowOf(document, 'log-group')).toMatchObject({
      action: 'update',
      fields: [{ path: 'retentionDays', desired: 30, observed: 1, owner: 'lambdacontainer', reason: 'RetentionDrift' }],
    });
  });

  it('with retain, --delete leaves everything running', async () => {
    const w = await unattended({ ...SPEC, deletionPolicy: 'retain' });
    const document = await planOf(w, '--delete', 'checkout', '-n', 'shop');
    expect(document.objects[0]?.notes.join()).toContain('deletionPolicy is retain');
    const actions = new Set(document.objects[0]?.rows.map(({ action, expected }) => expected ?? action));
    expect(actions.has('delete')).toBe(false);
    expect(document.risk).toBe('none');
  });

  it('is refused for a record that cannot be understood, and for one that is gone', async () => {
    const w = await unattended();
    await w.aws.dynamodb.updateItem({
      TableName: TABLES.desired,
      Key: { namespace: { S: 'shop' }, name: { S: 'checkout' } },
      UpdateExpression: 'SET #k = :k',
      ExpressionAttributeNames: { '#k': 'kind' },
      ExpressionAttributeValues: { ':k': { S: 'Teapot' } },
    });
    expect((await w.run(['plan', 'checkout', '-n', 'shop'])).err).toContain('has a record that cannot be understood');
    await w.world.remove('shop', 'checkout');
    expect((await w.run(['plan', 'checkout', '-n', 'shop'])).err).toContain('has no record any more');
    expect((await planOf(w, '--delete', 'checkout', '-n', 'shop')).changes).toBe(true);
  });

  it('apply --plan does exactly what was planned', async () => {
    const w = await unattended();
    const file = w.file('next.yaml', manifest('checkout', '  environment: { LOG_LEVEL: debug }\n'));
    const { hash } = await planOf(w, '-f', file);
    const ended = await w.run(['apply', '-f', file, '--plan', hash ?? '']);
    expect([ended.code, ended.out]).toEqual([0, 'lambdacontainer/checkout configured\n']);
    expect(await planOf(w, '-f', file), 'what was planned has become desired').toMatchObject({
      objects: [{ record: 'unchanged' }],
    });
  });

  const moves: { name: string; move: (w: LiveWorld, file: string) => Promise<unknown>; says: string }[] = [
    {
      name: 'the manifest',
      move: async (w) => w.file('next.yaml', manifest('checkout', '  environment: { LOG_LEVEL: warn }\n')),
      says: 'what is asked for is not what was planned',
    },
    {
      name: 'the record',
      move: (w) => w.world.put('shop', 'checkout', { ...SPEC, scaling: { max: 3 } }),
      says: 'a desired record was changed meanwhile',
    },
    {
      name: 'the class',
      move: async (w) => {
        const { out } = await w.run(['get', 'class/standard', '-o', 'json']);
        const changed = JSON.parse(out) as { spec: { logs?: object } };
        changed.spec.logs = { retentionDays: 7 };
        await w.run(['apply', '-f', w.file('class.json', JSON.stringify(changed))]);
      },
      says: 'the class was changed meanwhile',
    },
    {
      name: 'what AWS has',
      move: (w) => w.aws.logs.deleteLogGroup({ logGroupName: '/lambdacontainer/shop/checkout' }),
      says: 'what AWS has, and so what would be done, is not what it was',
    },
    {
      name: 'the controller',
      move: async (w) => {
        w.world.start();
        await w.aws.logs.deleteLogGroup({ logGroupName: '/lambdacontainer/shop/checkout' });
        await w.world.put('shop', 'checkout', { ...SPEC, scaling: { max: 4 } });
        await w.world.run(60_000);
      },
      says: 'the controller has acted meanwhile',
    },
  ];
  it.each(moves)('apply --plan refuses when $name moved, says so, and writes nothing', async ({ move, says }) => {
    const w = await unattended();
    const file = w.file('next.yaml', manifest('checkout', '  environment: { LOG_LEVEL: debug }\n'));
    const { hash } = await planOf(w, '-f', file);
    await move(w, file);
    const ended = await w.run(['apply', '-f', file, '--plan', hash ?? '']);
    expect(ended.code).toBe(1);
    expect(ended.err).toContain(`nothing was applied, because the plan ${hash} does not hold any more:`);
    expect(ended.err).toContain(`  - ${says}`);
    const record = await w.run(['get', 'checkout', '-n', 'shop', '-o', 'yaml']);
    expect(record.out).not.toMatch(/LOG_LEVEL: (debug|warn)/);
  });

  it('apply --plan does not overwrite who is faster by a moment', async () => {
    const w = await unattended();
    const file = w.file('next.yaml', manifest('checkout', '  environment: { LOG_LEVEL: debug }\n'));
    const { hash } = await planOf(w, '-f', file);
    let isOvertaken = false;
    const ports: Ports = {
      ...w.aws,
      dynamodb: {
        ...w.aws.dynamodb,
        putItem: async (input, call) => {
          if (!isOvertaken) {
            isOvertaken = true;
            await w.world.put('shop', 'checkout', { ...SPEC, scaling: { max: 3 } });
          }
          return w.aws.dynamodb.putItem(input, call);
        },
      },
    };
    const ended = await w.run(['apply', '-f', file, '--plan', hash ?? ''], { ports });
    expect([ended.code, ended.err]).toEqual([1, expect.stringContaining('was changed by somebody else')]);
    expect((await w.run(['get', 'checkout', '-n', 'shop', '-o', 'yaml'])).out).toContain('max: 3');
  });

  it('apply --plan refuses what is no hash before it reads anything, and what cannot be read', async () => {
    const w = await unattended();
    const file = w.file('next.yaml', manifest('checkout', PLAIN));
    const wrong = await w.run(['apply', '-f', file, '--plan', 'latest']);
    expect([wrong.code, wrong.err]).toEqual([2, expect.stringContaining("--plan: 'latest' is not a plan hash")]);
    const { hash } = await planOf(w, '-f', file);
    const blind = await w.run(['apply', '-f', file, '--plan', hash ?? ''], {
      ports: failing(w.aws, 'logs describeLogGroups'),
    });
    expect([blind.code, blind.err]).toEqual([1, expect.stringContaining('log-group could not be read')]);
  });
});
