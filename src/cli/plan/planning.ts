/**
 * Plans objects as the controller would, from outside: the tables are read, the world is built by the controller's own
 * code, and nothing is claimed, written or changed. One planning reads the state table once and shares what it reads.
 */
import {
  ANNOTATION_CASCADE,
  ANNOTATION_PROTECTED,
  type ApiObject,
  type Defect,
  KIND_CLASS,
  KIND_CONTAINER,
  keyOf,
  type LambdaContainerClassSpec,
  type LambdaContainerSpec,
  objectFromRecord,
  recordFromObject,
  validateLambdaContainer,
} from '../../api/index.ts';
import { recipeOf } from '../../compose/index.ts';
import {
  Allocator,
  begun,
  classHashOf,
  describeTarget,
  type InventoryOutline,
  Memory,
  prospect,
  prospectOfDeletion,
  type Target,
  targetIdOf,
} from '../../controller/index.ts';
import { sameJson } from '../../core/index.ts';
import { contentChanges, ecsService, KINDS, type TaskDefinitionProps } from '../../kinds/index.ts';
import {
  type CarryOver,
  carryOver,
  driftDefects,
  type Explanation,
  explain,
  type PlanFacts,
  plan,
  type World,
} from '../../plan/index.ts';
import {
  type Allocation,
  type Change,
  formatKey,
  type Inventory,
  type Io,
  type ObjectKey,
} from '../../resource/index.ts';
import { Allocations, type DesiredRecord } from '../../store/index.ts';
import { type ClassLookup, classNameOf } from '../commands/classes.ts';
import type { Connection } from '../commands/connection.ts';
import { withMarks } from '../commands/kept-marks.ts';

/** Why there is no plan for an object; a person has to do something first, or the controller has to get on. */
export interface Obstacle {
  /** A constant: `InvalidSpec`, `ClassNotUsable`, `PathConflict`, `Suspended`, `Deleting`, `NothingMade` … */
  readonly reason: string;
  readonly message: string;
  readonly defects: readonly Defect[];
}

export interface PlannedObject {
  readonly key: ObjectKey;
  /** As asked for; undefined for a deletion. */
  readonly object: ApiObject | undefined;
  readonly record: DesiredRecord | undefined;
  /** What writing the record would be. */
  readonly recordAction: 'create' | 'update' | 'delete' | 'unchanged';
  readonly inventory: Inventory | undefined;
  /** Where it is served, or would be. */
  readonly allocation: Allocation | undefined;
  readonly explanation: Explanation | undefined;
  readonly obstacle: Obstacle | undefined;
  readonly carryOver: readonly CarryOver[];
  /** Beside the plan: what the reader should know of it. */
  readonly notes: readonly string[];
  readonly facts: PlanFacts;
}

export class Planning {
  readonly #connection: Connection;
  readonly #classes: ClassLookup;
  readonly #memory: Memory;
  readonly #allocator: Allocator;
  /** What was planned so far, as if it had been begun: of two new objects, each gets a priority of its own. */
  readonly #begun: Map<string, Inventory> = new Map();
  #loaded: Promise<void> | undefined;

  constructor(connection: Connection, classes: ClassLookup) {
    const { ports, targets, state, tables } = connection;
    this.#connection = connection;
    this.#classes = classes;
    // The epoch is that of a writer: nothing is written through either.
    this.#memory = new Memory(state, neverWrites);
    this.#allocator = new Allocator(
      new Allocations(ports.dynamodb, tables.state),
      (klass) => targets.of(klass).io.aws.elbv2,
      { outlines: () => this.#outlines() },
      neverWrites,
    );
  }

