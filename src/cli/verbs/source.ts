/** `source` and what is below it: GitSources, the repositories whose manifests are kept applied. */
import { InvalidArgumentError, Option } from 'commander';
import type { SourceResult } from '../../api/index.ts';
import { type DeleteArgs, deleteObjects } from '../commands/delete.ts';
import { type DescribeArgs, describe } from '../commands/describe.ts';
import { type GetArgs, get } from '../commands/get.ts';
import type { ChangeArgs } from '../commands/record-change.ts';
import {
  named,
  type SourceAddArgs,
  type SourceObjectsArgs,
  type SourceReconcileArgs,
  sourceAdd,
  sourceObjects,
  sourceReconcile,
} from '../commands/source.ts';
import { resume, suspend } from '../commands/suspend.ts';
import { DEFAULT_TIMEOUT } from '../commands/wait.ts';
import { ALL_FORMS } from '../output/form.ts';
import {
  collect,
  type Flags,
  outputOption,
  type Run,
  type Verb,
  verbsOf,
  whole,
  withConnection,
  withMutation,
  withSelector,
  withWait,
} from './verb.ts';

const NAMES = 'names of sources';
const RESULTS: readonly SourceResult[] = [
  'created',
  'configured',
  'unchanged',
  'corrected',
  'drifted',
  'pruned',
  'held',
  'failed',
];

export function addSource(verb: Verb, run: Run): void {
  const group = verb('source', 'Follow git repositories: their manifests are kept applied.', [
    'source add shop --url https://git.example.com/team/shop --branch main --path deploy --wait',
    'source reconcile shop',
  ]);
  const below = verbsOf(group);
  addAdd(below, run);
  addGet(below, run);
  addDescribe(below, run);
  addObjects(below, run);
  addReconcile(below, run);
  addSuspensions(below, run);
  addDelete(below, run);
}

function addAdd(below: Verb, run: Run): void {
  const command = below('add', 'Follow a repository from now on.', [
    'source add shop --url https://git.example.com/team/shop --path deploy --target-namespace shop --prune',
    'source add platform --url ssh://git@git.example.com/platform --semver ">=1.0.0" --secret platform-git --signer keys.txt',
  ])
    .argument('<name>', 'name of the source')
    .requiredOption('--url <url>', 'repository: https://…, ssh://… or file:///…')
    .option('--branch <name>', "branch to follow (default: 'main')")
    .option('--tag <name>', 'tag to follow')
    .option('--semver <range>', 'follow the highest tag in a range of versions, e.g. ">=1.2.0 <2.0.0"')
    .option('--commit <commit>', 'stay on a commit')
    .option('--path <folder>', "folder with manifests (default: '.')")
    .option('--interval <duration>', "time between two looks (default: '1m')")
    .option('--fetch-timeout <duration>', "longest fetch (default: '1m')")
    .option('--secret <secret>', 'Secrets Manager secret with credentials and the webhook word')
    .option('--signer <file>', 'public keys of which one must have signed; may be given again', collect)
    .option('--prune', 'remove objects whose manifests are gone')
    .addOption(
      new Option('--max-delete-percent <percent>', 'share that one commit may remove').argParser(whole(0, 100)),
    )
    .option('--report-drift', 'report edits made by hand instead of putting them right')
    .option('--target-namespace <namespace>', 'the only namespace that it may write')
    .option('--set <variable>', 'NAME=VALUE for variables in manifests; may be given again', collect)
    .option('--depends-on <source>', 'source that must be Ready first; may be given again', collect)
    .option('--role-arn <arn>', 'role to write records with')
    .option('--external-id <id>', 'external id that the role asks for')
    .addOption(outputOption(['name', 'json', 'yaml']));
  withConnection(withMutation(withWait(command, 'stay until its commit is applied'))).action(
    (name: string, flags: Flags & Omit<SourceAddArgs, 'name'>) =>
      run.connected(flags, (io, connection) => sourceAdd({ ...flags, name }, io, connection)),
  );
}

