/** `version`: of this program and of what runs it; with `--controller` also of the controller that leads. */
import { API_VERSION } from '../../api/index.ts';
import { readLease } from '../../store/index.ts';
import { asJson } from '../output/documents.ts';
import type { CliIo } from '../output/io.ts';
import type { Connection } from './connection.ts';

declare global {
  /** Written into the bundle by the build; absent when run from source. */
  var LAMBDACONTAINER_VERSION: string | undefined;
}

export interface VersionArgs {
  readonly output?: 'json' | undefined;
}

export function programVersion(): string {
  return globalThis.LAMBDACONTAINER_VERSION ?? 'from source';
}

/** Without a connection only this program is told of. */
export async function version(args: VersionArgs, io: CliIo, connection?: Connection): Promise<number> {
  const facts = {
    version: programVersion(),
    apiVersion: API_VERSION,
    node: process.version,
    platform: `${process.platform}/${process.arch}`,
  };
  const controller = connection && (await controllerVersion(connection));
  if (args.output === 'json') {
    io.stdout(asJson({ ...facts, ...(connection ? { controller: controller ?? null } : {}) }));
    return 0;
  }
  io.stdout(`lambdacontainer ${facts.version} (${facts.apiVersion}, Node ${facts.node}, ${facts.platform})\n`);
  if (connection) io.stdout(`controller ${controller ?? 'unknown: none has run on these tables'}\n`);
  return 0;
}

/** Of the program that holds the lease, or held it last. */
async function controllerVersion({ ports, tables }: Connection): Promise<string | undefined> {
  const lease = await readLease(ports.dynamodb, tables.state);
  return lease && (lease.version ?? 'older than this program');
}
