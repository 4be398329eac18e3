/**
 * The rooms and their one-way doors. A new room or a new import direction is a decision: it is made here, in the open.
 */
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { dirname, join, relative, resolve, sep } from 'node:path';
import { describe, expect, it } from 'vitest';

const SRC = resolve(import.meta.dirname, '../../src');

/** room → rooms that it may import (`core` always). */
const MAY_IMPORT: Record<string, readonly string[]> = {
  core: [],
  oci: [],
  api: [],
  aws: [],
  resource: ['aws'],
  kinds: ['resource', 'aws'],
  compose: ['api', 'resource', 'kinds'],
  plan: ['api', 'resource'],
  execute: ['resource', 'plan', 'aws'],
  store: ['api', 'aws', 'resource'],
  controller: ['api', 'aws', 'resource', 'plan', 'execute', 'store', 'compose'],
  gitops: ['api', 'aws', 'resource', 'store'],
  server: [],
  adapter: [],
  builder: ['oci', 'aws'],
  'local-cloud': ['oci', 'aws', 'adapter'],
  cli: [
    'api',
    'aws',
    'oci',
    'resource',
    'kinds',
    'compose',
    'plan',
    'execute',
    'store',
    'controller',
    'gitops',
    'server',
    'adapter',
    'local-cloud',
  ],
};

/** Where the platform's clock, timers, randomness, environment and console may be touched. */
const PLATFORM_ALLOWED = [
  /^core\//,
  /^cli\/main\.ts$/,
  /^adapter\/main\.ts$/,
  /^builder\/main\.ts$/,
  /^local-cloud\/runtimes\//,
];
const PLATFORM = /\b(process\.env\b|Date\.now\(|setTimeout\(|setInterval\(|Math\.random\(|console\.)/;

/** Value imports of the SDK. */
const SDK_ALLOWED = [/^aws\//, /^local-cloud\/wire\//];

const BANNED_NAMES = /(^|[-/])(utils?|helpers?|common|manager|misc)([-./]|$)/;

interface Import {
  readonly file: string;
  readonly specifier: string;
  readonly typeOnly: boolean;
}

function files(folder: string): string[] {
  return readdirSync(folder).flatMap((name) => {
    const path = join(folder, name);
    return statSync(path).isDirectory() ? files(path) : /\.(ts|mjs)$/.test(name) ? [path] : [];
  });
}

function named(path: string): string {
  return relative(SRC, path).split(sep).join('/');
}

function importsOf(path: string): Import[] {
  const text = readFileSync(path, 'utf8');
  return [...text.matchAll(/^(?:import|export)\s+(type\s)?[^;]*?from\s+'([^']+)'/gms)].map((match) => ({
    file: named(path),
    specifier: match[2] ?? '',
    typeOnly: match[1] !== undefined,
  }));
}

function roomOf(file: string): string {
  return file.split('/')[0] ?? '';
}

const ALL = files(SRC);
const IMPORTS = ALL.flatMap(importsOf);

describe('architecture', () => {
  it('reads the whole tree', () => {
    expect(ALL.length).toBeGreaterThan(100);
    expect(IMPORTS.length).toBeGreaterThan(300);
  });

  it('every folder of src is a room', () => {
    expect(readdirSync(SRC).filter((name) => !(name in MAY_IMPORT))).toEqual([]);
  });

  it('imports go one way', () => {
    const wrong = IMPORTS.flatMap(({ file, specifier }) => {
      if (!specifier.startsWith('.')) return [];
      const target = named(resolve(SRC, dirname(file), specifier));
      const [from, to] = [roomOf(file), roomOf(target)];
      if (from === to || to === 'core' || MAY_IMPORT[from]?.includes(to)) return [];
      return [`${file} imports ${target}: ${from} may not import ${to}`];
    });
    expect(wrong).toEqual([]);
  });

  it('a kind never imports a sibling', () => {
    const wrong = IMPORTS.filter(({ file, specifier }) => {
      const kind = /^kinds\/([^/]+)\//.exec(file)?.[1];
      if (!kind || !specifier.startsWith('.')) return false;
      const target = named(resolve(SRC, dirname(file), specifier));
      return target.startsWith('kinds/') && !target.startsWith(`kinds/${kind}/`);
    });
    expect(wrong).toEqual([]);
  });

  it('SDK values are imported in aws/ and by the wire alone', () => {
    const wrong = IMPORTS.filter(
      ({ file, specifier, typeOnly }) =>
        /^@(aws-sdk|smithy)\//.test(specifier) && !typeOnly && !SDK_ALLOWED.some((allowed) => allowed.test(file)),
    ).map(({ file, specifier }) => `${file} imports ${specifier}`);
    expect(wrong).toEqual([]);
  });

  it('the adapter has no dependencies but node', () => {
    const wrong = IMPORTS.filter(
      ({ file, specifier }) =>
        roomOf(file) === 'adapter' && !specifier.startsWith('.') && !specifier.startsWith('node:'),
    );
    expect(wrong).toEqual([]);
  });

  it('clock, timers, randomness, environment and console are ports', () => {
    const wrong = ALL.flatMap((path) => {
      const file = named(path);
      if (PLATFORM_ALLOWED.some((allowed) => allowed.test(file))) return [];
      return readFileSync(path, 'utf8')
        .split('\n')
        .flatMap((line, index) => {
          const code = line.replace(/^\s*(\*|\/\/|\/\*).*$/, '').replace(/`[^`]*`|'[^']*'/g, '');
          return PLATFORM.test(code) ? [`${file}:${index + 1}: ${line.trim()}`] : [];
        });
    });
    expect(wrong).toEqual([]);
  });

  it('no file is called after nothing', () => {
    expect(ALL.map(named).filter((file) => BANNED_NAMES.test(file))).toEqual([]);
  });

  it('a file stays small enough to read', () => {
    const long = ALL.flatMap((path) => {
      const lines = readFileSync(path, 'utf8').split('\n').length;
      return lines > 700 ? [`${named(path)}: ${lines} lines`] : [];
    });
    expect(long).toEqual([]);
  });
});
