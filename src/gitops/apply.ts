/**
 * A rendering onto the desired table: reads what is there once, writes what differs, in order, and removes what the
 * commit no longer has, within the guard's bound. Interrupted anywhere, the next run finds what is done and goes on.
 * Nothing is removed unless everything else stands, and never for an empty rendering.
 */
import { type GitSourceSpec, KIND_CONTAINER, kindOfKey, type SourceObject, SYSTEM_NAMESPACE } from '../api/index.ts';
import { formatKey, type ObjectKey } from '../resource/key.ts';
import type { DesiredRecord, DesiredTable } from '../store/index.ts';
import { wavesOf } from './apply-order.ts';
import { isExempt, isProtected, sourceOf } from './record-ownership.ts';
import type { Outcome, RecordWriter, Verdict } from './record-writer.ts';
import type { Rendering } from './rendering.ts';

export interface ApplyInput {
  readonly source: string;
  readonly spec: GitSourceSpec;
  readonly rendering: Rendering;
  readonly isSteady: boolean;
  /** Objects of the last sync: where else the source may have records. */
  readonly known: readonly Pick<SourceObject, 'namespace'>[];
  /** The commit whose removals a person has confirmed. */
  readonly allowedPrune: string | undefined;
  readonly table: DesiredTable;
  readonly writer: RecordWriter;
  readonly signal: AbortSignal;
}

export interface Applied {
  /** By namespace and name. */
  readonly outcomes: readonly Outcome[];
  /** Removals that wait for a person. */
  readonly hold: { readonly count: number; readonly message: string } | undefined;
}

/** Writes side by side: far below a table's rate, far above one at a time. */
const WRITES_AT_ONCE = 16;
/** Beyond this, one scan costs less than a query for each. */
const NAMESPACES_MAX = 20;
/** The guard lets so many removals pass, whatever their share. */
const DELETIONS_FREE = 3;

export async function apply(input: ApplyInput): Promise<Applied> {
  const { rendering, isSteady, writer, signal } = input;
  const waves = wavesOf(rendering.objects.values(), rendering.commit);
  const verdicts = new Map<string, Verdict>();
  const surplus: DesiredRecord[] = [];
  let owned = 0;
  for await (const record of existing(input)) {
    const id = formatKey(record.key);
    const rendered = rendering.objects.get(id);
    if (sourceOf(record.item) === input.source) owned++;
    if (rendered) verdicts.set(id, writer.judge(rendered, record, isSteady));
    else if (sourceOf(record.item) === input.source) surplus.push(record);
  }
  const outcomes: Outcome[] = [];
  for (const wave of waves) {
    const judged = wave.map(
      (rendered) => verdicts.get(formatKey(rendered.key)) ?? writer.judge(rendered, undefined, isSteady),
    );
    outcomes.push(...(await inParallel(judged, (verdict) => writer.carryOut(verdict), signal)));
  }
  const isWhole = outcomes.every(({ object }) => object.result !== 'failed');
  const removal = await prune(input, surplus, owned, isWhole);
  outcomes.push(...removal.outcomes);
  outcomes.sort((a, b) => compare(a.object.namespace, b.object.namespace) || compare(a.object.name, b.object.name));
  return { outcomes, hold: removal.hold };
}

/** The records that matter: of the namespaces that the commit names, and of those that the source wrote to before. */
async function* existing({ rendering, known, table, spec, signal }: ApplyInput): AsyncGenerator<DesiredRecord> {
  const namespaces = new Set<string>(spec.targetNamespace === undefined ? [] : [spec.targetNamespace]);
  for (const { key } of rendering.objects.values()) namespaces.add(key.namespace);
  for (const { namespace } of known) namespaces.add(namespace);
  if (namespaces.size > NAMESPACES_MAX) yield* table.list(undefined, { signal });
  else for (const namespace of namespaces) yield* table.list(namespace, { signal });
}

