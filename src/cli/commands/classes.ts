/** The classes that specs name, as the manifests at hand or the table have them. */
import {
  classKey,
  KIND_CLASS,
  type LambdaContainerClassSpec,
  type ManifestObject,
  objectFromRecord,
  validateClass,
} from '../../api/index.ts';
import type { Connection } from './connection.ts';

export type ClassAnswer = LambdaContainerClassSpec | 'invalid' | 'missing';

/** The class that a spec names, also before the spec is judged. */
export function classNameOf(spec: unknown): string {
  const named = typeof spec === 'object' && spec !== null ? (spec as { className?: unknown }).className : undefined;
  return typeof named === 'string' ? named : 'standard';
}

/** Classes from the manifests themselves, else from the table; each is read once. */
export class ClassLookup {
  readonly #given: ReadonlyMap<string, ManifestObject>;
  readonly #connection: Connection;
  readonly #answers: Map<string, Promise<ClassAnswer>> = new Map();

  constructor(objects: readonly ManifestObject[], connection: Connection) {
    this.#given = new Map(objects.filter(({ kind }) => kind === KIND_CLASS).map((object) => [object.name, object]));
    this.#connection = connection;
  }

  get(name: string): Promise<ClassAnswer> {
    const known = this.#answers.get(name);
    if (known) return known;
    const given = this.#given.get(name);
    const answer = given
      ? Promise.resolve<ClassAnswer>(validateClass(given.spec).spec ?? 'invalid')
      : storedClass(name, this.#connection);
    this.#answers.set(name, answer);
    return answer;
  }

  /** The names that were asked for and that nobody has. */
  async missing(): Promise<string[]> {
    const names: string[] = [];
    for (const [name, answer] of this.#answers) if ((await answer) === 'missing') names.push(name);
    return names.sort();
  }
}

/** A class as the table has it. */
export async function storedClass(name: string, { desired }: Connection): Promise<ClassAnswer> {
  const record = await desired.get(classKey(name));
  if (!record) return 'missing';
  const { object } = objectFromRecord(record.item);
  return (object && validateClass(object.spec).spec) ?? 'invalid';
}
