/**
 * `apply`: manifests into desired records. Everything is judged before anything is written; an object that is there
 * already, as it is, is not written again, and one that somebody else changes at the same moment is not overwritten.
 * Marks that verbs have left on a record (`restart`, `reconcile`, protection) stay unless the manifest names them.
 */
import { type ApiObject, KIND_CLASS, KIND_CONTAINER, KIND_GIT_SOURCE, keyOf } from '../../api/index.ts';
import { isFailure } from '../../core/index.ts';
import { formatKey } from '../../resource/index.ts';
import type { Form } from '../output/form.ts';
import type { CliIo } from '../output/io.ts';
import { type PlannedRecords, requirePlanHash, requireUnmovedPlan } from '../plan/unmoved-plan.ts';
import { ClassLookup } from './classes.ts';
import type { Connection } from './connection.ts';
import { inOrder } from './in-order.ts';
import { defectsOf } from './judgement.ts';
import { withMarks } from './kept-marks.ts';
import { readManifests, reportDefects } from './manifest-files.ts';
import { confirmMutation, type MutationFlags } from './mutation.ts';
import { isSameRecord, printObject, warnIfOwned } from './record-change.ts';
import { display } from './references.ts';
import { requireDuration, waitFor } from './wait.ts';

export interface ApplyArgs extends MutationFlags {
  readonly files: readonly string[];
  readonly namespace?: string | undefined;
  readonly recursive?: boolean | undefined;
  /** Hash of the plan that this must come to; anything else is refused. */
  readonly plan?: string | undefined;
  readonly output?: Form | undefined;
  readonly wait?: boolean | undefined;
  readonly timeout?: string | undefined;
}

/** What others need comes first: a class, then the sources and objects that use it. */
const ORDER = [KIND_CLASS, KIND_CONTAINER, KIND_GIT_SOURCE];

/** Exit status 1 and nothing written when any document is not valid; 1 also when a record could not be written. */
export async function apply(args: ApplyArgs, io: CliIo, connection: Connection): Promise<number> {
  const timeoutMs = requireDuration('--timeout', args.timeout);
  requirePlanHash(args.plan);
  const { objects, defects, fileCount } = await readManifests(args, io, connection.defaultNamespace);
  const classes = new ClassLookup(objects, connection);
  const judged = await inOrder(objects, (object) => defectsOf(object, classes));
  const all = [...defects, ...judged.flat()];
  if (all.length > 0) {
    reportDefects(all, io);
    const files = fileCount === 1 ? 'one file' : `${fileCount} files`;
    io.stderr(`error: nothing was applied: ${all.length === 1 ? 'one defect' : `${all.length} defects`} in ${files}\n`);
    return 1;
  }
  const planned = args.plan === undefined ? undefined : await requireUnmovedPlan(args.plan, objects, connection);
  await confirmMutation(io, connection, 'applying to', args);
  const ordered = [...objects].sort((a, b) => ORDER.indexOf(a.kind) - ORDER.indexOf(b.kind));
  let failed = 0;
  for (const kind of ORDER) {
    await inOrder(
      ordered.filter((object) => object.kind === kind),
      (object) => write(object, planned, args.dryRun === true, connection),
      (written) => {
        if (written.outcome === 'contended') failed++;
        tell(written, args, io);
      },
    );
  }
  for (const name of await classes.missing()) {
    io.stderr(`warning: class '${name}' does not exist; its objects wait until it does\n`);
  }
  if (failed > 0) return 1;
  if (!args.wait || args.dryRun) return 0;
  const references = ordered.filter(({ kind }) => kind !== KIND_CLASS);
  return waitFor({ references, goal: { condition: 'Ready', status: 'True' }, timeoutMs }, io, connection);
}

interface Written {
  readonly object: ApiObject;
  readonly outcome: 'created' | 'configured' | 'unchanged' | 'contended';
}

/** `planned`: what the plan was made on, if there is one: it is written on that and on nothing else. */
async function write(
  manifest: ApiObject,
  planned: PlannedRecords | undefined,
  isDryRun: boolean,
  { desired }: Connection,
): Promise<Written> {
  const key = keyOf(manifest);
  const before = planned ? planned.get(formatKey(key)) : await desired.get(key);
  const object = withMarks(manifest, before);
  if (isSameRecord(before, object)) return { object, outcome: 'unchanged' };
  try {
    if (!isDryRun) await desired.putIf(object, before);
  } catch (error) {
    if (!isFailure(error, 'conflict')) throw error;
    return { object, outcome: 'contended' };
  }
  return { object, outcome: before ? 'configured' : 'created' };
}

function tell({ object, outcome }: Written, args: ApplyArgs, io: CliIo): void {
  if (outcome === 'contended') {
    io.stderr(
      `error: ${display(object)} was changed by somebody else at this moment and was left as it is; apply again\n`,
    );
    return;
  }
  if (args.output === undefined || args.output.name === 'table') {
    io.stdout(`${display(object)} ${outcome}${args.dryRun ? ' (dry run)' : ''}\n`);
  } else printObject(object, args.output, io);
  if (outcome === 'configured') warnIfOwned(object, io);
}
