/** The verbs that change single things of objects that are there: `edit`, `label`, `annotate`, `suspend`, `restart` … */
import type { Command } from 'commander';
import { type EditArgs, edit } from '../commands/edit.ts';
import { type LabelArgs, label } from '../commands/label.ts';
import { type ReconcileArgs, reconcile } from '../commands/reconcile.ts';
import type { ChangeArgs } from '../commands/record-change.ts';
import { type RestartArgs, restart } from '../commands/rollout.ts';
import { resume, suspend } from '../commands/suspend.ts';
import { DEFAULT_TIMEOUT } from '../commands/wait.ts';
import {
  type Flags,
  outputOption,
  type Run,
  type Verb,
  withChoice,
  withConnection,
  withMutation,
  withNamespace,
  withWait,
} from './verb.ts';

const NAMES = 'NAME, KIND NAME or KIND/NAME';

/** What all of them take, and `-o` to print the objects as they are then. */
export function withChange(command: Command): Command {
  const common = withConnection(withNamespace(withMutation(withChoice(command))));
  return common.addOption(outputOption(['name', 'json', 'yaml']));
}

export function addEdit(verb: Verb, run: Run): void {
  const command = verb(
    'edit',
    'Edit an object in your editor (VISUAL, else EDITOR, else vi). It is opened again until it is valid.',
    ['edit checkout -n shop', 'edit class/standard --dry-run'],
  ).argument('<object>', 'NAME or KIND/NAME');
  withConnection(withNamespace(withMutation(command))).action((word: string, flags: Flags & Omit<EditArgs, 'words'>) =>
    run.connected(flags, (io, connection) => edit({ ...flags, words: [word] }, io, connection)),
  );
}

export function addLabel(verb: Verb, run: Run): void {
  const command = verb('label', 'Set labels of objects (key=value), or remove them (key-).', [
    'label checkout -n shop team=payments tier=web',
    'label --all -n shop team=payments --overwrite',
    'label class/standard stage-',
  ]);
  addFields(command, 'labels', run);
}

export function addAnnotate(verb: Verb, run: Run): void {
  const command = verb('annotate', 'Set annotations of objects (key=value), or remove them (key-).', [
    'annotate checkout -n shop lambdacontainer.dev/protected=true',
    'annotate -l team=payments -A example.com/owner=ann --overwrite',
    'annotate checkout example.com/owner-',
  ]);
  addFields(command, 'annotations', run);
}

function addFields(command: Command, field: 'labels' | 'annotations', run: Run): void {
  command
    .argument('<objects...>', `${NAMES}, then key=value or key-`)
    .option('--overwrite', 'change what has another value already');
  withChange(command).action((words: string[], flags: Flags & Omit<LabelArgs, 'words'>) =>
    run.connected(flags, (io, connection) => label(field, { ...flags, words }, io, connection)),
  );
}

export function addSuspend(verb: Verb, run: Run): void {
  const command = verb('suspend', 'Have the controller leave objects, or a source, as they are.', [
    'suspend checkout -n shop',
    'suspend source/shop',
  ]);
  addSuspension(command, suspend, run);
}

export function addResume(verb: Verb, run: Run): void {
  const command = verb('resume', 'Have the controller take objects, or a source, up again.', [
    'resume checkout -n shop',
    'resume --all -n shop',
  ]);
  addSuspension(command, resume, run);
}

/** Also `rollout pause` and `rollout resume`. */
export function addSuspension(command: Command, act: typeof suspend, run: Run): void {
  command.argument('[objects...]', NAMES);
  withChange(command).action((words: string[], flags: Flags & Omit<ChangeArgs, 'words'>) =>
    run.connected(flags, (io, connection) => act({ ...flags, words }, io, connection)),
  );
}

export function addRestart(verb: Verb, run: Run): void {
  const command = verb('restart', 'Replace every task by a rolling deployment; nothing else changes.', [
    'restart checkout -n shop --wait',
    'restart -l team=payments -n shop',
  ]);
  addRestarting(command, run);
}

/** Also `rollout restart`. */
export function addRestarting(command: Command, run: Run): void {
  command.argument('[objects...]', NAMES);
  withChange(withWait(command, 'stay until the new tasks serve')).action(
    (words: string[], flags: Flags & Omit<RestartArgs, 'words'>) =>
      run.connected(flags, (io, connection) => restart({ ...flags, words }, io, connection)),
  );
}

export function addReconcile(verb: Verb, run: Run): void {
  const command = verb('reconcile', 'Ask for a pass now, whatever pause the object is in, and wait until it is done.', [
    'reconcile checkout -n shop',
    'reconcile --all -A --no-wait',
  ])
    .argument('[objects...]', NAMES)
    .option('--no-wait', 'ask, and do not wait')
    .option('--timeout <duration>', 'longest wait', DEFAULT_TIMEOUT);
  withChange(command).action((words: string[], flags: Flags & Omit<ReconcileArgs, 'words'>) =>
    run.connected(flags, (io, connection) => reconcile({ ...flags, words }, io, connection)),
  );
}
