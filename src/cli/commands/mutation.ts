/**
 * What every verb that changes something asks first: it says on standard error where the change goes, makes sure of
 * the account where the context names one, and in a protected context it wants the context's name from the person,
 * typed or given as a flag. It decides nothing else and changes nothing.
 */
import { UserError } from '../../core/index.ts';
import { coloursFor } from '../output/colours.ts';
import type { CliIo } from '../output/io.ts';
import { type Connection, requireAccount } from './connection.ts';

export interface MutationFlags {
  readonly dryRun?: boolean | undefined;
  /** The name of the context that may be changed; consent where nobody can be asked. */
  readonly yesTo?: string | undefined;
}

/**
 * Resolves when the change may go on. `verbing` is what is done, with its preposition: `applying to`, `deleting from`.
 * A dry run needs no consent. Call it once, after the input was judged and before the first write.
 * @throws UserError when consent is needed and was not given; nothing may be changed then
 */
export async function confirmMutation(
  io: CliIo,
  connection: Connection,
  verbing: string,
  flags: MutationFlags,
): Promise<void> {
  await announceMutation(io, connection, verbing, flags);
  await askConsent(io, connection, flags, 'nothing was changed');
}

/**
 * The first half of it, for verbs that show what they would do before they ask: whatever can be refused without a
 * question is refused here.
 * @throws UserError when the flags name another context, the account is another, or nobody could be asked
 */
export async function announceMutation(
  io: CliIo,
  connection: Connection,
  verbing: string,
  flags: MutationFlags,
): Promise<void> {
  const { context, contextName, isProtected } = connection;
  io.stderr(`${coloursFor(io).dim(`${flags.dryRun ? 'dry run against' : verbing} ${context}`)}\n`);
  if (flags.yesTo !== undefined && flags.yesTo !== contextName) {
    throw new UserError(`--yes-to: this is context '${contextName}', not '${flags.yesTo}'; nothing was changed`);
  }
  if (flags.dryRun) return;
  await requireAccount(connection);
  if (isProtected && flags.yesTo === undefined && !io.isInteractive) {
    throw new UserError(
      `context '${contextName}' is protected and there is no terminal to ask on; give --yes-to ${contextName} to change it`,
    );
  }
}

/** The second half: asks where the context is protected. @throws UserError with `otherwise` when it is not consented to */
export async function askConsent(
  io: CliIo,
  { contextName, isProtected }: Connection,
  flags: MutationFlags,
  otherwise: string,
): Promise<void> {
  if (flags.dryRun || !isProtected || flags.yesTo !== undefined) return;
  const typed = await io.ask(`Context '${contextName}' is protected. Type its name to go on: `);
  if (typed?.trim() !== contextName) throw new UserError(`the name was not typed; ${otherwise}`);
}
