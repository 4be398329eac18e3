import { expect, it } from 'vitest';
import { plan, propsHash, type World } from '../../src/plan/index.ts';
import type { AnyKind, KindRegistry } from '../../src/resource/index.ts';

const FAILED_MS = 1_000_000;

const build: AnyKind = {
  name: 'build',
  permissions: [],
  calls: { create: [], update: [], delete: [], release: [] },
  observe: async () => undefined,
  tags: () => undefined,
  readiness: () => ({
    state: 'failed',
    reason: 'BuildFailed',
    message: 'no',
    sinceMs: FAILED_MS,
    retryAfterMs: 60_000,
  }),
  outputs: () => ({}),
  diff: () => [],
  create: async () => {},
  update: async () => {},
  delete: async () => {},
  release: async () => {},
};
const KINDS: KindRegistry = new Map([['build', build]]);

function world(nowMs: number, retryNow: boolean): World {
  const identity = { name: 'image' };
  const node = {
    id: 'image',
    kind: 'build',
    dependsOn: [],
    aspect: 'ImageBuilt',
    resolve: () => ({ identity, props: {} }),
  };
  const observation = { state: 'present', observed: {} } as const;
  return {
    nodes: [{ node, resolved: { identity, props: {} }, waitsFor: undefined, observation }],
    orphans: [],
    entries: [
      {
        nodeId: 'image',
        kind: 'build',
        identity,
        shared: false,
        capacity: false,
        dependsOn: [],
        propsHash: propsHash({}),
        actedAtMs: 0,
        seen: true,
      },
    ],
    complete: true,
    nowMs,
    goal: 'converge',
    tags: {},
    ownerTag: 'owner',
    wasReady: false,
    trafficMovedAtMs: 0,
    retryNow,
  };
}

it.each([
  { reason: 'its pause is not over', afterMs: 1_000, retryNow: false, actions: [] },
  { reason: 'its pause is over', afterMs: 60_000, retryNow: false, actions: ['update'] },
  { reason: 'somebody asked for it', afterMs: 1_000, retryNow: true, actions: ['update'] },
])('what failed is tried again $actions: $reason', ({ afterMs, retryNow, actions }) => {
  const { steps } = plan(world(FAILED_MS + afterMs, retryNow), KINDS);
  expect(steps.map(({ action }) => action)).toEqual(actions);
});
