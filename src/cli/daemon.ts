/**
 * The daemon as a program of its own. It is bundled apart from the verbs and the local cloud, which use all of the SDK's
 * clients: of those the daemon then loads what it calls, and a task that takes over begins the sooner. Nothing of it is
 * shared with the rest of the program, not even the classes of errors; so what ends it is an exit status.
 */
import { UserError } from '../core/index.ts';
import { type Environment, start } from './start.ts';

/** As `start`; what a person has to put right is told on standard error. @throws what is neither: a defect */
export async function daemon(env: Environment, onSignal: (stop: () => void) => void): Promise<number> {
  try {
    return await start(env, onSignal);
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    process.stderr.write(`error: ${error.message}\n`);
    return error.exitCode;
  }
}
