/**
 * The real program for a long time: objects that are served under load while their code changes, others that come and go,
 * and then the question of what is left over. It measures and reports; what counts as a defect stands in `defectsOf`.
 */
import { mkdirSync, mkdtempSync, readdirSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { classSpec, code, createFunction, putClass } from '../e2e/local-account.ts';
import { eventually, get, LocalRun, ready } from '../e2e/local-run.ts';
import { inspectHeap } from './heap.ts';
import { processesOf, usageOf } from './processes.ts';
import { type Sample, type Trend, trendOfLaterHalf } from './trend.ts';

export interface SoakOptions {
  readonly minutes: number;
  /** Requests a second to what stays. */
  readonly perSecond: number;
  /** Told as it goes on. */
  readonly say?: (line: string) => void;
}

export interface SoakReport {
  readonly minutes: number;
  readonly requests: number;
  /** Of requests to objects that nobody was deleting: what came instead of the function's answer, and how often. */
  readonly failed: Readonly<Record<string, number>>;
  readonly created: number;
  readonly deleted: number;
  readonly updated: number;
  /** What the daemon's heap holds after a collection, in the later half: bytes. */
  readonly heap: Trend;
  /** Resident memory, in the later half: it goes up and down with collections. Absent where it cannot be measured. */
  readonly resident: Readonly<Record<'daemon' | 'cloud', Trend>> | undefined;
  /** Open sockets, files and pipes: before the load, and after it once everything that came is gone. */
  readonly descriptors: Readonly<Record<'daemon' | 'cloud', readonly [before: number, after: number]>> | undefined;
  readonly leftProcesses: readonly string[];
  /** In the folder for temporary files, beside the data folder. */
  readonly leftFiles: readonly string[];
  readonly exit: string;
}

const STAYING = ['soak-a', 'soak-b'];
const SAMPLE_MS = 5_000;
/** More open files than before that are no leak: a connection that is kept for the next call. */
const DESCRIPTORS_SLACK = 24;
/** As a part of the mean, over the later half. */
const RISE_MAX = 0.1;
/** A collection stops the daemon for as long as it takes: not more often than this. */
const COLLECT_MS = 15_000;

/** @throws Error when the program does not start, or an object does not become Ready within two minutes */
export async function soak({ minutes, perSecond, say = () => {} }: SoakOptions): Promise<SoakReport> {
  const temporary = mkdtempSync(join(realpathSync(tmpdir()), 'lambdacontainer-soak-'));
  const folder = join(temporary, 'data');
  mkdirSync(folder);
  const before = process.env.TMPDIR;
  process.env.TMPDIR = temporary;
  const options = process.env.NODE_OPTIONS;
  // Nothing listens until the daemon is signalled, and then on a port of its own.
  process.env.NODE_OPTIONS = `${options ?? ''} --inspect-port=127.0.0.1:0`;
  const run = new LocalRun(folder);
  if (options === undefined) delete process.env.NODE_OPTIONS;
  else process.env.NODE_OPTIONS = options;
  if (before === undefined) delete process.env.TMPDIR;
  else process.env.TMPDIR = before;
  try {
    await run.says('Try next');
    const pids = { daemon: await run.controllerPid(), cloud: run.local.pid };
    // What comes and goes is more than the guard against mass deletion would let go in an hour.
    await putClass(run, 'standard', { ...(await classSpec(run)), deletion: { maxDeletePercent: 100 } });
    for (const name of STAYING) await appear(run, name, 'new');
    const measured = new Measured(pids);
    const idle = measured.descriptors();
    const heap = await inspectHeap(pids.daemon, join(folder, 'controller.log'));
    const collected: Sample[] = [];
    const collecting = setInterval(
      () =>
        heap.usedBytes().then(
          (value) => void collected.push({ atMs: performance.now(), value }),
          // The daemon is gone, which its exit tells.
          () => {},
        ),
      COLLECT_MS,
    );
    const ending = new AbortController();
    const requests = new Requests(run, perSecond);
    const timer = setInterval(() => {
      measured.sample();
      say(`${requests.count} requests, ${requests.failures} failed; ${measured.now()}`);
    }, SAMPLE_MS);
    const churning = churn(run, requests, ending.signal);
    const over = new Promise((end) => setTimeout(end, minutes * 60_000));
    await Promise.race([over, churning]);
    ending.abort();
    const churned = await churning;
    clearInterval(timer);
    clearInterval(collecting);
    heap.close();
    await requests.stop();
    await eventually(async () => {
      const now = measured.descriptors();
      return !now || !idle || now.cloud - idle.cloud <= DESCRIPTORS_SLACK || Date.now() - requests.stoppedAtMs > 60_000;
    });
    const after = measured.descriptors();
    const { status, signal } = await run.stop();
    return {
      minutes,
      requests: requests.count,
      failed: Object.fromEntries(requests.failed),
      ...churned,
      heap: trendOfLaterHalf(collected),
      resident: measured.trends(),
      descriptors: idle &&
        after && { daemon: [idle.daemon, after.daemon] as const, cloud: [idle.cloud, after.cloud] as const },
      leftProcesses: processesOf(temporary),
      leftFiles: readdirSync(temporary).filter(
        (name) => name !== 'data' && !/^(node-compile-cache|tsx-\d+)$/.test(name),
      ),
      exit: signal ?? String(status),
    };
  } finally {
    run.signal('SIGKILL');
    await run.ended;
    rmSync(temporary, { recursive: true, force: true });
  }
}

/** Pure: what a soak must not show. Empty: it is passed. */
export function defectsOf(report: SoakReport): string[] {
  const { failed, heap, descriptors, leftProcesses, leftFiles, exit } = report;
  const isFlat = heap.mean > 0 && heap.rise <= RISE_MAX * heap.mean;
  const open = (['daemon', 'cloud'] as const).filter(
    (who) => descriptors && descriptors[who][1] - descriptors[who][0] > DESCRIPTORS_SLACK,
  );
  return [
    ...Object.entries(failed).map(([what, count]) => `${count} requests failed: ${what}`),
    ...(isFlat ? [] : [`the daemon's heap grows: ${JSON.stringify(heap)}`]),
    ...open.map((who) => `the ${who} holds more open than before: ${descriptors?.[who].join(', then ')}`),
    ...leftProcesses.map((one) => `a process is left: ${one}`),
    ...leftFiles.map((one) => `a temporary file is left: ${one}`),
    ...(exit === '0' ? [] : [`the program ended with ${exit}`]),
    ...(report.requests > 0 && report.created > 0 ? [] : ['nothing was done']),
  ];
}

async function appear(run: LocalRun, name: string, body: string): Promise<void> {
  await createFunction(run, name, code(body));
  await run.put(name, { source: { functionRef: { name } }, scaling: { min: 1, max: 2 } });
  await ready(run, name);
}

/** Until the signal: one object comes, serves and goes; the code of one that stays changes; and again. */
async function churn(run: LocalRun, requests: Requests, signal: AbortSignal) {
  const done = { created: 0, deleted: 0, updated: 0 };
  for (let round = 1; !signal.aborted; round++) {
    const name = `soak-churn-${round}`;
    await appear(run, name, String(round));
    done.created++;
    for (let request = 0; request < 20; request++) await requests.ask(name);
    const stays = STAYING[round % STAYING.length] ?? '';
    await run.aws.lambda.updateFunctionCode({ FunctionName: stays, ZipFile: code(`round ${round}`) });
    done.updated++;
    await run.remove(name);
    await eventually(async () => (await run.status(name)) === undefined);
    done.deleted++;
  }
  for (const name of STAYING) await ready(run, name);
  return done;
}

/** Requests to what stays, at a steady rate whatever becomes of them. */
class Requests {
  readonly #run: LocalRun;
  readonly #timer: NodeJS.Timeout;
  readonly #underWay = new Set<Promise<void>>();
  readonly failed = new Map<string, number>();
  count = 0;
  stoppedAtMs = 0;

  constructor(run: LocalRun, perSecond: number) {
    this.#run = run;
    this.#timer = setInterval(() => {
      const asked = this.ask(STAYING[this.count % STAYING.length] ?? '');
      this.#underWay.add(asked);
      void asked.then(() => this.#underWay.delete(asked));
    }, 1000 / perSecond);
  }

  get failures(): number {
    return [...this.failed.values()].reduce((sum, count) => sum + count, 0);
  }

  async ask(name: string): Promise<void> {
    this.count++;
    const answer = await get(`${this.#run.url}/${name}`).catch((error: Error) => ({ status: 0, body: error.message }));
    if (answer.status === 200) return;
    const what = `${name.replace(/\d+$/, 'N')} answered ${answer.status} ${answer.body.slice(0, 80)}`;
    this.failed.set(what, (this.failed.get(what) ?? 0) + 1);
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer);
    await Promise.all(this.#underWay);
    this.stoppedAtMs = Date.now();
  }
}

