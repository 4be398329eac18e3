/**
 * `edit`: one object's manifest in the person's own editor. What is saved is judged as `apply` judges it, and shown
 * again with its defects until it is right or nothing is changed any more; it is written on condition that nobody
 * else wrote meanwhile. An edit that could not be written is kept in its file.
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  type ApiObject,
  formatDefect,
  keyOf,
  type ManifestDefect,
  type ManifestObject,
  parseManifests,
} from '../../api/index.ts';
import { isFailure, UserError } from '../../core/index.ts';
import type { DesiredRecord } from '../../store/index.ts';
import { asYaml } from '../output/documents.ts';
import type { CliIo } from '../output/io.ts';
import { ClassLookup } from './classes.ts';
import type { Connection } from './connection.ts';
import { defectsOf } from './judgement.ts';
import { confirmMutation, type MutationFlags } from './mutation.ts';
import { isSameRecord, warnIfOwned } from './record-change.ts';
import { display, type Reference, select, whereOf } from './references.ts';
import { documentOf, manifestOf, viewOf } from './views.ts';

export interface EditArgs extends MutationFlags {
  readonly words: readonly string[];
  readonly namespace?: string | undefined;
}

const HINT = `# Edit the object below. Lines beginning with '#' are ignored. To change nothing, save it as it is,
# or empty. It is opened again when it is not valid.
#
`;

/** Exit status 0 also when the person changed nothing. */
export async function edit(args: EditArgs, io: CliIo, connection: Connection): Promise<number> {
  const [reference, ...others] = select(args.words, args.namespace ?? connection.defaultNamespace).references;
  if (!reference || others.length > 0) throw new UserError('name the one object to edit', 2);
  const editor = editorOf(io);
  const view = await viewOf(reference, connection);
  if (!view?.record) throw new UserError(`${display(reference)} does not exist${whereOf(reference)}`);
  const { status: _, ...document } = documentOf(view);
  const shown = asYaml(view.object ? manifestOf(view.object) : document);
  const folder = mkdtempSync(join(tmpdir(), 'lambdacontainer-edit-'));
  const file = join(folder, `${reference.name}.yaml`);
  let isKept = false;
  try {
    const defects = view.defects.map(formatDefect);
    const object = await edited({ file, editor, shown, defects, reference }, io, connection);
    if (!object || isSameRecord(view.record, object)) {
      io.stderr('nothing was changed\n');
      return 0;
    }
    isKept = true;
    await confirmMutation(io, connection, 'editing in', args);
    await write(object, view.record, args.dryRun === true, connection);
    isKept = false;
    io.stdout(`${display(object)} edited${args.dryRun ? ' (dry run)' : ''}\n`);
    warnIfOwned(object, io);
    return 0;
  } catch (error) {
    if (!(error instanceof NotValid)) throw error;
    isKept = true;
    throw new UserError(error.message);
  } finally {
    if (isKept) io.stderr(`your edit is kept in ${file}\n`);
    else rmSync(folder, { recursive: true, force: true });
  }
}

/** The edit is not valid, and the person has left it so: what they wrote is kept. */
class NotValid extends Error {}

interface Session {
  readonly file: string;
  readonly editor: string;
  /** The manifest as it is. */
  readonly shown: string;
  /** Of the record as it is. */
  readonly defects: readonly string[];
  readonly reference: Reference;
}

/** The valid object that was saved; undefined when nothing was changed. */
async function edited(session: Session, io: CliIo, connection: Connection): Promise<ApiObject | undefined> {
  const { file, editor, shown, reference } = session;
  let body = shown;
  let defects = session.defects;
  for (let round = 0; ; round++) {
    writeFileSync(file, `${HINT}${comments(defects)}${body}`, { mode: 0o600 });
    const end = await runEditor(editor, file, io);
    if (end !== undefined) {
      const problem = `${end}; nothing was changed`;
      throw round > 0 ? new NotValid(problem) : new UserError(problem);
    }
    const saved = withoutComments(readFileSync(file, 'utf8'));
    if (saved.trim() === '' || saved === shown) return undefined;
    // The same defects again: the person gave up.
    if (round > 0 && saved === body) {
      throw new NotValid(
        `the edit is not valid and was not changed any more; nothing was written:\n${defects.join('\n')}`,
      );
    }
    const judged = await judge(saved, reference, connection);
    if ('object' in judged) return judged.object;
    body = saved;
    defects = judged.defects;
  }
}

async function judge(
  text: string,
  reference: Reference,
  connection: Connection,
): Promise<{ object: ApiObject } | { defects: string[] }> {
  const { objects, defects } = parseManifests(text, reference.name, reference.namespace);
  const [manifest, ...others] = objects;
  const problems = defects.map(shownDefect);
  if (problems.length === 0 && (!manifest || others.length > 0)) problems.push('the file must hold exactly one object');
  if (manifest && problems.length === 0) {
    if (display(manifest) !== display(reference) || manifest.namespace !== reference.namespace) {
      const [is, was] = [`${display(manifest)}${whereOf(manifest)}`, `${display(reference)}${whereOf(reference)}`];
      problems.push(
        `kind, name and namespace cannot be edited: this is ${is}, not ${was}; to copy an object, apply it`,
      );
    } else {
      const found = await defectsOf(manifest, new ClassLookup([], connection));
      problems.push(...found.map(shownDefect));
    }
  }
  return manifest && problems.length === 0 ? { object: plain(manifest) } : { defects: problems };
}

/** Lines are counted without our comments: the path is what a person finds it by. */
function shownDefect(defect: ManifestDefect): string {
  return formatDefect(defect);
}

function plain({ position: _, ...object }: ManifestObject): ApiObject {
  return object;
}

async function write(
  object: ApiObject,
  read: DesiredRecord,
  isDryRun: boolean,
  { desired }: Connection,
): Promise<void> {
  if (isDryRun) return;
  try {
    await desired.putIf(object, read);
  } catch (error) {
    if (!isFailure(error, 'conflict')) throw error;
    const now = await desired.get(keyOf(object));
    const happened = now ? 'was changed' : 'was deleted';
    throw new UserError(`${display(object)} ${happened} by somebody else while you edited it; nothing was written`);
  }
}

// ---------------------------------------------------------------------------------------------------------- editor

/** @throws UserError where nobody can edit */
function editorOf({ env, isInteractive }: CliIo): string {
  const editor = env.VISUAL || env.EDITOR;
  if (editor) return editor;
  if (isInteractive) return 'vi';
  throw new UserError(
    'there is no terminal to edit on; set EDITOR to a program that changes the file it is given, or use apply',
    2,
  );
}

/** How the editor failed; undefined when it ended well. Like git, it is run by the shell: EDITOR may have flags. */
async function runEditor(editor: string, file: string, io: CliIo): Promise<string | undefined> {
  try {
    const { status, signal } = await io.handOver('sh', ['-c', `${editor} "$1"`, 'sh', file]);
    if (status === 0) return undefined;
    return `the editor '${editor}' ended with ${signal ?? `status ${status}`}`;
  } catch (error) {
    return `the editor '${editor}' cannot be run: ${(error as Error).message}`;
  }
}

function comments(defects: readonly string[]): string {
  if (defects.length === 0) return '';
  const lines = defects.flatMap((defect) => defect.split('\n'));
  return `# It is not valid:\n${lines.map((line) => `#   ${line}\n`).join('')}#\n`;
}

/** Without the lines at the top that we wrote; comments further down are the person's, and YAML's to ignore. */
function withoutComments(text: string): string {
  return text.replace(/^(?:#[^\n]*(?:\n|$))+/, '');
}
