/** `suspend` and `resume`: the controller leaves an object as it is, or takes it up again. */
import { type ApiObject, KIND_CLASS } from '../../api/index.ts';
import { UserError } from '../../core/index.ts';
import type { CliIo } from '../output/io.ts';
import type { Connection } from './connection.ts';
import { type ChangeArgs, changeRecords } from './record-change.ts';
import { display } from './references.ts';

/** Exit status 1 when something that was named is not there. */
export async function suspend(args: ChangeArgs, io: CliIo, connection: Connection): Promise<number> {
  const plan = { verb: 'suspend', verbing: 'suspending in', done: 'suspended', isCorrected: true };
  const change = (object: ApiObject): ApiObject => ({ ...object, spec: { ...specOf(object), suspend: true } });
  const { missing } = await changeRecords(args, { ...plan, change }, io, connection);
  return missing === 0 ? 0 : 1;
}

/** Exit status 1 when something that was named is not there. */
export async function resume(args: ChangeArgs, io: CliIo, connection: Connection): Promise<number> {
  const plan = { verb: 'resume', verbing: 'resuming in', done: 'resumed', isCorrected: true };
  const change = (object: ApiObject): ApiObject => {
    const { suspend: _, ...spec } = specOf(object);
    return { ...object, spec };
  };
  const { missing } = await changeRecords(args, { ...plan, change }, io, connection);
  return missing === 0 ? 0 : 1;
}

function specOf(object: ApiObject): Record<string, unknown> {
  if (object.kind === KIND_CLASS) throw new UserError(`${display(object)} cannot be suspended; suspend its objects`, 2);
  if (typeof object.spec === 'object' && object.spec !== null && !Array.isArray(object.spec)) {
    return object.spec as Record<string, unknown>;
  }
  throw new UserError(`${display(object)} has a spec that is not an object; correct it with edit or apply`);
}

/** Whether the record asks the controller to leave the object alone. */
export function isSuspended({ spec }: ApiObject): boolean {
  return typeof spec === 'object' && spec !== null && (spec as { suspend?: unknown }).suspend === true;
}
