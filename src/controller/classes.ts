/** The classes that objects name, read from the reserved partition and kept for a short while. */
import { formatDefect, type LambdaContainerClassSpec, objectFromRecord, validateClass } from '../api/index.ts';
import type { Clock } from '../core/index.ts';
import type { DesiredTable } from '../store/index.ts';

/** A change of a class arrives by the stream; this is the safety net. */
const KEPT_MS = 30_000;

export type ClassAnswer =
  | { readonly spec: LambdaContainerClassSpec; readonly problem?: undefined }
  | { readonly spec?: undefined; readonly problem: string };

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
    const record = await this.#desired.get({ namespace: '_system', name: `class/${name}` });
    if (!record) {
      return { problem: `spec.className: there is no LambdaContainerClass '${name}'; create it, or correct the name` };
    }
    const parsed = objectFromRecord(record.item);
    const judged = parsed.object ? validateClass(parsed.object.spec) : { spec: undefined, defects: parsed.defects };
    if (!judged.spec) {
      return { problem: `class '${name}' is not valid: ${judged.defects.map(formatDefect).join('; ')}` };
    }
    return { spec: judged.spec };
  }
}
