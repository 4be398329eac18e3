/** What an object answers for on its listener. */
import type { LambdaContainerSpec } from '../api/index.ts';
import type { ObjectKey } from '../resource/index.ts';

/** Hosts and paths of the rule: those of the spec, else `/<name>` and everything below it. */
export function conditionsOfTraffic(key: ObjectKey, spec: LambdaContainerSpec): { hosts: string[]; paths: string[] } {
  const { hosts, paths } = spec.traffic;
  if (paths && paths.length > 0) return { hosts: [...hosts], paths: [...paths] };
  return { hosts: [...hosts], paths: hosts.length > 0 ? ['/*'] : [`/${key.name}`, `/${key.name}/*`] };
}

/** One text per host and path, to tell that two objects want the same. */
export function claimsOf(key: ObjectKey, spec: LambdaContainerSpec): string[] {
  const { hosts, paths } = conditionsOfTraffic(key, spec);
  return (hosts.length > 0 ? hosts : ['*']).flatMap((host) => paths.map((path) => `${host.toLowerCase()} ${path}`));
}

/** Where people reach it. */
export function urlOf(key: ObjectKey, spec: LambdaContainerSpec, baseUrl: string): string {
  const { hosts, paths } = conditionsOfTraffic(key, spec);
  const path = (paths[0] ?? '/').replace(/\*.*$/, '');
  const base =
    hosts[0] && !hosts[0].includes('*') ? `${new URL(baseUrl).protocol}//${hosts[0]}` : baseUrl.replace(/\/$/, '');
  return `${base}${path}`;
}
