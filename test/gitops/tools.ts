/** The programs that these tests need and do not bring along; without them, tests are skipped by name. */
import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';

export function installed(tool: string): string | undefined {
  return (process.env.PATH ?? '')
    .split(delimiter)
    .map((folder) => join(folder, tool))
    .find(existsSync);
}

export const git = installed('git');
export const gpg = installed('gpg');
export const openssl = installed('openssl');
export const sshKeygen = installed('ssh-keygen');
export const sshd = installed('sshd') ?? ['/usr/sbin/sshd'].find(existsSync);
