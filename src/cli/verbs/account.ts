/** The verbs about what everything stands on: `bootstrap` and `doctor`. */

import { Option } from 'commander';
import { UserError } from '../../core/index.ts';
import { type BootstrapArgs, bootstrap, type PrintArgs, printStacks, writeOwnImages } from '../commands/bootstrap.ts';
import { bootstrapTables, printTemplate } from '../commands/bootstrap-tables.ts';
import { type DoctorArgs, doctor } from '../commands/doctor.ts';
import type { ConnectionFlags } from '../context/locate.ts';
import type { Form } from '../output/form.ts';
import { outputOption, type Run, USAGE, type Verb, withConnection, withMutation } from './verb.ts';

interface BootstrapFlags extends ConnectionFlags, BootstrapArgs, PrintArgs {
  readonly print?: boolean;
  readonly apply?: boolean;
  readonly tables?: boolean;
  readonly imageLayout?: string;
  readonly output?: Form;
}

/** What is done; one of them. */
const MODES = ['apply', 'tables', 'imageLayout'] as const;
/** Flags that mean something only with one of them. */
const ONLY_WITH: Readonly<Record<string, { readonly flag: string; readonly modes: readonly string[] }>> = {
  parameter: { flag: '--parameter', modes: ['apply'] },
  class: { flag: '--class', modes: ['apply'] },
  baseImage: { flag: '--base-image', modes: ['apply', 'imageLayout'] },
  daemonBase: { flag: '--daemon-base', modes: ['apply', 'imageLayout'] },
  dryRun: { flag: '--dry-run', modes: ['apply', 'tables'] },
  yesTo: { flag: '--yes-to', modes: ['apply', 'tables'] },
};

export function addBootstrap(verb: Verb, run: Run): void {
  const command = verb(
    'bootstrap',
    'From nothing to a running controller in an account, and from one version to the next: print the stacks, or bring the account to them. Own images are made and pushed without Docker.',
    [
      'bootstrap > stacks.yaml',
      'bootstrap --apply --context prod --parameter VpcId=vpc-0abc12345 --parameter SubnetIds=subnet-0abc12345,subnet-0def67890',
      'bootstrap --apply --context prod --dry-run',
      'bootstrap --tables --endpoint http://127.0.0.1:8000',
    ],
  )
    .option('--print', 'print the CloudFormation templates, and do nothing (the default)')
    .option('--apply', 'bring the account to the stacks: repositories, images, controller, alarms')
    .option('--tables', 'make the two tables alone, or add what they lack')
    .option('--image-layout <folder>', 'write our own images there as an OCI layout, and do nothing else')
    .addOption(
      new Option('--stack <stack>', 'print this one alone').choices(['images', 'controller', 'monitoring', 'class']),
    )
    .option('--name <name>', "name of the controller's stack; the others' names begin with it", 'lambdacontainer')
    .option(
      '--parameter <name=value>',
      'parameter of every stack that has it; what is not given stays as it is',
      (word: string, before: string[] = []) => [...before, word],
    )
    .option(
      '--class <file>',
      'also make what a class names (cluster, load balancer, roles), and write its manifest there',
    )
    .option('--base-image <image>', 'Node image that our own are made of (default: that of AWS’s public registry)')
    .option('--daemon-base <image>', 'another one for the daemon: GitSources need git in it')
    .addOption(outputOption(['yaml', 'json']));
  withConnection(withMutation(command)).action((flags: BootstrapFlags) => {
    const modes = MODES.filter((mode) => flags[mode] !== undefined && flags[mode] !== false);
    const isPrinting = flags.print === true || modes.length === 0;
    judgeFlags(flags, modes, isPrinting);
    if (flags.tables) return onTables(flags, run);
    if (isPrinting) return run.plain((io) => printStacks(flags, io));
    const { imageLayout } = flags;
    if (imageLayout !== undefined) return run.plain((io) => writeOwnImages(imageLayout, flags, io));
    return run.connected(flags, (io, connection) => bootstrap(flags, io, connection));
  });
}

function judgeFlags(flags: BootstrapFlags, modes: readonly string[], isPrinting: boolean): void {
  if (modes.length > 1 || (flags.print === true && modes.some((mode) => mode !== 'tables'))) {
    throw new UserError('give one of --print, --apply, --tables and --image-layout', USAGE);
  }
  if (flags.output && !(flags.tables && flags.print)) {
    throw new UserError('-o is the form of what --tables --print prints; give both too', USAGE);
  }
  if (flags.stack !== undefined && (!isPrinting || flags.tables)) {
    throw new UserError('--stack says which template is printed; leave it out', USAGE);
  }
  for (const [name, { flag, modes: fitting }] of Object.entries(ONLY_WITH)) {
    if (flags[name as keyof BootstrapFlags] === undefined || modes.some((mode) => fitting.includes(mode))) continue;
    const withs = fitting.map((mode) => `--${mode === 'imageLayout' ? 'image-layout' : mode}`).join(' or ');
    throw new UserError(`${flag} goes with ${withs}; nothing was changed`, USAGE);
  }
}

function onTables(flags: BootstrapFlags, run: Run): Promise<void> {
  if (!flags.print) return run.connected(flags, (io, connection) => bootstrapTables(flags, io, connection));
  // A template is for whoever has no access yet: only a context that is named says which tables.
  if (flags.context === undefined) return run.plain((io) => printTemplate(flags, undefined, io));
  return run.connected(flags, (io, { tables }) => printTemplate(flags, tables, io));
}

export function addDoctor(verb: Verb, run: Run): void {
  const command = verb(
    'doctor',
    'Check what everything stands on: program, context, credentials, tables, controller, clock, and in an account also stack, queue, permissions and quotas. Exit status 1 when something fails.',
    ['doctor', 'doctor --context prod -o json', 'doctor --stack shop-controller'],
  )
    .option('--stack <name>', "name of the controller's stack", 'lambdacontainer')
    .addOption(outputOption(['table', 'json'], 'table'));
  withConnection(command).action((flags: ConnectionFlags & DoctorArgs) =>
    run.plain((io) => doctor(flags, io, () => run.connect(flags))),
  );
}
