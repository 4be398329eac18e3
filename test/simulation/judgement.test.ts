import { expect, it } from 'vitest';
import { type Arrival, violations } from './judgement.ts';

function arrival(fields: Partial<Arrival>): Arrival {
  return {
    atMs: 0,
    daemon: 'd1',
    epoch: 1,
    service: 'ecs',
    operation: 'updateService',
    input: {},
    isLate: false,
    refusal: null,
    answeredAtMs: 0,
    ...fields,
  };
}

const put = (version: number, epoch: number) =>
  arrival({
    service: 'dynamodb',
    operation: 'putItem',
    epoch,
    input: {
      TableName: 'state',
      Item: {
        namespace: { S: 'shop' },
        key: { S: 'a#inventory' },
        version: { N: `${version}` },
        epoch: { N: `${epoch}` },
      },
    },
  });
const register = (fields: Partial<Arrival> = {}) =>
  arrival({ operation: 'registerTaskDefinition', input: { family: 'lc-a', cpu: '256' }, ...fields });

it.each([
  { reason: 'one after the other', log: [arrival({}), arrival({ daemon: 'd2', epoch: 2 })], says: [] },
  {
    reason: 'a stale holder acts after the newer one',
    log: [arrival({ daemon: 'd2', epoch: 2 }), arrival({})],
    says: [/d1 ecs updateService of epoch 1 after/],
  },
  {
    reason: 'the window between fence and socket is admitted',
    log: [arrival({ daemon: 'd2', epoch: 2 }), arrival({ isLate: true })],
    says: [],
  },
  { reason: 'versions grow', log: [put(1, 1), put(2, 1), put(3, 2)], says: [] },
  { reason: 'an update is lost', log: [put(1, 1), put(1, 1)], says: [/from version 1 to 1/] },
  { reason: 'an older epoch writes', log: [put(1, 2), put(2, 1)], says: [/by epoch 1 after 2/] },
  {
    reason: 'a definition is made twice',
    log: [register(), register({ daemon: 'd2', epoch: 2, atMs: 60_000 })],
    says: [/made twice/],
  },
  {
    reason: 'it was deregistered between',
    log: [
      register(),
      arrival({
        operation: 'deregisterTaskDefinition',
        input: { taskDefinition: 'arn:aws:ecs:eu-west-1:1:task-definition/lc-a:1' },
      }),
      register({ atMs: 60_000 }),
    ],
    says: [],
  },
  {
    reason: 'asked for again while the answer is out',
    log: [register({ answeredAtMs: undefined, refusal: undefined }), register({ atMs: 1_000 })],
    says: [/asked for again/],
  },
])('$reason', ({ log, says }) => {
  const found = violations(log, 'state');
  expect(found).toHaveLength(says.length);
  for (const [index, pattern] of says.entries()) expect(found[index]).toMatch(pattern);
});
