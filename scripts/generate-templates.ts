/**
 * Generates `src/compose/templates.ts` from the files of `templates/`: `npx tsx scripts/generate-templates.ts`. The
 * controller composes without reading files, so it carries them as text. The result is checked in; a test calls
 * `templatesModule` and fails when it is stale.
 */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = join(dirname(fileURLToPath(import.meta.url)), '..');
export const TEMPLATES_MODULE = 'src/compose/templates.ts';

/** The module's text, from the files as they are now. */
export function templatesModule(): string {
  const folder = join(ROOT, 'templates');
  const literal = (file: string) => `\`${readFileSync(join(folder, file), 'utf8').replace(/[`\\]|\$\{/g, '\\$&')}\``;
  const names = (suffix: string) =>
    readdirSync(folder)
      .filter((file) => file.endsWith(suffix))
      .map((file) => file.slice(0, -suffix.length))
      .sort();
  const table = (suffix: string) =>
    names(suffix)
      .map((name) => `  ${name}: ${literal(`${name}${suffix}`)},\n`)
      .join('');
  return `/** Generated from \`templates/\` by scripts/generate-templates.ts; edit the files there. Text only. */

/** The Dockerfile of each runtime family. */
export const DOCKERFILES = {
${table('.Dockerfile')}} as const;

/** The buildspec of each recipe. */
export const BUILDSPECS = {
${table('.buildspec.yml')}} as const;
`;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) writeFileSync(join(ROOT, TEMPLATES_MODULE), templatesModule());
