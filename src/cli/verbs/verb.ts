/** What every verb's definition uses: the run it belongs to, and the flags that mean the same everywhere. */
import { type Command, InvalidArgumentError, Option } from 'commander';
import { systemClock } from '../../core/index.ts';
import { type Connect, type Connection, connectBySdk } from '../commands/connection.ts';
import { DEFAULT_TIMEOUT } from '../commands/wait.ts';
import { type ConnectionFlags, DEFAULT_DATA_DIR } from '../context/locate.ts';
import type { LocalOptions } from '../local/local.ts';
import { type FormName, formParser, shownForm } from '../output/form.ts';
import { type CliIo, processIo } from '../output/io.ts';

export interface ProgramParts {
  /** The process's own unless a test says otherwise. */
  readonly io?: CliIo;
  readonly local: (options: LocalOptions) => Promise<number>;
  readonly start: () => Promise<number>;
  /** Opens the tables; the SDK unless a test says otherwise. */
  readonly connect?: Connect;
}

export const DONE = 0;
export const USAGE = 2;

/** Adds a verb to the program; `examples` are command lines without the program's name, two at least. */
export type Verb = (name: string, description: string, examples: readonly string[]) => Command;

const EXAMPLES = new WeakMap<Command, readonly string[]>();

/** Defines verbs below a command: of the program itself, or of a group such as `config`. */
export function verbsOf(parent: Command): Verb {
  return (name, description, examples) => {
    const command = parent
      .command(name)
      .description(description)
      .addHelpText('after', `\nExamples:\n${examples.map((example) => `  $ lambdacontainer ${example}`).join('\n')}`);
    EXAMPLES.set(command, examples);
    return command;
  };
}

/** The examples of a verb's help. */
export function examplesOf(command: Command): readonly string[] {
  return EXAMPLES.get(command) ?? [];
}

/** What the actions of one command line share. */
export class Run {
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

  /** Opens the tables; whoever asks closes them. */
  connect(flags: ConnectionFlags): Connection {
    const connection = (this.parts.connect ?? connectBySdk)(flags, this.io);
    this.context = connection.context;
    return connection;
  }

  /** Runs a verb on open tables and closes them, whatever happens. */
  async connected(flags: ConnectionFlags, verb: (io: CliIo, connection: Connection) => Promise<number>): Promise<void> {
    const connection = this.connect(flags);
    try {
      this.exitCode = await verb(this.io, connection);
    } finally {
      await connection.close();
    }
  }
}

/** Flags of every verb that talks to tables. */
export function withConnection(command: Command): Command {
  return command
    .option(
      '--context <name>',
      "context to talk to (default: LAMBDACONTAINER_CONTEXT, else the current one, else this folder's local cloud, else AWS)",
    )
    .option('--endpoint <url>', 'AWS endpoint that holds the tables (default: AWS_ENDPOINT_URL)')
    .option('--region <region>', 'AWS region where no context says it (default: AWS_REGION)')
    .option(
      '--data-dir <folder>',
      `folder of the local cloud (default: LAMBDACONTAINER_DATA_DIR, else ${DEFAULT_DATA_DIR})`,
    );
}

export function withNamespace(command: Command): Command {
  return command.option('-n, --namespace <namespace>', "namespace (default: the context's, else 'default')");
}

/** Flags of every verb that changes something; `confirmMutation` reads them. */
export function withMutation(command: Command): Command {
  return command
    .option('--dry-run', 'say what would be done, and do nothing')
    .option('--yes-to <context>', 'consent to change this context, where it is protected and nobody can be asked');
}

export function withSelector(command: Command): Command {
  return command.option('-l, --selector <labels>', 'only objects with these labels, e.g. team=shop,tier!=test');
}

/** `-o`, for a verb that prints in these forms. */
export function outputOption(forms: readonly FormName[], fallback?: FormName): Option {
  const option = new Option('-o, --output <format>', 'form of the output').argParser(formParser(forms));
  // For help and completion; the parser above judges what is given.
  option.argChoices = forms.map(shownForm);
  return fallback === undefined ? option : option.default({ name: fallback }, fallback);
}

/** Flags of verbs that act on several objects: all of a namespace, those with labels, those of all namespaces. */
export function withChoice(command: Command): Command {
  return withSelector(command)
    .option('--all', 'all objects of the namespace')
    .option('-A, --all-namespaces', 'with --all or -l: of all namespaces');
}

export function withFiles(command: Command): Command {
  return command
    .option('-f, --filename <file>', 'manifest, folder, or - for standard input; may be given again', collect)
    .option('-R, --recursive', 'look into sub-folders too');
}

export function withWait(command: Command, what: string): Command {
  return command.option('--wait', what).option('--timeout <duration>', 'longest wait', DEFAULT_TIMEOUT);
}

export function collect(value: string, before: readonly string[] = []): string[] {
  return [...before, value];
}

export function whole(min: number, max: number): (text: string) => number {
  return (text) => {
    const number = /^\d+$/.test(text) ? Number(text) : Number.NaN;
    if (number >= min && number <= max) return number;
    throw new InvalidArgumentError(`Use a whole number from ${min} to ${max}.`);
  };
}

export interface Flags extends ConnectionFlags {
  readonly namespace?: string;
  readonly filename?: string[];
  readonly recursive?: boolean;
  readonly dryRun?: boolean;
  readonly yesTo?: string;
  readonly wait?: boolean;
  readonly timeout?: string;
}
