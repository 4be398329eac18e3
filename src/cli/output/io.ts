/**
 * The outer world of a command: where it writes, what it reads, the time and Ctrl-C. Commands touch nothing else, so
 * that a test runs them with a fake one.
 */
import type { Clock } from '../../core/index.ts';

export interface CliIo {
  readonly stdout: (text: string) => void;
  readonly stderr: (text: string) => void;
  /** Whether standard output is a terminal. */
  readonly isTTY: boolean;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly clock: Clock;
  /** All of standard input. */
  readonly stdin: () => Promise<string>;
  /** Aborts on Ctrl-C. Asking for it takes over the signal: only verbs that wait do. */
  readonly signal: AbortSignal;
}

/** The io of a real program. Its environment, streams and signals come from the given process. */
export function processIo(program: NodeJS.Process, clock: Clock): CliIo {
  let interrupted: AbortController | undefined;
  // A reader that has enough (`… | head`) is no error of ours.
  program.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error;
    program.exit();
  });
  return {
    stdout: (text) => void program.stdout.write(text),
    stderr: (text) => void program.stderr.write(text),
    isTTY: program.stdout.isTTY === true,
    env: program.env,
    clock,
    stdin: async () => {
      const chunks: Buffer[] = [];
      for await (const chunk of program.stdin) chunks.push(Buffer.from(chunk));
      return Buffer.concat(chunks).toString('utf8');
    },
    get signal() {
      if (!interrupted) {
        const controller = new AbortController();
        for (const signal of ['SIGINT', 'SIGTERM'] as const) program.once(signal, () => controller.abort());
        interrupted = controller;
      }
      return interrupted.signal;
    },
  };
}
