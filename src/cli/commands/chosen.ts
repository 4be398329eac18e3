/**
 * Which objects a verb acts on: those that are named, or with `--all` or `-l` those of a namespace, with `-A` of all of
 * them. Nothing said is never everything.
 */
import { KIND_CONTAINER } from '../../api/index.ts';
import { UserError } from '../../core/index.ts';
import type { CliIo } from '../output/io.ts';
import type { Connection } from './connection.ts';
import { labelSelector } from './labels.ts';
import { display, type Reference, select, whereOf } from './references.ts';
import { resolve, type View } from './views.ts';

export interface ChoiceArgs {
  /** An optional kind, then names, or KIND/NAME each. */
  readonly words: readonly string[];
  /** As given with -n. */
  readonly namespace?: string | undefined;
  readonly allNamespaces?: boolean | undefined;
  readonly all?: boolean | undefined;
  readonly selector?: string | undefined;
}

export interface Chosen {
  readonly views: readonly View[];
  /** Named, and not there. */
  readonly missing: readonly Reference[];
}

export interface Purpose {
  /** For messages: `delete`, `wait for`. */
  readonly verb: string;
  /** All of a protected context's objects are changed only where the namespace was named. */
  readonly isChange: boolean;
}

/** Reads the objects that are meant. @throws UserError when it is not plain which are meant */
export async function choose(args: ChoiceArgs, purpose: Purpose, connection: Connection): Promise<Chosen> {
  const namespace = args.namespace ?? connection.defaultNamespace;
  const selection = select(args.words, namespace);
  const matches = labelSelector(args.selector);
  const isListing = args.all === true || args.selector !== undefined;
  if (selection.references.length > 0) {
    const flag = args.all ? '--all' : args.selector !== undefined ? '-l' : args.allNamespaces ? '-A' : undefined;
    if (flag) throw new UserError(`${flag} lists; it does not go with names`, 2);
    return resolve(selection, namespace, connection);
  }
  if (!isListing) throw new UserError(`name the objects to ${purpose.verb}, or give --all or -l`, 2);
  if (args.allNamespaces && args.namespace !== undefined) {
    throw new UserError('-A means all namespaces and -n one of them; remove one of the two', 2);
  }
  const isBlind = purpose.isChange && args.all === true && args.namespace === undefined;
  if (isBlind && connection.isProtected && selection.kind === KIND_CONTAINER) {
    throw new UserError(
      `--all in the protected context '${connection.contextName}' needs -n, so that it is plain which namespace is meant`,
      2,
    );
  }
  const { views } = await resolve(selection, args.allNamespaces ? undefined : namespace, connection);
  return { views: views.filter((view) => matches(view.object?.labels ?? {})), missing: [] };
}

/** Tells which of the named objects are not there. */
export function reportMissing(missing: readonly Reference[], io: CliIo): void {
  for (const reference of missing) io.stderr(`error: ${display(reference)} not found${whereOf(reference)}\n`);
}
