/**
 * The head of an HTTP/1.1 message, read strictly: what two readers could take for two things (a length said twice or beside
 * chunks, a folded line, a line that a lone line feed ends, blanks around a name) is no message at all. Pure; what
 * follows the head is the connection's business.
 */

export interface Head {
  readonly method: string;
  /** `/path?query` */
  readonly target: string;
  readonly version: '1.0' | '1.1';
  /** Name, value, name, value …, names as they came. */
  readonly headers: readonly string[];
  /** Bytes that follow; undefined: in chunks. */
  readonly length: number | undefined;
  readonly expectsContinue: boolean;
  readonly keepAlive: boolean;
}

const REQUEST_LINE = /^([A-Z][A-Z-]{0,31}) (\/[!-~]*) HTTP\/1\.([01])$/;
// biome-ignore lint/suspicious/noControlCharactersInRegex: these are what a head must not contain
const UNFIT = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f]|\r(?!\n)|(?<!\r)\n/;
const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
const NO_FIELDS: readonly string[] = [];

/** Reads a head, given in latin1 without the empty line that ends it; undefined when it is none. */
export function parseHead(text: string): Head | undefined {
  const lineEnd = text.indexOf('\r\n');
  const line = REQUEST_LINE.exec(lineEnd < 0 ? text : text.slice(0, lineEnd));
  const headers = lineEnd < 0 ? NO_FIELDS : parseFields(text, lineEnd + 2);
  if (!line || !headers) return undefined;
  const version = line[3] === '1' ? '1.1' : '1.0';
  let length: number | undefined = 0;
  let hasLength = false;
  let expectsContinue = false;
  let keepAlive = version === '1.1';
  for (let i = 0; i < headers.length; i += 2) {
    const name = headers[i] as string;
    const value = headers[i + 1] as string;
    // The length rules out nearly every other header before anything is compared.
    switch (name.length) {
      case 6:
        if (name.toLowerCase() === 'expect') expectsContinue = value.toLowerCase() === '100-continue';
        break;
      case 10:
        if (name.toLowerCase() === 'connection' && /\bclose\b/i.test(value)) keepAlive = false;
        break;
      case 14:
        if (name.toLowerCase() !== 'content-length') break;
        if (hasLength || length === undefined || !/^\d{1,15}$/.test(value)) return undefined;
        hasLength = true;
        length = Number(value);
        break;
      case 17:
        if (name.toLowerCase() !== 'transfer-encoding') break;
        if (hasLength || length === undefined || version === '1.0' || value.toLowerCase() !== 'chunked')
          return undefined;
        length = undefined;
        break;
    }
  }
  return { method: line[1] as string, target: line[2] as string, version, headers, length, expectsContinue, keepAlive };
}

/** Name, value, name, value … of the lines from there on; undefined when one of them is no field. */
export function parseFields(text: string, from = 0): string[] | undefined {
  if (UNFIT.test(text)) return undefined;
  const fields: string[] = [];
  for (let at = from; at < text.length; ) {
    const end = text.indexOf('\r\n', at);
    const to = end < 0 ? text.length : end;
    const colon = text.indexOf(':', at);
    if (colon < 0 || colon >= to) return undefined;
    const name = text.slice(at, colon);
    if (!TOKEN.test(name)) return undefined;
    fields.push(name, withoutBlanks(text, colon + 1, to));
    at = to + 2;
  }
  return fields;
}

/** Value of the first field of this name (in lower case), or undefined. */
export function fieldOf(fields: readonly string[], name: string): string | undefined {
  for (let i = 0; i < fields.length; i += 2) {
    const candidate = fields[i] as string;
    if (candidate.length === name.length && candidate.toLowerCase() === name) return fields[i + 1];
  }
  return undefined;
}

/** Not `trim()`: beyond ASCII a byte is no blank. */
function withoutBlanks(text: string, from: number, to: number): string {
  let [start, stop] = [from, to];
  while (start < stop && isBlank(text.charCodeAt(start))) start++;
  while (stop > start && isBlank(text.charCodeAt(stop - 1))) stop--;
  return text.slice(start, stop);
}

function isBlank(code: number): boolean {
  return code === 32 || code === 9;
}
