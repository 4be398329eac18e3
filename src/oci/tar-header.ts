/**
 * Headers of a deterministic tar: owner and group 0, time 0, modes reduced to what the executable bit decides, names
 * that do not fit ustar in a pax record. It writes only what a layer needs (files, folders, symbolic links).
 */

export type EntryType = 'file' | 'directory' | 'symlink';

export interface TarHeader {
  /** Relative, without `.` or `..`, `/` between parts, no trailing slash. */
  readonly path: string;
  readonly type: EntryType;
  readonly executable: boolean;
  readonly size: number;
  /** Of a symbolic link. */
  readonly target?: string | undefined;
}

const BLOCK = 512;
const USTAR_SIZE_MAX = 0o77777777777;

/** One or three blocks: the header, with a pax record before it where ustar's fields are too narrow. */
export function tarHeader(header: TarHeader): Buffer {
  const name = header.type === 'directory' ? `${header.path}/` : header.path;
  const records: Record<string, string> = {};
  const split = splitName(name);
  if (!split) records.path = name;
  if (header.target !== undefined && !fits(header.target, 100)) records.linkpath = header.target;
  if (header.size > USTAR_SIZE_MAX) records.size = String(header.size);
  const main = ustar({
    ...(split ?? { prefix: '', name: cut(name, 100) }),
    mode: header.type === 'symlink' ? 0o777 : header.type === 'directory' || header.executable ? 0o755 : 0o644,
    size: header.size > USTAR_SIZE_MAX ? 0 : header.size,
    typeflag: header.type === 'file' ? '0' : header.type === 'symlink' ? '2' : '5',
    target: records.linkpath ? cut(records.linkpath, 100) : (header.target ?? ''),
  });
  if (Object.keys(records).length === 0) return main;
  const body = Buffer.from(
    Object.entries(records)
      .map(([key, value]) => paxRecord(key, value))
      .join(''),
    'utf8',
  );
  const pax = ustar({ prefix: '', name: 'PaxHeader', mode: 0o644, size: body.length, typeflag: 'x', target: '' });
  return Buffer.concat([pax, body, padding(body.length), main]);
}

/** NUL bytes up to the next block. */
export function padding(size: number): Buffer {
  return Buffer.alloc((BLOCK - (size % BLOCK)) % BLOCK);
}

/** What ends an archive. */
export const TAR_END = Buffer.alloc(2 * BLOCK);

function ustar(fields: {
  prefix: string;
  name: string;
  mode: number;
  size: number;
  typeflag: string;
  target: string;
}): Buffer {
  const block = Buffer.alloc(BLOCK);
  const octal = (value: number, offset: number, width: number) =>
    block.write(value.toString(8).padStart(width - 1, '0'), offset, 'latin1');
  block.write(fields.name, 0, 'utf8');
  octal(fields.mode, 100, 8);
  octal(0, 108, 8);
  octal(0, 116, 8);
  octal(fields.size, 124, 12);
  octal(0, 136, 12);
  block.fill(' ', 148, 156);
  block.write(fields.typeflag, 156, 'latin1');
  block.write(fields.target, 157, 'utf8');
  block.write('ustar\u000000', 257, 'latin1');
  octal(0, 329, 8);
  octal(0, 337, 8);
  block.write(fields.prefix, 345, 'utf8');
  let sum = 0;
  for (const byte of block) sum += byte;
  block.write(`${sum.toString(8).padStart(6, '0')}\u0000 `, 148, 'latin1');
  return block;
}

/** Name and prefix as ustar splits them, or undefined when the name needs a pax record. */
function splitName(name: string): { prefix: string; name: string } | undefined {
  if (fits(name, 100)) return { prefix: '', name };
  if (!isAscii(name) || name.length > 256) return undefined;
  // The last slash that leaves at most 155 bytes before it.
  const slash = name.lastIndexOf('/', 155);
  const rest = name.slice(slash + 1);
  return slash > 0 && rest.length > 0 && rest.length <= 100 ? { prefix: name.slice(0, slash), name: rest } : undefined;
}

function fits(text: string, width: number): boolean {
  return isAscii(text) && text.length <= width;
}

function isAscii(text: string): boolean {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: the range of ASCII is what is asked
  return /^[\u0001-\u007f]*$/.test(text);
}

function cut(text: string, width: number): string {
  return text.replace(/[^\u0020-\u007e]/g, '_').slice(0, width);
}

/** `<length> key=value\n`, the length counting its own digits. */
function paxRecord(key: string, value: string): string {
  const rest = Buffer.byteLength(` ${key}=${value}\n`);
  let length = rest + String(rest).length;
  length = rest + String(length).length;
  return `${length} ${key}=${value}\n`;
}
