/**
 * The last words of a failed build, for a condition: the lines that a program printed, without CodeBuild's own
 * bookkeeping, and without what looks like a secret. Pure.
 */

const LINES_MAX = 5;
const LINE_LENGTH_MAX = 300;

/** The agent's lines (`[Container] 2026/11/21 10:00:00.000000 Phase complete: …`) say what the phase's context says. */
const OF_THE_AGENT = /^\[Container\] /;

const SECRETS: readonly (readonly [RegExp, string])[] = [
  // Access keys, and what a signed URL or a header carries.
  [/\b(?:AKIA|ASIA)[A-Z0-9]{16}\b/g, '(hidden)'],
  [/([?&](?:X-Amz-[A-Za-z-]+|Signature|token|sig)=)[^&\s"']+/gi, '$1(hidden)'],
  [/\b((?:authorization|proxy-authorization)["']?\s*[:=]\s*)(?:\w+\s+)?[^\s"',;]+/gi, '$1(hidden)'],
  [
    /\b([\w.-]*(?:password|passwd|secret|token|credential|api[_-]?key|access[_-]?key)[\w.-]*["']?\s*[:=]\s*)["']?[^\s"',;]+/gi,
    '$1(hidden)',
  ],
  [/(:\/\/[^\s/:@]*:)[^\s/@]+@/g, '$1(hidden)@'],
  [/\beyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]*/g, '(hidden)'],
];

/** At most five lines, oldest first; empty when nothing was printed. */
export function tailOf(messages: readonly string[]): string[] {
  return messages
    .map((message) => message.trimEnd())
    .filter((line) => line !== '' && !OF_THE_AGENT.test(line))
    .slice(-LINES_MAX)
    .map(withoutSecrets)
    .map((line) => (line.length > LINE_LENGTH_MAX ? `${line.slice(0, LINE_LENGTH_MAX - 1)}…` : line));
}

/** The text with what looks like a secret replaced: better a word too many hidden than a secret in a status. */
export function withoutSecrets(text: string): string {
  return SECRETS.reduce((hidden, [pattern, replacement]) => hidden.replace(pattern, replacement), text);
}
