/** Runs a program of the machine within a build: its output is the build's, its failure a line for a person. */
import { spawn } from 'node:child_process';
import { UserError } from '../core/index.ts';

export interface ProgramCall {
  readonly program: string;
  readonly arguments: readonly string[];
  /** The whole environment; what is not in it the program does not see. */
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly folder?: string;
  readonly signal?: AbortSignal | undefined;
}

/** Resolves when it ended well. @throws UserError when it cannot be started, or ends otherwise */
export async function runProgram(call: ProgramCall): Promise<void> {
  const { status, error } = await ended(call, 'inherit');
  if (error) throw new UserError(`${call.program} cannot be started: ${error.message}`);
  if (status !== 0) throw new UserError(`${call.program} ${call.arguments[0] ?? ''} ended with ${status}`);
}

/** Whether it can be started and ends well. */
export async function succeeds(call: ProgramCall): Promise<boolean> {
  const { status } = await ended(call, 'ignore');
  return status === 0;
}

function ended(
  { program, arguments: argv, environment, folder, signal }: ProgramCall,
  output: 'inherit' | 'ignore',
): Promise<{ status: number | string | null; error?: Error }> {
  return new Promise((resolve) => {
    const child = spawn(program, [...argv], {
      env: { ...environment },
      stdio: ['ignore', output, output],
      ...(folder === undefined ? {} : { cwd: folder }),
      ...(signal ? { signal } : {}),
    });
    child.once('error', (error) => resolve({ status: null, error }));
    child.once('close', (code, name) => resolve({ status: code ?? name }));
  });
}
