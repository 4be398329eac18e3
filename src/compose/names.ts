/**
 * All physical names. A name is a function of identity fields (namespace and name, hashed so that `a-b/c` and `a/b-c`
 * differ and lengths fit) and of an incarnation, because a deleted ECS service keeps its name while it drains.
 */
import { shortHash } from '../core/index.ts';
import { formatKey, type ObjectKey } from '../resource/index.ts';

const SLUG_HASH_LENGTH = 8;

function slug(key: ObjectKey, lengthMax: number): string {
  const readable = `${key.namespace === 'default' ? '' : `${key.namespace}-`}${key.name}`
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .slice(0, lengthMax)
    .replace(/^-+|-+$/g, '');
  return `${readable}-${shortHash(formatKey(key), SLUG_HASH_LENGTH)}`;
}

function incarnated(name: string, incarnation: number): string {
  return incarnation === 0 ? name : `${name}-${incarnation + 1}`;
}

/** ECS allows 255 characters. */
export function serviceName(key: ObjectKey, incarnation: number): string {
  return incarnated(`lc-${slug(key, 60)}`, incarnation);
}

export function familyName(key: ObjectKey): string {
  return `lc-${slug(key, 60)}`;
}

/** Target group names hold 32 characters: `lc-` 12 `-` 8 `-ip` `-NNN`. */
export function targetGroupName(key: ObjectKey, side: 'ip' | 'fn', incarnation: number): string {
  return incarnated(`lc-${slug(key, 12)}-${side}`, incarnation);
}

export function logGroupName(key: ObjectKey): string {
  return `/lambdacontainer/${key.namespace}/${key.name}`;
}

/** One repository per namespace of a class: a repository per object would cost a listing call each. */
export function repositoryName(prefix: string, namespace: string): string {
  return `${prefix}/${namespace.toLowerCase()}`;
}

export function projectName(className: string): string {
  return `lambdacontainer-${className}`;
}

export function statementId(key: ObjectKey): string {
  return `lambdacontainer-${shortHash(formatKey(key), 16)}`;
}
