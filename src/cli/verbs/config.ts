/** `config` and what is below it: contexts, with kubectl's words. */
import type { Command } from 'commander';
import { UserError } from '../../core/index.ts';
import {
  currentContext,
  deleteContext,
  getContexts,
  renameContext,
  type SetContextArgs,
  setContext,
  useContext,
  viewContexts,
} from '../commands/config.ts';
import type { Form } from '../output/form.ts';
import { outputOption, type Run, USAGE, type Verb, verbsOf } from './verb.ts';

export function addConfig(verb: Verb, run: Run): void {
  const group: Command = verb(
    'config',
    'Name the places that verbs talk to, and choose one. Kept in LAMBDACONTAINER_CONFIG, else ~/.config/lambdacontainer/config.yaml.',
    ['config get-contexts', 'config use-context prod'],
  );
  const below = verbsOf(group);

  below('get-contexts', 'List the contexts; the current one has a star.', [
    'config get-contexts',
    'config get-contexts prod -o json',
  ])
    .argument('[context]', 'only this one')
    .addOption(outputOption(['table', 'name', 'json'], 'table'))
    .option('--no-headers', 'tables without their first line')
    .action((name: string | undefined, flags: { output?: Form; headers: boolean }) =>
      run.plain((io) => getContexts({ ...flags, name }, io)),
    );

  below('current-context', 'Show the name of the current context.', [
    'config current-context',
    'config current-context && lambdacontainer get',
  ]).action(() => run.plain(currentContext));

  below('use-context', "Make a context the current one; 'local' is the local cloud of the data folder.", [
    'config use-context prod',
    'config use-context local',
  ])
    .argument('<context>', 'its name')
    .action((name: string) => run.plain((io) => useContext(name, io)));

  below('set-context', 'Make a context, or change what is given of one that is there.', [
    'config set-context prod --region eu-west-1 --profile prod -n shop --protected',
    'config set-context dev --data-dir ./.lambdacontainer',
    'config set-context --current -n blog',
  ])
    .argument('[context]', 'its name')
    .option('--current', 'the current context')
    .option('--region <region>', 'AWS region of the tables')
    .option('--profile <profile>', 'profile of the shared AWS configuration')
    .option('--role-arn <arn>', 'role to assume with that')
    .option('--external-id <id>', 'external id that the role asks for')
    .option('--account <id>', 'account that the credentials must belong to; looked at before each change')
    .option('--endpoint <url>', 'AWS endpoint other than AWS itself')
    .option('--data-dir <folder>', 'folder of a local cloud, in place of all these')
    .option('--desired-table <name>', 'table that people write')
    .option('--state-table <name>', 'table of the controller')
    .option('-n, --namespace <namespace>', 'namespace when -n is not given')
    .option('--protected', 'ask before anything is changed')
    .option('--no-protected', 'do not ask')
    .action((name: string | undefined, flags: Omit<SetContextArgs, 'name'> & { current?: boolean }) =>
      run.plain((io) => {
        if ((name === undefined) === !flags.current) {
          throw new UserError('name the context to set, or give --current, not both', USAGE);
        }
        return setContext({ ...flags, name }, io);
      }),
    );

  below('delete-context', 'Remove a context from the file; what it leads to stays as it is.', [
    'config delete-context dev',
    'config delete-context prod',
  ])
    .argument('<context>', 'its name')
    .action((name: string) => run.plain((io) => deleteContext(name, io)));

  below('rename-context', 'Give a context another name.', [
    'config rename-context prod prod-eu',
    'config rename-context dev local-dev',
  ])
    .argument('<context>', 'its name')
    .argument('<name>', 'the new one')
    .action((from: string, to: string) => run.plain((io) => renameContext(from, to, io)));

  below('view', 'Show the file of contexts.', ['config view', 'config view -o json'])
    .addOption(outputOption(['yaml', 'json'], 'yaml'))
    .action((flags: { output?: Form }) => run.plain((io) => viewContexts(flags, io)));
}
