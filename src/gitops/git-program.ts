/**
 * Git as a child process that can do nothing but what it is told: no shell, no configuration of the machine or of a
 * person, no prompts, no hooks, no protocol but the one that is named, an environment of its own, a time limit and a
 * limit of what it may print. It knows nothing of sources; `repository.ts` says what to ask.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import type { Clock } from '../core/index.ts';
import { SourceProblem } from './source-problem.ts';

export interface GitSettings {
  /** Where programs are looked for: git, and what git starts (ssh, gpg, ssh-keygen). */
  readonly searchPath: string;
  /** Variables of the machine that git needs to reach the world: proxies and certificates. */
  readonly network: Readonly<Record<string, string>>;
  /** An empty folder of our own: nothing of any person's home is ever read. */
  readonly home: string;
}

export interface GitCall {
  /** After `git`; user input only behind `--`, or inside of a full ref name. */
  readonly args: readonly string[];
  /** The bare repository; the folder that git would look for is never searched. */
  readonly repository: string;
  /** The only protocol that may be used. @default none */
  readonly protocol?: 'https' | 'http' | 'ssh' | 'file';
  readonly config?: Readonly<Record<string, string>>;
  readonly env?: Readonly<Record<string, string>>;
  readonly input?: string;
  readonly timeoutMs: number;
  /** Bytes of standard output; one more ends it. */
  readonly outputMax: number;
  readonly signal: AbortSignal;
  /** Asked now and then while it runs: a text ends it, as the reason. */
  readonly watch?: () => Promise<string | undefined>;
}

export interface GitAnswer {
  readonly status: number;
  readonly stdout: Buffer;
  readonly stderr: string;
  /** Why we ended it; undefined when it ended by itself. */
  readonly ended: { readonly by: 'timeout' | 'output' | 'watch'; readonly message: string } | undefined;
}

/** GIT_CONFIG_COUNT is understood from here on; before it, the hardening below would be ignored. */
const VERSION_MIN = [2, 31] as const;
const STDERR_MAX = 64 * 1024;
const WATCH_MS = 100;

const ALWAYS: Readonly<Record<string, string>> = {
  'core.hooksPath': '/dev/null',
  'core.attributesFile': '/dev/null',
  'core.fsmonitor': 'false',
  'core.symlinks': 'false',
  'credential.helper': '',
  'transfer.fsckObjects': 'true',
  'submodule.recurse': 'false',
  'fetch.recurseSubmodules': 'false',
  'gc.auto': '0',
  'maintenance.auto': 'false',
  'advice.detachedHead': 'false',
};

export class Git {
  readonly #settings: GitSettings;
  readonly #clock: Clock;
  #usable = false;

  constructor(settings: GitSettings, clock: Clock) {
    this.#settings = settings;
    this.#clock = clock;
  }

