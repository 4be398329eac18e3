/** `version`: of this program and of what runs it. */
import { API_VERSION } from '../../api/index.ts';
import { asJson } from '../output/documents.ts';
import type { CliIo } from '../output/io.ts';

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

export async function version(args: VersionArgs, io: CliIo): Promise<number> {
  const facts = {
    version: programVersion(),
    apiVersion: API_VERSION,
    node: process.version,
    platform: `${process.platform}/${process.arch}`,
  };
  io.stdout(
    args.output === 'json'
      ? asJson(facts)
      : `lambdacontainer ${facts.version} (${facts.apiVersion}, Node ${facts.node}, ${facts.platform})\n`,
  );
  return 0;
}
