/**
 * The file that names contexts, as kubeconfig does: where it is, what it may say, and how it is changed. A hand-edited
 * file keeps its comments and order, because changes are made to the YAML document and not to its value; it is
 * replaced as a whole and readable by its owner alone. What a context leads to is decided in `locate.ts`.
 */
import { chmodSync, mkdirSync, readFileSync, realpathSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { type Document, isMap, isSeq, parseDocument, type YAMLMap } from 'yaml';
import * as z from 'zod';
import { check } from '../../api/check.ts';
import { formatDefect } from '../../api/index.ts';
import { dnsLabel, integer, notes, pattern, roleArn, text, url } from '../../api/schema/fields.ts';
import { UserError } from '../../core/index.ts';

/** The context that is always there: the local cloud of the data folder. */
export const LOCAL_CONTEXT = 'local';
const CONFIG_KIND = 'Config';
const CONFIG_VERSION = 1;

const contextName = pattern(
  /^[A-Za-z0-9][A-Za-z0-9._@:/-]*$/,
  'is not a name for a context; use letters, digits and ._@:/- and begin with a letter or digit',
  253,
).refine((name) => name !== LOCAL_CONTEXT, {
  error: 'always means the local cloud of the data folder; choose another name',
});
const tableName = pattern(
  /^[A-Za-z0-9_.-]{3,255}$/,
  'is not the name of a table; use 3 to 255 letters, digits and _.-',
  255,
);

const awsSchema = z
  .strictObject({
    region: pattern(/^[a-z]{2}(-[a-z]+)+-[0-9]+$/, 'is not a region; write it like eu-west-1').meta(
      notes({ description: 'Region of the tables.' }),
    ),
    profile: text(256)
      .meta(notes({ description: 'Profile of the shared AWS configuration.' }))
      .optional(),
    roleArn: roleArn.meta(notes({ description: 'Role to assume.' })).optional(),
    externalId: text(1224)
      .meta(notes({ description: 'External id that the role asks for.' }))
      .optional(),
    account: pattern(/^[0-9]{12}$/, 'is not an account id; give its 12 digits in quotes')
      .meta(notes({ description: 'Account that the credentials must belong to.' }))
      .optional(),
    endpoint: url(['http', 'https'])
      .meta(notes({ description: 'AWS endpoint other than AWS itself.' }))
      .optional(),
  })
  .refine(({ roleArn: role, externalId }) => externalId === undefined || role !== undefined, {
    path: ['externalId'],
    error: 'is only for a role; give roleArn too, or remove it',
  });

const contextSchema = z
  .strictObject({
    name: contextName.meta(notes({ description: 'Name of the context.' })),
    local: z
      .strictObject({ dataDir: text(4096).meta(notes({ description: 'Folder of the local cloud.' })) })
      .optional(),
    aws: awsSchema.optional(),
    tables: z
      .strictObject({
        desired: tableName.meta(notes({ description: 'Table that people write.' })),
        state: tableName.meta(notes({ description: 'Table of the controller.' })),
      })
      .optional(),
    namespace: dnsLabel.meta(notes({ description: 'Namespace when -n is not given.' })).optional(),
    protected: z
      .boolean()
      .meta(notes({ description: 'Ask before anything is changed.' }))
      .optional(),
  })
  .superRefine((context, issues) => {
    const fail = (message: string, path: string[] = []) => issues.addIssue({ code: 'custom', path, message });
    if (context.local && context.aws) fail('has both local and aws; keep one of them');
    if (!context.local && !context.aws) fail('leads nowhere; give local: {dataDir: …} or aws: {region: …}');
    if (context.local && context.tables)
      fail('are not for a local cloud, which names its own; remove them', ['tables']);
  });

const configSchema = z
  .strictObject({
    kind: z.literal(CONFIG_KIND).optional(),
    version: integer(CONFIG_VERSION, CONFIG_VERSION).optional(),
    'current-context': text(253).optional(),
    contexts: z.array(contextSchema).max(1000).default([]),
  })
  .superRefine(({ contexts }, issues) => {
    const seen = new Set<string>();
    for (const [index, { name }] of contexts.entries()) {
      if (seen.has(name)) {
        const message = 'is the name of another context too; names are unique';
        issues.addIssue({ code: 'custom', path: ['contexts', index, 'name'], message });
      }
      seen.add(name);
    }
  });

export type NamedContext = z.output<typeof contextSchema>;
export type AwsContext = z.output<typeof awsSchema>;

/** `AWS eu-west-1, account 111122223333, profile prod`. */
export function describeAws({ region, endpoint, account, profile, roleArn: role }: AwsContext): string {
  return [
    `AWS ${region}`,
    ...(endpoint ? [`endpoint ${endpoint}`] : []),
    ...(account ? [`account ${account}`] : []),
    ...(profile ? [`profile ${profile}`] : []),
    ...(role ? [`role ${role.replace(/^.*:role\//, '')}`] : []),
  ].join(', ');
}

/** Where the file is by the environment alone; undefined when that names no home. */
export function contextFilePath(env: Readonly<Record<string, string | undefined>>): string | undefined {
  if (env.LAMBDACONTAINER_CONFIG) return resolve(env.LAMBDACONTAINER_CONFIG);
  const home = env.HOME || env.USERPROFILE;
  const folder = env.XDG_CONFIG_HOME || (home ? join(home, '.config') : undefined);
  return folder === undefined ? undefined : join(resolve(folder), 'lambdacontainer', 'config.yaml');
}

export class ContextFile {
  readonly path: string;
  readonly #document: Document;

  private constructor(path: string, document: Document) {
    this.path = path;
    this.#document = document;
  }

  /** The file as it stands; one that does not exist is empty. @throws UserError naming every defect */
  static read(path: string): ContextFile {
    let written = '';
    try {
      written = readFileSync(path, 'utf8');
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') {
        throw new UserError(`the contexts in ${path} cannot be read: ${(error as Error).message}`);
      }
    }
    const document = parseDocument(written, { uniqueKeys: true, prettyErrors: true, logLevel: 'error' });
    const [problem] = [...document.errors, ...document.warnings];
    if (problem) throw new UserError(`the contexts in ${path} cannot be read: ${problem.message.trim()}`);
    const file = new ContextFile(path, document);
    file.#judge();
    return file;
  }

  get contexts(): readonly NamedContext[] {
    return this.#judge().contexts;
  }

  /** The name under `current-context`; it may be of a context that is not there. */
  get current(): string | undefined {
    return this.#judge()['current-context'];
  }

  find(name: string): NamedContext | undefined {
    return this.contexts.find((context) => context.name === name);
  }

  /** What the file says, as it would be written. */
  toString(): string {
    return String(this.#document);
  }

  /** Makes a context the current one, or none. */
  use(name: string | undefined): void {
    if (name === undefined) this.#document.delete('current-context');
    else this.#root().set('current-context', name);
  }

  /** Sets members of a context, and makes it where it is not there; null removes a member. */
  set(name: string, members: Readonly<Record<string, unknown>>): void {
    this.#root();
    let node = this.#node(name);
    if (!node) {
      if (!isSeq(this.#document.get('contexts'))) this.#document.set('contexts', this.#document.createNode([]));
      this.#document.addIn(['contexts'], this.#document.createNode({ name }));
      node = this.#node(name);
    }
    for (const [key, value] of Object.entries(members)) this.#assign(node, key, value);
  }

  rename(from: string, to: string): void {
    this.#node(from)?.set('name', to);
    if (this.current === from) this.use(to);
  }

  /** The current context stays named even when it is the one that goes, as in kubectl. */
  remove(name: string): void {
    const index = this.contexts.findIndex((context) => context.name === name);
    if (index >= 0) this.#document.deleteIn(['contexts', index]);
  }

  /**
   * Replaces the file in one step. A link to it stays a link.
   * @throws UserError when what would be written is not valid; the file is as it was then
   */
  write(): void {
    this.#judge();
    const folder = dirname(this.path);
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    const target = targetOf(this.path);
    const fresh = `${target}.${process.pid}.new`;
    try {
      writeFileSync(fresh, this.toString(), { mode: 0o600 });
      // The mode above is subject to the umask, and is not that of a file left over.
      chmodSync(fresh, 0o600);
      renameSync(fresh, target);
    } catch (error) {
      rmSync(fresh, { force: true });
      throw new UserError(`${this.path} cannot be written: ${(error as Error).message}`);
    }
  }

  #judge(): z.output<typeof configSchema> {
    const raw: unknown = this.#document.toJS() ?? {};
    const { value, defects } = check(configSchema, raw, 'config');
    if (defects.length === 0 && value) return value;
    const lines = defects.map((defect) =>
      formatDefect(defect)
        .replace(/^config\.?/, '')
        .replace(/ \(in a DynamoDB item .*?\)$/, ''),
    );
    throw new UserError(`the contexts in ${this.path} are not valid:\n${lines.map((line) => `  ${line}`).join('\n')}`);
  }

  #root(): YAMLMap {
    if (!isMap(this.#document.contents)) {
      this.#document.contents = this.#document.createNode({ kind: CONFIG_KIND, version: CONFIG_VERSION });
    }
    return this.#document.contents as YAMLMap;
  }

  #node(name: string): YAMLMap | undefined {
    const list = this.#document.get('contexts');
    const found = isSeq(list) ? list.items.find((item) => isMap(item) && item.get('name') === name) : undefined;
    return isMap(found) ? found : undefined;
  }

  /** Members of maps are set one by one, so that what stands beside them keeps its comments. */
  #assign(node: YAMLMap | undefined, key: string, value: unknown): void {
    if (!node) return;
    if (value === null) {
      node.delete(key);
    } else if (typeof value === 'object') {
      let below = node.get(key);
      if (!isMap(below)) {
        below = this.#document.createNode({});
        node.set(key, below);
      }
      for (const [name, member] of Object.entries(value as object)) this.#assign(below as YAMLMap, name, member);
    } else {
      node.set(key, value);
    }
  }
}

function targetOf(path: string): string {
  try {
    return realpathSync(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return path;
    throw error;
  }
}