  /** Asks its version, once it was good. @throws SourceProblem GitMissing */
  async requireUsable(repository: string, signal: AbortSignal): Promise<void> {
    if (this.#usable) return;
    const { stdout } = await this.run({ args: ['--version'], repository, timeoutMs: 10_000, outputMax: 4096, signal });
    const text = stdout.toString('utf8').trim();
    const match = /(\d+)\.(\d+)/.exec(text);
    const [major, minor] = [Number(match?.[1]), Number(match?.[2])];
    if (!(major > VERSION_MIN[0] || (major === VERSION_MIN[0] && minor >= VERSION_MIN[1]))) {
      throw new SourceProblem('GitMissing', `${text} is too old; install git ${VERSION_MIN.join('.')} or newer`);
    }
    this.#usable = true;
  }

  /**
   * Runs git to its end, or ends it with all that it started. What it exits with is for the caller to judge.
   * @throws SourceProblem GitMissing when there is no git
   * @throws the signal's reason when it aborts
   */
  async run(call: GitCall): Promise<GitAnswer> {
    call.signal.throwIfAborted();
    const child = spawn('git', call.args, {
      cwd: this.#settings.home,
      env: this.#environment(call),
      // A group of its own, so that what it starts (ssh, the http helper) ends with it.
      detached: true,
      stdio: ['pipe', 'pipe', 'pipe'],
    });
    const ending = new Ending(child);
    const timer = this.#clock.after(call.timeoutMs, () =>
      ending.end({ by: 'timeout', message: `git did not answer in time` }),
    );
    const abort = () => ending.kill();
    call.signal.addEventListener('abort', abort, { once: true });
    const watching = call.watch && this.#watch(call.watch, ending);
    try {
      const [stdout, stderr, status] = await Promise.all([
        collect(child.stdout, call.outputMax, () =>
          ending.end({ by: 'output', message: `git printed more than ${call.outputMax} bytes` }),
        ),
        collect(child.stderr, STDERR_MAX, undefined),
        ended(child),
        // A program that ends without reading everything is no error of ours.
        feed(child, call.input ?? ''),
      ]);
      call.signal.throwIfAborted();
      return { status, stdout, stderr: stderr.toString('utf8'), ended: ending.reason };
    } catch (error) {
      ending.kill();
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') {
        throw new SourceProblem('GitMissing', 'there is no git on this machine; install it where the daemon runs');
      }
      throw error;
    } finally {
      timer.cancel();
      watching?.stop();
      call.signal.removeEventListener('abort', abort);
    }
  }

  #watch(look: () => Promise<string | undefined>, ending: Ending): { stop: () => void } {
    let stopped = false;
    const next = () => {
      timer = this.#clock.after(WATCH_MS, () => {
        look().then(
          (message) => {
            if (stopped) return;
            if (message === undefined) next();
            else ending.end({ by: 'watch', message });
          },
          // What cannot be measured must not grow unseen.
          (error: unknown) => ending.end({ by: 'watch', message: `cannot be measured: ${String(error)}` }),
        );
      });
    };
    let timer = { cancel: () => {} };
    next();
    return {
      stop: () => {
        stopped = true;
        timer.cancel();
      },
    };
  }

  #environment({ repository, protocol, config = {}, env = {} }: GitCall): Record<string, string> {
    const { searchPath, home, network } = this.#settings;
    const entries = Object.entries({ ...ALWAYS, ...config });
    return {
      ...network,
      PATH: searchPath,
      HOME: home,
      LC_ALL: 'C',
      GIT_DIR: repository,
      GIT_CONFIG_NOSYSTEM: '1',
      GIT_CONFIG_GLOBAL: '/dev/null',
      GIT_ATTR_NOSYSTEM: '1',
      GIT_TERMINAL_PROMPT: '0',
      GIT_NO_REPLACE_OBJECTS: '1',
      GIT_OPTIONAL_LOCKS: '0',
      // Anything else, `ext::` above all, is refused, in redirections too.
      GIT_ALLOW_PROTOCOL: protocol ?? '',
      // By environment and not by `-c`, so that nothing of it stands in the list of processes.
      GIT_CONFIG_COUNT: String(entries.length),
      ...Object.fromEntries(
        entries.flatMap(([key, value], index) => [
          [`GIT_CONFIG_KEY_${index}`, key],
          [`GIT_CONFIG_VALUE_${index}`, value],
        ]),
      ),
      ...env,
    };
  }
}

/** Ends a process and its group, once, for a reason that is remembered. */
class Ending {
  readonly #child: ChildProcess;
  #isOver = false;
  reason: GitAnswer['ended'];

  constructor(child: ChildProcess) {
    this.#child = child;
    child.once('close', () => {
      this.#isOver = true;
    });
  }

  end(reason: NonNullable<GitAnswer['ended']>): void {
    this.reason ??= reason;
    this.kill();
  }

  kill(): void {
    const { pid } = this.#child;
    // Once all of it has ended, its number may be another's.
    if (pid === undefined || this.#isOver) return;
    try {
      process.kill(-pid, 'SIGKILL');
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
    }
  }
}

async function ended(child: ChildProcess): Promise<number> {
  // `close` waits for the pipes too: a helper that outlives git holds them until it is killed.
  const [code] = (await once(child, 'close')) as [number | null];
  return code ?? 128;
}

async function collect(
  stream: NodeJS.ReadableStream | null,
  bytesMax: number,
  onTooMuch: (() => void) | undefined,
): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of (stream ?? []) as AsyncIterable<Buffer>) {
    if (length > bytesMax) continue;
    length += chunk.length;
    if (length <= bytesMax) chunks.push(chunk);
    else onTooMuch?.();
  }
  return Buffer.concat(chunks);
}

function feed(child: ChildProcess, input: string): Promise<void> {
  return new Promise((resolve, reject) => {
    child.stdin?.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EPIPE' || error.code === 'ECONNRESET') resolve();
      else reject(error);
    });
    child.stdin?.end(input, () => resolve());
  });
}
