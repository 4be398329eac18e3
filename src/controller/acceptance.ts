/**
 * From a record to what is to be done for it: the class that it names, the judged spec, and the inventory as it begins.
 * A spec is always judged by the class as it is now; it is composed with the class as it was admitted for the object. A
 * record that cannot be accepted touches nothing.
 */
import {
  type ApiObject,
  formatDefect,
  type LambdaContainerClassSpec,
  type LambdaContainerSpec,
  validateLambdaContainer,
} from '../api/index.ts';
import { type Clock, type Random, uuid } from '../core/index.ts';
import type { Inventory, ObjectKey } from '../resource/index.ts';
import type { ClassRollout } from './class-rollout.ts';
import type { Classes } from './classes.ts';
import { begun } from './desire.ts';
import type { Refusal } from './refusals.ts';

export interface Accepted {
  readonly type: 'accepted';
  readonly spec: LambdaContainerSpec;
  /** What it is composed with. */
  readonly klass: LambdaContainerClassSpec;
  readonly inventory: Inventory;
  /** For the decision log. */
  readonly notes: readonly string[];
}

export type Judgement =
  | Accepted
  | { readonly type: 'refused'; readonly reason: Refusal; readonly message: string }
  /** Its class changed, its turn has not come, and what the class was is not known any more. */
  | { readonly type: 'waits' };

export class Acceptance {
  readonly #classes: Classes;
  readonly #rollout: ClassRollout;
  readonly #clock: Clock;
  readonly #random: Random;

  constructor(classes: Classes, rollout: ClassRollout, clock: Clock, random: Random) {
    this.#classes = classes;
    this.#rollout = rollout;
    this.#clock = clock;
    this.#random = random;
  }

  /** `before`: what is remembered of the object. @throws Failure when the class or its snapshots cannot be read */
  async judge(key: ObjectKey, object: ApiObject, before: Inventory | undefined): Promise<Judgement> {
    const className = classNameOf(object);
    const { content, problem } = await this.#classes.get(className);
    if (!content) return { type: 'refused', reason: 'ClassNotUsable', message: problem };
    const judged = validateLambdaContainer(object.spec, content.spec, key.namespace);
    if (!judged.spec) {
      const message = judged.defects.map(formatDefect).join('\n');
      return { type: 'refused', reason: 'InvalidSpec', message };
    }
    const candidate = { key, className, inventory: before, isSuspended: judged.spec.suspend };
    const choice = await this.#rollout.choose(candidate, content);
    const begin = (spec: LambdaContainerSpec, klass: LambdaContainerClassSpec, place: Partial<Inventory>): Accepted => {
      const identity = { uid: before?.uid ?? uuid(this.#random), createdAtMs: this.#clock.now() };
      const inventory = { ...begun(before, identity, spec, object.annotations), ...place };
      return { type: 'accepted', spec, klass, inventory, notes: [] };
    };
    const placed = (holdsPlace: boolean): Partial<Inventory> => ({
      classHash: content.hash,
      classChangedAtMs: holdsPlace ? (before?.classChangedAtMs ?? this.#clock.now()) : undefined,
    });
    switch (choice.type) {
      case 'current':
        return begin(judged.spec, content.spec, {});
      case 'taken':
        return begin(judged.spec, content.spec, placed(choice.holdsPlace));
      case 'unknown':
        return { type: 'waits' };
      case 'previous': {
        const earlier = validateLambdaContainer(object.spec, choice.content.spec);
        if (earlier.spec) {
          const notes = [`class '${className}' has changed: the object waits for its turn`];
          return { ...begin(earlier.spec, choice.content.spec, {}), notes };
        }
        // The spec asks for what only the changed class admits: that is its owner's change, not the class's.
        await this.#rollout.take(key, className, content, true);
        return begin(judged.spec, content.spec, placed(true));
      }
    }
  }
}

/** As written, or the default; whether it is a name is validation's to say. */
function classNameOf({ spec }: ApiObject): string {
  const named = (spec as { className?: unknown } | undefined)?.className;
  return typeof named === 'string' ? named : 'standard';
}
