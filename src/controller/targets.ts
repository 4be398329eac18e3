/**
 * One target per account, region, role and external id that classes name, each with its own way to AWS, made when it is
 * first asked for and kept until the end. It knows what tells two targets apart; how AWS is reached under a role is
 * given to it, so that the simulation reaches its own cloud.
 */
import type { LambdaContainerClassSpec } from '../api/index.ts';
import type { Ports } from '../aws/index.ts';
import { type Clock, RecentMap } from '../core/index.ts';
import type { Io } from '../resource/index.ts';
import type { Target, Targets } from './target.ts';

/** Answers that are kept; another costs a call of a pass. */
const IMMUTABLE_MAX = 2_048;

/** Where resources are, and as whom they are reached. */
export interface Place {
  /** Undefined: that of the daemon's own credentials. */
  readonly account: string | undefined;
  readonly region: string;
  /** Undefined: the daemon's own credentials. */
  readonly role: { readonly arn: string; readonly externalId: string | undefined } | undefined;
}

/** Ports to a place. Does no IO: what cannot be reached fails its first call. */
export type Connect = (place: Place) => { readonly ports: Ports; readonly close: () => void };

type Placed = Pick<LambdaContainerClassSpec, 'account' | 'region' | 'assumeRole'>;

export class PlacedTargets implements Targets {
  readonly home: Target;
  readonly #clock: Pick<Clock, 'now'>;
  readonly #connect: Connect;
  readonly #made: Map<string, { readonly target: Target; readonly close: () => void }> = new Map();

  /** `home`: ports of the daemon's own account in `region`; they are not closed here. */
  constructor(home: Ports, region: string, clock: Pick<Clock, 'now'>, connect: Connect) {
    this.#clock = clock;
    this.#connect = connect;
    this.home = this.#target({ account: undefined, region, role: undefined }, home);
  }

  of(klass: Placed): Target {
    const place = this.#placeOf(klass);
    if (!place.account && !place.role && place.region === this.home.io.region) return this.home;
    const key = JSON.stringify([place.account, place.region, place.role?.arn, place.role?.externalId]);
    let made = this.#made.get(key);
    if (!made) {
      const { ports, close } = this.#connect(place);
      made = { target: this.#target(place, ports), close };
      this.#made.set(key, made);
    }
    return made.target;
  }

  /** Every target that was asked for so far, `home` among them. */
  get all(): readonly Target[] {
    return [this.home, ...[...this.#made.values()].map(({ target }) => target)];
  }

  /** Drops the sockets of every target but `home`. */
  close(): void {
    for (const { close } of this.#made.values()) close();
    this.#made.clear();
  }

  #placeOf({ account, region, assumeRole }: Placed): Place {
    return {
      account: account ?? assumeRole?.roleArn.split(':')[4],
      region: region ?? this.home.io.region,
      role: assumeRole && { arn: assumeRole.roleArn, externalId: assumeRole.externalId },
    };
  }

  #target({ account, region }: Place, aws: Ports): Target {
    const io: Io = { aws, region, nowMs: () => this.#clock.now(), immutable: new RecentMap(IMMUTABLE_MAX) };
    return { id: `${account ?? ''}/${region}`, io };
  }
}

/** What an inventory remembers of where its resources are: undefined at home. */
export function targetIdOf(targets: Targets, klass: LambdaContainerClassSpec): string | undefined {
  const target = targets.of(klass);
  return target === targets.home ? undefined : target.id;
}

/** Where a remembered target is, for people. */
export function describeTarget(id: string | undefined): string {
  const [account, region] = id?.split('/') ?? [];
  if (id === undefined) return "the controller's own account and region";
  return `${account ? `account ${account}` : "the controller's own account"}, region ${region}`;
}
