/** The name of an object: the only thing that travels through queues and events. */
export interface ObjectKey {
  readonly namespace: string;
  readonly name: string;
}

/** `namespace/name`. A name may itself contain `/` only in the reserved partition (`_system/class/standard`). */
export function formatKey(key: ObjectKey): string {
  return `${key.namespace}/${key.name}`;
}

export function parseKey(text: string): ObjectKey {
  const slash = text.indexOf('/');
  return { namespace: text.slice(0, slash), name: text.slice(slash + 1) };
}
