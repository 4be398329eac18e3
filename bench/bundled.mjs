/**
 * Runs the benchmarks as the programs are shipped: bundled by esbuild. (tsx keeps the names of functions at run time,
 * which costs the planner a tenth of its time.) Arguments are those of bench/run.ts.
 */
import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { build } from 'esbuild';

const ROOT = join(import.meta.dirname, '..');
// Inside of the repository, so that packages are found.
const FOLDER = join(ROOT, 'bench/results/.bundle');
mkdirSync(FOLDER, { recursive: true });
process.on('exit', () => rmSync(FOLDER, { recursive: true, force: true }));
process.chdir(ROOT);
const outfile = join(FOLDER, `run-${process.pid}.mjs`);
await build({
  entryPoints: [join(ROOT, 'bench/run.ts')],
  outfile,
  bundle: true,
  platform: 'node',
  format: 'esm',
  target: 'node20',
  packages: 'external',
  logLevel: 'warning',
});
await import(pathToFileURL(outfile).href);
