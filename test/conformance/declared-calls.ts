/**
 * Holds a kind to what it declares: a step that makes a mutating call which `calls` does not name for it fails. Wrapped
 * around the kinds of the whole suite, so that every create, update, delete and release that any test performs is
 * compared, unasked.
 */
import type { AnyKind, Io, MutatingStep, ResourceKind } from '../../src/resource/index.ts';
import { isMutating, watched } from './test-cloud.ts';

/** The kind itself, but for its mutating steps, which reject with what they called undeclared. */
export function heldToItsCalls<Props, Observed>(kind: ResourceKind<Props, Observed>): ResourceKind<Props, Observed> {
  const held = (step: MutatingStep) => {
    const perform = (kind as AnyKind)[step] as (io: Io, ...rest: readonly unknown[]) => Promise<void>;
    return async (io: Io, ...rest: readonly unknown[]): Promise<void> => {
      const made: string[] = [];
      try {
        await perform({ ...io, aws: watched(io.aws, made) }, ...rest);
      } finally {
        refuseUndeclared(kind.name, step, made.filter(isMutating).map(asDeclared), kind.calls[step]);
      }
    };
  };
  const steps = { create: held('create'), update: held('update'), delete: held('delete'), release: held('release') };
  return { ...kind, ...steps } as unknown as ResourceKind<Props, Observed>;
}

function refuseUndeclared(
  kind: string,
  step: MutatingStep,
  made: readonly string[],
  declared: readonly string[],
): void {
  const undeclared = made.filter((call) => !declared.includes(call));
  if (undeclared.length > 0) throw new Error(`${kind}.calls.${step} does not name ${undeclared.join(', ')}`);
}

/** `ecs.createService` → `ecs CreateService`. */
function asDeclared(call: string): string {
  return call.replace(/\.(\w)/, (_dot, first: string) => ` ${first.toUpperCase()}`);
}
