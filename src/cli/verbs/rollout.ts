/** `rollout` and what is below it, as kubectl groups it. */
import { Option } from 'commander';
import { type HistoryArgs, rolloutHistory, rolloutStatus, type StatusArgs } from '../commands/rollout.ts';
import { resume, suspend } from '../commands/suspend.ts';
import { DEFAULT_TIMEOUT } from '../commands/wait.ts';
import { addRestarting, addSuspension } from './changes.ts';
import {
  type Flags,
  outputOption,
  type Run,
  type Verb,
  verbsOf,
  whole,
  withChoice,
  withConnection,
  withNamespace,
} from './verb.ts';

const NAMES = 'NAME or lc/NAME';

export function addRollout(verb: Verb, run: Run): void {
  const group = verb('rollout', 'Follow, pause and repeat the deployment of objects.', [
    'rollout status checkout -n shop',
    'rollout history checkout -n shop',
  ]);
  const below = verbsOf(group);

  const status = below('status', 'Follow until the newest spec serves. Exit status 1 when it cannot.', [
    'rollout status checkout -n shop --timeout 10m',
    'rollout status --all -n shop --no-watch',
  ])
    .argument('[objects...]', NAMES)
    .option('--no-watch', 'say how it stands, and end')
    .option('--timeout <duration>', 'longest wait', DEFAULT_TIMEOUT);
  withConnection(withNamespace(withChoice(status))).action(
    (words: string[], flags: Flags & Omit<StatusArgs, 'words'>) =>
      run.connected(flags, (io, connection) => rolloutStatus({ ...flags, words }, io, connection)),
  );

  const history = below('history', 'Show the revisions that are kept.', [
    'rollout history checkout -n shop',
    'rollout history checkout -n shop --revision 12 -o yaml',
  ])
    .argument('[objects...]', NAMES)
    .addOption(new Option('--revision <number>', 'only this one').argParser(whole(1, Number.MAX_SAFE_INTEGER)))
    .addOption(outputOption(['table', 'json', 'yaml'], 'table'));
  withConnection(withNamespace(withChoice(history))).action(
    (words: string[], flags: Flags & Omit<HistoryArgs, 'words'>) =>
      run.connected(flags, (io, connection) => rolloutHistory({ ...flags, words }, io, connection)),
  );

  addRestarting(
    below('restart', 'Replace every task by a rolling deployment; nothing else changes.', [
      'rollout restart checkout -n shop',
      'rollout restart --all -n shop --wait',
    ]),
    run,
  );
  addSuspension(
    below('pause', 'Have the controller leave objects as they are: the same as suspend.', [
      'rollout pause checkout -n shop',
      'rollout pause --all -n shop',
    ]),
    suspend,
    run,
  );
  addSuspension(
    below('resume', 'Have the controller take objects up again: the same as resume.', [
      'rollout resume checkout -n shop',
      'rollout resume --all -n shop',
    ]),
    resume,
    run,
  );
}
