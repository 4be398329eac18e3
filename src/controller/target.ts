/**
 * Where a class's resources are: an account and a region, seen under a role. Every object of the class is observed and
 * changed through its target's `Io`; rates, batches and sweeps are per target, because AWS's limits are.
 */
import type { LambdaContainerClassSpec } from '../api/index.ts';
import type { Io } from '../resource/index.ts';

export interface Target {
  /** Stable and short, for logs, metrics and sweeps: `<account or ''>/<region>`. */
  readonly id: string;
  readonly io: Io;
}

export interface Targets {
  /** The same target for equal accounts, regions and roles. Does no IO: what cannot be assumed fails its first call. */
  of(klass: LambdaContainerClassSpec): Target;
  /** The controller's own account and region, whose tables hold everything. */
  readonly home: Target;
}
