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
import { driftDefects } from '../plan/index.ts';
import type { Inventory, ObjectKey } from '../resource/index.ts';
import type { ClassRollout } from './class-rollout.ts';
import type { Classes } from './classes.ts';
import { begun } from './desire.ts';
import type { Refusal } from './refusals.ts';
import type { Targets } from './target.ts';
import { describeTarget, targetIdOf } from './targets.ts';

export interface Accepted {
  readonly type: 'accepted';
  readonly spec: LambdaContainerSpec;
  /** What it is composed with. */
  readonly klass: LambdaContainerClassSpec;
  readonly inventory: Inventory;
  /** The class as its record has it now, whatever it is composed with. */
  readonly classAsRead: unknown;
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
  readonly #targets: Targets;
  readonly #clock: Clock;
  readonly #random: Random;

  constructor(classes: Classes, rollout: ClassRollout, targets: Targets, clock: Clock, random: Random) {
    this.#classes = classes;
    this.#rollout = rollout;
    this.#targets = targets;
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
    const misnamed = driftDefects(judged.spec.drift);
    if (misnamed.length > 0) {
      const message = misnamed.map(({ name, phrase }) => `spec.drift.fields: '${name}' ${phrase}`).join('\n');
      return { type: 'refused', reason: 'InvalidSpec', message };
    }
    const moved = this.#moved(before, className, content.spec);
    if (moved !== undefined) return { type: 'refused', reason: 'ClassMoved', message: moved };
    const candidate = { key, className, inventory: before, isSuspended: judged.spec.suspend };
    const choice = await this.#rollout.choose(candidate, content);
    const begin = (spec: LambdaContainerSpec, klass: LambdaContainerClassSpec, place: Partial<Inventory>): Accepted => {
      const identity = { uid: before?.uid ?? uuid(this.#random), createdAtMs: this.#clock.now() };
      const target = targetIdOf(this.#targets, klass);
      const inventory = { ...begun(before, identity, spec, object.annotations), target, ...place };
      return { type: 'accepted', spec, klass, inventory, classAsRead: content.raw, notes: [] };
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

  /**
   * Why the class as it is cannot be taken for what was made already: nothing moves between accounts or regions, and
   * what was made must not be forgotten. Undefined when it can.
   */
  #moved(before: Inventory | undefined, className: string, klass: LambdaContainerClassSpec): string | undefined {
    const target = targetIdOf(this.#targets, klass);
    if (!before || before.entries.length === 0 || before.target === target) return undefined;
    const [was, is] = [describeTarget(before.target), describeTarget(target)];
    return `spec.className: class '${className}' is for ${is}, but what was made for this object is in ${was}, and nothing moves between them: it runs on untouched. Put account, region and role of the class back and make a class of another name for ${is}; or delete the object, let its resources go, and create it again`;
  }
}

/** As written, or the default; whether it is a name is validation's to say. */
function classNameOf({ spec }: ApiObject): string {
  const named = (spec as { className?: unknown } | undefined)?.className;
  return typeof named === 'string' ? named : 'standard';
}
