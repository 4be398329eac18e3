/**
 * What is wrong with a document, in words that a person can act on: a path, the value, the reason and the remedy.
 * This file owns the form of a defect and how values and paths are printed; it knows no field of any kind.
 * Values that look like secrets are never printed, because defects end up in logs and in status.
 */
import { looksSecretName, looksSecretValue } from './secret-look.ts';

export interface Defect {
  /** `spec.compute.cpu`, `spec.traffic.hosts[0]`, `spec.environment["my-key"]`. Never empty. */
  readonly path: string;
  /** The value found; undefined when it is missing, `(hidden)` when it looks like a secret. */
  readonly value: unknown;
  /** Reason and remedy, naming the value. */
  readonly message: string;
}

export type Path = readonly PropertyKey[];

/** One line: `spec.compute.cpu: 300 is not a Fargate size; use 256, 512, …`. */
export function formatDefect(defect: Defect): string {
  return `${defect.path}: ${defect.message}`;
}

/** The printed form of a path; keys that are not plain words stand in brackets. */
export function formatPath(path: Path): string {
  let text = '';
  for (const segment of path) {
    if (typeof segment === 'number') text += `[${segment}]`;
    else if (/^[A-Za-z_][\w-]*$/.test(String(segment))) text += text === '' ? String(segment) : `.${String(segment)}`;
    else text += `[${JSON.stringify(shorten(String(segment), 80))}]`;
  }
  return text;
}

/** So many defects of one document are told: more than a person mends at once, and few enough for a status. */
export const DEFECTS_MAX = 100;

/** The first defects, and how many more there are. */
export function bounded(defects: readonly Defect[], root: string, more = 0): Defect[] {
  const hidden = Math.max(0, defects.length - DEFECTS_MAX) + more;
  if (hidden === 0) return [...defects];
  const rest = plainDefect([root], undefined, `has ${hidden} more defects; mend those that are listed first`);
  return [...defects.slice(0, DEFECTS_MAX), rest];
}

/** A defect whose message is the value followed by `phrase`, or the phrase alone where the value is long or missing. */
export function defect(path: Path, value: unknown, phrase: string): Defect {
  if (isSecret(path, value)) {
    // The phrase may repeat the value in its remedy.
    const message = isPrimitive(value) ? `${HIDDEN} ${phrase.replaceAll(String(value).trim(), HIDDEN)}` : phrase;
    return { path: formatPath(path), value: HIDDEN, message };
  }
  return { path: formatPath(path), value, message: isPrimitive(value) ? `${formatValue(value)} ${phrase}` : phrase };
}

/** A defect whose message does not repeat the value. */
export function plainDefect(path: Path, value: unknown, message: string): Defect {
  return { path: formatPath(path), value: isSecret(path, value) ? HIDDEN : value, message };
}

const HIDDEN = '(hidden)';
/** An ARN, or the path of a parameter. */
const REFERENCE = /^(arn:|\/)/;
/** The user of a URL is often a token. */
const URL_WITH_USER = /^https?:\/\/[^\s/@]+@/i;

function isSecret(path: Path, value: unknown): boolean {
  if (typeof value === 'string' && (looksSecretValue(value) || URL_WITH_USER.test(value))) return true;
  const name = path.at(-1);
  if (value === undefined || value === name) return false;
  // Where a reference belongs, people write the secret itself.
  if (path.includes('secrets')) return typeof value === 'string' && !REFERENCE.test(value);
  if (!path.includes('environment')) return false;
  return !isPrimitive(value) || name === 'environment' || looksSecretName(String(name));
}

function isPrimitive(value: unknown): boolean {
  return value === null || ['string', 'number', 'boolean', 'bigint'].includes(typeof value);
}

/** Short and on one line: text in single quotes, the rest as it is. */
function formatValue(value: unknown): string {
  return typeof value === 'string' ? quote(value) : String(value);
}

/** Text in single quotes, on one line, at most 60 characters of it. */
export function quote(text: string): string {
  return `'${shorten(text.replace(/[\p{Cc}\p{Zl}\p{Zp}]/gu, ' '), 60)}'`;
}

function shorten(text: string, length: number): string {
  return text.length <= length ? text : `${text.slice(0, length - 1)}…`;
}

/** The known word that a person most likely meant, or undefined. */
export function closest(word: string, known: readonly string[]): string | undefined {
  const lower = word.toLowerCase();
  let best: string | undefined;
  let bestDistance = Math.max(1, Math.floor(word.length / 3)) + 1;
  for (const candidate of known) {
    const other = candidate.toLowerCase();
    const distance = Math.abs(other.length - lower.length) >= bestDistance ? bestDistance : editDistance(lower, other);
    if (distance < bestDistance) {
      best = candidate;
      bestDistance = distance;
    }
  }
  return best ?? known.find((candidate) => lower.length >= 3 && candidate.toLowerCase().startsWith(lower));
}

/** `; did you mean 'cpu'?`, or the words that are known. */
export function suggestion(word: string, known: readonly string[]): string {
  const meant = closest(word, known);
  return meant === undefined ? `use ${known.join(', ')}` : `did you mean ${quote(meant)}?`;
}

/** Levenshtein distance in which two swapped neighbours count once. */
function editDistance(a: string, b: string): number {
  let beforeLast: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const cost = a[i - 1] === b[j - 1] ? 0 : 1;
      let least = Math.min((last[j] ?? 0) + 1, (row[j - 1] ?? 0) + 1, (last[j - 1] ?? 0) + cost);
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) {
        least = Math.min(least, (beforeLast[j - 2] ?? 0) + 1);
      }
      row.push(least);
    }
    beforeLast = last;
    last = row;
  }
  return last[b.length] ?? 0;
}
