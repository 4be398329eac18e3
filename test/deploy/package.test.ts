/** What `npm pack` would publish: what somebody who installs it needs, and nothing else. */
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { TEMPLATES } from './template.ts';

const ROOT = join(import.meta.dirname, '../..');

interface Packed {
  readonly files: readonly { readonly path: string; readonly size: number }[];
}

describe('the package', () => {
  // Without scripts: building it anew would take away the bundle that other tests run.
  const out = execFileSync('npm', ['pack', '--dry-run', '--json', '--ignore-scripts'], { cwd: ROOT, encoding: 'utf8' });
  const [{ files } = { files: [] }] = JSON.parse(out) as Packed[];
  const paths = files.map(({ path }) => path);

  it('holds folders that are run or read, and no source, test or state of anybody', () => {
    const folders = [...new Set(paths.map((path) => path.split('/')[0] ?? ''))].sort();
    expect(folders.filter((name) => !ALLOWED.includes(name))).toEqual([]);
    expect(paths.filter((path) => /node_modules|\.test\.|\.lambdacontainer|\.tsx?$|\.map$|\.log$/.test(path))).toEqual(
      [],
    );
  });

  it('holds every template that bootstrap sends', () => {
    for (const { file } of TEMPLATES) expect(paths).toContain(`deploy/${file}`);
  });

  it('is under 25 MB when it is installed', () => {
    expect(files.reduce((sum, { size }) => sum + size, 0)).toBeLessThan(25_000_000);
  });
});

const ALLOWED = [
  'CHANGELOG.md',
  'LICENSE',
  'README.md',
  'bin',
  'crds',
  'deploy',
  'dist',
  'examples',
  'package.json',
  'templates',
];
