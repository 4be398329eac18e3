/**
 * Keeps secrets out of what people print, paste and keep in a pipeline's log: values under names that hold secrets, and
 * values that look like one, are replaced by a mark. No hash is shown instead: that of a short password can be guessed.
 */
import { looksSecret, looksSecretValue } from '../api/index.ts';
import { sameJson } from '../core/index.ts';
import type { Change } from '../resource/index.ts';

export const HIDDEN = '(hidden)';
/** Beside `HIDDEN` in one change, so that a difference is still seen. */
export const HIDDEN_OTHER = '(hidden, another value)';

/** A copy without secrets. `secretNames`: variables that are secrets whatever they look like. */
export function hideSecrets(value: unknown, secretNames: ReadonlySet<string> = new Set()): unknown {
  if (typeof value === 'string') return looksSecretValue(value) ? HIDDEN : value;
  if (Array.isArray(value)) return value.map((item) => hideSecrets(item, secretNames));
  if (typeof value !== 'object' || value === null) return value;
  const members = value as Record<string, unknown>;
  // As ECS and CodeBuild write variables.
  if (typeof members.name === 'string' && typeof members.value === 'string') {
    return { ...members, value: hideVariable(members.name, members.value, secretNames) };
  }
  return Object.fromEntries(
    Object.entries(members).map(([name, member]) => [
      name,
      typeof member === 'string' ? hideVariable(name, member, secretNames) : hideSecrets(member, secretNames),
    ]),
  );
}

/** Both sides of a change without secrets; the last part of its path is the variable's name. */
export function hideChange<T extends Pick<Change, 'path' | 'desired' | 'observed'>>(
  change: T,
  secretNames: ReadonlySet<string> = new Set(),
): T {
  const name = change.path.slice(change.path.lastIndexOf('.') + 1);
  const hide = (value: unknown) =>
    typeof value === 'string' ? hideVariable(name, value, secretNames) : hideSecrets(value, secretNames);
  const desired = hide(change.desired);
  const observed = hide(change.observed);
  const isLost = sameJson(desired, observed) && !sameJson(change.desired, change.observed);
  return { ...change, desired, observed: isLost ? HIDDEN_OTHER : observed };
}

function hideVariable(name: string, value: string, secretNames: ReadonlySet<string>): string {
  return value !== '' && (secretNames.has(name) || looksSecret(name, value)) ? HIDDEN : value;
}
