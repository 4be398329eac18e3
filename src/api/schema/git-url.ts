/**
 * URLs of Git repositories: `https`, `ssh`, `file`, and `http` for this machine alone. Credentials never stand in a URL,
 * because URLs end up in status and logs.
 */
import * as z from 'zod';

const HOST = '([A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?|\\[[0-9A-Fa-f:.]+\\])(:[0-9]{1,5})?';
const PATH = '/[^\\s?#\\\\]+';
const GIT_URL = new RegExp(
  `^(https://${HOST}${PATH}|http://(localhost|127\\.0\\.0\\.1|\\[::1\\])(:[0-9]{1,5})?${PATH}|ssh://([A-Za-z0-9._-]+@)?${HOST}${PATH}|file://${PATH})$`,
);
const SCHEMES = ['https', 'http', 'ssh', 'file'];

export const gitUrl = z
  .string()
  .max(2048)
  .superRefine((value, context) => {
    const message = gitUrlDefect(value);
    if (message) context.addIssue({ code: 'custom', message });
  })
  .meta({ pattern: GIT_URL.source });

function gitUrlDefect(value: string): string | undefined {
  const short = /^([\w.-]+)@([\w.-]+):(?!\/\/)\/?(\S+)$/.exec(value);
  if (short) return `is git's short form; write ssh://${short[1]}@${short[2]}/${short[3]}`;
  const parsed = URL.canParse(value) ? new URL(value) : undefined;
  const scheme = parsed?.protocol.slice(0, -1);
  if (!parsed || !scheme || !SCHEMES.includes(scheme)) {
    return 'is not the URL of a repository; write it like https://host/path, ssh://git@host/path or file:///path';
  }
  if (parsed.password !== '') return 'contains a password; put it into a secret and name that under secretRef';
  if (parsed.username !== '' && scheme !== 'ssh') {
    return 'contains a user; leave it out and put credentials into a secret that secretRef names';
  }
  if (/[?#]/.test(value)) return 'has a query or a fragment, which git does not know; remove it';
  if (GIT_URL.test(value)) return undefined;
  if (scheme === 'http') return 'is not encrypted, which is allowed for this machine (127.0.0.1) only; use https';
  return 'names no repository; write it like https://host/path, ssh://git@host/path or file:///path';
}
