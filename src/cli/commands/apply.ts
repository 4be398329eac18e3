/**
 * `apply`: manifests into desired records. Everything is judged before anything is written; an object that is there
 * already, as it is, is not written again.
 */
import {
  type ApiObject,
  type Defect,
  KIND_CLASS,
  KIND_CONTAINER,
  type ManifestDefect,
  type ManifestObject,
  objectFromRecord,
  recordFromObject,
  UNSUPPORTED_KINDS,
  validateClass,
  validateLambdaContainer,
} from '../../api/index.ts';
import { sameJson } from '../../core/index.ts';
import { coloursFor } from '../output/colours.ts';
import type { CliIo } from '../output/io.ts';
import { ClassLookup, classNameOf } from './classes.ts';
import type { Connection } from './connection.ts';
import { readManifests, reportDefects } from './manifest-files.ts';
import { display } from './references.ts';
import { requireDuration, waitFor } from './wait.ts';

export interface ApplyArgs {
  readonly files: readonly string[];
  readonly namespace?: string | undefined;
  readonly recursive?: boolean | undefined;
  readonly dryRun?: boolean | undefined;
  readonly wait?: boolean | undefined;
  readonly timeout?: string | undefined;
}

/** Exit status 1 and nothing written when any document is not valid. */
export async function apply(args: ApplyArgs, io: CliIo, connection: Connection): Promise<number> {
  const timeoutMs = requireDuration('--timeout', args.timeout);
  const { objects, defects, fileCount } = await readManifests(args, io);
  const classes = new ClassLookup(objects, connection);
  const judged = (await Promise.all(objects.map((object) => defectsOf(object, classes)))).flat();
  const all = [...defects, ...judged];
  if (all.length > 0) {
    reportDefects(all, io);
    const files = fileCount === 1 ? 'one file' : `${fileCount} files`;
    io.stderr(`error: nothing was applied: ${all.length === 1 ? 'one defect' : `${all.length} defects`} in ${files}\n`);
    return 1;
  }
  io.stderr(`${coloursFor(io).dim(`${args.dryRun ? 'dry run against' : 'applying to'} ${connection.context}`)}\n`);
  // A class first: its objects then find it.
  const ordered = [...objects].sort((a, b) => Number(b.kind === KIND_CLASS) - Number(a.kind === KIND_CLASS));
  for (const object of ordered) {
    const outcome = await write(object, args.dryRun === true, connection);
    io.stdout(`${display(object)} ${outcome}${args.dryRun ? ' (dry run)' : ''}\n`);
  }
  for (const name of await classes.missing()) {
    io.stderr(`warning: class '${name}' does not exist; its objects wait until it does\n`);
  }
  if (!args.wait || args.dryRun) return 0;
  const references = ordered.filter(({ kind }) => kind === KIND_CONTAINER);
  return waitFor({ references, goal: { condition: 'Ready', status: 'True' }, timeoutMs }, io, connection);
}

async function write(object: ApiObject, isDryRun: boolean, { desired }: Connection): Promise<string> {
  const record = recordFromObject(object);
  const before = await desired.get({ namespace: String(record.namespace), name: String(record.name) });
  const same = before && sameJson(comparable(before.item), record);
  if (same) return 'unchanged';
  if (!isDryRun) await desired.put(object);
  return before ? 'configured' : 'created';
}

/** A record put by hand may leave out what follows from its key: that is no difference. */
function comparable(item: Record<string, unknown>): unknown {
  const { object } = objectFromRecord(item);
  return object ? recordFromObject(object) : item;
}

async function defectsOf(object: ManifestObject, classes: ClassLookup): Promise<ManifestDefect[]> {
  const place = (defects: readonly Defect[]): ManifestDefect[] =>
    defects.map((defect) => ({ ...defect, ...object.position.of(defect.path) }));
  const unsupported = UNSUPPORTED_KINDS[object.kind];
  if (unsupported !== undefined) {
    return place([{ path: 'kind', value: object.kind, message: `${object.kind} ${unsupported}` }]);
  }
  if (object.kind === KIND_CLASS) return place(validateClass(object.spec).defects);
  const answer = await classes.get(classNameOf(object.spec));
  const classSpec = typeof answer === 'string' ? undefined : answer;
  return place(validateLambdaContainer(object.spec, classSpec, object.namespace).defects);
}
