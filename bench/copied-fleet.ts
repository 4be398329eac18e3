/**
 * Steady fleets of any size in seconds: one load balancer's worth of objects is brought up by the controller itself, and
 * everything that the cloud and the tables then hold of them is copied under other names, as text. What the controller
 * remembers of a copy is what it would have written: fingerprints and hashes are taken anew of what is there. Copies are
 * inert: no task runs behind them, so that the cloud's own work does not grow with the fleet.
 */
import { objectFromRecord } from '../src/api/index.ts';
import { fromItem, type Item, type Tags, taggedResources, tagsOfResource, toItem } from '../src/aws/index.ts';
import { contentOf } from '../src/controller/classes.ts';
import { Memory } from '../src/controller/index.ts';
import { basisHash, classBasisHash } from '../src/controller/steady.ts';
import { SteadyObject } from '../src/controller/steady-fleet.ts';
import { type DriftedNode, sweep } from '../src/controller/sweeper/sweep.ts';
import { canonicalJson } from '../src/core/index.ts';
import { KINDS } from '../src/kinds/index.ts';
import type { EventSettings } from '../src/local-cloud/contract.ts';
import { TransactionalState } from '../src/local-cloud/state/store.ts';
import {
  type AnyKind,
  fingerprintOf,
  formatKey,
  type Io,
  type KindRegistry,
  type SteadyNode,
} from '../src/resource/index.ts';
import { CLASS } from '../test/simulation/fleet.ts';
import type { World } from '../test/simulation/world.ts';
import { bringUp } from './fleets.ts';

/** As many as one listener of the class takes. */
const CELL = 50;
/** Of these the copies need none: what runs, who was let in, what was told. */
const UNCOPIED = /^(ecs\.(tasks|address)|iam\.|dynamodb\/|codebuild\.)/;
/** Parts of the state table that a controller reads at its start. */
const PARTS = /#(status|inventory|revision#\d+)$/;
/** A class takes no more listeners than this; a larger fleet has several classes. */
const CELLS_PER_CLASS = 20;

/**
 * `size` steady objects (a multiple of 50, or less than that) in a world whose controller has stopped, remembered as a
 * controller of this version would. @throws Error when the copies are not steady
 */
export async function copiedFleet(size: number, version = '', events?: EventSettings): Promise<World> {
  const state = new TransactionalState();
  const world = await bringUp(Math.min(size, CELL), state, events);
  await world.stop();
  const uids = [...(await world.inventories()).values()].map(({ uid }) => uid);
  const originals = [...state.snapshot()].filter(([collection]) => !UNCOPIED.test(collection));
  const desired = (await scan(world, world.desiredTable)).filter(({ namespace }) => namespace?.S === 'shop');
  const parts = (await scan(world, world.state.table)).filter(({ key }) => PARTS.test(key?.S ?? ''));
  const cells = Array.from({ length: Math.ceil(size / CELL) - 1 }, (_, i) => i + 1);
  for (const cell of cells) {
    const rename = renaming(cell, uids);
    for (const [collection, key, value] of originals) {
      const text = JSON.stringify([key, value]);
      const renamed = rename(text);
      if (renamed === text) continue;
      const [copyKey, copy] = JSON.parse(renamed) as [string, unknown];
      state.collection(collection).set(copyKey, copy);
    }
    for (const [table, items] of [
      [world.desiredTable, desired],
      [world.state.table, parts],
    ] as const) {
      for (const item of items) {
        const text = rename(JSON.stringify(item)).replaceAll(
          `"className":{"S":"${CLASS}"}`,
          `"className":{"S":"${classOf(cell)}"}`,
        );
        const Item = JSON.parse(text) as Item;
        await world.aws.dynamodb.putItem({ TableName: table, Item });
      }
    }
  }
  await writeClasses(world, cells);
  await settle(world, version);
  return world;
}

/** Names of the copies' own in place of the originals'. What stays the same belongs to all of them. */
function renaming(cell: number, uids: readonly string[]): (text: string) => string {
  const digits = (hex: string) => (BigInt(`0x${hex}`) ^ BigInt(cell)).toString(16).padStart(hex.length, '0');
  const names = ['app-(\\d{3})', 'fleet-(\\d+)', '(?<=scalable-target/)[0-9a-f]{32}', ...uids];
  const own = new RegExp(names.join('|'), 'g');
  return (text) =>
    text.replace(own, (found: string, app?: string, fleet?: string) => {
      if (app !== undefined) return `app-${String(cell * CELL + Number(app)).padStart(3, '0')}`;
      if (fleet !== undefined) return `fleet-${cell}x${fleet}`;
      const at = found.lastIndexOf('-') + 1;
      return `${found.slice(0, at)}${digits(found.slice(at))}`;
    });
}

async function scan(world: World, TableName: string): Promise<Item[]> {
  const items: Item[] = [];
  let ExclusiveStartKey: Item | undefined;
  do {
    const page = await world.aws.dynamodb.scan({ TableName, ...(ExclusiveStartKey ? { ExclusiveStartKey } : {}) });
    items.push(...(page.Items ?? []));
    ExclusiveStartKey = page.LastEvaluatedKey;
  } while (ExclusiveStartKey);
  return items;
}

function classOf(cell: number): string {
  const number = Math.floor(cell / CELLS_PER_CLASS);
  return number === 0 ? CLASS : `${CLASS}${number}`;
}

function classKey(className: string) {
  return { namespace: '_system', name: `class/${className}` };
}

