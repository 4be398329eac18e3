/**
 * `verify --equivalence`: whether an object that Fargate serves answers as its function does on Lambda. It sends requests
 * to the one and invokes the other, so it asks for consent as `invoke` does; it changes no resource.
 */
import { readFileSync } from 'node:fs';
import { API_VERSION, KIND_CONTAINER } from '../../api/index.ts';
import { systemRandom, UserError } from '../../core/index.ts';
import { type Colours, coloursFor } from '../output/colours.ts';
import { asJson } from '../output/documents.ts';
import type { CliIo } from '../output/io.ts';
import { type Comparison, compare, type Sides } from '../verify/equivalence.ts';
import { PLAIN_GET, type ProbeRequest, probeRequests } from '../verify/probe-requests.ts';
import { type ChoiceArgs, choose, reportMissing } from './chosen.ts';
import type { Connection } from './connection.ts';
import { confirmMutation } from './mutation.ts';
import { display } from './references.ts';
import type { VERIFY_OUTPUTS } from './verify.ts';
import type { View } from './views.ts';

export interface EquivalenceArgs extends ChoiceArgs {
  readonly files?: readonly string[] | undefined;
  readonly equivalence?: boolean | undefined;
  readonly requests?: string | undefined;
  readonly yesTo?: string | undefined;
  readonly output?: (typeof VERIFY_OUTPUTS)[number] | undefined;
}

/** Exit status 1 when something differs, or is not there. */
export async function verifyEquivalence(args: EquivalenceArgs, io: CliIo, connection: Connection): Promise<number> {
  if (!args.equivalence) throw new UserError('--requests goes with --equivalence', 2);
  if (args.files && args.files.length > 0) {
    throw new UserError('--equivalence compares objects that serve: name them, -f does not go with it', 2);
  }
  const requests = args.requests === undefined ? [PLAIN_GET] : probeRequests(readFile(args.requests), args.requests);
  const { views, missing } = await choose(args, { verb: 'compare', isChange: false }, connection);
  reportMissing(missing, io);
  const subjects = views.map((view) => ({ view, sides: sidesOf(view, io, connection) }));
  if (subjects.length > 0) await confirmMutation(io, connection, 'invoking in', { yesTo: args.yesTo });
  const results: { readonly view: View; readonly comparisons: readonly Comparison[] }[] = [];
  for (const { view, sides } of subjects) results.push({ view, comparisons: await compareAll(requests, sides) });
  if (args.output === 'json') io.stdout(asJson(documentOf(results)));
  else for (const { view, comparisons } of results) show(view, comparisons, io);
  const differs = results.some(({ comparisons }) => comparisons.some(({ differences }) => differences.length > 0));
  return differs || missing.length > 0 ? 1 : 0;
}

/** One after the other: what a request changes, the next one may see. */
async function compareAll(requests: readonly ProbeRequest[], sides: Sides): Promise<Comparison[]> {
  const comparisons: Comparison[] = [];
  for (const request of requests) comparisons.push(await compare(request, sides));
  return comparisons;
}

/** @throws UserError when there are not two sides to compare */
function sidesOf(view: View, io: CliIo, { ports }: Connection): Sides {
  if (view.kind !== KIND_CONTAINER) throw new UserError(`${display(view)} answers nothing; name a LambdaContainer`, 2);
  const spec = view.object?.spec as
    | {
        source?: { functionRef?: { name?: string; qualifier?: string } };
        interface?: string;
        traffic?: { eventFormat?: string };
      }
    | undefined;
  const { name, qualifier } = spec?.source?.functionRef ?? {};
  if (name === undefined) throw new UserError(`${display(view)} refers to no Lambda function to compare with`);
  if (spec?.interface === 'http') {
    throw new UserError(
      `${display(view)} has interface http: on Fargate the image itself answers, and there is no event of which Lambda would answer the same`,
    );
  }
  const { url, placement } = view.status ?? {};
  if (url === undefined || placement?.serving.fargate !== 100) {
    const serving = placement ? `Fargate serves ${placement.serving.fargate} %` : 'nothing serves yet';
    throw new UserError(
      `${display(view)}: ${serving}, so its URL does not tell what Fargate answers; compare an object of placement.mode fargate that is Ready`,
    );
  }
  return {
    lambda: ports.lambda,
    functionName: name,
    qualifier,
    url,
    format: spec?.traffic?.eventFormat ?? 'alb',
    random: systemRandom,
    nowMs: () => io.clock.now(),
    signal: io.signal,
  };
}

function readFile(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === undefined) throw error;
    throw new UserError(`--requests ${path}: it cannot be read (${code}); correct the path`, 2);
  }
}

function documentOf(results: readonly { view: View; comparisons: readonly Comparison[] }[]) {
  return {
    apiVersion: API_VERSION,
    kind: 'Equivalence',
    objects: results.map(({ view: { namespace, name }, comparisons }) => ({ namespace, name, requests: comparisons })),
  };
}

function show(view: View, comparisons: readonly Comparison[], io: CliIo): void {
  const colours = coloursFor(io);
  io.stdout(`${colours.strong(display(view))}\n`);
  for (const comparison of comparisons) io.stdout(textOf(comparison, colours));
  const same = comparisons.filter(({ differences }) => differences.length === 0).length;
  io.stdout(`${same} of ${comparisons.length} requests are answered the same\n`);
}

function textOf({ method, path, status, differences, unstable }: Comparison, colours: Colours): string {
  const verdict = differences.length === 0 ? colours.good('same') : colours.bad('differs');
  const head = `  ${verdict}  ${method} ${path || '/'} → ${status}\n`;
  const lines = differences.flatMap(({ of, lambda, fargate }) => [
    `${colours.bad(`    -  ${of}: ${lambda ?? '(none)'}  (Lambda)`)}\n`,
    `${colours.good(`    +  ${of}: ${fargate ?? '(none)'}  (Fargate)`)}\n`,
  ]);
  const note =
    unstable.length > 0 ? colours.dim(`    not compared, Lambda itself varies: ${unstable.join(', ')}\n`) : '';
  return `${head}${lines.join('')}${note}`;
}
