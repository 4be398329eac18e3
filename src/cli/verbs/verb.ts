/** What every verb's definition uses: the run it belongs to, and the flags that mean the same everywhere. */
import { type Command, InvalidArgumentError } from 'commander';
import { systemClock } from '../../core/index.ts';
import {
  type Connect,
  type Connection,
  type ConnectionFlags,
  connectBySdk,
  DEFAULT_DATA_DIR,
} from '../commands/connection.ts';
import { DEFAULT_TIMEOUT } from '../commands/wait.ts';
import type { LocalOptions } from '../local/local.ts';
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

export function withConnection(command: Command): Command {
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

export function withNamespace(command: Command): Command {
  return command.option('-n, --namespace <namespace>', "namespace (default: 'default')");
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
  readonly wait?: boolean;
  readonly timeout?: string;
}
