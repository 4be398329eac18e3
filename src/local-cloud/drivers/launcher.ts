/**
 * Starts programs, each as the leader of a process group of its own, and sees to it that no member outlives what it
 * belongs to: the group dies with its leader (as a container dies with its PID 1), all groups die with `close()`, with
 * the cloud (watchdog), and at the latest when the cloud next starts on the same data folder (recorded groups). A child
 * that leaves its group is found by the mark in its environment. It knows nothing of images, tasks or logs.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { constants } from 'node:os';
import { join, resolve } from 'node:path';
import { type Clock, type Logger, type Random, shortHash, sleep } from '../../core/index.ts';
import { findProgram, type Program } from './container-program.ts';
import { programStart, programsMarked } from './leftovers.ts';
import { Watchdog } from './watchdog.ts';

/** Every program of ours carries it: `<data folder's mark>.<the group's own>`. */
const MARK_VARIABLE = 'LAMBDACONTAINER_GROUP';
/** A program that holds the output open so long after the leader's end must have left the group: it is looked for. */
const OUTPUT_GRACE_MS = 1000;
const LEFTOVER_MS_MAX = 5000;

export interface Output {
  readonly stdout: { write(chunk: Buffer): void };
  readonly stderr: { write(chunk: Buffer): void };
}

export interface Group {
  /** Of the leader; equals the group's number. */
  readonly pid: number;
  /** To every member. A group that has ended takes no notice. */
  signal(signal: 'SIGTERM' | 'SIGKILL'): void;
  /** The exit code (128 + n for signal n), once no member is left and all output was delivered. Never rejects. */
  readonly ended: Promise<number>;
}

/** The program cannot be started; the message is the container runtime's. */
export class StartError extends Error {
  override readonly name = 'StartError';
}

interface Recorded {
  readonly pid: number;
  readonly start: string;
}

export class Launcher {
  readonly #folder: string;
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #logger: Logger;
  readonly #watchdog: Watchdog;
  /** Begins the mark of every group of this folder. */
  readonly #markPrefix: string;
  readonly #groups = new Set<Group>();
  #closed = false;

  /** `folder` holds one small file per living group. */
  constructor(deps: { folder: string; clock: Clock; random: Random; logger: Logger }) {
    this.#folder = deps.folder;
    this.#clock = deps.clock;
    this.#random = deps.random;
    this.#logger = deps.logger;
    this.#watchdog = new Watchdog(deps.clock, deps.logger);
    this.#markPrefix = `${shortHash(resolve(deps.folder), 16)}.`;
  }

