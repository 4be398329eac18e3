/**
 * One object as the leader remembers it, small: nearly all of a fleet is settled and asked for nothing, so what was stored
 * is kept deflated and unfolded when it is read. Whoever reads gets plain values as they were written, each time anew;
 * nothing that is done to them is remembered. Beside it stands, unfolded, what is looked through for all objects at once.
 */
import { deflateRawSync, inflateRawSync } from 'node:zlib';
import type { LambdaContainerStatus } from '../api/index.ts';
import type { Inventory, ObjectKey, Revision } from '../resource/index.ts';
import type { StoredObject, StoredRevisions, Versioned } from '../store/index.ts';

/** What of an inventory is looked through for all objects at once; an inventory is one. */
export type InventoryOutline = Pick<
  Inventory,
  | 'uid'
  | 'className'
  | 'classHash'
  | 'createdAtMs'
  | 'target'
  | 'held'
  | 'deletingSinceMs'
  | 'classChangedAtMs'
  | 'allocation'
  | 'ignoredConfirmations'
> & { readonly entries: { readonly length: number } };

/** The same of a status; a status is one. */
export type StatusOutline = Pick<LambdaContainerStatus, 'phase'> & {
  readonly placement?: Pick<NonNullable<LambdaContainerStatus['placement']>, 'serving'> | undefined;
  readonly conditions: readonly Pick<LambdaContainerStatus['conditions'][number], 'type' | 'status'>[];
  readonly drift: readonly Pick<LambdaContainerStatus['drift'][number], 'since'>[];
};

/** What was stored, deflated; a text, because bytes of their own would each cost a few hundred more. */
type Folded = string;

interface FoldedPart<Outline> {
  readonly version: number;
  readonly outline: Outline;
  readonly folded: Folded;
}

export class RememberedObject implements StoredObject {
  readonly key: ObjectKey;
  readonly #revisions = new FoldedRevisions();
  #inventory: FoldedPart<InventoryOutline> | undefined;
  #status: FoldedPart<StatusOutline> | undefined;

  constructor(key: ObjectKey) {
    this.key = key;
  }

  get inventoryOutline(): InventoryOutline | undefined {
    return this.#inventory?.outline;
  }

  get statusOutline(): StatusOutline | undefined {
    return this.#status?.outline;
  }

  get inventory(): Versioned<Inventory> | undefined {
    return this.#inventory && { version: this.#inventory.version, body: unfold(this.#inventory.folded) };
  }

  set inventory(value: Versioned<Inventory> | undefined) {
    this.#inventory = value && {
      version: value.version,
      outline: inventoryOutline(value.body),
      folded: fold(value.body),
    };
  }

  get status(): Versioned<LambdaContainerStatus> | undefined {
    return this.#status && { version: this.#status.version, body: unfold(this.#status.folded) };
  }

  set status(value: Versioned<LambdaContainerStatus> | undefined) {
    this.#status = value && {
      version: value.version,
      outline: statusOutline(value.body),
      folded: fold(value.body),
    };
  }

  get revisions(): StoredRevisions {
    return this.#revisions;
  }

  set revisions(value: StoredRevisions) {
    this.#revisions.replace(value);
  }
}

/** Few and all alike, so that they are kept as one text. */
class FoldedRevisions implements StoredRevisions {
  #folded: Folded | undefined;
  #size = 0;

  get size(): number {
    return this.#size;
  }

  get(number: number): Versioned<Revision> | undefined {
    return this.#unfolded().get(number);
  }

