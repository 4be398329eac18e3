/**
 * Where the stand-in runtime clients lie. They are plain files that run in a function's own process, so they are read,
 * never imported: beside this module in the sources, and in `dist/runtimes/` for the bundle and its chunks.
 */
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

export type RuntimeFile = 'node.mjs' | 'python.py';

/** Absolute path of a runtime client. @throws Error when the file is missing: the installation is incomplete */
export function runtimeFile(name: RuntimeFile): string {
  const candidates = [`./${name}`, `./runtimes/${name}`, `../runtimes/${name}`].map((path) =>
    fileURLToPath(new URL(path, import.meta.url)),
  );
  const found = candidates.find((path) => existsSync(path));
  if (!found) throw new Error(`runtime client ${name} is missing; looked for ${candidates.join(' and ')}`);
  return found;
}
