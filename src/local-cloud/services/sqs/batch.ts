/**
 * Batches: refused as a whole for what is wrong with the list, and entry by entry for the rest. What one entry is
 * refused does not touch the others.
 */
import type { BatchResultErrorEntry } from '@aws-sdk/client-sqs';
import { AwsError } from '../../contract.ts';

const BATCH_MAX = 10;

interface Entry {
  readonly Id?: string | undefined;
}

/** @throws AwsError when the batch as a whole is refused */
export function batch<T extends Entry>(entries: readonly T[] | undefined, shape: string): readonly T[] {
  if (!entries || entries.length === 0) {
    throw new AwsError('EmptyBatchRequest', `There should be at least one ${shape} in the request.`);
  }
  if (entries.length > BATCH_MAX) {
    throw new AwsError(
      'TooManyEntriesInBatchRequest',
      `Maximum number of entries per request are ${BATCH_MAX}. You have sent ${entries.length}.`,
    );
  }
  const seen = new Set<string>();
  for (const { Id = '' } of entries) {
    if (!/^[A-Za-z0-9_-]{1,80}$/.test(Id)) {
      throw new AwsError(
        'InvalidBatchEntryId',
        'A batch entry id can only contain alphanumeric characters, hyphens and underscores. It can be at most 80 letters long.',
      );
    }
    if (seen.has(Id)) throw new AwsError('BatchEntryIdsNotDistinct', `Id ${Id} repeated.`);
    seen.add(Id);
  }
  return entries;
}

/** Each entry by itself: what one is refused does not touch the others. */
export function each<T extends Entry>(
  entries: readonly T[],
  act: (entry: T) => object,
): { Successful: object[]; Failed: BatchResultErrorEntry[] } {
  const Successful: object[] = [];
  const Failed: BatchResultErrorEntry[] = [];
  for (const entry of entries) {
    try {
      Successful.push({ Id: entry.Id, ...act(entry) });
    } catch (error) {
      if (!(error instanceof AwsError)) throw error;
      const Code = QUERY_CODES[error.code] ?? error.code;
      Failed.push({ Id: entry.Id, Code, Message: error.message, SenderFault: error.statusCode < 500 });
    }
  }
  return { Successful, Failed };
}

/** In the answers of batches the codes are the older ones. */
const QUERY_CODES: Readonly<Record<string, string>> = {
  InvalidParameterValueException: 'InvalidParameterValue',
  MissingRequiredParameterException: 'MissingParameter',
  MessageNotInflight: 'AWS.SimpleQueueService.MessageNotInflight',
};
