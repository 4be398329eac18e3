/**
 * The small schemas that the kinds are made of. A message given here is the phrase that follows the printed value:
 * `'Checkout' is not …; use …`. `unit` and `limits` of a field's metadata are printed in the reference, and `limits`
 * also in messages about numbers that are too small or too large.
 */
import * as z from 'zod';
import { parseDuration } from '../../core/index.ts';
import { cronDefect, isTimeZone } from '../cron.ts';

export interface FieldNotes {
  readonly description: string;
  readonly unit?: string;
  /** What AWS (or the product) bounds the value to, and why. */
  readonly limits?: string;
  /** The default in words, where it is computed. */
  readonly defaultText?: string;
  /** Must be given although the schema fills it in to find more defects at once. */
  readonly mandatory?: true;
  /** Bound of a map's members; enforced by `atMost`. */
  readonly maxProperties?: number;
  /** For the CRD alone: members of a list are unique, by their value or by the named fields. */
  readonly listType?: 'set' | readonly string[];
  /** For the CRD alone: what a refinement demands, as a regular expression (of Go: no look-around, repeats to 1000). */
  readonly pattern?: string;
  /**
   * For the CRD alone: the same in the Common Expression Language. A rule may judge only what no class can make right,
   * because defaults of a class lie beneath the document.
   */
  readonly cel?: readonly CelRule[];
}

export interface CelRule {
  readonly rule: string;
  readonly message: string;
}

const DURATION = /^([0-9]+(ms|s|m|h|d))+$/;

/** A text that matches a pattern; `phrase` says what it should be. The pattern must be one of Go's, too. */
export function pattern(regex: RegExp, phrase: string, lengthMax = 2048) {
  return z.string().max(lengthMax).regex(regex, { error: phrase });
}

export function text(lengthMax: number) {
  return z.string().min(1).max(lengthMax);
}

export function integer(min: number, max: number) {
  return z.int().min(min).max(max);
}

/** A duration as text (`90s`); stays text: objects that contain one convert it to `…Ms`. */
export function duration(minText: string, maxText: string) {
  const minMs = parseDuration(minText) ?? 0;
  const maxMs = parseDuration(maxText) ?? Number.POSITIVE_INFINITY;
  return z
    .string()
    .max(32)
    .regex(DURATION, { error: 'is not a duration; write it like 90s, 10m or 2h' })
    .superRefine((value, context) => {
      const ms = parseDuration(value);
      if (ms === undefined) return;
      if (ms < minMs) context.addIssue({ code: 'custom', message: `is too short; the least is ${minText}` });
      if (ms > maxMs) context.addIssue({ code: 'custom', message: `is too long; the most is ${maxText}` });
    })
    .meta({ cel: celOfDuration(minText, maxText) });
}

/** The bounds of a duration for the CRD. */
export function celOfDuration(minText: string, maxText: string): CelRule[] {
  const least = durationMs(minText);
  const tooShort = { rule: `${CEL_MILLISECONDS} >= ${least}`, message: `is too short; the least is ${minText}` };
  return [
    ...(least > 0 ? [tooShort] : []),
    { rule: `${CEL_MILLISECONDS} <= ${durationMs(maxText)}`, message: `is too long; the most is ${maxText}` },
  ];
}

/** The sum of the parts of `self`, which CEL's own durations cannot do: they know no days. */
export const CEL_MILLISECONDS = `(${[
  ['x', 1],
  ['s', 1000],
  ['m', 60_000],
  ['h', 3_600_000],
  ['d', 86_400_000],
]
  .map(
    ([unit, ms]) =>
      `self.replace('ms', 'x').findAll('[0-9]+${unit}').map(p, int(p.replace('${unit}', ''))).sum() * ${ms}`,
  )
  .join(' + ')})`;

/** Milliseconds of a text that `duration` accepted. */
export function durationMs(value: string): number {
  return parseDuration(value) ?? 0;
}

export const dnsLabel = pattern(
  /^[a-z0-9]([a-z0-9-]*[a-z0-9])?$/,
  'is not a valid name; use lower-case letters, digits and hyphens, beginning and ending with a letter or digit',
  63,
);