class Measured {
  readonly #pids: Readonly<Record<'daemon' | 'cloud', number>>;
  readonly #samples: Record<'daemon' | 'cloud', Sample[]> = { daemon: [], cloud: [] };

  constructor(pids: Readonly<Record<'daemon' | 'cloud', number>>) {
    this.#pids = pids;
  }

  sample(): void {
    for (const who of ['daemon', 'cloud'] as const) {
      const usage = usageOf(this.#pids[who]);
      if (usage) this.#samples[who].push({ atMs: performance.now(), value: usage.residentBytes });
    }
  }

  descriptors(): Record<'daemon' | 'cloud', number> | undefined {
    const [daemon, cloud] = [usageOf(this.#pids.daemon), usageOf(this.#pids.cloud)];
    return daemon && cloud && { daemon: daemon.descriptors, cloud: cloud.descriptors };
  }

  now(): string {
    const mib = (who: 'daemon' | 'cloud') => Math.round((this.#samples[who].at(-1)?.value ?? 0) / 2 ** 20);
    return `daemon ${mib('daemon')} MiB, cloud ${mib('cloud')} MiB`;
  }

  trends(): Record<'daemon' | 'cloud', Trend> | undefined {
    const { daemon, cloud } = this.#samples;
    if (daemon.length === 0) return undefined;
    return { daemon: trendOfLaterHalf(daemon), cloud: trendOfLaterHalf(cloud) };
  }
}
