/**
 * Bundles the three programs: the command line (with the daemon and the local cloud), the runtime adapter and the
 * build command. Every program is one file or a few chunks, so that starting it reads little from disk.
 */
import { cpSync, readFileSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build, stop } from 'esbuild';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
const common = {
  absWorkingDir: root,
  bundle: true,
  platform: 'node',
  target: 'node20.19',
  format: 'esm',
  outdir: 'dist',
  outExtension: { '.js': '.mjs' },
  legalComments: 'none',
  logLevel: 'warning',
  // The SDK's ES modules: of their other form nothing that is not used can be left out.
  mainFields: ['module', 'main'],
  define: { 'globalThis.LAMBDACONTAINER_VERSION': JSON.stringify(version) },
};
// CommonJS dependencies inside an ES module still ask for require.
const requireBanner = {
  js: "import { createRequire as __createRequire } from 'node:module'; const require = __createRequire(import.meta.url);",
};

/**
 * The daemon is bundled by itself: the local cloud reads the SDK's schemas by their names, so that in a bundle with it all of
 * them are used. `daemon.ts` beside the program becomes the file that the other bundle puts among the chunks.
 */
const daemonApart = {
  name: 'daemon-apart',
  setup({ onResolve }) {
    onResolve({ filter: /^\.\/daemon\.ts$/ }, ({ kind }) =>
      kind === 'dynamic-import' ? { path: './chunks/daemon.mjs', external: true } : undefined,
    );
  },
};
const inChunks = { splitting: true, chunkNames: 'chunks/[hash]', banner: requireBanner };

rmSync(join(root, 'dist'), { recursive: true, force: true });
await Promise.all([
  build({ ...common, ...inChunks, entryPoints: { cli: 'src/cli/main.ts' }, plugins: [daemonApart] }),
  build({ ...common, ...inChunks, entryPoints: { 'chunks/daemon': 'src/cli/daemon.ts' } }),
  build({ ...common, entryPoints: { adapter: 'src/adapter/main.ts' } }),
  build({ ...common, entryPoints: { builder: 'src/builder/main.ts' }, banner: requireBanner, minify: true }),
]);
// `npm start` goes on in this process, and the bundler's would stay beside it with 350 MB.
await stop();
for (const file of ['node.mjs', 'python.py']) {
  cpSync(join(root, 'src/local-cloud/runtimes', file), join(root, 'dist/runtimes', file));
}
