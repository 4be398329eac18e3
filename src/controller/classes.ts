/** The classes that objects name, read from the reserved partition and kept for a short while. */
import {
  classKey,
  formatDefect,
  type LambdaContainerClassSpec,
  objectFromRecord,
  validateClass,
} from '../api/index.ts';
import { type Clock, versionedHash } from '../core/index.ts';
import type { DesiredTable } from '../store/index.ts';

/** A change of a class arrives by the stream; this is the safety net. */
const KEPT_MS = 30_000;

/** A class as it was written at some time. */
export interface ClassContent {
  readonly spec: LambdaContainerClassSpec;
  /** As its record has it, before defaults. */
  readonly raw: unknown;
  /** Of what shapes an object: another bound of the guard or the budget, or another list of namespaces, is no other class. */
  readonly hash: string;
}

export type ClassAnswer =
  | { readonly content: ClassContent; readonly problem?: undefined }
  | { readonly content?: undefined; readonly problem: string };

export class Classes {
  readonly #desired: DesiredTable;
  readonly #clock: Clock;
  readonly #kept: Map<string, { readonly untilMs: number; readonly answer: Promise<ClassAnswer> }> = new Map();

  constructor(desired: DesiredTable, clock: Clock) {
    this.#desired = desired;
    this.#clock = clock;
  }

  /** The class, or why it cannot be used. Which namespaces may use it is validation's to judge. */
  async get(name: string): Promise<ClassAnswer> {
    const kept = this.#kept.get(name);
    const nowMs = this.#clock.now();
    const answer = kept && kept.untilMs > nowMs ? kept.answer : this.#read(name);
    if (answer !== kept?.answer) {
      this.#kept.set(name, { untilMs: nowMs + KEPT_MS, answer });
      // A read that failed is not remembered.
      answer.catch(() => this.#kept.delete(name));
    }
    return answer;
  }

  /** The class changed: it is read again. */
  forget(name: string): void {
    this.#kept.delete(name);
  }

  async #read(name: string): Promise<ClassAnswer> {
    const record = await this.#desired.get(classKey(name));
    if (!record) {
      return { problem: `spec.className: there is no LambdaContainerClass '${name}'; create it, or correct the name` };
    }
    const parsed = objectFromRecord(record.item);
    const judged = parsed.object ? contentOf(parsed.object.spec) : { content: undefined, defects: parsed.defects };
    if (!judged.content) {
      return { problem: `class '${name}' is not valid: ${judged.defects.map(formatDefect).join('; ')}` };
    }
    return { content: judged.content };
  }
}

/** A class's spec as written, judged. */
export function contentOf(raw: unknown) {
  const { spec, defects } = validateClass(raw);
  return spec
    ? { content: { spec, raw, hash: classHashOf(spec) } satisfies ClassContent, defects: [] }
    : { content: undefined, defects };
}

/** What `ClassContent.hash` is: of all that shapes an object. */
export function classHashOf({
  deletion: _,
  disruption: __,
  namespaces: ___,
  allowed: ____,
  ...shaping
}: LambdaContainerClassSpec): string {
  return versionedHash(shaping, 32);
}
