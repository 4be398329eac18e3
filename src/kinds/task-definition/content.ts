/**
 * What differs between the content that is desired and a revision that stands: for people, because to the controller
 * another content is simply another revision. Pure. What ECS adds by itself (a host port, empty lists) is no difference.
 */
import type { TaskDefinition } from '@aws-sdk/client-ecs';
import { sameJson } from '../../core/index.ts';
import type { Change } from '../../resource/index.ts';
import type { TaskDefinitionProps } from './index.ts';

/** Of a container what can be taken away again: ECS fills the other members with defaults of its own. */
const TAKEN_AWAY = ['environment', 'secrets', 'dockerLabels', 'entryPoint', 'command', 'dependsOn'] as const;

const REASON = 'ContentDrift';

/** One change for each field, containers and variables by their names: `function-1.environment.LOG_LEVEL`. */
export function contentChanges(desired: TaskDefinitionProps['register'], standing: TaskDefinition): Change[] {
  const { containerDefinitions: wanted = [], ...rest } = desired;
  const before = byName(standing.containerDefinitions);
  const gone = [...before.keys()].filter((name) => !wanted.some((container) => container.name === name));
  return [
    ...members(rest, standing as Record<string, unknown>, ''),
    ...wanted.flatMap((container) => {
      const name = container.name ?? '';
      const now = before.get(name);
      if (!now) return [{ path: name, desired: 'present', observed: 'absent', reason: REASON }];
      return [...members(container, now, `${name}.`), ...takenAway(container, now, `${name}.`)];
    }),
    ...gone.map((name) => ({ path: name, desired: 'absent', observed: 'present', reason: REASON })),
  ];
}

type Members = Readonly<Record<string, unknown>>;

function members(desired: object, observed: object, path: string): Change[] {
  return Object.entries(desired).flatMap(([name, value]) => {
    if (name === 'name') return [];
    const now = (observed as Members)[name];
    if (isVariables(value)) return variables(value, isVariables(now) ? now : [], `${path}${name}.`);
    return covers(value, now) ? [] : [change(`${path}${name}`, value, now)];
  });
}

function takenAway(desired: object, observed: object, path: string): Change[] {
  return TAKEN_AWAY.flatMap((name) => {
    const now = (observed as Members)[name];
    if ((desired as Members)[name] !== undefined || isEmpty(now)) return [];
    return isVariables(now) ? variables([], now, `${path}${name}.`) : [change(`${path}${name}`, null, now)];
  });
}

type Variable = { readonly name: string; readonly value?: string; readonly valueFrom?: string };

function variables(desired: readonly Variable[], observed: readonly Variable[], path: string): Change[] {
  const [wanted, now] = [asRecord(desired), asRecord(observed)];
  return [...new Set([...Object.keys(wanted), ...Object.keys(now)])]
    .sort()
    .flatMap((name) => (wanted[name] === now[name] ? [] : [change(`${path}${name}`, wanted[name], now[name])]));
}

function change(path: string, desired: unknown, observed: unknown): Change {
  return { path, desired: desired ?? null, observed: observed ?? null, reason: REASON };
}

function asRecord(list: readonly Variable[]): Record<string, string> {
  return Object.fromEntries(list.map(({ name, value, valueFrom }) => [name, value ?? valueFrom ?? '']));
}

/** A list of `{name, value}` or `{name, valueFrom}`. */
function isVariables(value: unknown): value is Variable[] {
  return (
    Array.isArray(value) &&
    value.length > 0 &&
    value.every((item) => typeof item?.name === 'string' && ('value' in item || 'valueFrom' in item))
  );
}

function isEmpty(value: unknown): boolean {
  if (value === undefined || value === null) return true;
  return Array.isArray(value) ? value.length === 0 : typeof value === 'object' && Object.keys(value).length === 0;
}

/** Everything that is asked for is there; lists have as many items, in the same order. */
function covers(desired: unknown, observed: unknown): boolean {
  if (Array.isArray(desired)) {
    return (
      Array.isArray(observed) &&
      desired.length === observed.length &&
      desired.every((item, index) => covers(item, observed[index]))
    );
  }
  if (typeof desired !== 'object' || desired === null) return sameJson(desired, observed);
  if (typeof observed !== 'object' || observed === null) return false;
  return Object.entries(desired).every(
    ([name, value]) => value === undefined || covers(value, (observed as Members)[name]),
  );
}

function byName<T extends { name?: string | undefined }>(containers: readonly T[] | undefined): Map<string, T> {
  return new Map((containers ?? []).map((container) => [container.name ?? '', container]));
}
