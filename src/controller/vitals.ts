/** What a controller says of itself, for whoever asks whether it lives and does its work. It judges nothing. */
export interface Vitals {
  readonly state: 'following' | 'leading' | 'draining' | 'stopped';
  /** Since it began to lead; undefined while it does not. */
  readonly leadingForMs: number | undefined;
  /** Since the state table last answered about the lease. */
  readonly leaseSilentMs: number;
  /** Since the desired table was last read whole, or since it began to lead; undefined while it does not. */
  readonly relistAgeMs: number | undefined;
  /** Since the last whole sweep ended, or since it began to lead; undefined while it does not. */
  readonly sweepAgeMs: number | undefined;
  /** How often everything is swept at the size of the fleet; undefined before the first sweep. */
  readonly sweepPeriodMs: number | undefined;
  /** How long the oldest pass under way has been running. */
  readonly longestPassMs: number;
}
