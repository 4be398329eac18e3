/**
 * What the controller remembers of an object: identity, generation, and the inventory of what it made for it. An entry
 * is written before its resource is created, so that a lost answer leads to adoption of our own child, not to a twin.
 */
import type { Identity } from './contract.ts';

export interface InventoryEntry {
  readonly nodeId: string;
  readonly kind: string;
  readonly identity: Identity;
  readonly shared: boolean;
  readonly capacity: boolean;
  /** Node ids that it uses: they are deleted after it. */
  readonly dependsOn: readonly string[];
  /** Hash of the desired props at the last act: a difference at an equal hash is drift, not a change of desire. */
  readonly propsHash: string;
  /** Last time we created or changed it, epoch ms. */
  readonly actedAtMs: number;
  /** It was seen at least once since its creation: from then on "not found" means gone. */
  readonly seen: boolean;
}

export interface Allocation {
  readonly listenerArn: string;
  readonly priority: number;
  /** `host path` pairs that this object answers for on the listener. */
  readonly claims: readonly string[];
}

export interface Inventory {
  readonly uid: string;
  readonly generation: number;
  readonly specHash: string;
  readonly className: string;
  readonly deletionPolicy: 'delete' | 'retain';
  readonly createdAtMs: number;
  /** The record carried the protection annotation when it was last read. */
  readonly protected?: boolean | undefined;
  /** The record vanished and its deletion waits for a person. */
  readonly held?: DeletionHold | undefined;
  /** The record vanished at this time and deletion has begun. */
  readonly deletingSinceMs?: number | undefined;
  /** Confirmations that name this object but were found while its record was there: they speak of another vanishing. */
  readonly ignoredConfirmations?: readonly string[] | undefined;
  /** Hash of the class that was last admitted for this object; another one takes effect within the disruption budget. */
  readonly classHash?: string | undefined;
  /** Id of the target that its resources are in, which stays while there are any; absent: the controller's own. */
  readonly target?: string | undefined;
  /** It was taken over to a changed class at this time and has not been Ready since: it holds a place of the budget. */
  readonly classChangedAtMs?: number | undefined;
  /** The last restart that was asked for. Kept when the annotation goes, which is no reason to restart again. */
  readonly restartedAt?: string | undefined;
  /** What tags of images stood for when they were used, by node. */
  readonly pins?: Readonly<Record<string, Pin>> | undefined;
  readonly entries: readonly InventoryEntry[];
  /** How often a node was replaced; part of its physical name. */
  readonly incarnations: Readonly<Record<string, number>>;
  readonly allocation?: Allocation | undefined;
  /** Fields that we put right lately, and those that are left alone because somebody else makes them other again. */
  readonly contention?: readonly FieldContention[] | undefined;
  /** What everything desired was seen as when the object was last settled; gone as soon as a pass acts or is refused. */
  readonly steady?: Steady | undefined;
}

/** What is remembered of a field that somebody else changed; see `plan/contention.ts`. */
export interface FieldContention {
  readonly nodeId: string;
  readonly path: string;
  /** Hash of the desired value: another desire is another matter. */
  readonly desired: string;
  /** The last times at which we put it right, epoch ms. */
  readonly healedAtMs: readonly number[];
  /** It was seen as desired since the last time. */
  readonly isHeld: boolean;
  /** How often it has been left alone so far. */
  readonly stops: number;
  /** It is left alone now. */
  readonly stopped?: {
    readonly sinceMs: number;
    /** When it was last seen to change. */
    readonly changedAtMs: number;
    /** Hash of the value that was seen last. */
    readonly observed: string;
    /** For people, cut to a line. */
    readonly shown: { readonly desired: string; readonly observed: string };
    readonly writer: string;
    /** How often we put it right before. */
    readonly heals: number;
  };
}

/** The digest that a tag stood for when it was used. */
export interface Pin {
  /** Of the node that read the tag: another reference or architecture is another tag. */
  readonly identity: Identity;
  readonly digest: string;
  /** Another digest under the tag is used as soon as it is seen. */
  readonly follows: boolean;
}

/** What a sweep compares with: written when a pass settles, so that a new leader needs no pass over a steady fleet. */
export interface Steady {
  /** Hash of the desired record as it was read, and of its class. */
  readonly record: string;
  readonly klass: string;
  readonly nodes: readonly SteadyNode[];
}

export interface SteadyNode {
  readonly nodeId: string;
  readonly kind: string;
  readonly identity: Identity;
  /** Where the kind's listing shows it; absent: only the rotation sees it. */
  readonly place?: { readonly scope: string; readonly name: string } | undefined;
  /** Fingerprints (see `fingerprint.ts`) of what the listing shows and of what only the rotation sees. */
  readonly swept?: string | undefined;
  readonly rotating?: string | undefined;
}

/** Why a deletion is held. */
export interface DeletionHold {
  readonly reason: 'Protected' | 'TooManyDeletions' | 'TableReplaced' | 'TableEmpty';
  readonly message: string;
  readonly sinceMs: number;
}

/** What a pass saw, decided and did: the newest are kept per object. Only passes that differ from the last are recorded. */
export interface Decision {
  /** Grows by one per object; its place in the ring is `number` modulo the ring's size. */
  readonly number: number;
  /** ISO time. */
  readonly at: string;
  readonly generation: number;
  /** Nodes and what was found of them, those that are settled left out: `ecs-service: pending RolloutInProgress`. */
  readonly saw: readonly string[];
  /** Steps and why: `update rule-weights: WeightDrift: weights 0 → 100`. */
  readonly decided: readonly string[];
  /** Outcome per step: `done`, or the failure's code and message. */
  readonly did: readonly string[];
  readonly tookMs: number;
}

/** A deployed combination of image and configuration, immutable. */
export interface Revision {
  readonly number: number;
  readonly image: string;
  readonly functionVersion: string;
  readonly codeSha256: string;
  readonly taskDefinition: string | undefined;
  /** Inventory identities that a rollback to this revision needs. */
  readonly reachable: readonly { readonly kind: string; readonly identity: Identity }[];
  readonly at: string;
}

export interface ObjectEvent {
  /** ISO time. */
  readonly at: string;
  readonly type: 'Normal' | 'Warning';
  readonly reason: string;
  readonly message: string;
  readonly node?: string | undefined;
  readonly tookMs?: number | undefined;
}

export function sameIdentity(a: Identity, b: Identity): boolean {
  const keys = Object.keys(a);
  if (keys.length !== Object.keys(b).length) return false;
  for (const key of keys) if (a[key] !== b[key]) return false;
  return true;
}
