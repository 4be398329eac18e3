/**
 * The one contract every AWS resource kind fulfils, and the node that `compose` builds from it. Kinds know one AWS
 * resource each; they know nothing of objects, plans or each other. `plan` and `execute` know kinds only through this.
 */
import type { Call, Ports } from '../aws/index.ts';
import type { EventInterest } from './events.ts';
import type { Fields } from './fingerprint.ts';
import type { Sweep } from './sweep.ts';

/** What finds a resource again when the spec is gone: small, JSON, stored in the inventory before a create. */
export type Identity = Readonly<Record<string, string>>;

/** One field that differs. `reason` is a typed drift reason, e.g. `WeightDrift`. */
export interface Change {
  readonly path: string;
  readonly desired: unknown;
  readonly observed: unknown;
  readonly reason: string;
  /** The change cannot be made in place: the resource is replaced under a new incarnation. */
  readonly replace?: boolean;
}

export type Readiness =
  | { readonly state: 'ready' }
  /**
   * On its way. With `acceptsUpdate` a diff may be applied meanwhile. `sinceMs` (epoch) lets the planner poll young
   * transitions often and old ones seldom. `usable`: its outputs may already be used by dependents.
   */
  | {
      readonly state: 'pending';
      readonly reason: string;
      readonly message: string;
      readonly acceptsUpdate: boolean;
      readonly usable: boolean;
      readonly sinceMs?: number | undefined;
    }
  /** It did not work. `retryAfterMs` after `sinceMs` the planner calls `create` (or `update`) again. */
  | {
      readonly state: 'failed';
      readonly reason: string;
      readonly message: string;
      readonly sinceMs?: number | undefined;
      readonly retryAfterMs?: number | undefined;
    }
  /** Still visible but ending under its name (a draining ECS service): it counts as absent, its name as taken. */
  | { readonly state: 'ending'; readonly reason: string; readonly message: string };

export const READY: Readiness = { state: 'ready' };

/** What a kind may use: the ports of `aws/`, the account's scope and the clock's reading at the start of the pass. */
export interface Io {
  readonly aws: Ports;
  readonly region: string;
  readonly nowMs: () => number;
  /** Answers that can never change (a task definition revision), by ARN. Old ones may be gone: each is asked for again then. */
  readonly immutable: Map<string, unknown>;
}

export interface IamStatement {
  readonly actions: readonly string[];
  readonly resources: readonly string[];
  /**
   * Narrows by our ownership tag; only where AWS's service authorization reference lists the condition for all actions.
   * `owned`: what is acted on carries it. `claiming`: the request puts it on something new.
   */
  readonly only?: 'owned' | 'claiming';
  /** Further conditions, as IAM writes them: operator → key → value. */
  readonly when?: Readonly<Record<string, Readonly<Record<string, string>>>>;
  /** Why the controller needs it; it stands in the generated policy of `deploy/controller.yaml`. */
  readonly because: string;
}

/** The steps that change something in AWS. */
export type MutatingStep = 'create' | 'update' | 'delete' | 'release';

/**
 * What each step may call that changes something, as `ecs UpdateService`: the port's service and AWS's operation. A step
 * calls none that is not named here (the conformance suite compares), and may call fewer: which, depends on what differs.
 */
export type MutatingCalls = Readonly<Record<MutatingStep, readonly string[]>>;

export interface CreateCall extends Call {
  /** Derived from the identity; for APIs that take an idempotency token. */
  readonly token: string;
  /** Ownership tags to put on the new resource. */
  readonly tags: Readonly<Record<string, string>>;
  /**
   * When the leader before this one set out to make or change it, if that was a moment ago: a listing may not show yet
   * what came of it.
   */
  readonly inheritedAtMs?: number | undefined;
}

/**
 * @typeParam Props what is desired, JSON only, never containing a field we do not own
 * @typeParam Observed what AWS said, JSON only
 */