  /** What applying `object` would lead to, after all that this planning was asked before. */
  async ofObject(manifest: ApiObject): Promise<PlannedObject> {
    const key = keyOf(manifest);
    if (manifest.kind !== KIND_CONTAINER) return this.#ofOther(manifest, key);
    const [record] = await Promise.all([this.#connection.desired.get(key), this.#load()]);
    const object = withMarks(manifest, record);
    const inventory = this.#memory.get(key).inventory?.body;
    const desired = recordFromObject(object);
    const before = record && comparable(record.item);
    const klass = await this.#classes.get(classNameOf(object.spec));
    const judged = await this.#judge(object, key, klass, inventory);
    const recordAction = before === undefined ? 'create' : sameJson(before, desired) ? 'unchanged' : 'update';
    const base = { key, object, record, recordAction, inventory, allocation: inventory?.allocation } as const;
    const facts = { key: formatKey(key), desired, record: before, klass, inventory };
    if ('obstacle' in judged) {
      const { obstacle } = judged;
      return {
        ...base,
        explanation: undefined,
        obstacle,
        carryOver: [],
        notes: [],
        facts: { ...facts, planned: undefined, obstacle: obstacle.reason },
      };
    }
    const { world, spec, allocation, notes, io } = judged;
    const planned = plan(world, KINDS);
    // A class that cannot be used was an obstacle before.
    const recipe = typeof klass === 'string' ? undefined : recipeOf(spec, klass);
    const predecessors = await this.#predecessors(world, io);
    const explanation = explain({
      world,
      plan: planned,
      kinds: KINDS,
      secretNames: new Set(Object.keys(spec.secrets)),
      predecessors,
    });
    return {
      ...base,
      allocation,
      explanation,
      obstacle: undefined,
      carryOver: carryOver(world, KINDS, spec, recipe),
      notes,
      facts: { ...facts, planned: { world, plan: planned } },
    };
  }

  /** Classes and sources make nothing by themselves: only their records are compared. */
  async #ofOther(manifest: ApiObject, key: ObjectKey): Promise<PlannedObject> {
    const record = await this.#connection.desired.get(key);
    const object = withMarks(manifest, record);
    const desired = recordFromObject(object);
    const before = record && comparable(record.item);
    return {
      key,
      object,
      record,
      recordAction: before === undefined ? 'create' : sameJson(before, desired) ? 'unchanged' : 'update',
      inventory: undefined,
      allocation: undefined,
      explanation: undefined,
      obstacle: undefined,
      carryOver: [],
      notes: [
        object.kind === KIND_CLASS
          ? 'objects that are given with it are planned with it; the others of the class follow within its disruption budget'
          : 'what it will apply is known once it was fetched',
      ],
      facts: {
        key: formatKey(key),
        desired,
        record: before,
        klass: undefined,
        inventory: undefined,
        planned: undefined,
        obstacle: object.kind,
      },
    };
  }

  /** What taking the record away would lead to. Only the inventory says what there is. */
  async ofDeletion(key: ObjectKey): Promise<PlannedObject> {
    const [record] = await Promise.all([this.#connection.desired.get(key), this.#load()]);
    const inventory = this.#memory.get(key).inventory?.body;
    const base = {
      key,
      object: undefined,
      record,
      recordAction: record ? 'delete' : 'unchanged',
      inventory,
      allocation: inventory?.allocation,
      carryOver: [],
    } as const;
    const facts = {
      key: formatKey(key),
      desired: undefined,
      record: record && comparable(record.item),
      klass: undefined,
      inventory,
    };
    if (!inventory || inventory.entries.length === 0) {
      const message = 'nothing was made for it: only its record goes';
      const obstacle = { reason: 'NothingMade', message, defects: [] };
      return {
        ...base,
        explanation: undefined,
        obstacle,
        notes: [],
        facts: { ...facts, planned: undefined, obstacle: obstacle.reason },
      };
    }
    const annotations = record ? (objectFromRecord(record.item).object?.annotations ?? {}) : {};
    const deletionPolicy = annotations[ANNOTATION_CASCADE] === 'orphan' ? 'retain' : inventory.deletionPolicy;
    const target = await this.#targetOf(inventory);
    if (!target) {
      const message = `its resources are in ${describeTarget(inventory.target)}, and class '${inventory.className}' does not say how they are reached`;
      const obstacle = { reason: 'ClassNotUsable', message, defects: [] };
      return {
        ...base,
        explanation: undefined,
        obstacle,
        notes: [],
        facts: { ...facts, planned: undefined, obstacle: obstacle.reason },
      };
    }
    const world = await prospectOfDeletion(this.#parts(target.io), key, { ...inventory, deletionPolicy });
    const planned = plan(world, KINDS);
    const isProtected = inventory.protected === true || annotations[ANNOTATION_PROTECTED] === 'true';
    return {
      ...base,
      explanation: explain({ world, plan: planned, kinds: KINDS }),
      obstacle: undefined,
      notes: [
        ...(deletionPolicy === 'retain'
          ? ['deletionPolicy is retain: everything is left running, without our tags']
          : []),
        ...(isProtected ? ['it is protected: its deletion is held until somebody confirms it'] : []),
        ...(inventory.held ? [`its deletion is held (${inventory.held.reason}): ${inventory.held.message}`] : []),
      ],
      facts: { ...facts, planned: { world, plan: planned } },
    };
  }

  async #judge(
    object: ApiObject,
    key: ObjectKey,
    klass: LambdaContainerClassSpec | 'invalid' | 'missing',
    before: Inventory | undefined,
  ): Promise<
    | { world: World; spec: LambdaContainerSpec; allocation: Allocation; notes: string[]; io: Io }
    | { obstacle: Obstacle }
  > {
    const stop = (reason: string, message: string, defects: readonly Defect[] = []) => ({
      obstacle: { reason, message, defects },
    });
    const className = classNameOf(object.spec);
    if (klass === 'missing')
      return stop(
        'ClassNotUsable',
        `there is no LambdaContainerClass '${className}'; create it, or correct spec.className`,
      );
    if (klass === 'invalid') return stop('ClassNotUsable', `class '${className}' is not valid: correct it first`);
    const judged = validateLambdaContainer(object.spec, klass, object.namespace);
    if (!judged.spec) return stop('InvalidSpec', 'the spec is not valid: nothing would be touched', judged.defects);
    const { spec } = judged;
    const misnamed = driftDefects(spec.drift);
    if (misnamed.length > 0) {
      const message = misnamed.map(({ name, phrase }) => `spec.drift.fields: '${name}' ${phrase}`).join('\n');
      return stop('InvalidSpec', message);
    }
    const { targets } = this.#connection;
    const target = targetIdOf(targets, klass);
    if (before && before.entries.length > 0 && before.target !== target) {
      const message = `class '${className}' is for ${describeTarget(target)}, but what was made for it is in ${describeTarget(before.target)}: nothing moves between them`;
      return stop('ClassMoved', message);
    }
    const { io } = targets.of(klass);
    if (before?.deletingSinceMs !== undefined) {
      return stop('Deleting', 'an object of this name is being deleted; a new one begins when that is done');
    }
    if (spec.suspend) return stop('Suspended', 'spec.suspend is true: nothing is observed or changed');
    // A uid that is not there yet is in no tag, and its owner is the youngest of all.
    const identity = { uid: `${formatKey(key)} (not there yet)`, createdAtMs: Number.MAX_SAFE_INTEGER };
    const next = begun(before, identity, spec, object.annotations);
    const allocated = await this.#allocator.preview(key, spec, klass, next);
    if (allocated.problem !== undefined) return stop(allocated.reason, allocated.problem);
    const { allocation } = allocated;
    this.#begun.set(formatKey(key), { ...next, allocation });
    const world = await prospect(this.#parts(io), key, { spec, klass, allocation }, { ...next, allocation });
    const notes = [
      ...(before?.allocation
        ? []
        : [`it would get priority ${allocation.priority} on ${allocation.listenerArn}, if nobody is faster`]),
      ...(before?.classHash !== undefined && before.classHash !== classHashOf(klass)
        ? [
            `class '${className}' has changed since it was admitted for this object, which is taken over when the disruption budget allows; the plan is of then`,
          ]
        : []),
      ...(before?.held ? [`its deletion was held (${before.held.reason}); with the record back it goes on`] : []),
    ];
    return { world, spec, allocation, notes, io };
  }

  /** What a new task definition differs in from the one that the service runs. Two calls, and only then. */
  async #predecessors(world: World, io: Io): Promise<Map<string, readonly Change[]>> {
    const next = world.nodes.find(({ node }) => node.id === 'task-definition');
    // A service that waits for the new definition cannot be resolved yet: its entry names it all the same.
    const entry = world.entries.find(({ kind }) => kind === ecsService.name);
    if (next?.observation?.state !== 'absent' || !next.resolved || !entry) return new Map();
    const standing = await ecsService.observe(io, entry.identity, {});
    if (!standing) return new Map();
    const { taskDefinition } = await io.aws.ecs.describeTaskDefinition({
      taskDefinition: standing.taskDefinitionArn,
    });
    if (!taskDefinition) return new Map();
    const { register } = next.resolved.props as TaskDefinitionProps;
    return new Map([[next.node.id, contentChanges(register, taskDefinition)]]);
  }

  #outlines(): InventoryOutline[] {
    const known = this.#memory.outlines();
    const begun = [...this.#begun.values()];
    return [...known.filter(({ uid }) => !begun.some((other) => other.uid === uid)), ...begun];
  }

  /** By the class as it is: snapshots of it as it was are the controller's alone. */
  async #targetOf({ className, target, entries }: Inventory): Promise<Target | undefined> {
    const { targets } = this.#connection;
    if (target === undefined || entries.length === 0) return targets.home;
    const klass = await this.#classes.get(className);
    if (typeof klass === 'string' || targetIdOf(targets, klass) !== target) return undefined;
    return targets.of(klass);
  }

  #parts(io: Io) {
    return { kinds: KINDS, io, memory: this.#memory, owner: this.#connection.tables.state };
  }

  #load(): Promise<void> {
    this.#loaded ??= this.#memory.load();
    return this.#loaded;
  }
}

/** A record put by hand may leave out what follows from its key: that is no difference. */
function comparable(item: Record<string, unknown>): unknown {
  const { object } = objectFromRecord(item);
  return object ? recordFromObject(object) : item;
}

function neverWrites(): number {
  throw new Error('a plan writes nothing');
}
