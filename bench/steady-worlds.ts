/**
 * Objects that are as they should be, as the planner sees them: one is brought up by the controller itself in simulated
 * time, read as the daemon reads it, and then copied under other names. Every copy is data of its own.
 */
import { objectFromRecord, validateClass, validateLambdaContainer } from '../src/api/index.ts';
import { Memory, prospect } from '../src/controller/index.ts';
import { KINDS } from '../src/kinds/index.ts';
import { type World as Planned, plan } from '../src/plan/index.ts';
import { DesiredTable, StateTable } from '../src/store/index.ts';
import { World } from '../test/simulation/world.ts';

const KEY = { namespace: 'shop', name: 'checkout' };
const SPEC = { source: { functionRef: { name: 'hello' } }, placement: { mode: 'fargate' } };

/** `count` steady objects. @throws Error when the object that they are copied from is not steady */
export async function steadyWorlds(count: number): Promise<Planned[]> {
  const one = await steadyWorld();
  return Array.from({ length: count }, (_, i) => copyOf(one, `checkout-${i}`));
}

async function steadyWorld(): Promise<Planned> {
  const account = new World(1);
  try {
    await account.bootstrap();
    account.start();
    await account.put(KEY.namespace, KEY.name, SPEC);
    await account.until('the object is Ready', () => account.isReady(KEY.namespace, KEY.name));
    await account.run(120_000);
    await account.stop();
    const memory = new Memory(new StateTable(account.aws.dynamodb, 'lambdacontainer-state'), () => 1);
    await memory.load();
    const inventory = memory.get(KEY).inventory?.body;
    const desired = new DesiredTable(account.aws.dynamodb, 'lambdacontainer-desired');
    const klass = validateClass(await specOf(desired, { namespace: '_system', name: 'class/standard' })).spec;
    const spec = klass && validateLambdaContainer(await specOf(desired, KEY), klass, KEY.namespace).spec;
    if (!inventory?.allocation || !klass || !spec) throw new Error('the steady object cannot be read back');
    const io = { aws: account.aws, region: 'us-east-1', nowMs: () => account.clock.now(), immutable: new Map() };
    const parts = { kinds: KINDS, io, memory, owner: 'lambdacontainer-state' };
    const world = await prospect(parts, KEY, { spec, klass, allocation: inventory.allocation }, inventory);
    const judged = plan(world, KINDS);
    if (!judged.settled) throw new Error(`the object is not steady: ${JSON.stringify([...judged.verdicts])}`);
    return world;
  } finally {
    account.cloud.close();
  }
}

async function specOf(desired: DesiredTable, key: { namespace: string; name: string }): Promise<unknown> {
  const record = await desired.get(key);
  const parsed = record && objectFromRecord(record.item);
  if (!parsed?.object) throw new Error(`${key.namespace}/${key.name} cannot be read back`);
  return parsed.object.spec;
}

function copyOf(world: Planned, name: string): Planned {
  const copy = <T>(value: T): T =>
    value === undefined ? value : (JSON.parse(JSON.stringify(value).replaceAll(KEY.name, name)) as T);
  return {
    ...world,
    nodes: world.nodes.map((view) => ({
      ...view,
      node: { ...view.node, dependsOn: [...view.node.dependsOn] },
      resolved: copy(view.resolved),
      observation: copy(view.observation),
    })),
    orphans: copy(world.orphans),
    entries: copy(world.entries),
    tags: copy(world.tags),
  };
}
