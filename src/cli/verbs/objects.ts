/** The verbs on objects, as kubectl has them. */
import { InvalidArgumentError, Option } from 'commander';
import { type ApplyArgs, apply } from '../commands/apply.ts';
import { type ConfirmArgs, confirmDeletions } from '../commands/confirm-deletion.ts';
import { type DeleteArgs, deleteObjects } from '../commands/delete.ts';
import { type DescribeArgs, describe } from '../commands/describe.ts';
import { type EventsArgs, events } from '../commands/events.ts';
import { type GetArgs, get } from '../commands/get.ts';
import { DEFAULT_TIMEOUT, type WaitArgs, wait } from '../commands/wait.ts';
import { ALL_FORMS } from '../output/form.ts';
import {
  type Flags,
  outputOption,
  type Run,
  type Verb,
  whole,
  withChoice,
  withConnection,
  withFiles,
  withMutation,
  withNamespace,
  withSelector,
  withWait,
} from './verb.ts';

const NAMES = 'NAME, KIND NAME or KIND/NAME';

export function addApply(verb: Verb, run: Run): void {
  const command = verb(
    'apply',
    'Create or change objects as manifests say. Nothing is written unless everything is valid.',
    ['apply -f shop.yaml', 'apply -f manifests/ -R --wait --timeout 10m', 'apply -f - < shop.yaml'],
  )
    .option('--plan <hash>', 'only if it comes to exactly this plan, as `plan` shows it')
    .addOption(outputOption(['name', 'json', 'yaml']));
  withConnection(withNamespace(withMutation(withWait(withFiles(command), 'stay until everything is Ready')))).action(
    (flags: Flags & ApplyArgs) =>
      run.connected(flags, (io, connection) => apply({ ...flags, files: flags.filename ?? [] }, io, connection)),
  );
}

export function addDelete(verb: Verb, run: Run): void {
  const command = verb(
    'delete',
    'Delete objects; what was made for them is then removed, or left, as their deletionPolicy says.',
    [
      'delete checkout -n shop --wait',
      'delete -f shop.yaml',
      'delete checkout -n shop --cascade=orphan',
      'delete --confirm checkout -n shop',
      'delete --all-held -A --yes-to prod',
    ],
  )
    .argument('[objects...]', NAMES)
    .option('--ignore-not-found', 'what is gone already is no error')
    .addOption(
      new Option(
        '--cascade <how>',
        'what becomes of what was made: background, as the deletion policy says; orphan, left running',
      )
        .choices(['background', 'orphan'])
        .default('background'),
    )
    .option('--confirm', 'confirm deletions that are held: those of the objects that are named')
    .option('--all-held', 'confirm all that are held, of the namespace or with -A of all');
  withConnection(
    withNamespace(
      withMutation(withWait(withFiles(withChoice(command)), 'stay until everything made for them is gone')),
    ),
  ).action(
    (words: string[], flags: Flags & Omit<DeleteArgs, 'words' | 'files'> & ConfirmArgs & { confirm?: boolean }) =>
      run.connected(flags, (io, connection) =>
        flags.confirm || flags.allHeld
          ? confirmDeletions({ ...flags, words }, io, connection)
          : deleteObjects({ ...flags, words, files: flags.filename ?? [] }, io, connection),
      ),
  );
}

export function addGet(verb: Verb, run: Run): void {
  const command = verb('get', 'List objects with their status.', [
    'get',
    'get -A -o wide --sort-by .status.phase',
    'get checkout -n shop -o yaml',
    "get checkout -o jsonpath='{.status.url}'",
    'get class',
  ])
    .argument('[objects...]', 'NAME, KIND, KIND NAME or KIND/NAME')
    .option('-A, --all-namespaces', 'of all namespaces')
    .addOption(outputOption(ALL_FORMS, 'table'))
    .option('--sort-by <path>', 'order by a field, e.g. .metadata.name')
    .option('--show-labels', 'a column with the labels')
    .option('--no-headers', 'tables without their first line')
    .option('-w, --watch', 'go on and show what changes')
    .option('--output-watch-events', 'while watching: say ADDED, MODIFIED or DELETED');
  withConnection(withNamespace(withSelector(command))).action(
    (words: string[], flags: Flags & Omit<GetArgs, 'words'>) =>
      run.connected(flags, (io, connection) => get({ ...flags, words }, io, connection)),
  );
}

export function addDescribe(verb: Verb, run: Run): void {
  const command = verb(
    'describe',
    'Show everything about objects: status, conditions, what is held, inventory, decisions, events.',
    ['describe checkout -n shop', 'describe class/standard', 'describe source/shop --events 50'],
  )
    .argument('[objects...]', NAMES)
    .option('-A, --all-namespaces', 'of all namespaces')
    .addOption(new Option('--events <count>', 'newest events to show').argParser(whole(0, 1000)).default(15))
    .addOption(new Option('--decisions <count>', 'newest decisions to show').argParser(whole(0, 100)).default(3));
  withConnection(withNamespace(withSelector(command))).action(
    (words: string[], flags: Flags & Omit<DescribeArgs, 'words'>) =>
      run.connected(flags, (io, connection) => describe({ ...flags, words }, io, connection)),
  );
}

export function addEvents(verb: Verb, run: Run): void {
  const command = verb('events', 'Show what was found and what was done.', [
    'events checkout -n shop --watch',
    'events -A --types Warning --limit 20',
    'events --for source/shop',
  ])
    .argument('[objects...]', 'names; all objects of the namespace without')
    .option('-A, --all-namespaces', 'of all namespaces')
    .option('--for <object>', 'of this object, as KIND/NAME')
    .addOption(
      new Option('--types <types>', 'only of these types: Normal, Warning').argParser((text) => eventTypes(text)),
    )
    .addOption(new Option('-o, --output <format>', 'form of the output').choices(['table', 'json']).default('table'))
    .addOption(new Option('--limit <count>', 'newest events to show').argParser(whole(1, 1000)).default(50))
    .option('-w, --watch', 'go on and show what happens');
  withConnection(withNamespace(command)).action((words: string[], flags: Flags & Omit<EventsArgs, 'words'>) =>
    run.connected(flags, (io, connection) => events({ ...flags, words }, io, connection)),
  );
}

export function addWait(verb: Verb, run: Run): void {
  const command = verb(
    'wait',
    'Wait until a condition holds of the newest spec, a field has a value, or objects are gone.',
    [
      'wait checkout -n shop --for=condition=Ready --timeout 10m',
      'wait --all --for=condition=Stalled=False',
      "wait checkout --for=jsonpath='{.status.phase}'=Ready",
      'wait checkout --for=delete',
    ],
  )
    .argument('[objects...]', NAMES)
    .requiredOption('--for <goal>', "condition=TYPE, condition=TYPE=STATUS, jsonpath='{PATH}'=VALUE or delete")
    .option('--timeout <duration>', 'longest wait', DEFAULT_TIMEOUT);
  withConnection(withNamespace(withChoice(command))).action((words: string[], flags: Flags & Omit<WaitArgs, 'words'>) =>
    run.connected(flags, (io, connection) => wait({ ...flags, words }, io, connection)),
  );
}

function eventTypes(text: string): ('Normal' | 'Warning')[] {
  return text.split(',').map((word) => {
    const known = (['Normal', 'Warning'] as const).find((type) => type.toLowerCase() === word.trim().toLowerCase());
    if (!known) throw new InvalidArgumentError('Use Normal, Warning, or both with a comma between.');
    return known;
  });
}
