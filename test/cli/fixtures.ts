/** Objects that the tests of several verbs have in common. */
import { specHash, validateClass, validateLambdaContainer } from '../../src/api/index.ts';
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
