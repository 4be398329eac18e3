/** The door of the load-balancing machine. */
export type { RouteRequest } from './elbv2/conditions.ts';
export type { Route } from './elbv2/routing.ts';
export { type Elbv2Deps, Elbv2Service, type GroupTargets, type IpTarget } from './elbv2/service.ts';
export type { TargetFunctions, TargetState } from './elbv2/targets.ts';
