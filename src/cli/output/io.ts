/**
 * The outer world of a command: where it writes, what it reads, whom it can ask, the time and Ctrl-C. Commands touch
 * nothing else, so that a test runs them with a fake one.
 */
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline/promises';
import type { Clock } from '../../core/index.ts';

export interface CliIo {
  readonly stdout: (text: string) => void;
  readonly stderr: (text: string) => void;
  /** Whether standard output is a terminal. */
  readonly isTTY: boolean;
  /** Whether a person can be asked: standard input and standard error are a terminal. */
  readonly isInteractive: boolean;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly clock: Clock;
  /** All of standard input. */
  readonly stdin: () => Promise<string>;
  /** Asks on standard error; the line that was typed, undefined at the end of input. Only when interactive. */
  readonly ask: (question: string) => Promise<string | undefined>;
  /** Gives this terminal to a program until it ends. @throws Error with a `code` when it cannot be started */
  readonly handOver: (command: string, args: readonly string[]) => Promise<ProgramEnd>;
  /** Aborts on Ctrl-C. Asking for it takes over the signal: only verbs that wait do. */
  readonly signal: AbortSignal;
}

export interface ProgramEnd {
  readonly status: number | null;
  readonly signal: string | null;
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
    isInteractive: program.stdin.isTTY === true && program.stderr.isTTY === true,
    env: program.env,
    clock,
    stdin: async () => {
      const chunks: Buffer[] = [];
      for await (const chunk of program.stdin) chunks.push(Buffer.from(chunk));
      return Buffer.concat(chunks).toString('utf8');
    },
    ask: (question) => askLine(program, question),
    handOver: (command, args) =>
      new Promise((resolve, reject) => {
        const child = spawn(command, [...args], { stdio: 'inherit' });
        child.once('error', reject);
        child.once('exit', (status, signal) => resolve({ status, signal }));
      }),
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

function askLine(program: NodeJS.Process, question: string): Promise<string | undefined> {
  const lines = createInterface({ input: program.stdin, output: program.stderr });
  let isAnswered = false;
  return new Promise((resolve) => {
    // The end of input, and Ctrl-C at the question, are no answer.
    lines.once('close', () => {
      if (!isAnswered) program.stderr.write('\n');
      resolve(undefined);
    });
    lines.question(question).then(
      (answer) => {
        isAnswered = true;
        resolve(answer);
        lines.close();
      },
      () => resolve(undefined),
    );
  });
}
