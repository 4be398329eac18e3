/**
 * What only sources have among the verbs of `source`: making one from flags, the results of its objects, and confirming
 * the removals that it holds. Everything else (`get`, `describe`, `suspend` …) is what the verb does with any object.
 */
import { existsSync, readFileSync } from 'node:fs';
import {
  ANNOTATION_ALLOW_PRUNE,
  API_VERSION,
  type ApiObject,
  formatDefect,
  type GitSourceStatus,
  KIND_GIT_SOURCE,
  keyOf,
  nameDefect,
  recordFromObject,
  type SourceObject,
  type SourceResult,
  SYSTEM_NAMESPACE,
  validateGitSource,
} from '../../api/index.ts';
import { isFailure, sameJson, UserError } from '../../core/index.ts';
import { type Colours, coloursFor } from '../output/colours.ts';
import { asJson, asYaml } from '../output/documents.ts';
import type { Form } from '../output/form.ts';
import type { CliIo } from '../output/io.ts';
import { table } from '../output/table.ts';
import type { Connection } from './connection.ts';
import { confirmMutation, type MutationFlags } from './mutation.ts';
import { type ReconcileArgs, reconcile } from './reconcile.ts';
import { printObject } from './record-change.ts';
import { display, type Reference, recordKey } from './references.ts';
import { conditionOf } from './views.ts';
import { requireDuration, waitFor } from './wait.ts';

export interface SourceAddArgs extends MutationFlags {
  readonly name: string;
  readonly url: string;
  readonly branch?: string | undefined;
  readonly tag?: string | undefined;
  readonly semver?: string | undefined;
  readonly commit?: string | undefined;
  readonly path?: string | undefined;
  readonly interval?: string | undefined;
  readonly fetchTimeout?: string | undefined;
  readonly secret?: string | undefined;
  /** Files with public keys. */
  readonly signer?: readonly string[] | undefined;
  readonly prune?: boolean | undefined;
  readonly maxDeletePercent?: number | undefined;
  readonly reportDrift?: boolean | undefined;
  readonly targetNamespace?: string | undefined;
  /** `NAME=VALUE` each. */
  readonly set?: readonly string[] | undefined;
  readonly dependsOn?: readonly string[] | undefined;
  readonly roleArn?: string | undefined;
  readonly externalId?: string | undefined;
  readonly output?: Form | undefined;
  readonly wait?: boolean | undefined;
  readonly timeout?: string | undefined;
}

/** Exit status 1 and nothing written when the source would not be valid, or one of this name is there and differs. */
export async function sourceAdd(args: SourceAddArgs, io: CliIo, connection: Connection): Promise<number> {
  const timeoutMs = requireDuration('--timeout', args.timeout);
  const object = sourceOf(args);
  const wrong = nameDefect(object.name, ['metadata', 'name']);
  const defects = [...(wrong ? [wrong] : []), ...validateGitSource(object.spec).defects];
  if (defects.length > 0) {
    for (const defect of defects) io.stderr(`${formatDefect(defect)}\n`);
    io.stderr(
      `error: ${display(object)} was not added: ${defects.length === 1 ? 'one defect' : `${defects.length} defects`}\n`,
    );
    return 1;
  }
  const before = await connection.desired.get(keyOf(object));
  const isSame = before !== undefined && sameJson(before.item, recordFromObject(object));
  if (before && !isSame) throw existsAlready(object);
  await confirmMutation(io, connection, 'adding to', args);
  if (!before && !args.dryRun) {
    try {
      await connection.desired.putIf(object, undefined);
    } catch (error) {
      if (isFailure(error, 'conflict')) throw existsAlready(object);
      throw error;
    }
  }
  if (args.output && args.output.name !== 'table') printObject(object, args.output, io);
  else io.stdout(`${display(object)} ${isSame ? 'unchanged' : 'created'}${args.dryRun ? ' (dry run)' : ''}\n`);
  if (!args.wait || args.dryRun) return 0;
  const goal = { condition: 'Ready', status: 'True' };
  return waitFor({ references: [object], goal, timeoutMs, endsInVain: true }, io, connection);
}

function existsAlready(object: ApiObject): UserError {
  return new UserError(
    `${display(object)} exists already and says something else; change it with: lc edit source/${object.name}`,
  );
}

/** The object that the flags describe; what is not said is left to its default. */
function sourceOf(args: SourceAddArgs): ApiObject {
  const { branch, tag, semver, commit } = args;
  const ref = said({ branch, tag, semver, commit });
  const signers = (args.signer ?? []).flatMap(readSigners);
  const prune = said({ enabled: args.prune, maxDeletePercent: args.maxDeletePercent });
  const substitute = Object.fromEntries((args.set ?? []).map(assignment));
  const spec = said({
    url: args.url,
    ref: Object.keys(ref).length === 0 ? { branch: 'main' } : ref,
    path: args.path,
    interval: args.interval,
    timeout: args.fetchTimeout,
    secretRef: args.secret,
    verify: signers.length === 0 ? undefined : { signers },
    prune: Object.keys(prune).length === 0 ? undefined : prune,
    drift: args.reportDrift ? 'report' : undefined,
    targetNamespace: args.targetNamespace,
    substitute: Object.keys(substitute).length === 0 ? undefined : substitute,
    dependsOn: args.dependsOn,
    roleArn: args.roleArn,
    externalId: args.externalId,
  });
  return {
    apiVersion: API_VERSION,
    kind: KIND_GIT_SOURCE,
    namespace: SYSTEM_NAMESPACE,
    name: args.name,
    labels: {},
    annotations: {},
    spec,
  };
}

