/**
 * Opens the tables where `locate` says they are, and what stands beside them, over the SDK. Nothing is sent before the
 * first read or write; whose account it is is asked once, and only by verbs that change something.
 */
import type { AccountPorts } from '../../aws/account-ports.ts';
import { assumedRole, createSdkPorts, ecrCredentials, type Ports, type SdkSettings } from '../../aws/index.ts';
import { PlacedTargets, type Targets } from '../../controller/index.ts';
import { type Clock, UserError } from '../../core/index.ts';
import { registryPort } from '../../oci/index.ts';
import { DesiredTable, StateTable } from '../../store/index.ts';
import { type ConnectionFlags, locate, type Tables, type Target } from '../context/locate.ts';
import type { CliIo } from '../output/io.ts';
import { connectPlaces } from '../places.ts';

export { type ConnectionFlags, DEFAULT_DATA_DIR } from '../context/locate.ts';

export interface Connection {
  /** For people: `local cloud http://127.0.0.1:4577`, `prod (AWS eu-west-1, profile prod)`. */
  readonly context: string;
  /** What `--yes-to` takes: the context's name. */
  readonly contextName: string;
  /** Verbs that change something ask again, or need the context's name said. */
  readonly isProtected: boolean;
  /** The embedded local cloud, whose data is a folder of this machine. */
  readonly isLocal: boolean;
  /** Where objects are when -n is not given: the context's, else `default`. */
  readonly defaultNamespace: string;
  readonly region: string;
  readonly tables: Tables;
  readonly desired: DesiredTable;
  readonly state: StateTable;
  /** For verbs that look at what is behind the tables: `plan`, `verify`, `logs`, `invoke`. */
  readonly ports: Ports;
  /** The same for what classes place in other accounts and regions, under the roles that they name. */
  readonly targets: Targets;
  /** For verbs about the account itself: stacks, networks, quotas. Loads these clients when it is first asked for. */
  readonly accountPorts: () => Promise<AccountPorts>;
  /** Whose account it has to be; undefined where the context names none. */
  readonly account: string | undefined;
  readonly close: () => void | Promise<void>;
}

export type Connect = (flags: ConnectionFlags, io: CliIo) => Connection;

/** A person waits: shorter than the daemon's bound. */
const CALL_TIMEOUT_MS = 10_000;

/** Opens the tables over the SDK. No IO but reading the file of contexts. @throws UserError as `locate` does */
export const connectBySdk: Connect = (flags, io) => open(locate(flags, io.env), io.clock);

function open(target: Target, clock: Clock): Connection {
  const opened: { close(): void | Promise<void> }[] = [];
  const registry = registryPort({ clock, credentials: ecrCredentials(() => connected.ports.ecr, clock) });
  const settings: SdkSettings = {
    region: target.region,
    endpoint: target.endpoint,
    ignoresConfiguredEndpoints: target.ignoresConfiguredEndpoints,
    credentials: target.credentials,
    profile: target.profile,
    callTimeoutMs: CALL_TIMEOUT_MS,
  };
  let credentials: SdkSettings['credentials'] = settings.credentials;
  if (target.role) {
    const own = createSdkPorts(settings, registry);
    opened.push(own);
    credentials = assumedRole(own.ports.sts, { ...target.role, session: 'lambdacontainer-cli' });
  }
  const ofTarget: SdkSettings = target.role ? { ...settings, profile: undefined, credentials } : settings;
  const connected: { readonly ports: Ports; readonly close: () => void } = createSdkPorts(ofTarget, registry);
  opened.push(connected, registry);
  const { ports } = connected;
  let accountPorts: Promise<AccountPorts> | undefined;
  const { context, contextName, isProtected, isLocal, defaultNamespace, region, tables, account } = target;
  const places = connectPlaces({ sdk: ofTarget, sts: ports.sts, stateTable: tables.state, clock });
  const targets = new PlacedTargets(ports, region, clock, places);
  opened.push(targets);
  return {
    context,
    contextName,
    isProtected,
    isLocal,
    defaultNamespace,
    region,
    tables,
    ports,
    targets,
    accountPorts: () => {
      accountPorts ??= import('../../aws/account-ports.ts').then(({ connectAccountPorts }) => {
        const own = connectAccountPorts(ofTarget);
        opened.push(own);
        return own.ports;
      });
      return accountPorts;
    },
    account,
    desired: new DesiredTable(ports.dynamodb, tables.desired),
    state: new StateTable(ports.dynamodb, tables.state),
    close: async () => {
      for (const one of opened) await one.close();
    },
  };
}

/**
 * Makes sure that the credentials belong to the account that the context names; one call, none where it names none.
 * @throws UserError when they belong to another
 */
export async function requireAccount({ account, contextName, ports }: Connection): Promise<void> {
  if (account === undefined) return;
  const { Account } = await ports.sts.getCallerIdentity({});
  if (Account === account) return;
  throw new UserError(
    `context '${contextName}' is for account ${account}, but the credentials belong to ${Account ?? 'none'}; nothing was changed`,
  );
}
