/** The verbs that start something, `local` and `start`, and those about the program itself. */
import { Argument, type Command, InvalidArgumentError, Option } from 'commander';
import { UserError } from '../../core/index.ts';
import { answerShell, completion } from '../commands/completion.ts';
import { type VersionArgs, version } from '../commands/version.ts';
import { SHELLS, type Shell } from '../completion/scripts.ts';
import { type ConnectionFlags, DEFAULT_DATA_DIR } from '../context/locate.ts';
import type { CliIo } from '../output/io.ts';
import { collect, type Run, USAGE, type Verb, whole, withConnection } from './verb.ts';

interface LocalFlags {
  readonly awsPort: number;
  readonly httpPort: number;
  readonly dataDir: string;
  readonly example?: string[];
  readonly filename?: string[];
  readonly exitAfterReady?: boolean;
  readonly resync: string;
  readonly iam: 'off' | 'enforce';
}

export function addLocal(verb: Verb, run: Run): void {
  verb('local', 'Start the embedded local cloud and the controller, apply what is given, and print the URLs.', [
    'local',
    'local -f shop.yaml --exit-after-ready',
    'local --aws-port 0 --http-port 0 --data-dir /tmp/lc',
  ])
    .addOption(
      new Option('--aws-port <port>', 'port of the AWS endpoint; 0 picks a free one (or LAMBDACONTAINER_AWS_PORT)')
        .argParser(whole(0, 65_535))
        .default(4577),
    )
    .addOption(
      new Option('--http-port <port>', 'port of the load balancer; 0 picks a free one (or LAMBDACONTAINER_HTTP_PORT)')
        .argParser(whole(0, 65_535))
        .default(8080),
    )
    .option('--data-dir <folder>', 'where everything is kept (or LAMBDACONTAINER_DATA_DIR)', DEFAULT_DATA_DIR)
    .option(
      '--example <name>',
      'example to deploy; may be given again (default: hello, on a fresh folder without -f)',
      collect,
    )
    .option('-f, --filename <file>', 'manifest to apply; may be given again', collect)
    .option('--resync <duration>', 'how often the controller looks at everything unasked', '2s')
    .addOption(
      new Option('--iam <mode>', "whether calls are held to the policies of who makes them, the controller's included")
        .choices(['off', 'enforce'])
        .default('off'),
    )
    .option('--exit-after-ready', 'end once everything is Ready (status 0), or cannot be (status 1)')
    .action((_flags: LocalFlags, command: Command) =>
      run.plain(async (io) => {
        const flags = withEnvironment<LocalFlags>(command, io.env, LOCAL_VARIABLES);
        return run.parts.local({
          awsPort: flags.awsPort,
          httpPort: flags.httpPort,
          dataDir: flags.dataDir,
          examples: flags.example,
          manifests: flags.filename ?? [],
          exitAfterReady: flags.exitAfterReady === true,
          resync: flags.resync,
          iam: flags.iam,
        });
      }),
    );
}

const LOCAL_VARIABLES: Readonly<Record<string, string>> = {
  awsPort: 'LAMBDACONTAINER_AWS_PORT',
  httpPort: 'LAMBDACONTAINER_HTTP_PORT',
  dataDir: 'LAMBDACONTAINER_DATA_DIR',
  resync: 'LAMBDACONTAINER_RESYNC',
  iam: 'LAMBDACONTAINER_IAM',
};

/** Flags, then the environment, then defaults. (Commander's own `env` reads the process's environment.) */
function withEnvironment<T>(command: Command, env: CliIo['env'], variables: Readonly<Record<string, string>>): T {
  for (const [name, variable] of Object.entries(variables)) {
    const written = env[variable];
    if (written === undefined || written === '' || command.getOptionValueSource(name) === 'cli') continue;
    const option = command.options.find((candidate) => candidate.attributeName() === name);
    try {
      command.setOptionValueWithSource(name, option?.parseArg ? option.parseArg(written, undefined) : written, 'env');
    } catch (error) {
      if (!(error instanceof InvalidArgumentError)) throw error;
      throw new UserError(`${variable}: '${written}' is not allowed. ${error.message}`, USAGE);
    }
  }
  return command.opts() as T;
}

export function addStart(verb: Verb, run: Run): void {
  verb('start', 'Run the controller: what the container runs. Configuration is environment.', [
    'start',
    'start  # with AWS_REGION, LAMBDACONTAINER_DESIRED_TABLE and LAMBDACONTAINER_STATE_TABLE set',
  ]).action(() => run.plain(run.parts.start));
}

export function addVersion(verb: Verb, run: Run): void {
  const command = verb('version', 'Show the version of this program, and with --controller of the controller.', [
    'version',
    'version -o json',
    'version --controller --context prod',
  ])
    .addOption(new Option('-o, --output <format>', 'form of the output').choices(['json']))
    .option('--controller', 'also of the controller that leads');
  withConnection(command).action((flags: ConnectionFlags & VersionArgs & { controller?: boolean }) =>
    flags.controller
      ? run.connected(flags, (io, connection) => version(flags, io, connection))
      : run.plain((io) => version(flags, io)),
  );
}

export function addCompletion(verb: Verb, run: Run, program: Command): void {
  verb('completion', 'Print a script that completes verbs, flags and names in your shell.', [
    'completion bash > ~/.local/share/bash-completion/completions/lambdacontainer',
    'completion zsh > ~/.zfunc/_lambdacontainer',
    'completion fish > ~/.config/fish/completions/lambdacontainer.fish',
  ])
    .addArgument(new Argument('<shell>', 'which shell').choices(SHELLS))
    .action((shell: Shell) => run.plain((io) => completion(shell, io)));
  // What the scripts call: the words so far, the one at the cursor last.
  program
    .command('__complete', { hidden: true })
    .argument('[words...]')
    .helpOption(false)
    .action((words: string[]) => run.plain((io) => answerShell(program, words, io, (flags) => run.connect(flags))));
}
