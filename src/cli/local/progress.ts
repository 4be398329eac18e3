/**
 * Shows how an object comes to be served: one line per stage as it is reached, with how long it took, and on a
 * terminal the stage that is being worked on. It reads the state table like anybody else.
 */
import type { LambdaContainerStatus } from '../../api/index.ts';
import { type Clock, formatDuration, sleep } from '../../core/index.ts';
import { formatKey, type ObjectEvent, type ObjectKey } from '../../resource/index.ts';
import type { StateTable } from '../../store/index.ts';

const POLL_MS = 150;

interface Stage {
  readonly label: string;
  /** When it was reached: what the object says of itself, and what happened to it since this program watches. */
  readonly reached: (status: LambdaContainerStatus, events: readonly ObjectEvent[]) => boolean;
  readonly fact: (status: LambdaContainerStatus) => string;
}

const holds = (type: string) => (status: LambdaContainerStatus) =>
  status.conditions.some((condition) => condition.type === type && condition.status === 'True');
const made = (node: string) => (_status: LambdaContainerStatus, events: readonly ObjectEvent[]) =>
  events.some((event) => event.reason === 'Created' && event.node === node);
const nothing = () => '';

const STAGES: readonly Stage[] = [
  {
    label: 'source resolved',
    reached: holds('SourceResolved'),
    fact: ({ source }) => (source?.codeSha256 ? `code ${source.codeSha256.slice(0, 12)}…` : ''),
  },
  { label: 'building', reached: made('image'), fact: nothing },
  { label: 'image pushed', reached: holds('ImageBuilt'), fact: nothing },
  { label: 'task definition', reached: made('task-definition'), fact: nothing },
  { label: 'function attached', reached: holds('FunctionReady'), fact: nothing },
  { label: 'tasks healthy', reached: holds('ServiceStable'), fact: nothing },
  {
    label: 'traffic',
    reached: holds('TrafficShifted'),
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
  const reached = new Set<Stage>();
  const sinceMs = clock.now();
  let lastMs = sinceMs;
  let transient = false;
  let said = '';
  const clear = () => {
    if (transient) terminal.write('\r\x1b[K');
    transient = false;
    said = '';
  };
  for (;;) {
    const [status, all] = await Promise.all([state.status(key), state.events(key, 50)]);
    const events = all.filter(({ at }) => Date.parse(at) >= sinceMs);
    if (reached.size === 0 && status && holds('Ready')(status)) {
      terminal.write(stageLine(terminal, 'goes on', status.url ?? '', undefined));
      return { key, status, outcome: 'ready' };
    }
    for (const stage of STAGES) {
      if (!status || reached.has(stage) || !stage.reached(status, events)) continue;
      reached.add(stage);
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
      if (said !== ready.message) terminal.write(`\r\x1b[K  ${terminal.dim(`… ${ready.message}`.slice(0, 100))}`);
      said = ready.message;
      transient = true;
    }
    await sleep(clock, POLL_MS, signal);
  }
}
