/**
 * The command line: verbs, flags and help over commander, and what a verb's end means for the exit status (0 done,
 * 1 error, 2 usage). The verbs are in `commands/`; `local` and `start` are handed in by the program's entry.
 */
import { Command, CommanderError, InvalidArgumentError, Option } from 'commander';
import { systemClock, UserError } from '../core/index.ts';
import { apply } from './commands/apply.ts';
import {
  type Connect,
  type Connection,
  type ConnectionFlags,
  connectBySdk,
  DEFAULT_DATA_DIR,
} from './commands/connection.ts';
import { deleteObjects } from './commands/delete.ts';
import { describe } from './commands/describe.ts';
import { events } from './commands/events.ts';
import { get, OUTPUTS, type Output } from './commands/get.ts';
import { programVersion, version } from './commands/version.ts';
import { DEFAULT_TIMEOUT, wait } from './commands/wait.ts';
import type { LocalOptions } from './local/local.ts';
import { explain } from './output/errors.ts';
import { type CliIo, processIo } from './output/io.ts';

export interface ProgramParts {
  /** The process's own unless a test says otherwise. */
  readonly io?: CliIo;
  readonly local: (options: LocalOptions) => Promise<number>;
  readonly start: () => Promise<number>;
  /** Opens the tables; the SDK unless a test says otherwise. */
  readonly connect?: Connect;
}

const DONE = 0;
const USAGE = 2;

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

/** What the actions of one command line share. */
class Run {
  readonly parts: ProgramParts;
  readonly io: CliIo;
  exitCode = DONE;
  /** What was connected to, for messages. */
  context: string | undefined;

  constructor(parts: ProgramParts) {
    this.parts = parts;
    this.io = parts.io ?? processIo(process, systemClock);
  }

  /** Runs a verb that needs no tables. */
  async plain(verb: (io: CliIo) => Promise<number>): Promise<void> {
    this.exitCode = await verb(this.io);
  }

  /** Runs a verb on open tables and closes them, whatever happens. */
  async connected(flags: ConnectionFlags, verb: (io: CliIo, connection: Connection) => Promise<number>): Promise<void> {
    const connection = (this.parts.connect ?? connectBySdk)(flags, this.io);
    this.context = connection.context;
    try {
      this.exitCode = await verb(this.io, connection);
    } finally {
      connection.close();
    }
  }
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
  const verb = (name: string, description: string, examples: readonly string[]): Command =>
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

type Verb = (name: string, description: string, examples: readonly string[]) => Command;

// ----------------------------------------------------------------------------------------------------------- flags

function withConnection(command: Command): Command {
  return command
    .option(
      '--endpoint <url>',
      'AWS endpoint that holds the tables (default: AWS_ENDPOINT_URL, else a local cloud that runs here, else AWS)',
    )
    .option('--region <region>', 'AWS region (default: AWS_REGION)')
    .option(
      '--data-dir <folder>',
      `folder of the local cloud (default: LAMBDACONTAINER_DATA_DIR, else ${DEFAULT_DATA_DIR})`,
    );
}

function withNamespace(command: Command): Command {
  return command.option('-n, --namespace <namespace>', "namespace (default: 'default')");
}

function withFiles(command: Command): Command {
  return command
    .option('-f, --filename <file>', 'manifest, folder, or - for standard input; may be given again', collect)
    .option('-R, --recursive', 'look into sub-folders too');
}

function withWait(command: Command, what: string): Command {
  return command.option('--wait', what).option('--timeout <duration>', 'longest wait', DEFAULT_TIMEOUT);
}

function collect(value: string, before: readonly string[] = []): string[] {
  return [...before, value];
}

function whole(min: number, max: number): (text: string) => number {
  return (text) => {
    const number = /^\d+$/.test(text) ? Number(text) : Number.NaN;
    if (number >= min && number <= max) return number;
    throw new InvalidArgumentError(`Use a whole number from ${min} to ${max}.`);
  };
}

interface Flags extends ConnectionFlags {
  readonly namespace?: string;
  readonly filename?: string[];
  readonly recursive?: boolean;
  readonly dryRun?: boolean;
  readonly wait?: boolean;
  readonly timeout?: string;
}

// ------------------------------------------------------------------------------------------------------- the verbs

interface LocalFlags {
  readonly awsPort: number;
  readonly httpPort: number;
  readonly dataDir: string;
  readonly example?: string[];
  readonly filename?: string[];
  readonly exitAfterReady?: boolean;
  readonly resync: string;
}

function addLocal(verb: Verb, run: Run): void {
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
        });
      }),
    );
}

