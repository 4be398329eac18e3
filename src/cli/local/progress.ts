/**
 * Shows how an object comes to be served: one line per stage as it is reached, with how long it took, and on a
 * terminal the stage that is being worked on. It reads the state table like anybody else.
 */
import type { LambdaContainerStatus } from '../../api/index.ts';
import { type Clock, formatDuration, sleep } from '../../core/index.ts';
import { formatKey, type ObjectKey } from '../../resource/index.ts';
import type { StateTable } from '../../store/index.ts';

const POLL_MS = 150;

interface Stage {
  readonly condition: string;
  readonly label: string;
  readonly fact: (status: LambdaContainerStatus) => string;
}

const STAGES: readonly Stage[] = [
  {
    condition: 'SourceResolved',
    label: 'source resolved',
    fact: ({ source }) => (source?.codeSha256 ? `code ${source.codeSha256.slice(0, 12)}…` : ''),
  },
  {
    condition: 'ImageBuilt',
    label: 'image pushed',
    fact: ({ revision }) => (revision?.image ? `${revision.image.slice(0, 19)}…` : ''),
  },
  { condition: 'FunctionReady', label: 'function attached', fact: () => '' },
  { condition: 'ServiceStable', label: 'tasks healthy', fact: () => '' },
  {
    condition: 'TrafficShifted',
    label: 'traffic',
    fact: ({ placement }) =>
      placement ? `lambda ${placement.serving.lambda} %, fargate ${placement.serving.fargate} %` : '',
  },
];

export interface Terminal {
  readonly isTTY: boolean;
  readonly write: (text: string) => void;
  /** Wraps text in a colour where colours are wanted. */
  readonly green: (text: string) => string;
  readonly red: (text: string) => string;
  readonly dim: (text: string) => string;
}

export interface Watched {
  readonly key: ObjectKey;
  readonly status: LambdaContainerStatus | undefined;
  readonly outcome: 'ready' | 'stalled' | 'stopped';
}

/** A finished line: mark, label, fact, duration. */
export function stageLine(terminal: Terminal, label: string, fact: string, tookMs: number | undefined): string {
  const took = tookMs === undefined ? '' : terminal.dim(formatDuration(tookMs).padStart(7));
  return `  ${terminal.green('✔')} ${label.padEnd(18)} ${fact.padEnd(44)} ${took}\n`;
}

/** Follows objects until each is Ready or Stalled, or `signal` aborts. */
export async function watchUntilServed(
  state: StateTable,
  keys: readonly ObjectKey[],
  terminal: Terminal,
  clock: Clock,
  signal: AbortSignal,
): Promise<Watched[]> {
  const results: Watched[] = [];
  for (const key of keys) {
    terminal.write(`\n  ${formatKey(key)}\n`);
    results.push(await watchOne(state, key, terminal, clock, signal));
  }
  return results;
}

async function watchOne(
  state: StateTable,
  key: ObjectKey,
  terminal: Terminal,
  clock: Clock,
  signal: AbortSignal,
): Promise<Watched> {
  const reached = new Set<string>();
  let lastMs = clock.now();
  let transient = false;
  const clear = () => {
    if (transient) terminal.write('\r\x1b[K');
    transient = false;
  };
  for (;;) {
    const status = await state.status(key);
    for (const stage of STAGES) {
      const condition = status?.conditions.find(({ type }) => type === stage.condition);
      if (!status || condition?.status !== 'True' || reached.has(stage.condition)) continue;
      reached.add(stage.condition);
      clear();
      terminal.write(stageLine(terminal, stage.label, stage.fact(status), clock.now() - lastMs));
      lastMs = clock.now();
    }
    const ready = status?.conditions.find(({ type }) => type === 'Ready');
    const stalled = status?.conditions.find(({ type }) => type === 'Stalled');
    if (ready?.status === 'True') {
      clear();
      return { key, status, outcome: 'ready' };
    }
    if (stalled?.status === 'True') {
      clear();
      terminal.write(`  ${terminal.red('✘')} ${stalled.reason}: ${stalled.message.split('\n').join('\n    ')}\n`);
      return { key, status, outcome: 'stalled' };
    }
    if (signal.aborted) {
      clear();
      return { key, status, outcome: 'stopped' };
    }
    if (terminal.isTTY && ready) {
      terminal.write(`\r\x1b[K  ${terminal.dim(`… ${ready.message}`.slice(0, 110))}`);
      transient = true;
    }
    await sleep(clock, POLL_MS, signal);
  }
}
