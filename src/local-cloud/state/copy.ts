/**
 * Copies of what a collection may hold: JSON values and byte arrays. Hand-written, because `structuredClone` costs ten
 * times as much. Anything else (a Date, a Map, a function) is a programmer's error and is refused at once, in memory
 * exactly as with a journal, so that no test passes on a value that a restart would lose.
 */

/** A deep copy; members and elements that are undefined follow JSON (dropped, null). @throws TypeError on other values */
export function copyValue<T>(value: T): T {
  return copy(value) as T;
}

function copy(value: unknown): unknown {
  if (value === null) return null;
  switch (typeof value) {
    case 'string':
    case 'boolean':
      return value;
    case 'number':
      if (Number.isFinite(value)) return value;
      break;
    case 'object': {
      if (Array.isArray(value)) return value.map((element) => (element === undefined ? null : copy(element)));
      if (value instanceof Uint8Array) return new Uint8Array(value);
      const prototype = Object.getPrototypeOf(value);
      if (prototype !== Object.prototype && prototype !== null) break;
      return copyRecord(value as Record<string, unknown>);
    }
  }
  throw new TypeError(`A collection holds JSON and bytes only, not ${describe(value)}`);
}

function copyRecord(record: Record<string, unknown>): Record<string, unknown> {
  const result: Record<string, unknown> = {};
  for (const key in record) {
    const member = record[key];
    if (member !== undefined) setMember(result, key, copy(member));
  }
  return result;
}

/** Sets an own member. Plain assignment to `__proto__` would set the prototype: a DynamoDB attribute may have that name. */
export function setMember(record: Record<string, unknown>, key: string, value: unknown): void {
  if (key !== '__proto__') record[key] = value;
  else Object.defineProperty(record, key, { value, enumerable: true, writable: true, configurable: true });
}

function describe(value: unknown): string {
  if (typeof value === 'object' && value !== null)
    return Object.getPrototypeOf(value)?.constructor?.name ?? 'an object';
  return `${typeof value} ${String(value)}`;
}
