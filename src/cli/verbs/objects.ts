/** The verbs on objects, as kubectl has them. */
import { Option } from 'commander';
import { apply } from '../commands/apply.ts';
import { deleteObjects } from '../commands/delete.ts';
import { describe } from '../commands/describe.ts';
import { events } from '../commands/events.ts';
import { get, OUTPUTS, type Output } from '../commands/get.ts';
import { DEFAULT_TIMEOUT, wait } from '../commands/wait.ts';
import { type Flags, type Run, type Verb, whole, withConnection, withFiles, withNamespace, withWait } from './verb.ts';

export function addApply(verb: Verb, run: Run): void {
  const command = verb(
    'apply',
    'Create or change objects as manifests say. Nothing is written unless everything is valid.',
    ['apply -f shop.yaml', 'apply -f manifests/ -R --wait --timeout 10m', 'apply -f - < shop.yaml'],
  ).option('--dry-run', 'say what would be done, and do nothing');
  withConnection(withNamespace(withWait(withFiles(command), 'stay until everything is Ready'))).action((flags: Flags) =>
    run.connected(flags, (io, connection) => apply({ ...flags, files: flags.filename ?? [] }, io, connection)),
  );
}

export function addDelete(verb: Verb, run: Run): void {
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

export function addGet(verb: Verb, run: Run): void {
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

export function addDescribe(verb: Verb, run: Run): void {
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

export function addEvents(verb: Verb, run: Run): void {
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

export function addWait(verb: Verb, run: Run): void {
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