  /**
   * Kills what an earlier cloud on this folder left behind and waits for its end. Call once, before the first start,
   * and only when no other cloud runs on the folder.
   */
  async recover(): Promise<void> {
    await mkdir(this.#folder, { recursive: true });
    let killed = 0;
    for (const name of await readdir(this.#folder)) {
      const recorded = await readRecord(join(this.#folder, name));
      if (recorded && (await programStart(recorded.pid)) === recorded.start) {
        kill(-recorded.pid, 'SIGKILL');
        killed++;
      }
    }
    killed += await this.#endMarked(this.#markPrefix);
    if (killed > 0) this.#logger.info({ killed }, 'ended programs that an earlier run had left behind');
    await rm(this.#folder, { recursive: true, force: true });
    await mkdir(this.#folder, { recursive: true });
  }

  /**
   * Starts a program; its standard input is empty.
   * @throws StartError when the program is missing or not executable, and after `close()`
   */
  async start(program: Program, output: Output | undefined): Promise<Group> {
    if (this.#closed) throw new StartError('the local cloud is shutting down');
    const [name = '', ...rest] = program.argv;
    const { PATH = '' } = program.environment;
    const file = findProgram(name, PATH, program.workingDirectory);
    if (!file) {
      const reason = name.includes('/') ? 'no such file or directory' : 'executable file not found in $PATH';
      throw new StartError(`exec: "${name}": ${reason}: unknown`);
    }
    const mark = `${this.#markPrefix}${this.#random.hex(8)}`;
    const child = spawn(file, rest, {
      argv0: name,
      cwd: program.workingDirectory,
      env: { ...program.environment, [MARK_VARIABLE]: mark },
      detached: true,
      stdio: ['ignore', output ? 'pipe' : 'ignore', output ? 'pipe' : 'ignore'],
    });
    const { pid } = child;
    if (pid === undefined) {
      const [error] = (await once(child, 'error')) as [Error];
      throw new StartError(`exec: "${name}": ${error.message}`);
    }
    this.#watchdog.guard(pid);
    child.stdout?.on('data', (chunk: Buffer) => output?.stdout.write(chunk));
    child.stderr?.on('data', (chunk: Buffer) => output?.stderr.write(chunk));
    const group: Group = { pid, signal: (signal) => kill(-pid, signal), ended: this.#ended(child, pid, mark) };
    this.#groups.add(group);
    void group.ended.then(() => this.#groups.delete(group));
    return group;
  }

  /** Kills every group and resolves when all have ended. Idempotent. */
  async close(): Promise<void> {
    this.#closed = true;
    for (const group of this.#groups) group.signal('SIGKILL');
    await Promise.all([...this.#groups].map((group) => group.ended));
    await this.#endMarked(this.#markPrefix);
    await this.#watchdog.close();
  }

  /** Kills every program with this mark, and resolves with their number when they have ended. */
  async #endMarked(mark: string): Promise<number> {
    const deadlineMs = this.#clock.monotonic() + LEFTOVER_MS_MAX;
    const killed = new Set<number>();
    for (;;) {
      const pids = await programsMarked(`${MARK_VARIABLE}=${mark}`);
      if (pids.length === 0) return killed.size;
      if (this.#clock.monotonic() > deadlineMs) {
        this.#logger.error({ pids }, 'programs of the local cloud cannot be killed');
        return killed.size;
      }
      for (const pid of pids) {
        killed.add(pid);
        kill(pid, 'SIGKILL');
      }
      await sleep(this.#clock, 20);
    }
  }

  async #ended(child: ChildProcess, pid: number, mark: string): Promise<number> {
    const recordPath = join(this.#folder, `${mark}.json`);
    const recorded = this.#record(pid, recordPath);
    const closed = once(child, 'close');
    const [code, signal] = (await once(child, 'exit')) as [number | null, NodeJS.Signals | null];
    // The number stays the group's own as long as it has a member; from here on it may come to mean another.
    kill(-pid, 'SIGKILL');
    this.#watchdog.unguard(pid);
    const letGo = () => {
      child.stdout?.destroy();
      child.stderr?.destroy();
    };
    const grace = this.#clock.after(OUTPUT_GRACE_MS, () => void this.#endMarked(mark).then(letGo, letGo));
    await closed;
    grace.cancel();
    await recorded;
    await rm(recordPath, { force: true });
    return code ?? 128 + (signal ? constants.signals[signal] : 0);
  }

  async #record(pid: number, path: string): Promise<void> {
    try {
      const start = await programStart(pid);
      if (start) await writeFile(path, JSON.stringify({ pid, start } satisfies Recorded));
    } catch (error) {
      // The mark in the program's environment remains to find it by.
      this.#logger.warn({ pid, error: String(error) }, 'cannot record a container group');
    }
  }
}

async function readRecord(path: string): Promise<Recorded | undefined> {
  try {
    const value = JSON.parse(await readFile(path, 'utf8')) as Partial<Recorded>;
    return Number.isInteger(value.pid) && value.start ? (value as Recorded) : undefined;
  } catch {
    // Cut short by the crash that also left the program behind: its mark remains.
    return undefined;
  }
}

function kill(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    // ESRCH: nobody is left. EPERM: on macOS, only zombies are left.
    const { code } = error as NodeJS.ErrnoException;
    if (code !== 'ESRCH' && code !== 'EPERM') throw error;
  }
}
