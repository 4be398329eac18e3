/**
 * `plan`: what applying manifests, or going on with the records as they are, would do to AWS: field by field, with the
 * calls and the risk, and a hash that `apply --plan` holds it to. It only reads.
 */
import { UserError } from '../../core/index.ts';
import { greatest } from '../../plan/index.ts';
import { coloursFor } from '../output/colours.ts';
import { asJson } from '../output/documents.ts';
import type { CliIo } from '../output/io.ts';
import { planDocument } from '../plan/plan-document.ts';
import { planText, riskText, summaryOf } from '../plan/plan-text.ts';
import { hashOf, type PlannedSet, planDeletions, planManifests, planRecords } from '../plan/planned-set.ts';
import type { PlannedObject } from '../plan/planning.ts';
import type { ChoiceArgs } from './chosen.ts';
import type { Connection } from './connection.ts';
import { readManifests, reportDefects } from './manifest-files.ts';

export const PLAN_OUTPUTS = ['text', 'wide', 'json'] as const;

export interface PlanArgs extends ChoiceArgs {
  readonly files: readonly string[];
  readonly recursive?: boolean | undefined;
  readonly output?: (typeof PLAN_OUTPUTS)[number] | undefined;
  /** What taking the records away would do. */
  readonly delete?: boolean | undefined;
}

/** Exit status 1 when something stands in the way of a plan, or could not be read. */
export async function plan(args: PlanArgs, io: CliIo, connection: Connection): Promise<number> {
  const planned = await plannedOf(args, io, connection);
  if (!planned) return 1;
  const hash = hashOf(planned);
  if (args.output === 'json') io.stdout(asJson(planDocument(planned.objects, hash)));
  else showText(planned.objects, hash, args, io);
  const isObstructed = planned.objects.some(({ obstacle }) => obstacle !== undefined && !isHarmless(obstacle.reason));
  return isObstructed || hash === undefined || planned.missing > 0 ? 1 : 0;
}

async function plannedOf(args: PlanArgs, io: CliIo, connection: Connection): Promise<PlannedSet | undefined> {
  if (args.files.length === 0) {
    return args.delete ? planDeletions(args, io, connection) : planRecords(args, io, connection);
  }
  if (args.words.length > 0 || args.all || args.allNamespaces || args.selector !== undefined || args.delete) {
    throw new UserError('give -f alone, or choose objects of the table: by name, with -l or -A, and --delete', 2);
  }
  const { objects, defects } = await readManifests(args, io, connection.defaultNamespace);
  if (defects.length === 0) return planManifests(objects, connection);
  reportDefects(defects, io);
  io.stderr('error: nothing was planned\n');
  return undefined;
}

function showText(planned: readonly PlannedObject[], hash: string | undefined, args: PlanArgs, io: CliIo): void {
  const colours = coloursFor(io);
  for (const [index, object] of planned.entries()) {
    io.stdout(`${index > 0 ? '\n' : ''}${planText(object, args.output === 'wide', colours)}`);
  }
  if (planned.length === 0) {
    io.stderr('no objects are meant\n');
    return;
  }
  const rows = planned.flatMap(({ explanation }) => explanation?.rows ?? []);
  const risk = greatest(rows.map((row) => row.risk));
  io.stdout(`\n${summaryOf(rows)}; ${riskText(risk, '', colours)}\n`);
  if (hash === undefined) {
    io.stdout('no plan hash: something could not be read, so that another plan may be made of it\n');
    return;
  }
  io.stdout(`plan hash ${colours.strong(hash)}\n`);
  if (args.files.length > 0) {
    const files = args.files.map((file) => ` -f ${file}`).join('');
    io.stdout(`${colours.dim(`hold it to this with: lambdacontainer apply${files} --plan ${hash}`)}\n`);
  }
}

/** Suspended on purpose, or never made: that is an answer, and no failure. */
function isHarmless(reason: string): boolean {
  return reason === 'Suspended' || reason === 'NothingMade';
}
