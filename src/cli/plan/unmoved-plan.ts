/**
 * Holds an `apply` to the plan that was shown: the same objects are planned again, and unless everything is as it was,
 * nothing is written and what moved is said. What moves between this look and the write is caught by the conditional
 * write on the records that were read here.
 */

import type { ManifestObject } from '../../api/index.ts';
import { UserError } from '../../core/index.ts';
import { isPlanHash, whatMoved } from '../../plan/index.ts';
import { formatKey } from '../../resource/index.ts';
import type { DesiredRecord } from '../../store/index.ts';
import type { Connection } from '../commands/connection.ts';
import { hashOf, planManifests } from './planned-set.ts';

/** The records that the plan was made on, by `namespace/name` of their keys; undefined for one that is not there. */
export type PlannedRecords = ReadonlyMap<string, DesiredRecord | undefined>;

/** Refuses what cannot be the hash of a plan, before anything is read. @throws UserError */
export function requirePlanHash(hash: string | undefined): void {
  if (hash === undefined || isPlanHash(hash)) return;
  throw new UserError(`--plan: '${hash}' is not a plan hash; take the one that lambdacontainer plan -f prints`, 2);
}

/** @throws UserError saying what moved since the plan with this hash was shown */
export async function requireUnmovedPlan(
  hash: string,
  objects: readonly ManifestObject[],
  connection: Connection,
): Promise<PlannedRecords> {
  const planned = await planManifests(objects, connection);
  const now = hashOf(planned);
  if (now === undefined) {
    const unread = planned.objects.flatMap(({ explanation }) => explanation?.unreadable ?? []);
    throw new UserError(
      `nothing was applied: ${unread.join(', ')} could not be read, so that nobody knows whether the plan still holds; try again`,
    );
  }
  if (now !== hash) {
    const moved = whatMoved(hash, now).map((sentence) => `  - ${sentence}\n`);
    throw new UserError(
      `nothing was applied, because the plan ${hash} does not hold any more:\n${moved.join('')}look at the new one with lambdacontainer plan; its hash is ${now}`,
    );
  }
  return new Map(planned.objects.map(({ key, record }) => [formatKey(key), record]));
}