async function prune(
  { source, spec, rendering, allowedPrune, writer, signal }: ApplyInput,
  surplus: readonly DesiredRecord[],
  owned: number,
  isWhole: boolean,
): Promise<Applied> {
  const outcomes: Outcome[] = [];
  const doomed: DesiredRecord[] = [];
  for (const record of surplus) {
    const stays = reasonToStay(record, source, spec);
    if (stays === undefined) doomed.push(record);
    else outcomes.push(described(record, 'unchanged', `its manifest is gone; ${stays}`));
  }
  const holdAll = (message: string): Applied => ({
    outcomes: [...outcomes, ...doomed.map((record) => described(record, 'held', message))],
    hold: doomed.length === 0 ? undefined : { count: doomed.length, message },
  });
  if (doomed.length === 0) return { outcomes, hold: undefined };
  if (!isWhole) {
    const waits = 'its manifest is gone; it is removed once everything else of the commit is applied';
    return {
      outcomes: [...outcomes, ...doomed.map((record) => described(record, 'unchanged', waits))],
      hold: undefined,
    };
  }
  if (rendering.objects.size === 0) {
    return holdAll(
      `the commit has no manifests at all, which never removes anything; delete the ${doomed.length} records by hand if that is meant`,
    );
  }
  const allowed = Math.max(DELETIONS_FREE, Math.floor((spec.prune.maxDeletePercent / 100) * owned));
  if (doomed.length > allowed && allowedPrune !== rendering.commit) {
    return holdAll(
      `the commit removes ${doomed.length} of ${owned} objects, more than ${spec.prune.maxDeletePercent}% and more than ${DELETIONS_FREE}; confirm with: lc source reconcile ${source} --allow-prune ${rendering.commit}`,
    );
  }
  const [containers, others] = [
    doomed.filter(({ key }) => key.namespace !== SYSTEM_NAMESPACE),
    doomed.filter(({ key }) => key.namespace === SYSTEM_NAMESPACE),
  ];
  // Users before what they use.
  for (const wave of [containers, others]) {
    const removed = await inParallel(
      wave,
      (record) => {
        const { kind, name } = named(record.key);
        return writer.remove(record, kind, name);
      },
      signal,
    );
    outcomes.push(...removed);
  }
  return { outcomes, hold: undefined };
}

/** Why a record without a manifest is left alone. */
function reasonToStay({ key, item }: DesiredRecord, source: string, { prune }: GitSourceSpec): string | undefined {
  if (!prune.enabled) return 'spec.prune.enabled is false';
  if (isExempt(item)) return 'it is exempt: source-reconcile is disabled';
  if (isProtected(item)) return 'it is protected';
  if (key.namespace === SYSTEM_NAMESPACE && key.name === `source/${source}`) return 'a source does not remove itself';
  return undefined;
}

function described(record: DesiredRecord, result: SourceObject['result'], message: string): Outcome {
  return {
    id: formatKey(record.key),
    object: { namespace: record.key.namespace, ...named(record.key), result, message },
  };
}

function named(key: ObjectKey): { kind: string; name: string } {
  return kindOfKey(key) ?? { kind: KIND_CONTAINER, name: key.name };
}

/** All of them, a few at a time; the first that throws ends it once those under way are done. */
async function inParallel<T, R>(items: readonly T[], act: (item: T) => Promise<R>, signal: AbortSignal): Promise<R[]> {
  const results: R[] = [];
  let next = 0;
  const work = async () => {
    for (let index = next++; index < items.length; index = next++) {
      signal.throwIfAborted();
      results[index] = await act(items[index] as T);
    }
  };
  const workers = Array.from({ length: Math.min(WRITES_AT_ONCE, items.length) }, work);
  const settled = await Promise.allSettled(workers);
  const failed = settled.find((one) => one.status === 'rejected');
  if (failed) throw failed.reason;
  return results;
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
