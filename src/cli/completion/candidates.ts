/**
 * What could stand at the cursor of a command line: verbs and flags from the program's own definition, names of objects,
 * namespaces and contexts from where the line so far leads. Nothing here knows a shell.
 */
import type { Command, Option } from 'commander';

export interface Candidate {
  readonly word: string;
  readonly description?: string | undefined;
}

/** Names that only the tables or the file of contexts know. */
export interface Names {
  contexts(): readonly string[] | Promise<readonly string[]>;
  namespaces(line: Line): Promise<readonly string[]>;
  /** What a verb may be given as an object next. */
  objects(line: Line): Promise<readonly string[]>;
  sources(line: Line): Promise<readonly string[]>;
}

/** A command line as far as it is written. */
export interface Line {
  readonly command: Command;
  /** Values of flags by their attribute's name. */
  readonly flags: Readonly<Record<string, string>>;
  readonly positionals: readonly string[];
  /** What is being typed, perhaps nothing. */
  readonly current: string;
}

export type Completion = readonly Candidate[] | 'files';

const FILE_FLAGS = new Set(['filename', 'payloadFile', 'dataDir']);

/** The candidates that begin with what is being typed. The last of `words` is that word. */
export async function complete(program: Command, words: readonly string[], names: Names): Promise<Completion> {
  const { line, awaiting } = read(program, joined(words));
  const found = awaiting ? await valuesOf(awaiting, line, names) : await nextOf(line, names);
  if (found === 'files') return found;
  return found.filter(({ word }) => word.startsWith(line.current));
}

/** Bash breaks `--flag=value` into three words. */
function joined(words: readonly string[]): string[] {
  const result: string[] = [];
  for (const [index, word] of words.entries()) {
    const before = words[index - 1];
    if (word === '=' && before?.startsWith('--')) {
      // The flag and its value, as if they had been written with a space; the value may not be begun yet.
      if (index === words.length - 1) result.push('');
    } else result.push(word);
  }
  return result;
}

function read(program: Command, words: readonly string[]): { line: Line; awaiting: Option | undefined } {
  let command = program;
  let awaiting: Option | undefined;
  let isOver = false;
  const flags: Record<string, string> = {};
  const positionals: string[] = [];
  for (const word of words.slice(0, -1)) {
    if (awaiting) {
      flags[awaiting.attributeName()] = word;
      awaiting = undefined;
    } else if (isOver || !word.startsWith('-') || word === '-') {
      const below = positionals.length === 0 ? command.commands.find((other) => isCalled(other, word)) : undefined;
      if (below) command = below;
      else positionals.push(word);
    } else if (word === '--') isOver = true;
    else {
      const [name = '', value] = word.split('=', 2);
      const option = command.options.find(({ short, long }) => short === name || long === name);
      if (!option) continue;
      const takesValue = option.required || option.optional;
      if (takesValue && value === undefined) awaiting = option;
      else flags[option.attributeName()] = value ?? 'true';
    }
  }
  const current = words.at(-1) ?? '';
  return { line: { command, flags, positionals, current }, awaiting };
}

function isCalled(command: Command, word: string): boolean {
  return command.name() === word || command.aliases().includes(word);
}

async function nextOf(line: Line, names: Names): Promise<Completion> {
  const { command, current, positionals } = line;
  if (current.startsWith('-')) return flagsOf(line);
  if (command.commands.length > 0) {
    return command.commands
      .filter((below) => !below.name().startsWith('__'))
      .map((below) => ({ word: below.name(), description: firstSentence(below.description()) }));
  }
  const declared = command.registeredArguments;
  const argument = declared[positionals.length] ?? declared.findLast(({ variadic }) => variadic);
  if (!argument) return [];
  if (argument.argChoices) return argument.argChoices.map((word) => ({ word }));
  const name = argument.name();
  if (name === 'context') return plain(await names.contexts());
  if (name === 'object' || name === 'objects') return plain(await names.objects(line));
  if (name === 'sources') return plain(await names.sources(line));
  return [];
}

function flagsOf({ command, flags }: Line): Candidate[] {
  return (
    command.options
      .filter((option) => !option.hidden && option.long)
      // What stands there already is offered again only where it may be given again.
      .filter((option) => !Object.hasOwn(flags, option.attributeName()) || option.attributeName() === 'filename')
      .map(({ long, description }) => ({ word: long ?? '', description }))
  );
}

async function valuesOf(option: Option, line: Line, names: Names): Promise<Completion> {
  // `jsonpath=…` is shown so in help; what follows is the person's.
  if (option.argChoices) return plain(option.argChoices.map((choice) => choice.replace(/…$/, '')));
  const name = option.attributeName();
  if (FILE_FLAGS.has(name)) return 'files';
  if (name === 'context' || name === 'yesTo') return plain(await names.contexts());
  if (name === 'namespace') return plain(await names.namespaces(line));
  return [];
}

function plain(words: readonly string[]): Candidate[] {
  return words.map((word) => ({ word }));
}

function firstSentence(text: string): string {
  return text.replace(/[.;:] .*$/s, '').replace(/\.$/, '');
}
