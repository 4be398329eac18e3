/**
 * Which operations of AWS a program's source calls: its files, followed through their imports, searched for calls of the
 * methods that `operations.ts` defines. A method that several services have counts for the service that is written
 * before it.
 */
import { readFileSync } from 'node:fs';
import { dirname, join, relative, resolve, sep } from 'node:path';
import { ACCOUNT_OPERATIONS } from '../../src/aws/account-ports.ts';
import { OPERATIONS } from '../../src/aws/operations.ts';

const SRC = resolve(import.meta.dirname, '../../src');

const SERVICES_OF = new Map<string, string[]>();
for (const [service, operations] of Object.entries({ ...OPERATIONS, ...ACCOUNT_OPERATIONS })) {
  for (const operation of Object.keys(operations)) {
    SERVICES_OF.set(operation, [...(SERVICES_OF.get(operation) ?? []), service]);
  }
}

/** `dynamodb.getItem` → the files that call it, relative to `src`. Of what `except` matches, nothing is read. */
export function usedOperations(roots: readonly string[], except: RegExp): Map<string, string[]> {
  const used = new Map<string, string[]>();
  for (const path of closure(roots, except)) {
    const code = readFileSync(path, 'utf8').replace(/^\s*(\*|\/\/|\/\*).*$/gm, '');
    for (const [, receiver = '', operation = ''] of code.matchAll(/(\w+|\))\s*\??\.\s*(\w+)\(/g)) {
      const services = SERVICES_OF.get(operation) ?? [];
      const service = services.length > 1 ? services.find((name) => name === receiver) : services[0];
      if (service === undefined) {
        if (services.length > 0) throw new Error(`${path}: whose ${operation} is '${receiver}.${operation}(…)'?`);
        continue;
      }
      const key = `${service}.${operation}`;
      used.set(key, [...new Set([...(used.get(key) ?? []), named(path)])]);
    }
  }
  return used;
}

function closure(roots: readonly string[], except: RegExp): string[] {
  const seen = new Set<string>();
  const open = roots.map((root) => join(SRC, root));
  for (let path = open.pop(); path !== undefined; path = open.pop()) {
    if (seen.has(path) || except.test(named(path))) continue;
    seen.add(path);
    const text = readFileSync(path, 'utf8');
    for (const [, typeOnly, specifier = ''] of text.matchAll(
      /^(?:import|export)\s+(type\s)?[^;]*?from\s+'(\.[^']+)'/gm,
    )) {
      if (!typeOnly) open.push(resolve(dirname(path), specifier));
    }
  }
  return [...seen];
}

function named(path: string): string {
  return relative(SRC, path).split(sep).join('/');
}
