/** Objects that the tests of several verbs have in common. */
import { specHash, validateClass, validateLambdaContainer } from '../../src/api/index.ts';
import { toItem } from '../../src/aws/index.ts';
import { CLASS_SPEC } from '../api/fixtures.ts';
import { type CliWorld, conditionAt, statusOf } from './world.ts';

export const KEY = { namespace: 'default', name: 'hello' };
export const SPEC = { source: { functionRef: { name: 'hello' } } };

export async function putClass(world: CliWorld, spec: Record<string, unknown> = CLASS_SPEC): Promise<void> {
  await world.putRecord({ namespace: '_system', name: 'class/standard', spec });
}

/** The hash that the controller would remember for a spec. */
export function hashOf(spec: unknown): string {
  const { spec: defaulted } = validateLambdaContainer(spec, validateClass(CLASS_SPEC).spec);
  return defaulted ? specHash(defaulted) : 'invalid';
}

/** What the controller says of an object that serves. */
export async function ready(
  world: CliWorld,
  key: { namespace: string; name: string } = KEY,
  spec: unknown = SPEC,
  more: object = {},
): Promise<void> {
  await world.putStatus(
    key,
    {
      ...statusOf('Ready', [conditionAt('Ready', 'True', 'Ready'), conditionAt('Stalled', 'False', 'Ready')]),
      url: `http://127.0.0.1:8080/${key.name}`,
      placement: { serving: { lambda: 25, fargate: 75 }, reason: 'as asked' },
      revision: { current: 2, previous: 1, image: 'sha256:abc' },
      ...more,
    },
    hashOf(spec),
  );
}

/** What it says of an object whose record is gone and whose deletion it holds. */
export async function held(world: CliWorld, key: { namespace: string; name: string }, uid: string): Promise<void> {
  const message = `the object is protected; confirm it: lambdacontainer delete --confirm ${key.name} -n ${key.namespace}`;
  await world.putStatus(key, {
    ...statusOf('DeletionHeld', [conditionAt('DeletionHeld', 'True', 'Protected', message)]),
    uid,
  });
}

/** What the CLI says of each place of `driftItems`. */
export const SWEPT =
  '1000 steady objects, swept by 208 calls every 1m00s; drift is found after 1m30s at most where listings show it, 10m00s elsewhere';

/** What a leader writes of finding drift in two places, and of its queue of events. */
export async function driftItems(world: CliWorld, table: string, events: object): Promise<void> {
  const maxDriftAgeMs = { swept: 90_000, rotating: 600_000 };
  const measured = {
    objects: 1_000,
    calls: 208,
    periodMs: 60_000,
    rotating: 3_000,
    rotationMs: 600_000,
    maxDriftAgeMs,
  };
  const bodies = { sweep: { '/us-east-1': measured, '111122223333/eu-west-1': measured }, events };
  for (const [key, body] of Object.entries(bodies)) {
    const Item = toItem({ namespace: '_controller', key, epoch: 4, version: 1, body });
    await world.ports.dynamodb.putItem({ TableName: table, Item });
  }
}
