/** `completion` prints a shell's script; `__complete`, which that script calls, answers what could stand at the cursor. */
import type { Command } from 'commander';
import { isFailure, sleep, UserError } from '../../core/index.ts';
import { type Completion, complete } from '../completion/candidates.ts';
import { namesFrom } from '../completion/names.ts';
import { completionScript, FILES, type Shell } from '../completion/scripts.ts';
import type { ConnectionFlags } from '../context/locate.ts';
import type { CliIo } from '../output/io.ts';
import type { Connection } from './connection.ts';

/** Nobody waits longer for a word. */
const PATIENCE_MS = 2000;

export async function completion(shell: Shell, io: CliIo): Promise<number> {
  io.stdout(completionScript(shell));
  return 0;
}

/**
 * Prints one candidate a line, its description behind a tab. Where names cannot be had (no context, no table, no
 * answer in time) there are no candidates and the exit status is 1: a message would end up in the person's line.
 */
export async function answerShell(
  program: Command,
  words: readonly string[],
  io: CliIo,
  connect: (flags: ConnectionFlags) => Connection,
): Promise<number> {
  const asked = complete(program, words, namesFrom(io, connect)).catch((error: unknown): undefined => {
    if (error instanceof UserError || isFailure(error)) return undefined;
    throw error;
  });
  const found: Completion | undefined = await Promise.race([
    asked,
    sleep(io.clock, PATIENCE_MS).then((): undefined => undefined),
  ]);
  if (found === undefined) return 1;
  if (found === 'files') io.stdout(`${FILES}\n`);
  else for (const { word, description } of found) io.stdout(`${word}${description ? `\t${description}` : ''}\n`);
  return 0;
}