export const roleArn = pattern(
  /^arn:aws[a-z-]*:iam::[0-9]{12}:role\/[\w+=,.@/-]+$/,
  'is not the ARN of a role; write it like arn:aws:iam::111122223333:role/name',
);

export const subnetId = pattern(/^subnet-[0-9a-z][0-9a-z-]*$/, 'is not a subnet id; write it like subnet-0a1b2c3d');

export const securityGroupId = pattern(
  /^sg-[0-9a-z][0-9a-z-]*$/,
  'is not a security group id; write it like sg-0a1b2c3d',
);

export const imageReference = pattern(
  /^[A-Za-z0-9][A-Za-z0-9.-]*(:[0-9]+)?(\/[a-z0-9]+([._-]+[a-z0-9]+)*)+(:[A-Za-z0-9_][A-Za-z0-9_.-]*)?(@sha256:[0-9a-f]{64})?$/,
  'is not an image reference with its registry; write it like public.ecr.aws/lambda/nodejs:22',
);

export const cron = z
  .string()
  .max(256)
  .superRefine((value, context) => {
    const message = cronDefect(value);
    if (message) context.addIssue({ code: 'custom', message });
  });

export const timeZone = z
  .string()
  .max(64)
  .refine(isTimeZone, { error: 'is not a time zone; use a name of the IANA database such as Europe/Rome or UTC' });

export const variableName = pattern(
  /^[A-Za-z_][A-Za-z0-9_]*$/,
  'is not a variable name; use letters, digits and underscores, not beginning with a digit',
  256,
);

/** A URL of one of the schemes, without user and password. */
export function url(schemes: readonly string[]) {
  return z
    .string()
    .max(2048)
    .superRefine((value, context) => {
      const parsed = URL.canParse(value) ? new URL(value) : undefined;
      if (!parsed || !schemes.includes(parsed.protocol.slice(0, -1))) {
        context.addIssue({ code: 'custom', message: `is not a URL; write it like ${schemes[0]}://host/path` });
      } else if (parsed.password !== '' || parsed.username !== '') {
        context.addIssue({ code: 'custom', message: 'contains a user or password; leave them out of URLs' });
      } else if (/[\s?#]/.test(value)) {
        context.addIssue({ code: 'custom', message: 'has a space, a query or a fragment; leave it out' });
      }
    })
    .meta({ pattern: `^(${schemes.join('|')})://[^\\s?#@/]*(/[^\\s?#]*)?$`, cel: [IS_URL] });
}

const IS_URL: CelRule = { rule: 'isURL(self)', message: 'is not a URL' };

/** Refuses texts that match one of the patterns, each with its phrase; the first that matches is told. */
export function refusing(
  schema: z.ZodString,
  refusals: readonly { readonly matches: RegExp; readonly phrase: string }[],
) {
  return schema
    .superRefine((value, context) => {
      const found = refusals.find(({ matches }) => matches.test(value));
      if (found) context.addIssue({ code: 'custom', message: found.phrase });
    })
    .meta({
      cel: refusals.map(({ matches, phrase }) => ({
        rule: `!self.matches(${celText(matches.source)})`,
        message: phrase,
      })),
    });
}

/** A text literal of CEL. */
export function celText(value: string): string {
  return JSON.stringify(value);
}

/** Looks at every name of a map; `expression` speaks of `key`. */
export function celOfKeys(expression: string, message: string): CelRule {
  return { rule: `self.all(key, ${expression})`, message };
}

/** Types the metadata of a field. */
export function notes(fieldNotes: FieldNotes): Record<string, unknown> {
  return { ...fieldNotes };
}

/** Bounds the number of members of a map, in validation and in the CRD. */
export function atMost(membersMax: number): z.core.$ZodCheck<Record<string, unknown>> {
  return z.check<Record<string, unknown>>((payload) => {
    const count = Object.keys(payload.value).length;
    if (count <= membersMax) return;
    payload.issues.push({
      code: 'custom',
      input: payload.value,
      message: `has ${count} members; the most is ${membersMax}`,
    });
  });
}
