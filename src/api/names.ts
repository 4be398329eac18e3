/**
 * Which names are valid, and how objects and records are named. Names are DNS labels: they become parts of paths, hosts
 * and AWS names. Classes and sources live in the reserved partition `_system`, where a record's name has a prefix.
 */
import { type Defect, type Path, plainDefect, quote } from './defects.ts';
import { type ApiKind, type ApiObject, KIND_CLASS, KIND_CONTAINER, KIND_GIT_SOURCE, type ObjectKey } from './types.ts';

export const SYSTEM_NAMESPACE = '_system';
export const DEFAULT_NAMESPACE = 'default';
/** Records of the reserved partition that confirm deletions; they are no objects. */
export const CONFIRMATION_PREFIX = 'deletion/';

const LABEL_LENGTH_MAX = 63;
const PREFIXES: Readonly<Record<ApiKind, string>> = {
  [KIND_CONTAINER]: '',
  [KIND_CLASS]: 'class/',
  [KIND_GIT_SOURCE]: 'source/',
};

/** What is wrong with an object's name or namespace; undefined when it is valid. */
export function nameDefect(value: unknown, path: Path): Defect | undefined {
  const fail = (message: string): Defect => plainDefect(path, value, message);
  if (value === null)
    return fail('is empty; give a name of lower-case letters, digits and hyphens, or remove the field');
  if (value === undefined) return fail('is missing; give a name of lower-case letters, digits and hyphens');
  if (typeof value !== 'string')
    return fail(
      typeof value === 'number'
        ? `${value} is a number, not text; put it in quotes: "${value}"`
        : `is not text; give a name of lower-case letters, digits and hyphens`,
    );
  const shown = quote(value);
  if (value === '') return fail('is empty; give a name of lower-case letters, digits and hyphens');
  if (value.length > LABEL_LENGTH_MAX)
    return fail(`${shown} has ${value.length} characters; use at most ${LABEL_LENGTH_MAX}`);
  if (/^[a-z0-9]([a-z0-9-]*[a-z0-9])?$/.test(value)) return undefined;
  if (/^[a-zA-Z0-9]([a-zA-Z0-9-]*[a-zA-Z0-9])?$/.test(value)) {
    return fail(`${shown} has capital letters; use '${value.toLowerCase()}'`);
  }
  if (value.startsWith('_'))
    return fail(`${shown} begins with an underscore, which is reserved; use letters, digits and hyphens`);
  if (value.includes('/')) return fail(`${shown} contains '/', which is reserved; use letters, digits and hyphens`);
  return fail(
    `${shown} is not a valid name; use lower-case letters, digits and hyphens, beginning and ending with a letter or digit`,
  );
}

/** The key of the record that holds an object. */
export function keyOf(object: Pick<ApiObject, 'kind' | 'namespace' | 'name'>): ObjectKey {
  return { namespace: object.namespace, name: `${PREFIXES[object.kind]}${object.name}` };
}

/** The key of a class's record. */
export function classKey(className: string): ObjectKey {
  return { namespace: SYSTEM_NAMESPACE, name: `${PREFIXES[KIND_CLASS]}${className}` };
}

/** The kind and the object's name that a record's key implies; undefined for a key that no object can have. */
export function kindOfKey(key: ObjectKey): { kind: ApiKind; name: string } | undefined {
  if (key.namespace !== SYSTEM_NAMESPACE) return { kind: KIND_CONTAINER, name: key.name };
  for (const kind of [KIND_CLASS, KIND_GIT_SOURCE] as const) {
    if (key.name.startsWith(PREFIXES[kind])) return { kind, name: key.name.slice(PREFIXES[kind].length) };
  }
  return undefined;
}