export interface ResourceKind<Props = unknown, Observed = unknown> {
  readonly name: string;
  readonly permissions: readonly IamStatement[];
  readonly calls: MutatingCalls;
  /** A kind that only reads something of the user's: it is never created, changed or deleted. */
  readonly external?: boolean;
  /** A part of another resource, which it lives and goes with: it is never deleted by itself. */
  readonly facet?: boolean;
  /** These changes are sent together with what a facet of it owns, as that was observed. */
  carriesFacets?(changes: readonly Change[]): boolean;
  /** Reads it. `undefined` means AWS said that it is not there; whatever cannot be read throws a Failure. */
  observe(io: Io, identity: Identity, call: Call): Promise<Observed | undefined>;
  /** Its own ownership tags; undefined when the resource cannot carry tags (then the inventory decides alone). */
  tags(observed: Observed): Readonly<Record<string, string>> | undefined;
  /** Pure. `desired` is undefined for an orphan. */
  readiness(observed: Observed, desired: Props | undefined): Readiness;
  /** Pure: what dependents may use (`arn`, `digest`, …). */
  outputs(observed: Observed): Readonly<Record<string, unknown>>;
  /** Pure: only fields that we own; what AWS defaults is never drift. */
  diff(desired: Props, observed: Observed): readonly Change[];
  /**
   * Pure: what stands endangers those who are being served, so that it is put right even where somebody else makes it so
   * again and again. Default: never.
   */
  endangers?(desired: Props, observed: Observed): boolean;
  create(io: Io, identity: Identity, desired: Props, call: CreateCall): Promise<void>;
  update(
    io: Io,
    identity: Identity,
    desired: Props,
    observed: Observed,
    changes: readonly Change[],
    call: CreateCall,
  ): Promise<void>;
  /** Idempotent; a resource that is gone is success. */
  delete(io: Io, identity: Identity, observed: Observed, call: Call): Promise<void>;
  /** `deletionPolicy: retain`: takes our tags off and leaves it running. */
  release(io: Io, identity: Identity, observed: Observed, call: Call): Promise<void>;
  /** ms after an own create during which "not there" means "cannot tell". Default 15,000. */
  readonly visibleWithinMs?: number;
  /** No name keeps AWS from making it twice: within `visibleWithinMs`, "not there" means so even after it was seen. */
  readonly unnamed?: true;
  /**
   * What others use of it stays as it is for as long as it exists, and says nothing about who can serve. While its object
   * converges, a pass may take it to be as an earlier one saw it, to get on with the others: never to change it,
   * and never to find the object settled.
   */
  readonly lasting?: true;
  /** How a bulk listing shows it. What it does not show is in `rotating`. */
  // biome-ignore lint/suspicious/noExplicitAny: what a listing's entries are is between the kind and its listing
  readonly sweep?: Sweep<Props, any, any>;
  /** Drift reason → what only reading it by itself shows, as JSON: compared in the slow rotation. Default: nothing. */
  readonly rotating?: Fields<Observed>;
  /** Which of AWS's events speak of it; they only shorten the wait for sweep and rotation. */
  readonly events?: readonly EventInterest[];
}

/** Outputs of the nodes that a node depends on, by node id. */
export type Outputs = Readonly<Record<string, unknown>>;
/** Reads a dependency's outputs; stops resolution (the node is blocked on it) when they are not there yet. */
export type Get = (nodeId: string) => Outputs;

/** What a node turns out to be once its dependencies are known. */
export interface Resolved<Props = unknown> {
  readonly identity: Identity;
  readonly props: Props;
}

export interface Node {
  /** Unique in the object, stable over time: `ecs-service`, `target-group/ip`. */
  readonly id: string;
  readonly kind: string;
  readonly dependsOn: readonly string[];
  /** Pure. May call `get` only for nodes in `dependsOn`. */
  readonly resolve: (get: Get) => Resolved;
  /** Used by several objects (a repository, a build project): deleted only with its last user. */
  readonly shared?: boolean;
  /** The condition type of the object that this node speaks for, e.g. `ImageBuilt`. */
  readonly aspect: string;
  /** Deleting it takes serving capacity away: it must wait until traffic has been elsewhere for a while. */
  readonly capacity?: boolean;
}

/** Builds a node whose `resolve` is typed by its kind. */
export function node<Props, Observed>(
  kind: ResourceKind<Props, Observed>,
  fields: Omit<Node, 'kind' | 'resolve'> & { resolve: (get: Get) => Resolved<NoInfer<Props>> },
): Node {
  return { ...fields, kind: kind.name };
}

/** Erases a kind's types for the registry. */
// biome-ignore lint/suspicious/noExplicitAny: the registry holds kinds of all types; planner and executor pass values through
export type AnyKind = ResourceKind<any, any>;
export type KindRegistry = ReadonlyMap<string, AnyKind>;
