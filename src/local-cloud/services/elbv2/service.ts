/**
 * Elastic Load Balancing: application load balancers with HTTP listeners, rules, target groups of addresses or of one
 * function, and target health. It decides where a request goes and which targets may have it; the sockets are the load
 * balancer's shell. Nothing is kept of requests but the number in flight, by which a drain can end early.
 */
import type { CloudService, Handler, ProbeDriver, ServiceDeps } from '../../contract.ts';
import type { TaggedResource } from '../tagging.ts';
import type { RouteRequest } from './conditions.ts';
import { attributesOf, IDLE_TIMEOUT } from './load-balancer-attributes.ts';
import { loadBalancerOperations } from './load-balancers.ts';
import { Elbv2Records } from './model.ts';
import { compileRouter, type Route, type Router, SERVICE_UNAVAILABLE } from './routing.ts';
import { tagOperations } from './tags.ts';
import { targetGroupOperations } from './target-groups.ts';
import { type TargetFunctions, type TargetState, Targets } from './targets.ts';

export interface Elbv2Deps extends ServiceDeps {
  readonly probes: ProbeDriver;
  readonly lambda: TargetFunctions;
}

export interface IpTarget {
  readonly ip: string;
  readonly port: number;
}

/** Who may answer a request that was routed to a group. */
export type GroupTargets =
  /** Empty: nothing is registered, the answer is 503. */
  | { readonly type: 'ip'; readonly targets: readonly IpTarget[] }
  | { readonly type: 'lambda'; readonly functionArn: string; readonly multiValueHeaders: boolean };

/** The machine, and what the load balancer's sockets and the container machine ask of it. */
export class Elbv2Service implements CloudService {
  readonly id = 'elbv2';
  readonly operations: Readonly<Record<string, Handler>>;
  readonly #records: Elbv2Records;
  readonly #targets: Targets;
  readonly #observers: ((targetGroupArn: string) => void)[] = [];
  /** Compiled rules by listener and targets by group; dropped on every change and made again from stored state. */
  readonly #routers = new Map<string, Router>();
  readonly #eligible = new Map<string, GroupTargets>();

  constructor(deps: Elbv2Deps) {
    this.#records = new Elbv2Records(deps.state, deps.settings);
    this.#targets = new Targets(this.#records, deps, (targetGroupArn) => this.#changed(targetGroupArn));
    this.operations = {
      ...loadBalancerOperations(this.#records, deps.random, {
        routesChanged: () => this.#routers.clear(),
        attached: (targetGroupArn, nowMs) => this.#targets.attached(targetGroupArn, nowMs),
      }),
      ...targetGroupOperations(this.#records, deps.random, {
        reconfigured: (targetGroupArn, nowMs) => {
          this.#targets.lookAt(this.#records.targetGroup(targetGroupArn), nowMs);
          this.#changed(targetGroupArn);
        },
        deleted: (targetGroupArn) => this.#changed(targetGroupArn),
      }),
      ...this.#targets.operations,
      ...tagOperations(this.#records),
    };
  }

  advance(nowMs: number): void {
    this.#targets.advance(nowMs);
  }

  nextAtMs(): number | undefined {
    return this.#targets.nextAtMs();
  }

  /** For the account's tag listing. */
  *taggedResources(): Iterable<TaggedResource> {
    const { loadBalancers, listeners, rules, targetGroups } = this.#records;
    for (const records of [loadBalancers, listeners, rules, targetGroups]) yield* records.each();
  }

  // ------------------------------------------------------------------------------------- for the load balancer's shell

  /** Every listener of the account, with the idle timeout of its load balancer. */
  listeners(): { arn: string; port: number; idleTimeoutMs: number }[] {
    return this.#records.listeners.values().map(({ arn, port, loadBalancerArn }) => {
      const { attributes } = this.#records.loadBalancer(loadBalancerArn);
      return { arn, port, idleTimeoutMs: Number(attributesOf(attributes)[IDLE_TIMEOUT]) * 1000 };
    });
  }

  /** Where a request goes. `random` is in [0, 1). A listener that is gone answers 503. */
  route(listenerArn: string, request: RouteRequest, random: () => number): Route {
    let router = this.#routers.get(listenerArn);
    if (!router) {
      const listener = this.#records.listeners.get(listenerArn);
      if (!listener) return SERVICE_UNAVAILABLE;
      router = compileRouter(this.#records.rulesOfListener(listener), listener.port);
      this.#routers.set(listenerArn, router);
    }
    return router(request, random);
  }

  /** The healthy targets of a group; when none is healthy all that are registered, because AWS fails open. */
  targetsFor(targetGroupArn: string): GroupTargets {
    const known = this.#eligible.get(targetGroupArn);
    if (known) return known;
    const group = this.#records.targetGroups.get(targetGroupArn);
    const registered = Object.values(group?.targets ?? {}).filter(({ state }) => state !== 'draining');
    const healthy = registered.filter(({ state }) => state === 'healthy');
    const [functionTarget] = registered;
    const eligible: GroupTargets =
      group?.targetType === 'lambda' && functionTarget
        ? {
            type: 'lambda',
            functionArn: functionTarget.id,
            multiValueHeaders: group.attributes['lambda.multi_value_headers.enabled'] === 'true',
          }
        : {
            type: 'ip',
            targets: (healthy.length > 0 ? healthy : registered).map(({ id, port }) => ({ ip: id, port: port ?? 0 })),
          };
    this.#eligible.set(targetGroupArn, eligible);
    return eligible;
  }

  /** A request was sent to a target; each must be followed by one `requestEnded`. */
  requestStarted(targetGroupArn: string, target: IpTarget): void {
    this.#targets.requestStarted(targetGroupArn, target);
  }

  requestEnded(targetGroupArn: string, target: IpTarget): void {
    this.#targets.requestEnded(targetGroupArn, target);
  }

  // --------------------------------------------------------------------------------------------- for other machines

  targetGroup(targetGroupArn: string): { targetType: 'ip' | 'lambda'; attached: boolean } | undefined {
    const group = this.#records.targetGroups.get(targetGroupArn);
    return group && { targetType: group.targetType, attached: group.loadBalancerArn !== undefined };
  }

  /** Whether a listener's rule uses the group. */
  isAttached(targetGroupArn: string): boolean {
    return this.targetGroup(targetGroupArn)?.attached ?? false;
  }

  /** Registers an address as RegisterTargets does. @throws AwsError TargetGroupNotFound, TooManyTargets */
  registerTarget(targetGroupArn: string, target: IpTarget, nowMs: number): void {
    this.#targets.register(targetGroupArn, target, nowMs);
  }

  /** Starts draining an address; does nothing when it is not registered. */
  deregisterTarget(targetGroupArn: string, target: IpTarget, nowMs: number): void {
    this.#targets.deregister(targetGroupArn, target, nowMs);
  }

  /** Health of an address; its state is undefined once it is not registered (any more). */
  targetState(targetGroupArn: string, target: IpTarget): { state: TargetState; description: string | undefined } {
    return this.#targets.state(targetGroupArn, target);
  }

  /** Calls `observer` after each change of a group's targets. It runs inside of the step that makes the change. */
  onTargetChange(observer: (targetGroupArn: string) => void): void {
    this.#observers.push(observer);
  }

  #changed(targetGroupArn: string): void {
    this.#eligible.delete(targetGroupArn);
    for (const observer of this.#observers) observer(targetGroupArn);
  }
}
