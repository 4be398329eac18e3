/**
 * Gives each object that is served through a load balancer a listener of its class's pool and a rule priority on it,
 * once and durably, and refuses paths that another object already answers for.
 */
import type { LambdaContainerClassSpec, LambdaContainerSpec } from '../api/index.ts';
import type { Elbv2Port } from '../aws/index.ts';
import { claimsOf } from '../compose/index.ts';
import { isFailure } from '../core/index.ts';
import { type Allocation, formatKey, type Inventory, type ObjectKey } from '../resource/index.ts';
import type { Allocations } from '../store/index.ts';
import type { Memory } from './memory.ts';
import { isRefusal, type Refusal } from './refusals.ts';
import type { InventoryOutline } from './remembered-object.ts';

/** An ALB takes 100 target groups and an object may need two: https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-limits.html */
const OBJECTS_PER_LISTENER_MAX = 50;

export type Allocated =
  | { readonly allocation: Allocation; readonly problem?: undefined; readonly reason?: undefined }
  | { readonly allocation?: undefined; readonly problem: string; readonly reason: Refusal };

export class Allocator {
  readonly #allocations: Allocations;
  readonly #elbv2: (klass: LambdaContainerClassSpec) => Pick<Elbv2Port, 'describeRules'>;
  readonly #memory: Pick<Memory, 'outlines'>;
  readonly #epoch: () => number;

  constructor(
    allocations: Allocations,
    elbv2: (klass: LambdaContainerClassSpec) => Pick<Elbv2Port, 'describeRules'>,
    memory: Pick<Memory, 'outlines'>,
    epoch: () => number,
  ) {
    this.#allocations = allocations;
    this.#elbv2 = elbv2;
    this.#memory = memory;
    this.#epoch = epoch;
  }

  async allocate(
    key: ObjectKey,
    spec: LambdaContainerSpec,
    klass: LambdaContainerClassSpec,
    inventory: Inventory,
  ): Promise<Allocated> {
    return this.#seek(key, spec, klass, inventory, (listenerArn, priority) =>
      this.#allocations.claim(listenerArn, priority, formatKey(key), this.#epoch()),
    );
  }

  /** What `allocate` would answer now. It claims nothing, so another object may be faster. */
  async preview(
    key: ObjectKey,
    spec: LambdaContainerSpec,
    klass: LambdaContainerClassSpec,
    inventory: Inventory,
  ): Promise<Allocated> {
    return this.#seek(key, spec, klass, inventory, async (listenerArn, priority) => {
      const holder = await this.#allocations.holder(listenerArn, priority);
      return holder === undefined || holder === formatKey(key);
    });
  }

  async #seek(
    key: ObjectKey,
    spec: LambdaContainerSpec,
    klass: LambdaContainerClassSpec,
    inventory: Inventory,
    take: (listenerArn: string, priority: number) => Promise<boolean>,
  ): Promise<Allocated> {
    const claims = claimsOf(key, spec);
    const others = this.#memory.outlines().filter(({ uid }) => uid !== inventory.uid);
    const kept = inventory.allocation;
    const pool = new Set(klass.listeners.map(({ arn }) => arn));
    const conflicting = (other: InventoryOutline) =>
      // Another class's listeners are other addresses.
      (other.allocation && pool.has(other.allocation.listenerArn) ? other.allocation.claims : []).find(
        // Who holds a path keeps it; of two that hold it (made at the same moment) the older does.
        (claim) => claims.includes(claim) && (!kept?.claims.includes(claim) || isOlder(other, inventory)),
      );
    const rival = others.find((other) => conflicting(other) !== undefined);
    if (rival) {
      return {
        reason: 'PathConflict',
        problem: `spec.traffic: another object already answers for '${conflicting(rival)}'; choose another host or path`,
      };
    }
    if (kept && klass.listeners.some(({ arn }) => arn === kept.listenerArn)) {
      return { allocation: { ...kept, claims } };
    }
    for (const { arn, priorities } of klass.listeners) {
      const taken = new Set(
        others.flatMap(({ allocation }) => (allocation?.listenerArn === arn ? [allocation.priority] : [])),
      );
      if (taken.size >= OBJECTS_PER_LISTENER_MAX) continue;
      const occupied = await this.#occupied(arn, this.#elbv2(klass));
      if ('problem' in occupied) return occupied;
      for (let priority = priorities.from; priority <= priorities.to; priority++) {
        if (taken.has(priority) || occupied.has(String(priority))) continue;
        if (await take(arn, priority)) {
          return { allocation: { listenerArn: arn, priority, claims } };
        }
      }
    }
    return {
      reason: 'ListenersFull',
      problem: `spec.className: no listener of class '${spec.className}' has room (${OBJECTS_PER_LISTENER_MAX} objects each); add a listener to the class`,
    };
  }

  /**
   * Priorities that have a rule already: another's, or one that `retain` left running. Asked once, when a priority is
   * first needed.
   */
  async #occupied(
    listenerArn: string,
    elbv2: Pick<Elbv2Port, 'describeRules'>,
  ): Promise<Set<string> | { readonly reason: Refusal; readonly problem: string }> {
    const priorities = new Set<string>();
    let Marker: string | undefined;
    try {
      do {
        const page = await elbv2.describeRules({ ListenerArn: listenerArn, ...(Marker ? { Marker } : {}) });
        for (const { Priority } of page.Rules ?? []) if (Priority) priorities.add(Priority);
        Marker = page.NextMarker;
      } while (Marker);
      return priorities;
    } catch (error) {
      if (!isFailure(error, 'notFound') && !isFailure(error, 'denied')) throw error;
      // Then nothing of the class's account can be reached: the listener is not at fault.
      if (isRefusal(error.code)) return { reason: error.code, problem: error.message };
      const problem = `the class's listener ${listenerArn} cannot be used: ${error.message}; correct spec.listeners of the class`;
      return { reason: 'ListenerNotUsable', problem };
    }
  }

  /** Gives back what a deleted object had. */
  async free(key: ObjectKey, inventory: Inventory): Promise<void> {
    if (!inventory.allocation) return;
    const { listenerArn, priority } = inventory.allocation;
    await this.#allocations.free(listenerArn, priority, formatKey(key), this.#epoch());
  }
}

function isOlder(a: InventoryOutline, b: InventoryOutline): boolean {
  return a.createdAtMs < b.createdAtMs || (a.createdAtMs === b.createdAtMs && a.uid < b.uid);
}
