/** `diff`: what it shows, and the exit status that scripts live by. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Failure } from '../../src/core/index.ts';
import { guarded, LiveWorld } from './live-world.ts';

const SPEC = { source: { functionRef: { name: 'hello' } }, environment: { LOG_LEVEL: 'info', TOKEN_URL: 'https://a' } };
const SAME = `apiVersion: lambdacontainer.dev/v1alpha1
kind: LambdaContainer
metadata: { name: checkout, namespace: shop }
spec:
  environment: { TOKEN_URL: "https://a", LOG_LEVEL: info }
  source: { functionRef: { name: hello } }
`;

let live: LiveWorld;
beforeAll(async () => {
  live = await LiveWorld.create();
  await live.serve('shop', 'checkout', SPEC);
  await live.world.stop();
  live.world.controller = undefined;
});
afterAll(() => live.close());

const diff = (args: readonly string[], options: Parameters<LiveWorld['run']>[1] = {}) =>
  live.run(['diff', ...args], { ports: live.readOnly(), ...options });
const file = (text: string) => live.file('m.yaml', text);

describe('exit status 0', () => {
  it('when record and AWS are as the manifest says, whatever its order', async () => {
    expect(await diff(['-f', file(SAME)])).toEqual({ code: 0, out: '', err: '' });
  });

  it('with a name, when AWS is as the record says', async () => {
    expect(await diff(['checkout', '-n', 'shop'])).toEqual({ code: 0, out: '', err: '' });
    expect(await diff(['-A'])).toEqual({ code: 0, out: '', err: '' });
  });
});

describe('exit status 1', () => {
  it('for a changed manifest: the record as diff -u, AWS field by field', async () => {
    const { code, out } = await diff(['-f', file(SAME.replace('info', 'debug'))]);
    expect(code).toBe(1);
    expect(out.split('\n')).toEqual([
      "diff lambdacontainer/checkout in namespace 'shop'",
      '--- desired record',
      '+++ manifest',
      '@@ -5,7 +5,7 @@',
      '   name: checkout',
      ' spec:',
      '   environment:',
      '-    LOG_LEVEL: info',
      '+    LOG_LEVEL: debug',
      '     TOKEN_URL: https://a',
      '   source:',
      '     functionRef:',
      expect.stringMatching(/^\+ aws task-definition lc-shop-checkout-\w+ v1-\w+ \(create\)$/),
      '-  function-1.environment.LOG_LEVEL: info',
      '+  function-1.environment.LOG_LEVEL: debug',
      '~ aws ecs-service (update, after task-definition)',
      '-  taskDefinition: (as it is)',
      '+  taskDefinition: (the new task-definition)  # brief',
      '',
    ]);
  });

  it('for an object that is not there: all of it', async () => {
    const { code, out } = await diff(['-f', file(SAME.replace('name: checkout', 'name: other'))]);
    expect(code).toBe(1);
    expect(out).toContain('--- (no record)\n+++ manifest\n@@ -0,0 +1,12 @@\n+apiVersion:');
    expect(out).toContain('+ aws log-group /lambdacontainer/shop/other (create)');
  });

  it('for a record that changes nothing in AWS', async () => {
    const { code, out } = await diff(['-f', file(SAME.replace('shop }', 'shop, labels: { team: a } }'))]);
    expect([code, out]).toEqual([1, expect.stringContaining('+    team: a')]);
    expect(out).not.toContain('aws');
  });

  it('for secrets that differ, without showing them', async () => {
    const secret = (value: string) =>
      SAME.replace('LOG_LEVEL: info', `API_TOKEN: ${value}, LOG_LEVEL: info`).replace(
        'source:',
        'acknowledgePlaintextEnvironment: true\n  source:',
      );
    const { out } = await diff(['-f', file(secret('abcdef12'))]);
    expect(out).toContain('+    API_TOKEN: (hidden)');
    expect(out).not.toContain('abcdef12');
    await live.run(['apply', '-f', file(secret('abcdef12'))]);
    const { code, out: changed } = await diff(['-f', file(secret('abcdef13'))]);
    expect([code, changed]).toEqual([1, expect.stringContaining('~ values that are hidden here')]);
    expect(changed).not.toMatch(/abcdef1[23]/);
    await live.run(['apply', '-f', file(SAME)]);
  });

  it('with a name, for what drifted in AWS', async () => {
    const logGroupName = '/lambdacontainer/shop/checkout';
    await live.aws.logs.putRetentionPolicy({ logGroupName, retentionInDays: 1 });
    const { code, out } = await diff(['checkout', '-n', 'shop']);
    expect(code).toBe(1);
    expect(out.split('\n')).toEqual([
      "diff lambdacontainer/checkout in namespace 'shop'",
      '~ aws log-group /lambdacontainer/shop/checkout (update)',
      '-  retentionDays: 1',
      '+  retentionDays: 30',
      '',
    ]);
    await live.aws.logs.putRetentionPolicy({ logGroupName, retentionInDays: 30 });
  });

  it('in colours on a terminal, and as data with -o json', async () => {
    const changed = file(SAME.replace('info', 'debug'));
    expect((await diff(['-f', changed], { isTTY: true })).out).toContain('\x1b[32m+    LOG_LEVEL: debug\x1b[0m');
    const { code, out } = await diff(['-f', changed, '-o', 'json']);
    expect(code).toBe(1);
    expect(JSON.parse(out)).toMatchObject({ kind: 'Plan', changes: true, objects: [{ record: 'update' }] });
  });
});

describe('more than 1', () => {
  const errors: { name: string; args: () => string[]; says: string; reason: string }[] = [
    {
      name: 'a file that is not there',
      args: () => ['-f', 'nowhere.yaml'],
      says: 'there is no such file or folder',
      reason: 'nothing was compared',
    },
    {
      name: 'a manifest that is none',
      args: () => ['-f', file('a: [')],
      says: 'nothing was compared',
      reason: 'nothing was compared',
    },
    {
      name: 'an invalid spec',
      args: () => ['-f', file(`${SAME}  compute: { cpu: 300 }\n`)],
      says: 'spec.compute.cpu: 300 is not a Fargate size',
      reason: 'what it would do is not known',
    },
    {
      name: 'a class that nobody has',
      args: () => ['-f', file(`${SAME}  className: gold\n`)],
      says: "ClassNotUsable: there is no LambdaContainerClass 'gold'",
      reason: 'what it would do is not known',
    },
    {
      name: 'a function that nobody has',
      args: () => ['-f', file(SAME.replace('functionRef: { name: hello }', 'functionRef: { name: nobody }'))],
      says: 'lambda-function nobody does not exist',
      reason: 'what it would do is not known',
    },
    {
      name: 'a name that is not there',
      args: () => ['nobody'],
      says: 'lambdacontainer/nobody not found',
      reason: 'nothing was compared',
    },
    { name: 'nothing named', args: () => [], says: 'name the objects to plan', reason: 'a mistake of usage' },
    {
      name: 'names and files',
      args: () => ['checkout', '-f', file(SAME)],
      says: 'give -f alone',
      reason: 'a mistake of usage',
    },
    {
      name: 'an unknown flag',
      args: () => ['--colour'],
      says: "unknown option '--colour'",
      reason: 'a mistake of usage',
    },
  ];
  it.each(errors)('for $name: $reason', async ({ args, says }) => {
    const ended = await diff(args());
    expect(ended.code).toBeGreaterThan(1);
    expect(ended.err).toContain(says);
  });

  it('when AWS cannot be read: that is no difference, and no sameness', async () => {
    const ports = guarded(live.readOnly(), (call) => {
      if (call !== 'ecs describeServices') return;
      throw new Failure({
        kind: 'denied',
        service: 'ecs',
        operation: 'describeServices',
        code: 'AccessDeniedException',
        message: 'no',
      });
    });
    const ended = await diff(['checkout', '-n', 'shop'], { ports });
    expect(ended.code).toBe(2);
    expect(ended.err).toContain('service: ecs describeServices answered AccessDeniedException: no');
  });

  it('when the tables cannot be read', async () => {
    const ports = guarded(live.readOnly(), (call) => {
      if (!call.startsWith('dynamodb')) return;
      throw new Failure({
        kind: 'denied',
        service: 'dynamodb',
        operation: 'getItem',
        code: 'AccessDeniedException',
        message: 'no',
      });
    });
    const ended = await diff(['checkout', '-n', 'shop'], { ports });
    expect(ended.code).toBe(2);
    expect(ended.err).toBe(
      'error: dynamodb.getItem (a test): AccessDeniedException: no\nThe credentials do not allow it: check the profile (of the context, or AWS_PROFILE) and the policy of this identity\n',
    );
  });
});

it('a suspended object is left as it is: only its record is compared', async () => {
  const { code, out } = await diff(['-f', file(`${SAME}  suspend: true\n`)]);
  expect([code, out]).toEqual([1, expect.stringContaining('+  suspend: true')]);
  expect(out).not.toContain('aws');
});
