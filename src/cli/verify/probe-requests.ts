/** The requests that `verify --equivalence` sends to both sides: read from a file of YAML or JSON, or one plain GET. */

import { parse as parseYaml, YAMLParseError } from 'yaml';
import * as z from 'zod';
import { UserError } from '../../core/index.ts';

export interface ProbeRequest {
  readonly method: string;
  /** Behind the object's URL: `/items?page=2`; empty: the URL itself. */
  readonly path: string;
  readonly headers: readonly (readonly [string, string])[];
  readonly body: Buffer;
}

export const PLAIN_GET: ProbeRequest = { method: 'GET', path: '', headers: [], body: Buffer.alloc(0) };

const TOKEN = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;

const requestSchema = z
  .strictObject({
    method: z.string().regex(TOKEN, 'is not a method; write it like POST').default('GET'),
    path: z
      .string()
      .regex(/^([/?][^\s#]*)?$/, 'is not a path; begin with / or ?, e.g. /items?page=2')
      .default(''),
    headers: z.record(z.string().regex(TOKEN, 'is not a header name'), z.string()).default({}),
    body: z.string().optional(),
    bodyBase64: z.base64('is not base64').optional(),
  })
  .refine(({ body, bodyBase64 }) => body === undefined || bodyBase64 === undefined, {
    error: 'has body and bodyBase64; keep one of them',
  })
  .transform(
    ({ method, path, headers, body, bodyBase64 }): ProbeRequest => ({
      method: method.toUpperCase(),
      path,
      headers: Object.entries(headers),
      body: bodyBase64 === undefined ? Buffer.from(body ?? '') : Buffer.from(bodyBase64, 'base64'),
    }),
  );

const fileSchema = z.array(requestSchema).min(1, 'is empty; list one request at least');

/** @throws UserError naming file, field and remedy when it is not a list of requests */
export function probeRequests(text: string, file: string): readonly ProbeRequest[] {
  let document: unknown;
  try {
    document = parseYaml(text);
  } catch (error) {
    if (!(error instanceof YAMLParseError)) throw error;
    throw new UserError(`--requests ${file}: ${error.message.split('\n')[0]}`, 2);
  }
  const { success, data, error } = fileSchema.safeParse(document);
  if (success) return data;
  const defects = error.issues.map(({ path, message }) => {
    const [index, ...members] = path;
    const where = index === undefined ? 'the list' : [`request ${Number(index) + 1}`, ...members].join('.');
    return `  ${where}: ${message}`;
  });
  throw new UserError(
    `--requests ${file}: not a list of requests (method, path, headers, body or bodyBase64):\n${defects.join('\n')}`,
    2,
  );
}