const LOCAL_VARIABLES: Readonly<Record<string, string>> = {
  awsPort: 'LAMBDACONTAINER_AWS_PORT',
  httpPort: 'LAMBDACONTAINER_HTTP_PORT',
  dataDir: 'LAMBDACONTAINER_DATA_DIR',
  resync: 'LAMBDACONTAINER_RESYNC',
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

function addStart(verb: Verb, run: Run): void {
  verb('start', 'Run the controller: what the container runs. Configuration is environment.', [
    'start',
    'start  # with AWS_REGION, LAMBDACONTAINER_DESIRED_TABLE and LAMBDACONTAINER_STATE_TABLE set',
  ]).action(() => run.plain(run.parts.start));
}

function addApply(verb: Verb, run: Run): void {
  const command = verb(
    'apply',
    'Create or change objects as manifests say. Nothing is written unless everything is valid.',
    ['apply -f shop.yaml', 'apply -f manifests/ -R --wait --timeout 10m', 'apply -f - < shop.yaml'],
  ).option('--dry-run', 'say what would be done, and do nothing');
  withConnection(withNamespace(withWait(withFiles(command), 'stay until everything is Ready'))).action((flags: Flags) =>
    run.connected(flags, (io, connection) => apply({ ...flags, files: flags.filename ?? [] }, io, connection)),
  );
}

function addDelete(verb: Verb, run: Run): void {
  const command = verb(
    'delete',
    'Delete objects; what was made for them is then removed, or left, as their deletionPolicy says.',
    ['delete checkout -n shop', 'delete -f shop.yaml --wait'],
  )
    .argument('[objects...]', 'NAME, KIND NAME or KIND/NAME')
    .option('--ignore-not-found', 'what is gone already is no error')
    .option('--dry-run', 'say what would be done, and do nothing');
  withConnection(withNamespace(withWait(withFiles(command), 'stay until everything made for them is gone'))).action(
    (words: string[], flags: Flags & { ignoreNotFound?: boolean }) =>
      run.connected(flags, (io, connection) =>
        deleteObjects({ ...flags, words, files: flags.filename ?? [] }, io, connection),
      ),
  );
}

function addGet(verb: Verb, run: Run): void {
  const command = verb('get', 'List objects with their status.', [
    'get',
    'get -A -o wide',
    'get checkout -n shop -o yaml',
    'get class',
  ])
    .argument('[objects...]', 'NAME, KIND, KIND NAME or KIND/NAME')
    .option('-A, --all-namespaces', 'of all namespaces')
    .addOption(new Option('-o, --output <format>', 'form of the output').choices(OUTPUTS).default('table'))
    .option('-l, --selector <labels>', 'only objects with these labels, e.g. team=shop,tier!=test')
    .option('-w, --watch', 'go on and show what changes');
  withConnection(withNamespace(command)).action(
    (words: string[], flags: Flags & { output: Output; allNamespaces?: boolean; selector?: string; watch?: boolean }) =>
      run.connected(flags, (io, connection) => get({ ...flags, words }, io, connection)),
  );
}

function addDescribe(verb: Verb, run: Run): void {
  const command = verb('describe', 'Show everything about objects: status, conditions, revision, inventory, events.', [
    'describe checkout -n shop',
    'describe class/standard',
  ])
    .argument('[objects...]', 'NAME, KIND NAME or KIND/NAME')
    .addOption(new Option('--events <count>', 'newest events to show').argParser(whole(0, 1000)).default(15));
  withConnection(withNamespace(command)).action((words: string[], flags: Flags & { events: number }) =>
    run.connected(flags, (io, connection) => describe({ ...flags, words }, io, connection)),
  );
}

function addEvents(verb: Verb, run: Run): void {
  const command = verb('events', 'Show what was found and what was done.', [
    'events checkout -n shop --watch',
    'events -A --limit 20',
  ])
    .argument('[objects...]', 'names; all objects of the namespace without')
    .option('-A, --all-namespaces', 'of all namespaces')
    .addOption(new Option('-o, --output <format>', 'form of the output').choices(['table', 'json']).default('table'))
    .addOption(new Option('--limit <count>', 'newest events to show').argParser(whole(1, 1000)).default(50))
    .option('-w, --watch', 'go on and show what happens');
  withConnection(withNamespace(command)).action(
    (
      words: string[],
      flags: Flags & { output: 'table' | 'json'; limit: number; allNamespaces?: boolean; watch?: boolean },
    ) => run.connected(flags, (io, connection) => events({ ...flags, words }, io, connection)),
  );
}

function addWait(verb: Verb, run: Run): void {
  const command = verb('wait', 'Wait until a condition holds of the newest spec, or until objects are gone.', [
    'wait checkout -n shop --for=condition=Ready --timeout 10m',
    'wait --all --for=condition=Stalled=False',
    'wait checkout --for=delete',
  ])
    .argument('[objects...]', 'NAME, KIND NAME or KIND/NAME')
    .requiredOption('--for <goal>', 'condition=TYPE, condition=TYPE=STATUS or delete')
    .option('--all', 'all objects of the namespace')
    .option('--timeout <duration>', 'longest wait', DEFAULT_TIMEOUT);
  withConnection(withNamespace(command)).action((words: string[], flags: Flags & { for: string; all?: boolean }) =>
    run.connected(flags, (io, connection) => wait({ ...flags, words }, io, connection)),
  );
}

function addVersion(verb: Verb, run: Run): void {
  verb('version', 'Show the version of this program.', ['version', 'version -o json'])
    .addOption(new Option('-o, --output <format>', 'form of the output').choices(['json']))
    .action((flags: { output?: 'json' }) => run.plain((io) => version(flags, io)));
}
