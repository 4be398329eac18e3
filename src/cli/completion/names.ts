/** The names that completion offers, read from the file of contexts and from the tables that the line leads to. */
import { type ApiKind, KIND_CONTAINER, KIND_GIT_SOURCE, kindOfKey, SYSTEM_NAMESPACE } from '../../api/index.ts';
import { contextNames } from '../commands/config.ts';
import type { Connection } from '../commands/connection.ts';
import { KIND_WORDS, select } from '../commands/references.ts';
import type { ConnectionFlags } from '../context/locate.ts';
import type { CliIo } from '../output/io.ts';
import type { Line, Names } from './candidates.ts';

export function namesFrom(io: CliIo, connect: (flags: ConnectionFlags) => Connection): Names {
  const connected = async (line: Line, read: (connection: Connection) => Promise<string[]>): Promise<string[]> => {
    const connection = connect(line.flags);
    try {
      return await read(connection);
    } finally {
      await connection.close();
    }
  };
  return {
    contexts: () => contextNames(io.env),
    namespaces: (line) => connected(line, namespaces),
    objects: (line) => connected(line, (connection) => objects(line, connection)),
    sources: (line) =>
      connected(line, async (connection) =>
        (await namesOf(KIND_GIT_SOURCE, SYSTEM_NAMESPACE, connection)).filter(
          (name) => !line.positionals.includes(name),
        ),
      ),
  };
}

async function namespaces({ desired }: Connection): Promise<string[]> {
  const found = new Set<string>();
  for await (const { key } of desired.list()) if (key.namespace !== SYSTEM_NAMESPACE) found.add(key.namespace);
  return [...found].sort();
}

/** `class/standard` where a kind was begun, names of the kind that stands first, else names and the words for kinds. */
async function objects({ current, positionals, flags }: Line, connection: Connection): Promise<string[]> {
  const slash = current.indexOf('/');
  const namespace = flags.namespace ?? connection.defaultNamespace;
  const prefix = slash < 0 ? '' : current.slice(0, slash + 1);
  const { kind } = select(slash < 0 ? positionals.slice(0, 1) : [current.slice(0, slash)], namespace);
  const names = (await namesOf(kind, namespace, connection)).map((name) => prefix + name);
  const given = positionals.filter((word) => word !== '');
  const words = slash < 0 && given.length === 0 ? Object.values(KIND_WORDS) : [];
  return [...names.filter((name) => !given.includes(name)), ...words];
}

async function namesOf(kind: ApiKind, namespace: string, { desired }: Connection): Promise<string[]> {
  const names: string[] = [];
  for await (const { key } of desired.list(kind === KIND_CONTAINER ? namespace : SYSTEM_NAMESPACE)) {
    const known = kindOfKey(key);
    if (known?.kind === kind) names.push(known.name);
  }
  return names;
}
