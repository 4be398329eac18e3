/**
 * A status that fits into an item. What a machine reads (conditions, numbers, digests) always stays; texts and lists
 * that are there for people are cut, the same way for the same status, so that a steady object is not written again.
 */
import { canonicalJson } from '../core/index.ts';
import { cut } from './chronicle.ts';

/** Of UTF-8 JSON, which DynamoDB's own count stays below for all but numbers and booleans: room is left for both. */
const STATUS_BYTES_MAX = 320 * 1024;
const MESSAGE_MAX = 8_192;
const VALUE_MAX = 512;

interface StatusLists {
  readonly conditions?: readonly { readonly message: string }[];
  readonly drift?: readonly { readonly desired: unknown; readonly observed: unknown }[];
  readonly inventory?: readonly unknown[];
  readonly omitted?: { readonly drift?: number; readonly inventory?: number };
  readonly lastAwsError?: { readonly message?: string | undefined } | undefined;
}

/**
 * The status itself when it fits, which is nearly always; else a copy with texts and lists
 * cut, and `omitted` saying how many entries were left out. Idempotent.
 */
export function fittingStatus<Status>(status: Status): Status {
  if (fits(status)) return status;
  let fitting = withoutLongTexts(status as StatusLists);
  for (const list of ['drift', 'inventory'] as const) {
    const all = fitting[list] ?? [];
    for (let kept = all.length; kept > 0 && !fits(fitting); ) {
      kept = Math.floor(kept / 2);
      const omitted = { ...fitting.omitted, [list]: all.length - kept };
      fitting = { ...fitting, [list]: all.slice(0, kept), omitted };
    }
  }
  return fitting as Status;
}

function withoutLongTexts(status: StatusLists): StatusLists {
  return {
    ...status,
    ...(status.conditions ? { conditions: status.conditions.map(withShortMessage) } : {}),
    ...(status.drift
      ? {
          drift: status.drift.map((drift) => ({
            ...drift,
            desired: shortValue(drift.desired),
            observed: shortValue(drift.observed),
          })),
        }
      : {}),
    ...(status.lastAwsError ? { lastAwsError: withShortMessage(status.lastAwsError) } : {}),
  };
}

function withShortMessage<T extends { readonly message?: string | undefined }>(said: T): T {
  return said.message === undefined ? said : { ...said, message: cut(said.message, MESSAGE_MAX) };
}

function shortValue(value: unknown): unknown {
  const text = canonicalJson(value);
  return text.length <= VALUE_MAX ? value : cut(typeof value === 'string' ? value : text, VALUE_MAX);
}

function fits(status: unknown): boolean {
  return Buffer.byteLength(JSON.stringify(status)) <= STATUS_BYTES_MAX;
}
