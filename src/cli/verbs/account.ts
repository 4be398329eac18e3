/** The verbs about what everything stands on: `bootstrap` and `doctor`. */

import { UserError } from '../../core/index.ts';
import { bootstrap, printTemplate } from '../commands/bootstrap.ts';
import { type DoctorArgs, doctor } from '../commands/doctor.ts';
import type { MutationFlags } from '../commands/mutation.ts';
import type { ConnectionFlags } from '../context/locate.ts';
import type { Form } from '../output/form.ts';
import { outputOption, type Run, USAGE, type Verb, withConnection, withMutation } from './verb.ts';

export function addBootstrap(verb: Verb, run: Run): void {
  const command = verb(
    'bootstrap',
    'Make the two tables, or add what they lack: stream, expiry, point-in-time recovery, deletion protection.',
    ['bootstrap --context prod', 'bootstrap --dry-run', 'bootstrap --print > tables.yaml'],
  )
    .option('--print', 'print a CloudFormation template of the same, and do nothing')
    .addOption(outputOption(['yaml', 'json']));
  withConnection(withMutation(command)).action(
    (flags: ConnectionFlags & MutationFlags & { print?: boolean; output?: Form }) => {
      if (!flags.print) {
        if (flags.output) throw new UserError('-o is the form of what --print prints; give --print too', USAGE);
        return run.connected(flags, (io, connection) => bootstrap(flags, io, connection));
      }
      // A template is for whoever has no access yet: only a context that is named says which tables.
      if (flags.context === undefined) return run.plain((io) => printTemplate(flags, undefined, io));
      return run.connected(flags, (io, { tables }) => printTemplate(flags, tables, io));
    },
  );
}

export function addDoctor(verb: Verb, run: Run): void {
  const command = verb(
    'doctor',
    'Check what everything stands on: program, context, credentials, tables, controller, clock. Exit status 1 when something fails.',
    ['doctor', 'doctor --context prod -o json'],
  ).addOption(outputOption(['table', 'json'], 'table'));
  withConnection(command).action((flags: ConnectionFlags & DoctorArgs) =>
    run.plain((io) => doctor(flags, io, () => run.connect(flags))),
  );
}
