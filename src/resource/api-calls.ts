/**
 * Events of API calls, as CloudTrail hands them to EventBridge: who called what on which resource. They come only where
 * the account has a trail, seconds to minutes late, and of our own calls too. Kinds say which calls speak of them and
 * where in the request their names stand.
 * https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-event-reference-record-contents.html
 */
import type { AwsEvent, EventInterest } from './events.ts';

export type Members = Readonly<Record<string, unknown>>;

const DETAIL_TYPE = 'AWS API Call via CloudTrail';

/**
 * Calls of these names to a service (`elasticloadbalancing`: the first label of CloudTrail's `eventSource`). `namesOf`
 * reads the request's parameters; a call that AWS refused changed nothing and has no names. `detail`: further conditions.
 */
export function onCalls(
  service: string,
  eventNames: readonly string[],
  namesOf: (request: Members, event: AwsEvent) => readonly string[],
  detail: EventInterest['detail'] = {},
): EventInterest {
  return {
    source: `aws.${service}`,
    detailType: DETAIL_TYPE,
    detail: { eventSource: [`${service}.amazonaws.com`], eventName: eventNames, ...detail },
    needsTrail: true,
    names(event) {
      const { eventName, requestParameters, errorCode } = members(event.detail);
      if (!eventNames.includes(text(eventName)) || text(errorCode) !== '') return [];
      return [...new Set(namesOf(members(requestParameters), event))].filter((name) => name !== '');
    },
  };
}

/** The members of an object; none of what is no object. */
export function members(value: unknown): Members {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Members) : {};
}

/** A text; empty when it is none. */
export function text(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

/** The items of a list; none of what is no list. */
export function items(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

/** What follows the last `/` of an ARN, or the text itself: the two ways in which most calls name a resource. */
export function lastSegment(arnOrName: string): string {
  return arnOrName.slice(arnOrName.lastIndexOf('/') + 1);
}
