/**
 * `lambdacontainer-build`: the command that CodeBuild runs in the builder image. Reads LAMBDACONTAINER_BUILD, builds one
 * image, prints what it does. Operating errors end it with status 1 and one line; anything else is a bug and shows its
 * stack.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createSdkPorts, credentialsOf, ecrCredentials } from '../aws/index.ts';
import { Failure, systemClock } from '../core/index.ts';
import { parseRepository, RegistryClient } from '../oci/index.ts';
import { build, failureLine } from './build.ts';
import { imageProgram } from './image-program.ts';
import { parseOrder } from './order.ts';
import { runProgram } from './program.ts';

/** A build runs outside of the controller's retry loop: a lost connection must not cost a whole build. */
const ATTEMPTS = 4;

/** Nobody answers questions here, and the machine's own settings are not the repository's. */
const GIT_ENVIRONMENT = { GIT_TERMINAL_PROMPT: '0', GIT_CONFIG_NOSYSTEM: '1', GIT_CONFIG_GLOBAL: '/dev/null' };

async function main(env: NodeJS.ProcessEnv, signal: AbortSignal): Promise<void> {
  // For git's one call alone: no program that builds is given it.
  const { LAMBDACONTAINER_GIT_SECRET: gitSecret, ...environment } = env;
  const order = parseOrder(env.LAMBDACONTAINER_BUILD);
  const region = env.AWS_REGION ?? env.AWS_DEFAULT_REGION ?? 'us-east-1';
  const { ports, close } = createSdkPorts({ region, credentials: credentialsOf(env) }, { resolveDigest: unused });
  const { host } = parseRepository(order.repositoryUri);
  const credentials = ecrCredentials(() => ports.ecr, systemClock, host);
  const registry = new RegistryClient({ credentials, attempts: ATTEMPTS });
  const folder = await mkdtemp(join(tmpdir(), 'lambdacontainer-build-'));
  try {
    await build(order, {
      lambda: ports.lambda,
      s3: ports.s3,
      registry,
      clock: systemClock,
      folder,
      program: () => imageProgram({ folder, environment, credentials }),
      git: (argv, more) =>
        runProgram({
          program: 'git',
          arguments: argv,
          environment: { ...environment, ...GIT_ENVIRONMENT, ...more },
          signal,
        }),
      gitSecret,
      dockerfile: decoded(env.LAMBDACONTAINER_DOCKERFILE),
      print,
      signal,
      attempts: ATTEMPTS,
    });
  } finally {
    await rm(folder, { recursive: true, force: true });
    await registry.close();
    close();
  }
}

/** The build knows its base image by digest and resolves nothing. */
function unused(): Promise<never> {
  return Promise.reject(
    new Failure({
      kind: 'invalid',
      service: 'registry',
      operation: 'ResolveDigest',
      code: 'Unused',
      message: 'a build resolves no tags',
    }),
  );
}

/** From base64. */
function decoded(text: string | undefined): string | undefined {
  return text === undefined ? undefined : Buffer.from(text, 'base64').toString('utf8');
}

function print(line: string): void {
  process.stdout.write(`lambdacontainer: ${line}\n`);
}

// The SDK announces the end of Node 20 in every build's log; who reads it cannot act on it.
process.env.AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED ??= 'true';

const stopping = new AbortController();
for (const name of ['SIGTERM', 'SIGINT'] as const) process.once(name, () => stopping.abort());
try {
  await main(process.env, stopping.signal);
} catch (error) {
  const line = stopping.signal.aborted ? 'interrupted' : failureLine(error);
  process.stderr.write(
    line === undefined ? `${error instanceof Error ? error.stack : String(error)}\n` : `lambdacontainer: ${line}\n`,
  );
  process.exitCode = 1;
}
