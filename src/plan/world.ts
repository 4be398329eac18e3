/**
 * What the planner sees and what it answers: values only. A world is one object's graph together with everything that
 * was observed of it in this pass; a plan is a verdict per node and the frontier of steps that are possible now.
 */
import type { Failure } from '../core/index.ts';
import type {
  Change,
  FieldContention,
  Identity,
  InventoryEntry,
  Node,
  Readiness,
  Resolved,
} from '../resource/index.ts';
import type { LastWriter } from './contention.ts';
import type { DriftRules } from './drift-rules.ts';

export type Observation =
  /** AWS said that it is not there. */
  | { readonly state: 'absent' }
  | { readonly state: 'present'; readonly observed: unknown }
  /** It could not be read: that says nothing about whether it exists. */
  | { readonly state: 'unknown'; readonly failure: Failure };

export interface NodeView {
  readonly node: Node;
  /** Undefined while outputs that it depends on are missing. */
  readonly resolved: Resolved | undefined;
  /** The dependency whose outputs were missing. */
  readonly waitsFor: string | undefined;
  /** Undefined only when unresolved. */
  readonly observation: Observation | undefined;
  /** It was observed so by an earlier pass, not by this one. */
  readonly isRecalled?: true;
}

/** Something in the inventory that the graph no longer names. */
export interface OrphanView {
  readonly entry: InventoryEntry;
  readonly observation: Observation;
  /** Other objects use it too: it is only forgotten, not deleted. */
  readonly stillUsed: boolean;
}

export interface World {
  /** In topological order. */
  readonly nodes: readonly NodeView[];
  readonly orphans: readonly OrphanView[];
  readonly entries: readonly InventoryEntry[];
  /** False while parts of the graph depend on things not yet observed: nothing counts as an orphan then. */
  readonly complete: boolean;
  readonly nowMs: number;
  /** When the first of it was read. Default: now. */
  readonly readFromMs?: number;
  /** `delete`: the record is gone. `retain`: gone, and what runs is to be left running. */
  readonly goal: 'converge' | 'delete' | 'retain';
  /** Ownership tags that what is ours carries. */
  readonly tags: Readonly<Record<string, string>>;
  /** Key of the tag that marks the controller; enough for shared resources. */
  readonly ownerTag: string;
  /** Everything was settled when it was last looked at: what is on its way now was disturbed by somebody else. */
  readonly wasReady: boolean;
  /** Last time that traffic was moved, epoch ms: capacity is taken away only some time after. */
  readonly trafficMovedAtMs: number;
  /** What is done about fields that somebody else changed. Default: all are put right. */
  readonly drift?: DriftRules;
  /** What is remembered of fields that were put right before. */
  readonly contention?: readonly FieldContention[];
  /** Who was last seen to change a node's resource, by node id, where AWS's events told. */
  readonly writers?: ReadonlyMap<string, LastWriter>;
  /** Somebody asked for this pass: what failed is tried again now, whatever pause it is in. */
  readonly retryNow?: boolean;
}

export type Verdict =
  | { readonly state: 'settled' }
  | { readonly state: 'acting'; readonly reason: string; readonly message: string }
  | {
      readonly state: 'pending';
      readonly reason: string;
      readonly message: string;
      readonly pollAfterMs: number;
      readonly usable: boolean;
    }
  | { readonly state: 'blocked'; readonly on: string }
  | {
      readonly state: 'failed';
      readonly reason: string;
      readonly message: string;
      readonly retryAtMs: number | undefined;
    }
  | { readonly state: 'unknown'; readonly failure: Failure };

export type StepAction = 'create' | 'update' | 'delete' | 'release' | 'reincarnate';

export interface Step {
  readonly action: StepAction;
  readonly nodeId: string;
  readonly kind: string;
  readonly identity: Identity;
  readonly props: unknown;
  readonly observed: unknown;
  readonly changes: readonly Change[];
  /** Why it acts, for people: `WeightDrift: weights 0 → 100`. */
  readonly reason: string;
  readonly shared: boolean;
  readonly capacity: boolean;
  readonly dependsOn: readonly string[];
}

/** A difference at unchanged desire: somebody or something else changed it. */
export interface Drift {
  readonly nodeId: string;
  readonly kind: string;
  /** Empty: the resource itself. */
  readonly path: string;
  readonly desired: unknown;
  readonly observed: unknown;
  readonly reason: string;
  /** What is done about it; absent: it is put right. */
  readonly policy?: 'warn';
  /** It is left alone, because somebody else makes it other again and again. */
  readonly isContended?: boolean;
}

export interface Plan {
  readonly verdicts: ReadonlyMap<string, Verdict>;
  readonly steps: readonly Step[];
  readonly drift: readonly Drift[];
  /** What is to be remembered of fields that were put right before, those that are left alone among them. */
  readonly contention: readonly FieldContention[];
  /** Inventory entries that need no step any more: gone, or used by others. */
  readonly forget: readonly InventoryEntry[];
  /** Entries to record of what stands there already (shared resources that another object made). */
  readonly record: readonly Step[];
  /** Nodes seen for the first time since their creation. */
  readonly seen: readonly string[];
  /** Everything desired is observed, and nothing is left over. */
  readonly settled: boolean;
  /** When to look again without being woken; undefined when settled. */
  readonly requeueAfterMs: number | undefined;
}

export type { Readiness };
