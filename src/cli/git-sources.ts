/**
 * GitOps in the daemon: the settings that its environment gives, the companion that the controller runs while it leads,
 * and the route that webhooks come in by. A source with a role gets clients of its own under that role's credentials.
 */
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { assumedRole, createSdkPorts, type Ports, type SdkSettings } from '../aws/index.ts';
import type { CompanionFactory } from '../controller/index.ts';
import { type Clock, type Logger, type Metrics, type Random, UserError } from '../core/index.ts';
import { GitOps, type GitOpsSettings } from '../gitops/index.ts';
import type { HttpRoute } from '../server/index.ts';
import { DesiredTable, StateTable } from '../store/index.ts';

type Environment = Readonly<Record<string, string | undefined>>;

export interface ListenSettings {
  readonly address: string;
  readonly port: number;
}

/** What git may need of the machine to reach a server. */
const NETWORK_VARIABLES = [
  'HTTPS_PROXY',
  'https_proxy',
  'HTTP_PROXY',
  'http_proxy',
  'NO_PROXY',
  'no_proxy',
  'ALL_PROXY',
  'all_proxy',
  'SSL_CERT_FILE',
  'SSL_CERT_DIR',
  'GIT_SSL_CAINFO',
  'GIT_SSL_CAPATH',
];
const WEBHOOK_BYTES_MAX = 1 << 20;
const LOOPBACK = '127.0.0.1';

export function readGitSettings(env: Environment): GitOpsSettings {
  // Of each user their own, where the folder for temporary files is everybody's.
  const workDir = env.LAMBDACONTAINER_GIT_DIR ?? join(tmpdir(), `lambdacontainer-git-${process.getuid?.() ?? 'own'}`);
  return {
    workDir,
    pid: process.pid,
    searchPath: env.PATH ?? '',
    network: Object.fromEntries(
      NETWORK_VARIABLES.flatMap((name) => {
        const value = env[name];
        return value === undefined || value === '' ? [] : [[name, value]];
      }),
    ),
  };
}

/** Where webhooks are listened for; undefined: nowhere. @throws UserError naming the variable, the value and the remedy */
export function readListenSettings(env: Environment): ListenSettings | undefined {
  const { LAMBDACONTAINER_LISTEN_PORT: written, LAMBDACONTAINER_LISTEN_ADDRESS: address = LOOPBACK } = env;
  if (written === undefined || written === '') return undefined;
  const port = /^\d+$/.test(written) ? Number(written) : Number.NaN;
  if (!(port >= 1 && port <= 65_535)) {
    throw new UserError(`LAMBDACONTAINER_LISTEN_PORT: '${written}' is not a port; give a number from 1 to 65535`, 2);
  }
  return { address, port };
}

export interface GitSourcesParts {
  readonly ports: Pick<Ports, 'dynamodb' | 'secretsmanager' | 'sts' | 'registry'>;
  readonly tables: { readonly desired: string; readonly state: string };
  /** Of the daemon's own clients; those of a role differ in their credentials alone. */
  readonly sdk: SdkSettings;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly settings: GitOpsSettings;
}

export function gitSources(parts: GitSourcesParts): {
  readonly companion: CompanionFactory;
  readonly route: HttpRoute;
} {
  const { ports, tables, sdk, clock, random, logger, metrics, settings } = parts;
  let running: GitOps | undefined;
  return {
    companion: ({ epoch, assertHeld }) => {
      running = new GitOps({
        desired: new DesiredTable(ports.dynamodb, tables.desired),
        state: new StateTable(ports.dynamodb, tables.state),
        secrets: ports.secretsmanager,
        assume: (role) => {
          const own = createSdkPorts(
            { ...sdk, profile: undefined, credentials: assumedRole(ports.sts, role) },
            ports.registry,
          );
          return { table: new DesiredTable(own.ports.dynamodb, tables.desired), close: own.close };
        },
        epoch,
        fence: assertHeld,
        clock,
        random,
        logger,
        metrics,
        settings,
      });
      return running;
    },
    route: {
      method: 'POST',
      prefix: '/webhooks/',
      bodyBytesMax: WEBHOOK_BYTES_MAX,
      handle: ({ rest, headers, body }) => {
        const { status, message } = running?.webhook(rest, { headers, body }) ?? {
          status: 503,
          message: 'not started',
        };
        return { status, body: message };
      },
    },
  };
}
