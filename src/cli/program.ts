/**
 * The command line: verbs, flags and help over commander, and what a verb's end means for the exit status (0 done,
 * 1 error, 2 usage). The verbs are in `commands/`; `local` and `start` are handed in by the program's entry.
 */
import { Command, CommanderError } from 'commander';
import { programVersion } from './commands/version.ts';
import { explain } from './output/errors.ts';
import { addApply, addDelete, addDescribe, addEvents, addGet, addWait } from './verbs/objects.ts';
import { addLocal, addStart, addVersion } from './verbs/programs.ts';
import { DONE, type ProgramParts, Run, USAGE, type Verb } from './verbs/verb.ts';

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

function buildProgram(run: Run): Command {
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
  const verb: Verb = (name, description, examples) =>
    program
      .command(name)
      .description(description)
      .addHelpText('after', `\nExamples:\n${examples.map((example) => `  $ lambdacontainer ${example}`).join('\n')}`);

  addLocal(verb, run);
  addStart(verb, run);
  addApply(verb, run);
  addDelete(verb, run);
  addGet(verb, run);
  addDescribe(verb, run);
  addEvents(verb, run);
  addWait(verb, run);
  addVersion(verb, run);
  return program;
}
