/**
 * The checks of a request's members by themselves (presence, lengths, ranges, enumerations), gathered into the one
 * error message that AWS's front end makes of them, and the refusal of parameters that this cloud does not offer.
 */
import { invalid } from './attribute-value.ts';

/** Characters of a value that its error message repeats. */
const PRINTED_MAX = 256;

export class Constraints {
  readonly #violations: string[] = [];

  /** The member must be there; returns whether it is. */
  required(at: string, value: unknown): boolean {
    return this.#demand(value !== undefined && value !== null, at, value, 'Member must not be null');
  }

  oneOf(at: string, value: string | undefined, allowed: readonly string[]): void {
    if (value === undefined) return;
    const rule = `Member must satisfy enum value set: [${allowed.join(', ')}]`;
    this.#demand(allowed.includes(value), at, value, rule);
  }

  range(at: string, value: number | undefined, least: number, most = Number.POSITIVE_INFINITY): void {
    if (value === undefined) return;
    this.#demand(value >= least, at, value, `Member must have value greater than or equal to ${least}`);
    this.#demand(value <= most, at, value, `Member must have value less than or equal to ${most}`);
  }

  length(at: string, value: { length: number } | undefined, least: number, most: number): void {
    if (value === undefined) return;
    this.#demand(value.length >= least, at, value, `Member must have length greater than or equal to ${least}`);
    this.#demand(value.length <= most, at, value, `Member must have length less than or equal to ${most}`);
  }

  pattern(at: string, value: string | undefined, pattern: string): void {
    if (value === undefined) return;
    const rule = `Member must satisfy regular expression pattern: ${pattern}`;
    this.#demand(new RegExp(`^(?:${pattern})$`).test(value), at, value, rule);
  }

  /** @throws AwsError ValidationException naming all that was found */
  enforce(): void {
    const count = this.#violations.length;
    if (count === 0) return;
    throw invalid(`${count} validation error${count > 1 ? 's' : ''} detected: ${this.#violations.join('; ')}`);
  }

  #demand(satisfied: boolean, at: string, value: unknown, rule: string): boolean {
    if (!satisfied) this.#violations.push(`Value ${print(value)} at '${at}' failed to satisfy constraint: ${rule}`);
    return satisfied;
  }
}

function print(value: unknown): string {
  if (value === undefined || value === null) return 'null';
  const text = typeof value === 'object' ? JSON.stringify(value) : String(value);
  return `'${text.length > PRINTED_MAX ? `${text.slice(0, PRINTED_MAX)}…` : text}'`;
}

/** @throws AwsError ValidationException naming the first of these parameters that the request has */
export function refuseUnsupported(input: object, names: Readonly<Record<string, string>>): void {
  for (const [name, instead] of Object.entries(names)) {
    if ((input as Record<string, unknown>)[name] === undefined) continue;
    throw invalid(`The parameter ${name} is not supported by this local cloud: ${instead}`);
  }
}

export const RETURN_CONSUMED_CAPACITY: readonly string[] = ['INDEXES', 'TOTAL', 'NONE'];
export const RETURN_ON_FAILURE: readonly string[] = ['ALL_OLD', 'NONE'];
