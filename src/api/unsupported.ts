/**
 * What the schema knows and this version does not do yet. Everything in this table is refused with a message instead
 * of being ignored; a later version deletes rows.
 */
import { valueAt } from './check.ts';
import { type Defect, defect, plainDefect } from './defects.ts';

interface Row {
  readonly path: readonly string[];
  /** The only values that work; without them any value that says something is refused. */
  readonly works?: readonly unknown[];
  readonly instead: string;
}

const TABLE: readonly Row[] = [
  { path: ['workload'], works: ['service'], instead: "use 'service'" },
  { path: ['queue'], instead: 'remove it' },
  { path: ['placement', 'mode'], works: ['lambda', 'fargate', 'split'], instead: "use 'lambda', 'fargate' or 'split'" },
  { path: ['placement', 'auto'], instead: 'remove it' },
  { path: ['scaling', 'schedules'], instead: 'remove it and set scaling.min and scaling.max' },
  { path: ['traffic', 'apiGateway'], instead: 'remove it and use traffic.hosts and traffic.paths' },
  { path: ['rollout', 'strategy'], works: ['rolling'], instead: "use 'rolling'" },
  { path: ['rollout', 'steps'], instead: 'remove it' },
  { path: ['rollout', 'analysis'], instead: 'remove it' },
  { path: ['rollout', 'approval'], works: ['none'], instead: "use 'none'" },
  { path: ['network', 'serviceConnect'], instead: 'remove it' },
  { path: ['triggers'], instead: 'remove it' },
  { path: ['adoption'], works: ['never'], instead: "use 'never'" },
  { path: ['dependsOn'], instead: 'remove it' },
];

/** Defects for what `raw` (a spec as written, or a class's defaults) asks of this version in vain. */
export function unsupported(raw: unknown, root: readonly string[]): Defect[] {
  return TABLE.flatMap((row) => {
    const value = valueAt(raw, row.path);
    if (saysNothing(value) || row.works?.includes(value)) return [];
    // A value of the wrong type or a misspelt one is the schema's to explain.
    if (row.works && typeof value !== typeof row.works[0]) return [];
    const path = [...root, ...row.path];
    const phrase = `is not available in this version; ${row.instead}`;
    return typeof value === 'object' ? [plainDefect(path, value, phrase)] : [defect(path, value, phrase)];
  });
}

function saysNothing(value: unknown): boolean {
  if (value === undefined || value === null) return true;
  if (typeof value !== 'object') return false;
  return Object.keys(value).length === 0;
}

/** The table, for the reference page. */
export function unsupportedFields(): { path: string; works: readonly unknown[] | undefined; instead: string }[] {
  return TABLE.map(({ path, works, instead }) => ({ path: path.join('.'), works, instead }));
}
