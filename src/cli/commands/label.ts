/** `label` and `annotate`: sets and removes single labels or annotations (`team=shop`, `team-`) of objects. */
import type { ApiObject } from '../../api/index.ts';
import { UserError } from '../../core/index.ts';
import type { CliIo } from '../output/io.ts';
import type { Connection } from './connection.ts';
import { type ChangeArgs, changeRecords } from './record-change.ts';
import { display } from './references.ts';

export interface LabelArgs extends ChangeArgs {
  /** Objects, then `key=value` to set and `key-` to remove. */
  readonly words: readonly string[];
  readonly overwrite?: boolean | undefined;
}

export type Field = 'labels' | 'annotations';

interface Edits {
  readonly set: ReadonlyMap<string, string>;
  readonly removed: ReadonlySet<string>;
}

const WORDS = {
  labels: { verb: 'label', verbing: 'labelling in', done: 'labeled', one: 'label' },
  annotations: { verb: 'annotate', verbing: 'annotating in', done: 'annotated', one: 'annotation' },
} as const;

/** Exit status 1 when something that was named is not there. */
export async function label(field: Field, args: LabelArgs, io: CliIo, connection: Connection): Promise<number> {
  const { verb, verbing, done, one } = WORDS[field];
  const isEdit = (word: string): boolean => word.includes('=') || word.endsWith('-');
  const first = args.words.findIndex(isEdit);
  if (first < 0) throw new UserError(`give at least one ${one}: key=value sets it, key- removes it`, 2);
  const edits = editsOf(args.words.slice(first), one);
  const change = (object: ApiObject): ApiObject => {
    const before = object[field];
    for (const [key, value] of edits.set) {
      if (args.overwrite || !Object.hasOwn(before, key) || before[key] === value) continue;
      throw new UserError(
        `${display(object)} already has the ${one} ${key}=${before[key]}; give --overwrite to change it`,
      );
    }
    const kept = Object.entries(before).filter(([key]) => !edits.removed.has(key));
    return { ...object, [field]: Object.fromEntries([...kept, ...edits.set]) };
  };
  const { missing } = await changeRecords(
    { ...args, words: args.words.slice(0, first) },
    { verb, verbing, done, change, isCorrected: true },
    io,
    connection,
  );
  return missing === 0 ? 0 : 1;
}

function editsOf(words: readonly string[], one: string): Edits {
  const set = new Map<string, string>();
  const removed = new Set<string>();
  for (const word of words) {
    const equals = word.indexOf('=');
    const key = equals < 0 ? word.slice(0, -1) : word.slice(0, equals);
    if (equals < 0 && !word.endsWith('-')) {
      throw new UserError(
        `'${word}' stands behind a ${one} and is none: objects come first, then key=value or key-`,
        2,
      );
    }
    if (!/^([A-Za-z0-9][A-Za-z0-9.-]*\/)?[A-Za-z0-9]([\w.-]*[A-Za-z0-9])?$/.test(key)) {
      throw new UserError(`'${key}' is not the name of a ${one}; write it like team or example.com/team`, 2);
    }
    if (set.has(key) || removed.has(key)) throw new UserError(`the ${one} '${key}' is given twice; remove one`, 2);
    if (equals < 0) removed.add(key);
    else set.set(key, word.slice(equals + 1));
  }
  return { set, removed };
}
