/**
 * `config`: shows and changes the file of contexts, with kubectl's words. It talks to nothing but that file, so it
 * works whether or not what a context leads to is there.
 */
import { resolve } from 'node:path';
import { parse } from 'yaml';
import { UserError } from '../../core/index.ts';
import {
  ContextFile,
  contextFilePath,
  describeAws,
  LOCAL_CONTEXT,
  type NamedContext,
} from '../context/context-file.ts';
import { asJson } from '../output/documents.ts';
import type { Form } from '../output/form.ts';
import type { CliIo } from '../output/io.ts';
import { table } from '../output/table.ts';

export interface SetContextArgs {
  /** Undefined: the current one. */
  readonly name: string | undefined;
  readonly dataDir?: string | undefined;
  readonly region?: string | undefined;
  readonly profile?: string | undefined;
  readonly roleArn?: string | undefined;
  readonly externalId?: string | undefined;
  readonly account?: string | undefined;
  readonly endpoint?: string | undefined;
  readonly desiredTable?: string | undefined;
  readonly stateTable?: string | undefined;
  readonly namespace?: string | undefined;
  readonly protected?: boolean | undefined;
}

/** Lists the contexts, or the one that is named. Exit status 1 when that is not there. */
export async function getContexts(
  args: { readonly name?: string | undefined; readonly output?: Form | undefined; readonly headers?: boolean },
  io: CliIo,
): Promise<number> {
  const file = open(io);
  const contexts = args.name === undefined ? file.contexts : [existing(file, args.name)];
  if (args.output?.name === 'name') {
    for (const { name } of contexts) io.stdout(`${name}\n`);
    return 0;
  }
  if (args.output?.name === 'json') {
    const shown = contexts.map((context) => ({ ...context, isCurrent: context.name === file.current }));
    io.stdout(asJson(args.name === undefined ? shown : shown[0]));
    return 0;
  }
  const rows = contexts.map((context) => [
    context.name === file.current ? '*' : '',
    context.name,
    destination(context),
    context.namespace ?? '',
    context.protected ? 'yes' : '',
  ]);
  if (args.name === undefined) {
    const isCurrent = file.current === LOCAL_CONTEXT;
    rows.unshift([isCurrent ? '*' : '', LOCAL_CONTEXT, 'the local cloud of the data folder', '', '']);
  }
  const titles = ['CURRENT', 'NAME', 'LEADS TO', 'NAMESPACE', 'PROTECTED'];
  io.stdout(table(args.headers === false ? rows : [titles, ...rows]));
  return 0;
}

/** Exit status 1 when there is no current context. */
export async function currentContext(io: CliIo): Promise<number> {
  const { current, path } = open(io);
  if (current === undefined) throw new UserError(`there is no current context in ${path}; choose one with use-context`);
  io.stdout(`${current}\n`);
  return 0;
}

export async function useContext(name: string, io: CliIo): Promise<number> {
  const file = open(io);
  if (name !== LOCAL_CONTEXT) existing(file, name);
  file.use(name);
  file.write();
  io.stdout(`Switched to context '${name}'.\n`);
  return 0;
}

/** Makes a context, or sets what is given of one that is there. */
export async function setContext(args: SetContextArgs, io: CliIo): Promise<number> {
  const file = open(io);
  const name = args.name ?? file.current;
  if (name === undefined) throw new UserError('there is no current context; name the one to set', 2);
  if (name === LOCAL_CONTEXT) {
    throw new UserError(
      `'${LOCAL_CONTEXT}' always means the local cloud of the data folder; choose another name for one of your own`,
      2,
    );
  }
  const before = file.find(name);
  const members = membersOf(args, before);
  if (Object.keys(members).length === 0 && before) throw new UserError('nothing is set; give at least one flag', 2);
  file.set(name, members);
  file.write();
  io.stdout(`Context '${name}' ${before ? 'modified' : 'created'}.\n`);
  return 0;
}

export async function deleteContext(name: string, io: CliIo): Promise<number> {
  const file = open(io);
  existing(file, name);
  const isCurrent = file.current === name;
  file.remove(name);
  file.write();
  io.stdout(`deleted context ${name} from ${file.path}\n`);
  if (isCurrent) io.stderr('warning: this was the current context; choose another one with use-context\n');
  return 0;
}

export async function renameContext(from: string, to: string, io: CliIo): Promise<number> {
  const file = open(io);
  existing(file, from);
  if (file.find(to)) throw new UserError(`there is a context '${to}' already; delete it first, or choose another name`);
  file.rename(from, to);
  file.write();
  io.stdout(`Context '${from}' renamed to '${to}'.\n`);
  return 0;
}

/** Shows the file: as it stands, or as JSON. */
export async function viewContexts(args: { readonly output?: Form | undefined }, io: CliIo): Promise<number> {
  const text = open(io).toString();
  if (args.output?.name === 'json') io.stdout(asJson(parse(text) ?? {}));
  else io.stdout(text);
  return 0;
}

/** Names that `--context` takes; none where the file is missing or broken. */
export function contextNames(env: CliIo['env']): string[] {
  const path = contextFilePath(env);
  return [LOCAL_CONTEXT, ...(path === undefined ? [] : ContextFile.read(path).contexts.map(({ name }) => name))];
}

function open({ env }: CliIo): ContextFile {
  const path = contextFilePath(env);
  if (path === undefined)
    throw new UserError('there is no home folder to keep contexts in; set LAMBDACONTAINER_CONFIG');
  return ContextFile.read(path);
}

function existing(file: ContextFile, name: string): NamedContext {
  const found = file.find(name);
  if (found) return found;
  if (name === LOCAL_CONTEXT) throw new UserError(`'${LOCAL_CONTEXT}' is always there and not in ${file.path}`);
  const known = file.contexts.map((context) => context.name).join(', ') || 'none';
  throw new UserError(`there is no context '${name}' in ${file.path}; there are: ${known}`);
}

function membersOf(args: SetContextArgs, before: NamedContext | undefined): Record<string, unknown> {
  const { region, profile, roleArn, externalId, account, endpoint } = args;
  const aws = given({ region, profile, roleArn, externalId, account, endpoint });
  const tables = given({ desired: args.desiredTable, state: args.stateTable });
  const isAws = Object.keys(aws).length > 0;
  if (args.dataDir !== undefined && isAws) {
    throw new UserError('--data-dir is of a local context, the other flags are of an AWS context; give one of them', 2);
  }
  if ((before?.aws && args.dataDir !== undefined) || (before?.local && isAws)) {
    throw new UserError(
      `'${before.name}' is ${before.aws ? 'an AWS' : 'a local'} context and stays one; delete it first, or choose another name`,
    );
  }
  return {
    ...(args.dataDir === undefined ? {} : { local: { dataDir: resolve(args.dataDir) } }),
    ...(isAws ? { aws } : {}),
    ...(Object.keys(tables).length > 0 ? { tables } : {}),
    ...given({ namespace: args.namespace }),
    ...(args.protected === undefined ? {} : { protected: args.protected ? true : null }),
  };
}

/** What was given; an empty text takes a member away. */
function given(members: Readonly<Record<string, string | undefined>>): Record<string, string | null> {
  const entries = Object.entries(members).filter((entry): entry is [string, string] => entry[1] !== undefined);
  return Object.fromEntries(entries.map(([key, value]) => [key, value === '' ? null : value]));
}

function destination({ local, aws }: NamedContext): string {
  if (local) return `local cloud of ${local.dataDir}`;
  return aws ? describeAws(aws) : '';
}
