/** Reads what `-f` names: files, folders (with -R their sub-folders) and `-` for standard input. */
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import {
  DEFAULT_NAMESPACE,
  formatManifestDefect,
  type ManifestDefect,
  type ManifestObject,
  parseManifests,
} from '../../api/index.ts';
import { UserError } from '../../core/index.ts';
import type { CliIo } from '../output/io.ts';
import { display } from './references.ts';

export interface FileArgs {
  readonly files: readonly string[];
  readonly recursive?: boolean | undefined;
  /** From -n: for objects that name none; those that name another are refused. */
  readonly namespace?: string | undefined;
}

export interface ReadManifests {
  readonly objects: readonly ManifestObject[];
  readonly defects: readonly ManifestDefect[];
  /** How many files had a document. */
  readonly fileCount: number;
}

const MANIFEST = /\.(ya?ml|json)$/i;

/**
 * Every object and every defect of all files. `defaultNamespace` is the context's, for objects that name none.
 * @throws UserError when something cannot be read, or nothing is there
 */
export async function readManifests(
  args: FileArgs,
  io: CliIo,
  defaultNamespace: string = DEFAULT_NAMESPACE,
): Promise<ReadManifests> {
  if (args.files.length === 0)
    throw new UserError('give manifests with -f FILE, -f FOLDER or -f - for standard input', 2);
  const objects: ManifestObject[] = [];
  const defects: ManifestDefect[] = [];
  const files = args.files.flatMap((file) => (file === '-' ? [file] : expand(file, args.recursive === true)));
  for (const file of files) {
    const text = file === '-' ? await io.stdin() : readFileSync(file, 'utf8');
    const parsed = parseManifests(text, file === '-' ? '(standard input)' : file, args.namespace ?? defaultNamespace);
    objects.push(...parsed.objects);
    defects.push(...parsed.defects);
  }
  if (objects.length === 0 && defects.length === 0) throw new UserError(`no objects in ${args.files.join(', ')}`);
  defects.push(...strangers(objects, args.namespace), ...twins(objects));
  return { objects, defects, fileCount: files.length };
}

/** Prints defects, one a line, in the order of files. */
export function reportDefects(defects: readonly ManifestDefect[], io: CliIo): void {
  for (const defect of defects) io.stderr(`${formatManifestDefect(defect)}\n`);
}

function expand(path: string, recursive: boolean): string[] {
  const stat = statSync(path, { throwIfNoEntry: false });
  if (!stat) throw new UserError(`-f ${path}: there is no such file or folder`);
  if (!stat.isDirectory()) return [path];
  const found = readdirSync(path, { withFileTypes: true, recursive })
    .filter((entry) => entry.isFile() && MANIFEST.test(entry.name))
    .map((entry) => join(entry.parentPath, entry.name))
    .sort();
  if (found.length === 0) {
    throw new UserError(
      `-f ${path}: the folder has no .yaml, .yml or .json file${recursive ? '' : ' (-R looks into sub-folders too)'}`,
    );
  }
  return found;
}

function strangers(objects: readonly ManifestObject[], namespace: string | undefined): ManifestDefect[] {
  if (namespace === undefined) return [];
  return objects
    .filter((object) => object.kind === 'LambdaContainer' && object.namespace !== namespace)
    .map((object) => ({
      path: 'metadata.namespace',
      value: object.namespace,
      message: `'${object.namespace}' is not the namespace given with -n, which is '${namespace}'; remove one of them`,
      ...object.position.of('metadata.namespace'),
    }));
}

function twins(objects: readonly ManifestObject[]): ManifestDefect[] {
  const seen = new Map<string, ManifestObject>();
  return objects.flatMap((object) => {
    const id = `${object.namespace}/${display(object)}`;
    const first = seen.get(id);
    if (!first) {
      seen.set(id, object);
      return [];
    }
    const { file, line } = first.position;
    return [
      {
        path: 'metadata.name',
        value: object.name,
        message: `'${object.name}' is given twice, also at ${file}:${line}; remove one of them`,
        ...object.position.of('metadata.name'),
      },
    ];
  });
}
