/**
 * What is done about fields that somebody else changed: `spec.drift`, field by field. `heal` puts them right, `warn` says
 * so and writes nothing, `ignore` writes and says nothing. What the spec itself changes is written all the same, but for
 * a single field that is ignored: that one is its user's from the moment it is made. A field is named by its kind and its path as in
 * `field-owners.ts`: `ecsService.desiredCount`, `targetGroup.healthCheck.*`.
 */
import type { Change } from '../resource/index.ts';
import { FIELD_OWNERS, isInseparable } from './field-owners.ts';

export type DriftPolicy = 'heal' | 'warn' | 'ignore';

export interface DriftRules {
  readonly policy: DriftPolicy;
  readonly fields: Readonly<Record<string, DriftPolicy>>;
}

export const HEAL_ALL: DriftRules = { policy: 'heal', fields: {} };

export interface FieldPolicy {
  readonly policy: DriftPolicy;
  /** It was given for this field and not for all. */
  readonly isNamed: boolean;
}

/** The policy of a field: that of the longest name that covers it, else the one for all. */
export function policyOf({ policy, fields }: DriftRules, kind: string, path: string): FieldPolicy {
  const name = fieldName(kind, path);
  let best: { readonly length: number; readonly policy: DriftPolicy } | undefined;
  for (const [pattern, own] of Object.entries(fields)) {
    const covers = pattern.endsWith('*') ? name.startsWith(pattern.slice(0, -1)) : name === pattern;
    if (covers && pattern.length > (best?.length ?? -1)) best = { length: pattern.length, policy: own };
  }
  return best ? { policy: best.policy, isNamed: true } : { policy, isNamed: false };
}

/** What is wrong with the names of fields, by name; none of them is acted upon then. */
export function driftDefects({ fields }: DriftRules): { readonly name: string; readonly phrase: string }[] {
  return Object.entries(fields).flatMap(([name, policy]) => {
    const dot = name.indexOf('.');
    const kind = kebab(name.slice(0, dot === -1 ? name.length : dot));
    const path = name.slice(dot + 1);
    const rows = FIELD_OWNERS.filter((row) => row.kind === kind);
    if (dot === -1 || rows.length === 0) {
      const kinds = [...new Set(FIELD_OWNERS.map((row) => camel(row.kind)))].join(', ');
      return [{ name, phrase: `names no field; write it as <kind>.<field>, the kind one of ${kinds}` }];
    }
    const covered = rows.filter((row) => overlaps(row.path, path));
    if (covered.length === 0) {
      const paths = rows.map((row) => `${camel(kind)}.${row.path}`).join(', ');
      return [{ name, phrase: `is no field that is compared; use one of ${paths}` }];
    }
    const bound = path === '*' ? [] : covered.filter((row) => isInseparable(kind, row.path));
    if (policy === 'heal' || bound.length === 0 || bound.length === rows.length) return [];
    return [
      {
        name,
        phrase: `is written together with the rest of its resource and cannot be left to others alone; use ${camel(kind)}.* for all of it`,
      },
    ];
  });
}

/**
 * The props with the given fields as they were observed, so that an update that sends a whole does not write them.
 * Fields that the props do not hold are left out of it: such updates send what differs alone.
 */
export function withObserved(props: unknown, left: readonly Change[]): unknown {
  return left.reduce((changed, { path, observed }) => put(changed, path, observed), props);
}

/** Names of members may have dots of their own, as those of load balancer attributes. */
function put(value: unknown, path: string, observed: unknown): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
  if (Object.hasOwn(value, path)) return { ...value, [path]: observed };
  const members = value as Readonly<Record<string, unknown>>;
  const name = Object.keys(members).find((member) => path.startsWith(`${member}.`));
  if (name === undefined) return value;
  return { ...members, [name]: put(members[name], path.slice(name.length + 1), observed) };
}

function fieldName(kind: string, path: string): string {
  return `${camel(kind)}.${path}`;
}

function camel(kind: string): string {
  return kind.replace(/-([a-z])/g, (_all, letter: string) => letter.toUpperCase());
}

function kebab(kind: string): string {
  return kind.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}

/** Either covers something of the other. */
function overlaps(a: string, b: string): boolean {
  const [stemA, stemB] = [a.replace(/\*$/, ''), b.replace(/\*$/, '')];
  if (a.endsWith('*') && b.endsWith('*')) return stemA.startsWith(stemB) || stemB.startsWith(stemA);
  if (a.endsWith('*')) return b.startsWith(stemA);
  if (b.endsWith('*')) return a.startsWith(stemB);
  return a === b;
}
