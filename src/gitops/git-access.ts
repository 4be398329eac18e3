/**
 * How one repository is reached: the protocol, and the credentials as files and environment of a child process, never
 * as arguments. Files are readable by us alone and live in the folder of one attempt, which is removed after it.
 */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type GitSecret, gitLogin, httpLogin } from '../aws/index.ts';
import type { GitCall } from './git-program.ts';
import { SourceProblem } from './source-problem.ts';

export type GitAccess = Pick<GitCall, 'config' | 'env'> & { readonly protocol: NonNullable<GitCall['protocol']> };

/** @throws SourceProblem SecretNotUsable when the secret does not fit the URL */
export async function prepareAccess(url: string, secret: GitSecret | undefined, folder: string): Promise<GitAccess> {
  const { protocol, origin, hostname } = new URL(url);
  if (hostname.startsWith('-'))
    throw new SourceProblem('RepositoryNotFound', `'${hostname}' is not the name of a host`);
  switch (protocol) {
    case 'https:':
    case 'http:':
      return { protocol: protocol === 'https:' ? 'https' : 'http', ...(await httpAccess(origin, secret, folder)) };
    case 'ssh:':
      return { protocol: 'ssh', ...(await sshAccess(secret, folder)) };
    case 'file:':
      return { protocol: 'file' };
    default:
      throw new SourceProblem('InvalidSpec', `spec.url: ${protocol.slice(0, -1)} is not a protocol that is known here`);
  }
}

async function httpAccess(origin: string, secret: GitSecret | undefined, folder: string) {
  const env: Record<string, string> = {};
  if (secret?.caCertificate !== undefined) env.GIT_SSL_CAINFO = await file(folder, 'ca.pem', secret.caCertificate);
  const login = secret && httpLogin(secret);
  if (login?.defect !== undefined) throw new SourceProblem('SecretNotUsable', `the secret ${login.defect}`);
  if (login?.found === undefined) return { env };
  const asGit = gitLogin(origin, login.found);
  return { config: asGit.config, env: { ...env, ...asGit.env } };
}

async function sshAccess(secret: GitSecret | undefined, folder: string) {
  if (secret?.identity === undefined || secret.knownHosts === undefined) {
    throw new SourceProblem(
      'SecretNotUsable',
      "an ssh URL needs a secret (spec.secretRef) with 'identity', a private key, and 'knownHosts', the server's lines of ssh-keyscan",
    );
  }
  const identity = await file(folder, 'identity', secret.identity);
  const knownHosts = await file(folder, 'known_hosts', secret.knownHosts);
  const options = [
    '-F /dev/null',
    `-i ${quoted(identity)}`,
    '-o IdentitiesOnly=yes',
    '-o IdentityAgent=none',
    `-o UserKnownHostsFile=${quoted(knownHosts)}`,
    '-o GlobalKnownHostsFile=/dev/null',
    '-o StrictHostKeyChecking=yes',
    '-o UpdateHostKeys=no',
    '-o BatchMode=yes',
    '-o PreferredAuthentications=publickey',
    '-o ConnectTimeout=15',
    '-o ForwardAgent=no',
    '-o PermitLocalCommand=no',
  ];
  return { env: { GIT_SSH_COMMAND: `ssh ${options.join(' ')}`, GIT_SSH_VARIANT: 'ssh' } };
}

/** Keys and certificates without a last line break, or with Windows' ones, are no good to OpenSSH. */
async function file(folder: string, name: string, text: string): Promise<string> {
  const path = join(folder, name);
  await writeFile(path, `${text.replaceAll('\r\n', '\n').trimEnd()}\n`, { mode: 0o600, flag: 'wx' });
  return path;
}

/** For the shell that git starts ssh with. */
function quoted(path: string): string {
  return `'${path.replaceAll("'", "'\\''")}'`;
}
