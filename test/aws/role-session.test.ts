/** One session of a role for all who act under it: how often STS is asked, and what is said when it refuses. */
import { expect, it } from 'vitest';
import { onlyInAccount, RoleSession, toFailure } from '../../src/aws/index.ts';
import { Failure, VirtualClock } from '../../src/core/index.ts';

const ROLE = { arn: 'arn:aws:iam::111122223333:role/shop', externalId: 'shop-7', session: 'lambdacontainer-test' };
const HOUR_MS = 3_600_000;

function sts(clock: VirtualClock, refuse: () => Failure | undefined = () => undefined) {
  const asked: unknown[] = [];
  return {
    asked,
    assumeRole: async (input: unknown) => {
      asked.push(input);
      await undefined;
      const failure = refuse();
      if (failure) throw failure;
      return {
        $metadata: {},
        Credentials: {
          AccessKeyId: `key-${asked.length}`,
          SecretAccessKey: 's',
          SessionToken: 't',
          Expiration: new Date(clock.now() + HOUR_MS),
        },
      };
    },
  };
}

const denied = (who: string) =>
  toFailure('sts', 'assumeRole', {
    name: 'AccessDenied',
    message: `User: ${who} is not authorized to perform: sts:AssumeRole on resource: ${ROLE.arn}`,
  });

function later(clock: VirtualClock, ms: number): Promise<unknown> {
  clock.after(ms, () => {});
  return clock.run(() => false, ms);
}

it('is asked once for all who wait, and again before the credentials end', async () => {
  const clock = new VirtualClock();
  const port = sts(clock);
  const session = new RoleSession(port, ROLE, clock);
  const all = await Promise.all([1, 2, 3].map(() => session.credentials()));
  expect(all.map(({ accessKeyId }) => accessKeyId)).toEqual(['key-1', 'key-1', 'key-1']);
  expect(port.asked).toEqual([{ RoleArn: ROLE.arn, RoleSessionName: ROLE.session, ExternalId: 'shop-7' }]);
  await later(clock, HOUR_MS - 6 * 60_000);
  expect((await session.credentials()).accessKeyId).toBe('key-1');
  await later(clock, 2 * 60_000);
  expect((await session.credentials()).accessKeyId).toBe('key-2');
});

it('goes on with what it has while STS does not answer', async () => {
  const clock = new VirtualClock();
  let isDown = false;
  const down = new Failure({ kind: 'transient', service: 'sts', operation: 'assumeRole', code: 'X', message: 'x' });
  const session = new RoleSession(
    sts(clock, () => (isDown ? down : undefined)),
    ROLE,
    clock,
  );
  await session.credentials();
  isDown = true;
  await later(clock, HOUR_MS - 3 * 60_000);
  expect((await session.credentials()).accessKeyId).toBe('key-1');
  await later(clock, 3 * 60_000);
  await expect(session.credentials()).rejects.toBe(down);
});

it('says what the trust lacks, and asks again only after a while', async () => {
  const clock = new VirtualClock();
  let isDenied = true;
  const port = sts(clock, () =>
    isDenied ? denied('arn:aws:sts::444455556666:assumed-role/lambdacontainer/abc') : undefined,
  );
  const session = new RoleSession(port, ROLE, clock);
  const failure = (await session.credentials().catch((error: unknown) => error)) as Failure;
  expect(failure).toMatchObject({ kind: 'denied', code: 'RoleNotAssumable' });
  for (const part of [
    ROLE.arn,
    "'shop-7'",
    '"AWS":"arn:aws:iam::444455556666:role/lambdacontainer"',
    'sts:ExternalId',
  ]) {
    expect(failure.message).toContain(part);
  }
  await expect(session.credentials()).rejects.toBe(failure);
  expect(port.asked).toHaveLength(1);
  isDenied = false;
  await later(clock, 16_000);
  expect((await session.credentials()).accessKeyId).toBe('key-2');
});

it('calls nothing in an account that is not the one that is meant', async () => {
  const passed: string[] = [];
  const next = async ({ operation }: { operation: string }) => passed.push(operation);
  const send = (own: string, asked: string[] = []) =>
    onlyInAccount(
      {
        getCallerIdentity: async () => {
          asked.push('asked');
          return { $metadata: {}, Account: own };
        },
      },
      '111122223333',
    )(next);
  const call = { service: 'ecs', operation: 'createService', input: () => ({}), call: undefined } as const;
  await expect(send('444455556666')(call)).rejects.toMatchObject({
    kind: 'denied',
    code: 'WrongAccount',
    message: expect.stringMatching(/for account 111122223333, but the controller's own account is 444455556666/),
  });
  expect(passed).toEqual([]);
  const asked: string[] = [];
  const right = send('111122223333', asked);
  await right(call);
  await right(call);
  expect({ passed, asked }).toEqual({ passed: ['createService', 'createService'], asked: ['asked'] });
});