function said(members: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(members).filter(([, value]) => value !== undefined));
}

/** An armoured key is one signer; of an allowed-signers file, each line is. */
function readSigners(file: string): string[] {
  if (!existsSync(file)) throw new UserError(`--signer ${file}: there is no such file`);
  const text = readFileSync(file, 'utf8');
  if (text.includes('-----BEGIN ')) return [text];
  const lines = text.split('\n').map((line) => line.trim());
  const keys = lines.filter((line) => line !== '' && !line.startsWith('#'));
  if (keys.length === 0) throw new UserError(`--signer ${file}: the file has no public key`);
  return keys;
}

function assignment(text: string): [string, string] {
  const equals = text.indexOf('=');
  if (equals < 1) throw new UserError(`--set: '${text}' is not NAME=VALUE`, 2);
  return [text.slice(0, equals), text.slice(equals + 1)];
}

// ----------------------------------------------------------------------------------------------------------- reconcile

export interface SourceReconcileArgs extends ReconcileArgs {
  /** The commit whose held removals are meant; its beginning is enough. */
  readonly allowPrune?: string | undefined;
}

/** As `reconcile`; with `allowPrune` it confirms exactly the removals that the source holds now. */
export async function sourceReconcile(args: SourceReconcileArgs, io: CliIo, connection: Connection): Promise<number> {
  const words = named(args.words);
  if (args.allowPrune === undefined) return reconcile({ ...args, words }, io, connection);
  if (args.words.length !== 1) throw new UserError('--allow-prune is for one source; name it', 2);
  const commit = await heldCommit(reference(args.words[0] ?? ''), args.allowPrune, connection);
  return reconcile({ ...args, words, annotations: { [ANNOTATION_ALLOW_PRUNE]: commit } }, io, connection);
}

/** The whole commit. @throws UserError when the source holds nothing, or something else */
async function heldCommit(source: Reference, written: string, { state }: Connection): Promise<string> {
  const status = await state.status<GitSourceStatus>(recordKey(source));
  const commit = status?.lastAttemptedCommit;
  if (conditionOf(status, 'DeletionHeld')?.status !== 'True' || commit === undefined) {
    throw new UserError(`--allow-prune: ${display(source)} holds no removals`);
  }
  if (/^[0-9a-f]{7,64}$/.test(written) && commit.startsWith(written)) return commit;
  throw new UserError(`--allow-prune: ${display(source)} holds the removals of commit ${commit}, not of '${written}'`);
}

// ------------------------------------------------------------------------------------------------------------- objects

export interface SourceObjectsArgs {
  readonly name: string;
  /** Only these. */
  readonly result?: readonly SourceResult[] | undefined;
  readonly output?: Form | undefined;
}

/** What became of each object at the last sync that did something. Exit status 1 when there is no such source. */
export async function sourceObjects(args: SourceObjectsArgs, io: CliIo, connection: Connection): Promise<number> {
  const source = reference(args.name);
  const key = recordKey(source);
  const record = await connection.desired.get(key);
  if (!record) {
    io.stderr(`error: ${display(source)} not found\n`);
    return 1;
  }
  const chunks = await connection.state.chunks<SourceObject>(key, 'objects');
  const objects = chunks
    .flatMap(({ body }) => body)
    .filter(({ result }) => args.result === undefined || args.result.includes(result));
  switch (args.output?.name) {
    case 'json':
      io.stdout(asJson(objects));
      return 0;
    case 'yaml':
      io.stdout(asYaml(objects));
      return 0;
    case 'name':
      for (const object of objects) io.stdout(`${object.kind.toLowerCase()}/${object.name}\n`);
      return 0;
    default:
      if (objects.length === 0) io.stderr('No objects\n');
      else io.stdout(objectTable(objects, coloursFor(io)));
      return 0;
  }
}

const BAD: ReadonlySet<SourceResult> = new Set<SourceResult>(['failed', 'held', 'drifted']);

function objectTable(objects: readonly SourceObject[], colours: Colours): string {
  const rows = objects.map(({ namespace, kind, name, result, message }) => [
    namespace === SYSTEM_NAMESPACE ? '-' : namespace,
    `${kind.toLowerCase()}/${name}`,
    BAD.has(result) ? colours.bad(result) : result,
    message ?? '',
  ]);
  return table([['NAMESPACE', 'OBJECT', 'RESULT', 'MESSAGE'], ...rows]);
}

/** Words after a verb of `source`: names alone, or `source/NAME`. */
export function named(words: readonly string[]): string[] {
  return words.map((word) => `gitsource/${reference(word).name}`);
}

function reference(word: string): Reference {
  const name = /^(?:source|sources|gitsource|gitsources|lcgit)\/(.*)$/i.exec(word)?.[1] ?? word;
  if (name.includes('/')) throw new UserError(`'${word}' is not the name of a source`, 2);
  return { kind: KIND_GIT_SOURCE, namespace: SYSTEM_NAMESPACE, name };
}