  set(number: number, revision: Versioned<Revision>): void {
    this.replace(this.#unfolded().set(number, revision));
  }

  delete(number: number): void {
    const revisions = this.#unfolded();
    if (revisions.delete(number)) this.replace(revisions);
  }

  keys(): IterableIterator<number> {
    return this.#unfolded().keys();
  }

  values(): IterableIterator<Versioned<Revision>> {
    return this.#unfolded().values();
  }

  [Symbol.iterator](): IterableIterator<[number, Versioned<Revision>]> {
    return this.#unfolded()[Symbol.iterator]();
  }

  replace(revisions: Iterable<[number, Versioned<Revision>]>): void {
    const all = [...revisions];
    this.#size = all.length;
    this.#folded = all.length === 0 ? undefined : fold(all);
  }

  #unfolded(): Map<number, Versioned<Revision>> {
    return new Map(this.#folded === undefined ? [] : unfold<[number, Versioned<Revision>][]>(this.#folded));
  }
}

/** What nearly all texts of one kind have in common is told once, not in each of them. */
const DICTIONARY = Buffer.from(
  [
    '"lastTransitionTime":"202","observedGeneration":1},{"type":"Stalled","status":"False","reason":"Settled","message":""',
    '{"type":"ServiceStable","status":"True","reason":"Settled","message":"as desired","SourceResolved","ImageBuilt",',
    '"TrafficShifted","ScalingApplied","FunctionReady","Reconciling","Drifted","AsDesired",',
    '"message":"everything desired is observed and serving"},{"kind":"scaling-policy","createdByUs":true,"arn":"arn:aws:',
    'elasticloadbalancing:us-east-1:listener-rule/app/listener/app/targetgroup/arn:aws:ecs:arn:aws:iam:role/task-role',
    '"lambda-permission","lambda-target","target-group/lambda","ecr-repository","repository","codebuild-project",',
    '"build-project","image-build","image","base-image","iam-role","log-group","task-definition","target-health",',
    '"ip-health","rule-weights","weights","scalable-target","service/","policy/","reference":"public.ecr.aws/lambda/',
    '"architecture":"x86_64","repositoryName":"lambdacontainer/","tag":"v1-","projectName":"lambdacontainer-standard"',
    '"logGroupName":"/lambdacontainer/","family":"lc-","hash":"v1-","cluster":"lambdacontainer","serviceName":"lc-',
    '"resourceId":"service/lambdacontainer/lc-","roleArn":"arn:aws:iam::","functionName":"qualifier":"","ruleArn":"',
    '{"nodeId":"function","kind":"lambda-function","identity":{"listenerArn":"arn:aws:elasticloadbalancing:","priority":"',
    '"targetGroupName":"lc-","targetGroupArn":"arn:aws:elasticloadbalancing:"},"place":{"scope":"","name":"},"swept":"',
    '"rotating":"},{"nodeId":"rule","kind":"listener-rule","nodeId":"target-group/ip","kind":"target-group",',
    '"nodeId":"service","kind":"ecs-service","identity":{},"shared":false,"capacity":false,"dependsOn":[],"propsHash":"q1',
    '","actedAtMs":17,"seen":true},',
  ].join(''),
);

function fold(value: unknown): Folded {
  return deflateRawSync(JSON.stringify(value), { dictionary: DICTIONARY, level: 6, memLevel: 6 }).toString('latin1');
}

function unfold<T>(folded: Folded): T {
  const inflated = inflateRawSync(Buffer.from(folded, 'latin1'), { dictionary: DICTIONARY });
  return JSON.parse(inflated.toString('utf8')) as T;
}

/** Texts and values that many objects have in common, once. */
const SHARED = new Map<string, unknown>();
/** More different ones than a fleet has classes and listeners are not worth being looked for. */
const SHARED_MAX = 10_000;

function inventoryOutline(inventory: Inventory): InventoryOutline {
  const { uid, className, classHash, createdAtMs, target, held, deletingSinceMs, classChangedAtMs, allocation } =
    inventory;
  const { ignoredConfirmations } = inventory;
  return {
    uid,
    className: text(className),
    classHash: text(classHash),
    createdAtMs,
    target: text(target),
    held,
    deletingSinceMs,
    classChangedAtMs,
    ignoredConfirmations,
    allocation: allocation && { ...allocation, listenerArn: text(allocation.listenerArn) },
    entries: shared(`entries ${inventory.entries.length}`, { length: inventory.entries.length }),
  };
}

function statusOutline({ phase, placement, conditions, drift }: LambdaContainerStatus): StatusOutline {
  const outline = {
    phase,
    placement: placement && { serving: placement.serving },
    conditions: conditions.map(({ type, status }) => ({ type, status })),
    drift: drift.map(({ since }) => ({ since })),
  };
  return shared(JSON.stringify(outline), outline);
}

function text<T extends string | undefined>(value: T): T {
  return value === undefined ? value : shared(value, value);
}

function shared<T>(name: string, value: T): T {
  const known = SHARED.get(name);
  if (known !== undefined) return known as T;
  if (SHARED.size < SHARED_MAX) SHARED.set(name, value);
  return value;
}
