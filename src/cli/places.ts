/**
 * How places beyond the program's own account and region are reached over the SDK: clients of their own, under the role
 * that the class names, with a registry token of their own account. The daemon and the command line's `plan` and
 * `verify` reach them by this one file; what lies between (batches, rates) is their callers' business.
 */
import {
  createSdkPorts,
  ecrCredentials,
  type Layer,
  layered,
  onlyInAccount,
  type Ports,
  RoleSession,
  type SdkSettings,
} from '../aws/index.ts';
import type { Connect, Place } from '../controller/index.ts';
import type { Clock } from '../core/index.ts';
import { registryPort } from '../oci/index.ts';

export interface PlacesParts {
  /** Of the program's own clients; those of a place differ in region and credentials. */
  readonly sdk: SdkSettings;
  /** Under whose credentials roles are assumed. */
  readonly sts: Ports['sts'];
  /** Names the deployment in the session's name, which CloudTrail shows. */
  readonly stateTable: string;
  readonly clock: Clock;
  /** Before the calls to a place, the first one nearest to the caller. */
  readonly layersOf?: (place: Place) => readonly Layer[];
}

/** STS takes 64 characters. */
const SESSION_LENGTH_MAX = 64;

export function connectPlaces({ sdk, sts, stateTable, clock, layersOf = () => [] }: PlacesParts): Connect {
  const session = `lambdacontainer-${stateTable}`.slice(0, SESSION_LENGTH_MAX);
  return (place) => {
    const { account, region, role } = place;
    const own: SdkSettings = role
      ? {
          ...sdk,
          region,
          profile: undefined,
          credentials: new RoleSession(sts, { arn: role.arn, externalId: role.externalId, session }, clock).credentials,
        }
      : { ...sdk, region };
    const registry = registryPort({ clock, credentials: ecrCredentials(() => connected.ports.ecr, clock) });
    const connected: { readonly ports: Ports; readonly close: () => void } = createSdkPorts(own, registry);
    // A role is of its account; without one only asking tells whose credentials these are.
    const check = account !== undefined && !role ? [onlyInAccount(sts, account)] : [];
    return {
      ports: layered(connected.ports, ...layersOf(place), ...check),
      close: () => {
        connected.close();
        void registry.close();
      },
    };
  };
}
