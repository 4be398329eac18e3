/**
 * Labels and annotations as Kubernetes has them: names with an optional prefix, text as values, labels short enough to
 * select by. Which annotations mean something is in `annotations.ts`.
 */
import { annotationDefects } from './annotations.ts';
import { type Defect, defect, type Path, plainDefect, quote } from './defects.ts';

/** A record is at most 400 KB, and labels are for selecting. */
const ENTRIES_MAX = 64;
const NAME_MAX = 63;
const PREFIX_MAX = 253;
const NAME = /^[A-Za-z0-9]([A-Za-z0-9_.-]*[A-Za-z0-9])?$/;
const PREFIX = /^[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*$/;

export interface TextMap {
  readonly map: Record<string, string>;
  readonly defects: Defect[];
}

export function labelsOf(value: unknown, path: Path): TextMap {
  const found = textMap(value, path);
  for (const [key, text] of Object.entries(found.map)) {
    const message = valueDefect(text);
    if (message) found.defects.push(defect([...path, key], text, message));
  }
  return found;
}

export function annotationsOf(value: unknown, path: Path): TextMap {
  const found = textMap(value, path);
  found.defects.push(...annotationDefects(found.map, path));
  return found;
}

function textMap(value: unknown, path: Path): TextMap {
  if (value === undefined || value === null) return { map: {}, defects: [] };
  if (typeof value !== 'object' || Array.isArray(value)) {
    return { map: {}, defects: [defect(path, value, 'is not an object; write { name: value }')] };
  }
  const map: Record<string, string> = {};
  const entries = Object.entries(value);
  if (entries.length > ENTRIES_MAX) {
    return {
      map,
      defects: [plainDefect(path, undefined, `has ${entries.length} entries; use at most ${ENTRIES_MAX}`)],
    };
  }
  const defects: Defect[] = [];
  for (const [key, member] of entries) {
    const misnamed = nameDefect(key);
    if (misnamed) defects.push(plainDefect([...path, key], member, `${quote(key)} ${misnamed}`));
    else if (typeof member === 'string') map[key] = member;
    else if (typeof member === 'number' || typeof member === 'boolean') {
      defects.push(defect([...path, key], member, `is not text; put it in quotes: "${String(member)}"`));
    } else defects.push(plainDefect([...path, key], member, 'is not text; give text'));
  }
  return { map, defects };
}

/** What is wrong with `name` or `prefix.example.com/name`. */
function nameDefect(key: string): string | undefined {
  const [first = '', second, ...rest] = key.split('/');
  if (rest.length > 0) return "has several '/'; write name or prefix.example.com/name";
  const [prefix, name] = second === undefined ? [undefined, first] : [first, second];
  if (prefix !== undefined && (prefix.length > PREFIX_MAX || !PREFIX.test(prefix))) {
    return 'has a prefix that is not a DNS name in lower case; write it like example.com/name';
  }
  if (name.length > NAME_MAX) return `has ${name.length} characters; use at most ${NAME_MAX}`;
  if (NAME.test(name)) return undefined;
  return 'is not a valid name; use letters, digits, hyphens, underscores and dots, beginning and ending with a letter or digit';
}

function valueDefect(text: string): string | undefined {
  if (text === '') return undefined;
  if (text.length > NAME_MAX)
    return `has ${text.length} characters; a label holds ${NAME_MAX}: use an annotation for longer text`;
  if (NAME.test(text)) return undefined;
  return 'is not a value for a label; use letters, digits, hyphens, underscores and dots, or an annotation';
}
