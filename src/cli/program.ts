/**
 * The command line: verbs, flags and help over commander, and what a verb's end means for the exit status (0 done,
 * 1 error, 2 usage). The verbs are in `commands/`; `local` and `start` are handed in by the program's entry.
 */
import { Command, CommanderError } from 'commander';
import { programVersion } from './commands/version.ts';
import { explain } from './output/errors.ts';
import { addBootstrap, addDoctor } from './verbs/account.ts';
import { addAnnotate, addEdit, addLabel, addReconcile, addRestart, addResume, addSuspend } from './verbs/changes.ts';
import { addConfig } from './verbs/config.ts';
import { addDiff, addInvoke, addLogs, addPlan, addVerify } from './verbs/inspect.ts';
import { addApply, addDelete, addDescribe, addEvents, addGet, addWait } from './verbs/objects.ts';
import { addCompletion, addLocal, addStart, addVersion } from './verbs/programs.ts';
import { addRollout } from './verbs/rollout.ts';
import { addSource } from './verbs/source.ts';
import { DONE, type ProgramParts, Run, USAGE, verbsOf } from './verbs/verb.ts';

export type { ProgramParts } from './verbs/verb.ts';

/**
 * Runs one command line and resolves with the exit status; errors of people and of AWS are printed here.
 * @throws what is neither: a defect of this program
 */
export async function runProgram(args: readonly string[], parts: ProgramParts): Promise<number> {
  const run = new Run(parts);
  try {
    await buildProgram(run).parseAsync([...args], { from: 'user' });
    return run.exitCode;
  } catch (error) {
    if (error instanceof CommanderError) return exitCodeOf(error);
    const explained = explain(error, run.context);
    if (!explained) throw error;
    run.io.stderr(`${explained.text}\n`);
    return explained.exitCode;
  }
}

/** Commander prints by itself; help that was asked for is no mistake. */
function exitCodeOf(error: CommanderError): number {
  return error.exitCode === 0 || error.code === 'commander.helpDisplayed' ? DONE : USAGE;
}

/** The program's whole definition; nothing runs. */
export function buildProgram(run: Run): Command {
  const { io } = run;
  const program = new Command('lambdacontainer')
    .description('Gives AWS Lambda functions a second life as containers on Fargate.')
    .version(programVersion(), '-V, --version')
    .showHelpAfterError('(lambdacontainer --help lists the verbs, VERB --help its flags)')
    .exitOverride()
    .configureOutput({
      writeOut: io.stdout,
      writeErr: io.stderr,
    });
  const verb = verbsOf(program);

  addLocal(verb, run);
  addStart(verb, run);
  addApply(verb, run);
  addDelete(verb, run);
  addGet(verb, run);
  addDescribe(verb, run);
  addEvents(verb, run);
  addWait(verb, run);
  addEdit(verb, run);
  addLabel(verb, run);
  addAnnotate(verb, run);
  addSuspend(verb, run);
  addResume(verb, run);
  addRestart(verb, run);
  addReconcile(verb, run);
  addRollout(verb, run);
  addSource(verb, run);
  addPlan(verb, run);
  addDiff(verb, run);
  addVerify(verb, run);
  addLogs(verb, run);
  addInvoke(verb, run);
  addConfig(verb, run);
  addBootstrap(verb, run);
  addDoctor(verb, run);
  addVersion(verb, run);
  addCompletion(verb, run, program);
  return program;
}
