/** A message of the queue as the event that EventBridge put into it. Unknown members are fine; missing ones are not. */
import type { AwsEvent } from '../../resource/index.ts';

/** The event, or why the message holds none. Pure and total. */
export function eventIn(body: string | undefined): AwsEvent | { readonly problem: string } {
  let value: unknown;
  try {
    value = JSON.parse(body ?? '');
  } catch {
    return { problem: 'it is not JSON' };
  }
  if (!isRecord(value)) return { problem: 'it is no object' };
  for (const member of ['id', 'source', 'detail-type', 'account', 'region', 'time']) {
    if (typeof value[member] !== 'string' || value[member] === '') return { problem: `it has no ${member}` };
  }
  if (Number.isNaN(Date.parse(String(value.time)))) return { problem: 'its time is no time' };
  const { resources, detail } = value;
  if (!Array.isArray(resources) || !resources.every((each) => typeof each === 'string')) {
    return { problem: 'its resources are no list of ARNs' };
  }
  if (!isRecord(detail)) return { problem: 'it has no detail' };
  return value as unknown as AwsEvent;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
