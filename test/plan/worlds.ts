/** Small worlds of real kinds, as values: what a test of explaining, hashing and carrying over starts from. */
import { Failure } from '../../src/core/index.ts';
import { KINDS } from '../../src/kinds/index.ts';
import { type NodeView, type Observation, type OrphanView, plan, propsHash, type World } from '../../src/plan/index.ts';
import type { InventoryEntry, Node } from '../../src/resource/index.ts';

export const NOW_MS = Date.UTC(2026, 0, 1);
export const OWNED = {
  'lambdacontainer.dev/owner': 'test',
  'lambdacontainer.dev/namespace': 'shop',
  'lambdacontainer.dev/name': 'checkout',
  'lambdacontainer.dev/uid': 'u1',
};

export interface Placed {
  readonly id: string;
  readonly kind: string;
  readonly identity?: Record<string, string>;
  readonly props?: unknown;
  readonly dependsOn?: readonly string[];
  /** Absent when left out; `unresolved` while it waits for its first dependency. */
  readonly observed?: unknown;
  readonly unresolved?: boolean;
  readonly failure?: Failure;
  readonly shared?: boolean;
}

/** A node where it stands in the world. */
export function view({ id, kind, identity = { name: id }, props = {}, dependsOn = [], ...rest }: Placed): NodeView {
  const node: Node = {
    id,
    kind,
    dependsOn,
    aspect: 'Aspect',
    resolve: () => ({ identity, props }),
    ...(rest.shared ? { shared: true } : {}),
  };
  if (rest.unresolved) return { node, resolved: undefined, waitsFor: dependsOn[0], observation: undefined };
  const observation: Observation = rest.failure
    ? { state: 'unknown', failure: rest.failure }
    : rest.observed === undefined
      ? { state: 'absent' }
      : { state: 'present', observed: rest.observed };
  return { node, resolved: { identity, props }, waitsFor: undefined, observation };
}

/** The inventory entry of something that was made as its view desires it, long ago. */
export function entryOf({ node, resolved }: NodeView, props: unknown = resolved?.props): InventoryEntry {
  return {
    nodeId: node.id,
    kind: node.kind,
    identity: resolved?.identity ?? {},
    shared: node.shared === true,
    capacity: node.capacity === true,
    dependsOn: node.dependsOn,
    propsHash: propsHash(props),
    actedAtMs: 0,
    seen: true,
  };
}

export function world(nodes: readonly NodeView[], over: Partial<World> = {}): World {
  return {
    nodes,
    orphans: [],
    entries: [],
    complete: true,
    nowMs: NOW_MS,
    goal: 'converge',
    tags: OWNED,
    ownerTag: 'lambdacontainer.dev/owner',
    wasReady: false,
    trafficMovedAtMs: 0,
    ...over,
  };
}

export function planned(nodes: readonly NodeView[], over: Partial<World> = {}) {
  const built = world(nodes, over);
  return { world: built, plan: plan(built, KINDS), kinds: KINDS };
}

export function orphan(entry: InventoryEntry, observed: unknown, stillUsed = false): OrphanView {
  return {
    entry,
    observation: observed === undefined ? { state: 'absent' } : { state: 'present', observed },
    stillUsed,
  };
}

export function failure(code = 'ThrottlingException'): Failure {
  return new Failure({ kind: 'throttled', service: 'ecs', operation: 'describeServices', code, message: 'not now' });
}

// ---------------------------------------------------------------------------------------------- what AWS would answer

export const logGroup = (retentionDays: number | null = 30) => ({
  name: '/lambdacontainer/shop/checkout',
  arn: 'arn:aws:logs:us-east-1:000000000000:log-group:/lambdacontainer/shop/checkout',
  retentionDays,
  tags: OWNED,
});

export const listenerRule = (paths: readonly string[] = ['/checkout']) => ({
  arn: 'arn:aws:elasticloadbalancing:us-east-1:000000000000:listener-rule/app/lb/1/2/3',
  priority: '1',
  hosts: [],
  paths,
  otherConditions: [],
  forward: { weights: {}, stickiness: null },
  tags: OWNED,
});

export const lambdaFunction = (over: Record<string, unknown> = {}) => ({
  arn: 'arn:aws:lambda:us-east-1:000000000000:function:checkout',
  functionName: 'checkout',
  version: '$LATEST',
  packageType: 'Zip',
  runtime: 'nodejs22.x',
  handler: 'index.handler',
  codeSha256: 'abc=',
  architecture: 'x86_64',
  memoryMb: 128,
  timeoutSec: 3,
  environment: {},
  layers: [],
  roleArn: 'arn:aws:iam::000000000000:role/function',
  imageUri: null,
  imageConfig: { entryPoint: null, command: null, workingDirectory: null },
  lastModified: '2026-01-01T00:00:00.000+0000',
  reservedConcurrency: null,
  signingProfile: null,
  state: 'Active',
  stateReason: null,
  lastUpdateStatus: 'Successful',
  ...over,
});
