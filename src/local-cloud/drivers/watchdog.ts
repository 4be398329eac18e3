/**
 * Ends all groups soon after the cloud dies without a chance to do so itself (SIGKILL, out of memory, a crash). One
 * shell of its own session reads, from a pipe that only the cloud holds open, which groups live; at the end of that
 * pipe it kills what is left. One shell for all instead of one supervisor per container: a container then remains a
 * plain program with its own pid, environment and exit status, and costs no second process. The kernel closes the pipe
 * whatever the cloud died of, so there is no polling and no heartbeat.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import type { Clock, Logger } from '../../core/index.ts';

const SCRIPT = `
groups=
while read -r change group; do
  rest=
  for each in $groups; do [ "$each" = "$group" ] || rest="$rest $each"; done
  groups=$rest
  if [ "$change" = + ]; then groups="$groups $group"; fi
done
for each in $groups; do kill -s KILL -- "-$each" 2>/dev/null; done
`;
const RESTART_MS = 1000;

export class Watchdog {
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #groups = new Set<number>();
  #shell: ChildProcess | undefined;
  #closing = false;

  constructor(clock: Clock, logger: Logger) {
    this.#clock = clock;
    this.#logger = logger;
  }

  /** From now on the group dies with the cloud. */
  guard(group: number): void {
    this.#groups.add(group);
    if (this.#shell) this.#tell(`+ ${group}`);
    else this.#start();
  }

  /** The group has ended; its number may soon mean another. */
  unguard(group: number): void {
    if (this.#groups.delete(group)) this.#tell(`- ${group}`);
  }

  /** Resolves once the shell has ended, having killed every group still guarded. */
  async close(): Promise<void> {
    this.#closing = true;
    const shell = this.#shell;
    if (!shell || shell.exitCode !== null || shell.signalCode !== null) return;
    const ended = once(shell, 'exit');
    shell.stdin?.end();
    await ended;
  }

  #start(): void {
    // Detached: Ctrl-C at the terminal goes to the cloud's group, and the shell must outlive the cloud.
    const shell = spawn('/bin/sh', ['-c', SCRIPT], { detached: true, stdio: ['pipe', 'ignore', 'ignore'], env: {} });
    this.#shell = shell;
    shell.unref();
    // A pipe whose reader is gone says so twice; `exit` is where it is answered.
    shell.stdin?.on('error', () => {});
    shell.once('error', (error) => this.#lost(shell, error.message));
    shell.once('exit', (code, signal) => this.#lost(shell, `exit ${code ?? signal}`));
    for (const group of this.#groups) this.#tell(`+ ${group}`);
  }

  #lost(shell: ChildProcess, reason: string): void {
    if (this.#shell !== shell) return;
    this.#shell = undefined;
    if (this.#closing) return;
    this.#logger.warn({ reason }, 'the watchdog of container groups ended; starting another');
    this.#clock.after(RESTART_MS, () => !this.#shell && !this.#closing && this.#groups.size > 0 && this.#start(), {
      unref: true,
    });
  }

  #tell(line: string): void {
    // libuv writes to an idle pipe at once, so the line is in the kernel before this returns.
    this.#shell?.stdin?.write(`${line}\n`);
  }
}