function addGet(below: Verb, run: Run): void {
  const command = below('get', 'List sources with their commits.', ['source get', 'source get shop -o yaml'])
    .argument('[sources...]', NAMES)
    .addOption(outputOption(ALL_FORMS, 'table'))
    .option('--no-headers', 'tables without their first line')
    .option('-w, --watch', 'go on and show what changes');
  withConnection(withSelector(command)).action((words: string[], flags: Flags & Omit<GetArgs, 'words'>) =>
    run.connected(flags, (io, connection) =>
      get({ ...flags, words: words.length === 0 ? ['gitsource'] : named(words) }, io, connection),
    ),
  );
}

function addDescribe(below: Verb, run: Run): void {
  const command = below('describe', 'Show everything about sources: commits, conditions, objects in trouble, events.', [
    'source describe shop',
    'source describe shop --events 50',
  ])
    .argument('[sources...]', NAMES)
    .addOption(new Option('--events <count>', 'newest events to show').argParser(whole(0, 1000)).default(15));
  withConnection(command).action((words: string[], flags: Flags & Omit<DescribeArgs, 'words'>) =>
    run.connected(flags, (io, connection) =>
      describe({ ...flags, words: words.length === 0 ? ['gitsource'] : named(words) }, io, connection),
    ),
  );
}

function addObjects(below: Verb, run: Run): void {
  const command = below('objects', 'Show what became of each object of a source.', [
    'source objects shop',
    'source objects shop --result failed,held,drifted -o json',
  ])
    .argument('<name>', 'name of the source')
    .addOption(new Option('--result <results>', `only these: ${RESULTS.join(', ')}`).argParser(resultsOf))
    .addOption(outputOption(['table', 'name', 'json', 'yaml'], 'table'));
  withConnection(command).action((name: string, flags: Flags & Omit<SourceObjectsArgs, 'name'>) =>
    run.connected(flags, (io, connection) => sourceObjects({ ...flags, name }, io, connection)),
  );
}

function addReconcile(below: Verb, run: Run): void {
  const command = below('reconcile', 'Have sources look at their repositories now, and wait until it is done.', [
    'source reconcile shop --timeout 2m',
    'source reconcile shop --allow-prune 3f2a9c1d7e',
  ])
    .argument('<sources...>', NAMES)
    .option('--allow-prune <commit>', 'confirm the removals that the source holds for this commit')
    .option('--no-wait', 'ask, and do not wait')
    .option('--timeout <duration>', 'longest wait', DEFAULT_TIMEOUT);
  withConnection(withMutation(command)).action((words: string[], flags: Flags & Omit<SourceReconcileArgs, 'words'>) =>
    run.connected(flags, (io, connection) => sourceReconcile({ ...flags, words }, io, connection)),
  );
}

function addSuspensions(below: Verb, run: Run): void {
  const verbs = [
    {
      name: 'suspend',
      description: 'Have sources leave everything as it is.',
      examples: ['source suspend shop', 'source suspend shop platform --dry-run'],
      act: suspend,
    },
    {
      name: 'resume',
      description: 'Have sources go on.',
      examples: ['source resume shop', 'source resume shop platform --dry-run'],
      act: resume,
    },
  ];
  for (const { name, description, examples, act } of verbs) {
    const command = below(name, description, examples).argument('<sources...>', NAMES);
    withConnection(withMutation(command)).action((words: string[], flags: Flags & Omit<ChangeArgs, 'words'>) =>
      run.connected(flags, (io, connection) => act({ ...flags, words: named(words) }, io, connection)),
    );
  }
}

function addDelete(below: Verb, run: Run): void {
  const command = below('delete', 'Follow repositories no longer. What they applied stays as it is.', [
    'source delete shop',
    'source delete shop platform --ignore-not-found',
  ])
    .argument('<sources...>', NAMES)
    .option('--ignore-not-found', 'what is gone already is no error');
  withConnection(withMutation(command)).action((words: string[], flags: Flags & Omit<DeleteArgs, 'words' | 'files'>) =>
    run.connected(flags, (io, connection) =>
      deleteObjects({ ...flags, words: named(words), files: [] }, io, connection),
    ),
  );
}

function resultsOf(text: string): SourceResult[] {
  return text.split(',').map((word) => {
    const known = RESULTS.find((result) => result === word.trim());
    if (!known) throw new InvalidArgumentError(`Use ${RESULTS.join(', ')}, with commas between.`);
    return known;
  });
}
