/**
 * Which of AWS's events on EventBridge speak of a resource kind. The rules of `deploy/` are generated from these, and the
 * intake finds keys by them. An event is a hint to look, never a fact: it may be late, doubled, out of order or missing.
 */

/** An event as EventBridge delivers it: https://docs.aws.amazon.com/eventbridge/latest/ref/overiew-event-structure.html */
export interface AwsEvent {
  readonly id: string;
  readonly source: string;
  readonly 'detail-type': string;
  readonly account: string;
  readonly region: string;
  /** ISO time. */
  readonly time: string;
  readonly resources: readonly string[];
  readonly detail: Readonly<Record<string, unknown>>;
}

export interface EventInterest {
  readonly source: string;
  readonly detailType: string;
  /** Further conditions of the rule's pattern, by path below `detail`, e.g. `{ eventName: ['ModifyRule'] }`. */
  readonly detail?: Readonly<Record<string, readonly string[]>>;
  /** It comes only where the account has a CloudTrail trail: seconds to minutes late, best effort, our own calls too. */
  readonly needsTrail?: boolean;
  /**
   * Pure: names under which the kind's listing or identity knows what the event speaks of (ARN, name, repository): one of
   * them is enough. Empty: it speaks of nothing of this kind. Total: an event of another shape than documented is empty.
   */
  names(event: AwsEvent): readonly string[];
}
