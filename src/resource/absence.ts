/**
 * The two places where "not found" is an answer instead of an error: reading something that may not be there, and
 * removing something that may be gone. Every other Failure passes through both.
 */
import { isFailure } from '../core/index.ts';

/** What was read, or undefined when AWS said that it does not exist. */
export async function unlessAbsent<T>(reading: Promise<T>): Promise<T | undefined> {
  try {
    return await reading;
  } catch (error) {
    if (isFailure(error, 'notFound')) return undefined;
    throw error;
  }
}

/** Resolves when it was removed, and also when there was nothing to remove. */
export async function unlessGone(removing: Promise<unknown>): Promise<void> {
  await unlessAbsent(removing);
}