/** The listeners of the copies are their classes'. */
async function writeClasses(world: World, cells: readonly number[]): Promise<void> {
  const record = await world.desired.get(classKey(CLASS));
  const item = record && (fromItem(record.stored) as { spec: { listeners: unknown[] } });
  if (!item) throw new Error('the class of the fleet is not there');
  const [first] = item.spec.listeners;
  const listeners = new Map<string, unknown[]>([[CLASS, [first]]]);
  for (const cell of cells) {
    const copy = JSON.parse(renaming(cell, [])(JSON.stringify(first))) as unknown;
    listeners.set(classOf(cell), [...(listeners.get(classOf(cell)) ?? []), copy]);
  }
  for (const [className, own] of listeners) {
    const Item = toItem({ ...item, ...classKey(className), spec: { ...item.spec, listeners: own } });
    await world.aws.dynamodb.putItem({ TableName: world.desiredTable, Item });
  }
}

/** Takes down what everything is seen as now, as the controller does when an object settles. */
async function settle(world: World, version: string): Promise<void> {
  const io: Io = {
    aws: world.aws,
    region: world.region,
    nowMs: () => world.clock.now(),
    immutable: new Map(),
  };
  const records = new Map<string, string>();
  for await (const { key, stored } of world.desired.list()) records.set(formatKey(key), basisHash(stored, version));
  const memory = new Memory(world.state, () => 1);
  await memory.load();
  const listed = await listedFingerprints(memory, io);
  const classes = new Map<string, Awaited<ReturnType<typeof hashesOf>>>();
  const read = reader(io);
  for (const { key, inventory: stored } of memory.objects()) {
    const inventory = stored?.body;
    const id = formatKey(key);
    if (!inventory?.steady) throw new Error(`${id} is not steady`);
    const { className } = inventory;
    const known = classes.get(className) ?? (await hashesOf(world, className, version));
    classes.set(className, known);
    const { classHash, klass } = known;
    const nodes: SteadyNode[] = [];
    for (const node of inventory.steady.nodes) nodes.push(await read(node, listed.get(`${id} ${node.nodeId}`)));
    const steady = { record: records.get(id) ?? '', klass, nodes };
    await memory.saveInventory(key, { ...inventory, classHash, steady });
  }
}

/** Of a class as it is, as an object remembers it. */
async function hashesOf(world: World, className: string, version: string) {
  const record = await world.desired.get(classKey(className));
  const raw = record && objectFromRecord(record.item).object?.spec;
  const { content, defects } = contentOf(raw);
  if (!content) throw new Error(`class '${className}' is not valid: ${JSON.stringify(defects)}`);
  return { classHash: content.hash, klass: classBasisHash(raw, version) };
}

/** What listings show of every node, by object and node. */
async function listedFingerprints(memory: Memory, io: Io): Promise<Map<string, string>> {
  const listed = new Map<string, string>();
  const blank = memory.objects().flatMap(({ key, inventory }) => {
    const steady = inventory?.body.steady;
    const nodes = steady?.nodes.map((node) => ({ ...node, swept: '' }));
    if (!inventory || !steady || !nodes) return [];
    return [new SteadyObject(formatKey(key), inventory.body, { ...steady, nodes }, () => nodes)];
  });
  const parts = {
    kinds: await withTags(io),
    fleet: { isPresent: () => true },
    onDrift: ({ id }: SteadyObject, { nodeId }: DriftedNode, _reasons: readonly string[], what: string) => {
      if (what === 'missing') throw new Error(`${nodeId} of ${id} was not copied`);
      listed.set(`${id} ${nodeId}`, what);
    },
    onFailure: (listing: string) => {
      throw new Error(`${listing} cannot be read`);
    },
  };
  await sweep(blank, io, parts, {});
  return listed;
}

/** The kinds as they see things once the tags are known, so that a sweep tells of a thing once, and whole. */
async function withTags(io: Io): Promise<KindRegistry> {
  const tags = new Map<string, Tags>();
  for await (const page of taggedResources.list(io.aws, '', [], {})) {
    for (const entry of page) tags.set(entry.ResourceARN ?? '', tagsOfResource(entry));
  }
  const knowing = ({ fromTags: _, ...sweep }: NonNullable<AnyKind['sweep']>) => ({
    ...sweep,
    seen: (entry: unknown) => sweep.seen(entry, (arn) => tags.get(arn)),
  });
  return new Map([...KINDS].map(([name, kind]) => [name, kind.sweep ? { ...kind, sweep: knowing(kind.sweep) } : kind]));
}

/** A node with the fingerprints of what is there; what no listing shows is read, the same thing once. */
function reader(io: Io): (node: SteadyNode, listed: string | undefined) => Promise<SteadyNode> {
  const known = new Map<string, unknown>();
  return async (node, listed) => {
    const kind = KINDS.get(node.kind);
    const bounds = node.swept?.split(':')[2];
    const bounded = (swept: string) => (bounds === undefined ? swept : `${swept}:${bounds}`);
    const next = { ...node, ...(listed === undefined ? {} : { swept: bounded(listed) }) };
    const isRead = kind?.rotating !== undefined || (kind?.sweep !== undefined && !node.place);
    if (!kind || !isRead) return next;
    const name = `${node.kind} ${canonicalJson(node.identity)}`;
    if (!known.has(name)) known.set(name, await kind.observe(io, node.identity, {}));
    const observed = known.get(name);
    if (observed === undefined) throw new Error(`${name} was not copied`);
    return {
      ...next,
      ...(kind.sweep && !node.place ? { swept: bounded(fingerprintOf(kind.sweep.fields, observed)) } : {}),
      ...(kind.rotating ? { rotating: fingerprintOf(kind.rotating, observed) } : {}),
    };
  };
}
