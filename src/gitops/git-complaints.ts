/**
 * What git's own words mean. They are matched in git's C locale, and only where the exit status says that it failed;
 * what is not recognised counts as passing, because most of it is a network's.
 */
import { printable } from './printable.ts';
import { type ProblemReason, SourceProblem } from './source-problem.ts';

const COMPLAINTS: readonly { readonly reason: ProblemReason; readonly words: RegExp; readonly remedy?: string }[] = [
  {
    reason: 'HostKeyUnknown',
    words: /host key verification failed|host key is known|remote host identification has changed/i,
    remedy: "give the server's key under 'knownHosts' in the secret",
  },
  {
    reason: 'AuthenticationFailed',
    words:
      /authentication failed|could not read (username|password)|terminal prompts disabled|permission denied|returned error: 40[13]|access denied|invalid credentials|invalid format|error in libcrypto/i,
    remedy: 'check the secret that spec.secretRef names, and what it may read',
  },
  {
    reason: 'AuthenticationFailed',
    words: /certificate|SSL routines/i,
    remedy: "the server's certificate is not trusted; give its authority as 'caCertificate' in the secret",
  },
  {
    reason: 'RefNotFound',
    words: /couldn't find remote ref|not our ref|unadvertised object|no such remote ref/i,
  },
  {
    reason: 'RepositoryNotFound',
    words:
      /repository .*not found|not appear to be a git repository|returned error: 404|no such (file|device) or directory|does not exist|strange hostname/i,
    remedy: 'check spec.url, and that the credentials may see it',
  },
  {
    reason: 'RepositoryRefused',
    words:
      /fsck error|^error: object [0-9a-f]+: |dubious ownership|transport '.*' not allowed|protocol .* not (supported|allowed)|bad (tree|object)|malformed/im,
  },
];

/** The problem that a failed git has. `doing` reads like `listing refs`. */
export function problemOf(doing: string, stderr: string): SourceProblem {
  const known = COMPLAINTS.find(({ words }) => words.test(stderr));
  const said = tellingLine(stderr, known?.words);
  const remedy = known?.remedy === undefined ? '' : `; ${known.remedy}`;
  return new SourceProblem(known?.reason ?? 'FetchFailed', `${doing} failed: ${said}${remedy}`);
}

/** Git ends with the general and begins with the cause. */
function tellingLine(stderr: string, words: RegExp | undefined): string {
  const lines = stderr
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '' && !line.startsWith('warning:'));
  const telling =
    lines.find((line) => words?.test(line)) ??
    lines.find((line) => /^(fatal|error|remote|ssh)/i.test(line)) ??
    lines[0];
  const extra = lines.find((line) => line.startsWith('fatal:') && line !== telling);
  return printable([telling, extra].filter((line) => line !== undefined).join('; ')) || 'git said nothing';
}
