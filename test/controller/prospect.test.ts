import { describe, expect, it } from 'vitest';
import { validateLambdaContainer } from '../../src/api/index.ts';
import { prospect } from '../../src/controller/prospect.ts';
import { KINDS } from '../../src/kinds/index.ts';
import type { AnyKind, Inventory, InventoryEntry, Io, Revision } from '../../src/resource/index.ts';
import type { StoredObject } from '../../src/store/index.ts';

const KEY = { namespace: 'shop', name: 'checkout' };

function entry(nodeId: string, kind: string, extra: Partial<InventoryEntry> = {}): InventoryEntry {
  return {
    nodeId,
    kind,
    identity: { name: nodeId },
    shared: false,
    capacity: false,
    dependsOn: [],
    propsHash: '',
    actedAtMs: 0,
    seen: true,
    ...extra,
  };
}

const REPOSITORY = entry('repository', 'ecr-repository', { shared: true });
const PROJECT = entry('build-project', 'codebuild-project', { shared: true });
const IMAGE = entry('image', 'image-build', { shared: true, dependsOn: ['repository'] });
const GROUP = entry('target-group/ip', 'target-group');
const DEFINITION = entry('task-definition', 'task-definition', { dependsOn: ['image', 'target-group/ip'] });

/** What of `entries` would be taken away from an object whose graph names none of it, with a revision that keeps `kept`. */
async function leftOver(entries: readonly InventoryEntry[], kept: readonly InventoryEntry[]): Promise<string[]> {
  const absent = ([name, kind]: [string, AnyKind]) => [name, { ...kind, observe: async () => undefined }] as const;
  const kinds = new Map([...KINDS].map(absent));
  const { spec } = validateLambdaContainer({ source: { functionRef: { name: 'gone' } } }, undefined);
  if (!spec) throw new Error('the spec is not valid');
  const inventory: Inventory = {
    uid: 'u1',
    generation: 1,
    specHash: '',
    className: 'standard',
    deletionPolicy: 'delete',
    createdAtMs: 0,
    entries,
    incarnations: {},
  };
  const revision = {
    number: 1,
    reachable: kept.map(({ kind, identity }) => ({ kind, identity })),
  } as unknown as Revision;
  const stored: StoredObject = { key: KEY, revisions: new Map([[1, { version: 1, body: revision }]]) };
  const io = { region: 'us-east-1', nowMs: () => 0, aws: {}, immutable: new Map() } as unknown as Io;
  const memory = { get: () => stored, isUsedByOthers: () => false, movedAtMs: () => 0 };
  const desire = { spec, klass: {} as never, allocation: { listenerArn: 'a', priority: 1, claims: [] } };
  const { orphans } = await prospect({ kinds, io, memory, owner: 'us' }, KEY, desire, inventory);
  return orphans.map(({ entry: orphan }) => orphan.nodeId);
}

describe('what is left over', () => {
  it.each([
    { reason: 'nothing names it', entries: [REPOSITORY, IMAGE], kept: [], expected: ['repository', 'image'] },
    {
      reason: 'a rollback needs the image, and the image its repository (found by chaos, seed 103)',
      entries: [REPOSITORY, PROJECT, IMAGE],
      kept: [IMAGE],
      expected: ['build-project'],
    },
    {
      reason: 'what is not shared is made again by the rollback itself',
      entries: [GROUP, IMAGE, DEFINITION],
      kept: [IMAGE, DEFINITION],
      expected: ['target-group/ip'],
    },
  ])('$expected: $reason', async ({ entries, kept, expected }) => {
    expect(await leftOver(entries, kept)).toEqual(expected);
  });
});
