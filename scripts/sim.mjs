/**
 * Runs a program of the simulation bundled by esbuild, as the product is shipped: tsx keeps the names of functions at run
 * time, which costs much where millions of calls are simulated. First argument: the program in test/simulation/sim,
 * `main`, `kills` or `mutants`; the others are its own.
 */
import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { build } from 'esbuild';

const ROOT = join(import.meta.dirname, '..');
// Inside of the repository, so that packages are found.
const FOLDER = join(ROOT, 'node_modules/.cache/lambdacontainer-sim', String(process.pid));
mkdirSync(FOLDER, { recursive: true });
process.on('exit', () => rmSync(FOLDER, { recursive: true, force: true }));
process.chdir(ROOT);
const [program] = process.argv.splice(2, 1);
const outfile = join(FOLDER, `${program}.mjs`);
await build({
  entryPoints: [join(ROOT, 'test/simulation/sim', `${program}.ts`)],
  outfile,
  bundle: true,
  platform: 'node',
  format: 'esm',
  target: 'node20',
  packages: 'external',
  sourcemap: 'inline',
  logLevel: 'warning',
});
process.setSourceMapsEnabled(true);
// What the program forks is itself.
process.argv[1] = outfile;
await import(pathToFileURL(outfile).href);
