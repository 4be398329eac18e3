/**
 * Who signed what was fetched. Git itself judges the signature, with nothing to trust but the keys that the source
 * names: a keyring of its own for OpenPGP, an allowed-signers file for SSH. A good signature on the commit is enough,
 * or on the annotated tag that is followed, if the tag says its own name: an old signed tag under a new name proves
 * nothing. That a branch was set back to an older signed commit cannot be seen.
 */
import { execFile } from 'node:child_process';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { GitCall } from './git-program.ts';
import { printable } from './printable.ts';
import type { Repository } from './repository.ts';
import { SourceProblem } from './source-problem.ts';

export interface Signed {
  readonly commit: string;
  /** The tag that is followed, and the object that it is. */
  readonly tag: { readonly name: string; readonly object: string } | undefined;
}

export interface VerifierSettings {
  readonly searchPath: string;
  /** An empty folder of this attempt; who made it removes it. */
  readonly folder: string;
  readonly signal: AbortSignal;
}

type Format = 'OpenPGP' | 'SSH';
const TOOLS: Readonly<Record<Format, string>> = { OpenPGP: 'gpg', SSH: 'ssh-keygen' };
const IMPORT_TIMEOUT_MS = 30_000;

/**
 * Who signed, for people: `alice@example.com (SSH)`.
 * @throws SourceProblem VerificationFailed, or VerifierMissing when the tool that must check is not installed
 */
export async function verifySignature(
  repository: Repository,
  signed: Signed,
  signers: readonly string[],
  settings: VerifierSettings,
): Promise<string> {
  const keys = {
    OpenPGP: signers.filter((signer) => signer.includes('BEGIN PGP PUBLIC KEY')),
    SSH: signers.filter((signer) => !signer.includes('BEGIN PGP PUBLIC KEY')),
  };
  const refusals: string[] = [];
  for (const candidate of await candidates(repository, signed, refusals)) {
    const known = keys[candidate.format];
    if (known.length === 0) {
      refusals.push(`${candidate.what} is signed with ${candidate.format}, but spec.verify.signers has no such key`);
      continue;
    }
    const trust = candidate.format === 'SSH' ? await allowedSigners(known, settings) : await keyring(known, settings);
    const { status, stderr } = await repository.verify(candidate.type, candidate.id, trust);
    if (/cannot run|cannot exec|not found|no such file/i.test(stderr) && status !== 0) throw missing(candidate.format);
    if (status === 0) return `${signerOf(stderr, candidate.format)} (${candidate.format})`;
    refusals.push(`the signature of ${candidate.what} is by none of spec.verify.signers: ${complaintOf(stderr)}`);
  }
  throw new SourceProblem('VerificationFailed', refusals.join('; '), { commit: signed.commit });
}

interface Candidate {
  readonly type: 'commit' | 'tag';
  readonly id: string;
  readonly format: Format;
  readonly what: string;
}

async function candidates(repository: Repository, { commit, tag }: Signed, refusals: string[]): Promise<Candidate[]> {
  const found: Candidate[] = [];
  const add = (type: Candidate['type'], id: string, what: string, signature: string | undefined): void => {
    const format = formatOf(signature);
    if (format) found.push({ type, id, format, what });
    else
      refusals.push(
        signature === undefined ? `${what} is not signed` : `${what} has a signature of a kind that is not known here`,
      );
  };
  if (tag && tag.object !== commit) {
    const body = await repository.object('tag', tag.object);
    const what = `tag '${tag.name}'`;
    const name = /^tag (.*)$/m.exec(headerOf(body))?.[1];
    if (name === tag.name) add('tag', tag.object, what, /^-----BEGIN (PGP|SSH|SIGNED)[^\n]*-----$/m.exec(body)?.[0]);
    else refusals.push(`${what} is signed as '${printable(name ?? '', 80)}'`);
  }
  const header = headerOf(await repository.object('commit', commit));
  add('commit', commit, `commit ${commit.slice(0, 12)}`, /^gpgsig(?:-sha256)? (.*)$/m.exec(header)?.[1]);
  return found;
}

function headerOf(object: string): string {
  return object.slice(0, object.indexOf('\n\n'));
}

function formatOf(signature: string | undefined): Format | undefined {
  if (signature?.includes('BEGIN SSH SIGNATURE')) return 'SSH';
  return signature?.includes('BEGIN PGP ') ? 'OpenPGP' : undefined;
}

async function allowedSigners(
  lines: readonly string[],
  { folder }: VerifierSettings,
): Promise<Pick<GitCall, 'config'>> {
  const path = join(folder, 'allowed_signers');
  await writeFile(path, `${lines.map((line) => line.trim()).join('\n')}\n`, { mode: 0o600 });
  return { config: { 'gpg.ssh.allowedSignersFile': path, 'gpg.ssh.program': TOOLS.SSH } };
}

async function keyring(
  keys: readonly string[],
  { folder, searchPath, signal }: VerifierSettings,
): Promise<Pick<GitCall, 'env' | 'config'>> {
  const home = join(folder, 'gnupg');
  await mkdir(home, { mode: 0o700, recursive: true });
  const file = join(home, 'signers.asc');
  await writeFile(file, `${keys.join('\n')}\n`, { mode: 0o600 });
  await new Promise<void>((resolve, reject) => {
    execFile(
      TOOLS.OpenPGP,
      ['--batch', '--no-tty', '--quiet', '--no-autostart', '--import', '--', file],
      { env: { PATH: searchPath, HOME: folder, GNUPGHOME: home, LC_ALL: 'C' }, timeout: IMPORT_TIMEOUT_MS, signal },
      (error, _stdout, stderr) => {
        if (!error) return resolve();
        if (signal.aborted) return reject(error);
        if ((error as NodeJS.ErrnoException).code === 'ENOENT') return reject(missing('OpenPGP'));
        reject(
          new SourceProblem(
            'VerificationFailed',
            `gpg does not take a key of spec.verify.signers: ${printable(stderr)}`,
          ),
        );
      },
    );
  });
  return { env: { GNUPGHOME: home }, config: { 'gpg.program': TOOLS.OpenPGP } };
}

function missing(format: Format): SourceProblem {
  return new SourceProblem(
    'VerifierMissing',
    `signatures of ${format} are checked by ${TOOLS[format]}, which is not on this machine; install it where the daemon runs`,
  );
}

/** `[GNUPG:] GOODSIG <key> <user>`, or `Good "git" signature for <principal> with …`. */
function signerOf(output: string, format: Format): string {
  const match = format === 'SSH' ? /^Good "git" signature for (.*) with /m : /^\[GNUPG:\] GOODSIG [0-9A-F]+ (.*)$/m;
  return printable(match.exec(output)?.[1] ?? 'a known key', 120);
}

function complaintOf(output: string): string {
  const status = /^\[GNUPG:\] (BADSIG|EXPSIG|EXPKEYSIG|REVKEYSIG|ERRSIG|NO_PUBKEY) (\S+)/m.exec(output);
  const words: Readonly<Record<string, string>> = {
    BADSIG: 'it does not fit the content',
    EXPSIG: 'it has expired',
    EXPKEYSIG: 'its key has expired',
    REVKEYSIG: 'its key was revoked',
    ERRSIG: 'its key is not known',
    NO_PUBKEY: 'its key is not known',
  };
  if (status?.[1] !== undefined) return `${words[status[1]]} (key ${printable(status[2] ?? '', 40)})`;
  return printable(output.split('\n').find((line) => line.trim() !== '') ?? 'git gave no reason');
}
