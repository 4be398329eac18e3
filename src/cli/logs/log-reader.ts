/**
 * Reads one log group forward, page by page, and again and again when it is followed: each line once, also those that
 * arrive late with an earlier time. CloudWatch shows lines seconds after they were written and not in their order, so
 * every look goes back over a window, and what was seen in it is known by its event id.
 */
import type { FilterLogEventsCommandOutput } from '@aws-sdk/client-cloudwatch-logs';
import type { Ports } from '../../aws/index.ts';
import { isFailure } from '../../core/index.ts';
import type { LogSource } from './log-source.ts';

export interface LogLine {
  readonly source: LogSource;
  readonly stream: string;
  readonly timestampMs: number;
  readonly eventId: string;
  /** Without its line end. */
  readonly message: string;
}

/** Lines that arrive later than this after newer ones are lost to a follower. */
const OVERLAP_MS = 30_000;

export class LogReader {
  readonly #logs: Pick<Ports['logs'], 'filterLogEvents'>;
  readonly #source: LogSource;
  #fromMs: number;
  /** Time by event id, of the window that is read again. */
  readonly #seen = new Map<string, number>();

  constructor(logs: Pick<Ports['logs'], 'filterLogEvents'>, source: LogSource, fromMs: number) {
    this.#logs = logs;
    this.#source = source;
    this.#fromMs = fromMs;
  }

  /**
   * What was not read before, in order of time. Empty while the group does not exist.
   * @throws Failure what CloudWatch answers, having read nothing
   */
  async read(nowMs: number): Promise<LogLine[]> {
    const lines = (await this.#window()).filter(({ eventId }) => !this.#seen.has(eventId));
    for (const { eventId, timestampMs } of lines) this.#seen.set(eventId, timestampMs);
    // A line from the future must not end the looking back.
    const newestMs = Math.min(nowMs, Math.max(this.#fromMs, ...lines.map(({ timestampMs }) => timestampMs)));
    this.#fromMs = Math.max(this.#fromMs, newestMs - OVERLAP_MS);
    for (const [eventId, timestampMs] of this.#seen) if (timestampMs < this.#fromMs) this.#seen.delete(eventId);
    return lines.filter((line) => isOf(this.#source, line.stream)).sort(byTime);
  }

  async #window(): Promise<LogLine[]> {
    const lines: LogLine[] = [];
    const { group, stream } = this.#source;
    let nextToken: string | undefined;
    do {
      const page = await this.#page({
        logGroupName: group,
        startTime: this.#fromMs,
        ...(stream === undefined ? {} : { logStreamNames: [stream] }),
        ...(nextToken === undefined ? {} : { nextToken }),
      });
      for (const { logStreamName = '', timestamp = 0, eventId = '', message = '' } of page.events ?? []) {
        lines.push({
          source: this.#source,
          stream: logStreamName,
          timestampMs: timestamp,
          eventId,
          message: message.replace(/\r?\n$/, ''),
        });
      }
      nextToken = page.nextToken;
    } while (nextToken !== undefined);
    return lines;
  }

  async #page(
    input: Parameters<Ports['logs']['filterLogEvents']>[0],
  ): Promise<Pick<FilterLogEventsCommandOutput, 'events' | 'nextToken'>> {
    try {
      return await this.#logs.filterLogEvents(input);
    } catch (error) {
      // Nothing has been written yet: Lambda makes its group with the first invocation.
      if (isFailure(error, 'notFound')) return {};
      throw error;
    }
  }
}

/** By time; within a millisecond as they came. */
export function byTime(a: LogLine, b: LogLine): number {
  return a.timestampMs - b.timestampMs || (a.eventId < b.eventId ? -1 : a.eventId > b.eventId ? 1 : 0);
}

/** `function/function-1/3f2a…` of a task: prefix, container, task. */
function isOf({ container }: LogSource, stream: string): boolean {
  return container === undefined || stream.split('/')[1] === container;
}
