/**
 * The controller as a process of its own, with nothing but environment to tell it where AWS is. It is started again
 * when it ends unasked, as ECS would; it ends by itself when this program disappears, because its standard input does.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { type Clock, sleep } from '../../core/index.ts';

export interface ControllerProcess {
  readonly pid: () => number | undefined;
  /** SIGTERM, then SIGKILL after `graceMs`. Resolves when it has ended. */
  stop(graceMs: number): Promise<void>;
}

export interface ControllerLaunch {
  /** Program that understands `start`. */
  readonly program: string;
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly logFile: string;
  readonly clock: Clock;
  /** Told when it ended unasked and is started again. */
  readonly onRestart: (status: string) => void;
}

const RESTART_AFTER_MS = 1000;

export function runController(launch: ControllerLaunch): ControllerProcess {
  // A file of its own, not a pipe through this program: its last words must not be lost with us.
  const log = openSync(launch.logFile, 'a');
  let child: ChildProcess | undefined;
  let stopping = false;
  const stopped = new AbortController();

  const once = () =>
    new Promise<string>((resolve) => {
      // A group of its own: Ctrl-C in the terminal reaches this program first, which then stops it in order.
      child = spawn(process.execPath, [launch.program, 'start'], {
        detached: true,
        stdio: ['pipe', log, log],
        env: { ...launch.environment, LAMBDACONTAINER_STOP_WITH_STDIN: '1' },
      });
      child.once('error', (error) => resolve(error.message));
      child.once('exit', (code, signal) => resolve(signal ?? `status ${code}`));
    });
  const ended = (async () => {
    for (;;) {
      const status = await once();
      if (stopping) break;
      launch.onRestart(status);
      await sleep(launch.clock, RESTART_AFTER_MS, stopped.signal);
      if (stopping) break;
    }
    closeSync(log);
  })();

  return {
    pid: () => child?.pid,
    stop: async (graceMs) => {
      stopping = true;
      stopped.abort();
      child?.kill('SIGTERM');
      const kill = launch.clock.after(graceMs, () => child?.kill('SIGKILL'));
      await ended;
      kill.cancel();
    },
  };
}
