/**
 * What an image's program looks like on a machine without containers: pure rewriting of arguments, working directory
 * and environment, so that paths of the image mean its unpacked folder and fixed loopback ports mean ports of this task
 * alone. There is no chroot (it needs root, and macOS has no Linux userland): the machine's own /bin/sh, libraries and
 * interpreters serve where the image has none. It starts nothing.
 */
import { accessSync, constants, lstatSync, statSync } from 'node:fs';
import { delimiter, join, posix, resolve } from 'node:path';
import type { ImageConfig } from './rootfs.ts';

/** The place where a program runs. */
export interface Site {
  /** The image's unpacked folder. */
  readonly rootfs: string;
  /** The task's own port behind a loopback port or container port of its image; undefined leaves the port alone. */
  readonly portFor: (port: number) => number | undefined;
}

export interface ProgramSpec {
  readonly image: ImageConfig;
  readonly entryPoint?: readonly string[] | undefined;
  readonly command?: readonly string[] | undefined;
  /** A path of the image. */
  readonly workingDirectory?: string | undefined;
  /** A folder of this machine to work in instead. */
  readonly folder?: string;
  /** The container's own environment; it wins over the image's and over `beneath`. */
  readonly environment: Readonly<Record<string, string>>;
  /** What the platform sets beneath both; its values are the machine's own and are not rewritten. */
  readonly beneath: Readonly<Record<string, string>>;
  /** The machine's PATH. */
  readonly machinePath: string;
}

export interface Program {
  readonly argv: readonly string[];
  readonly workingDirectory: string;
  readonly environment: Readonly<Record<string, string>>;
}

/** A path token: absolute, and not the tail of a word, of another path or of a URL (`file://` excepted). */
const ABSOLUTE_PATH = /(?<=^|file:\/\/|[\s:=,;"'`([{|&<>])\/[\w@%+~.-]+(?:\/[\w@%+~.-]+)*\/?/g;
const LOOPBACK_PORT = /(?<![\w.-])(127\.0\.0\.1|localhost):(\d{1,5})(?!\d)/g;
const IMAGE_PATHS = ['/usr/local/bin', '/usr/bin', '/bin'];

/** Rewrites one argument or value: paths that exist in the image, loopback ports that the site maps. */
export function rewrite(text: string, site: Site): string {
  return text
    .replace(LOOPBACK_PORT, (whole, host: string, port: string) => {
      const mapped = site.portFor(Number(port));
      return mapped === undefined ? whole : `${host}:${mapped}`;
    })
    .replace(ABSOLUTE_PATH, (path) => inRootfs(site.rootfs, path) ?? path);
}

/** The loopback ports that these texts name. */
export function loopbackPorts(texts: Iterable<string>): number[] {
  const ports = new Set<number>();
  for (const text of texts) {
    for (const match of text.matchAll(LOOPBACK_PORT)) ports.add(Number(match[2]));
  }
  return [...ports];
}

/**
 * The program that a container of this image runs.
 * @throws Error `No command specified` when neither the image nor the container names one
 */
export function programOf(spec: ProgramSpec, site: Site, containerPorts: readonly number[]): Program {
  // As in a container runtime: an entry point of one's own discards the image's command.
  const command = spec.command ?? (spec.entryPoint ? [] : spec.image.command);
  const argv = [...(spec.entryPoint ?? spec.image.entryPoint), ...command];
  if (argv.length === 0) throw new Error('No command specified');
  const environment: Record<string, string> = { ...spec.beneath };
  for (const [name, value] of Object.entries({ ...spec.image.environment, ...spec.environment })) {
    environment[name] = rewriteVariable(name, value, site, containerPorts);
  }
  const declaredPath = spec.environment.PATH ?? spec.image.environment.PATH ?? '';
  environment.PATH = searchPath(declaredPath, spec.machinePath, site.rootfs);
  return {
    argv: argv.map((argument) => rewrite(argument, site)),
    workingDirectory:
      spec.folder ?? join(site.rootfs, posix.normalize(`/${spec.workingDirectory || spec.image.workingDirectory}`)),
    environment,
  };
}

/** Where `program` is found with this PATH; undefined when it is missing or not executable. */
export function findProgram(program: string, path: string, workingDirectory: string): string | undefined {
  const candidates = program.includes('/')
    ? [resolve(workingDirectory, program)]
    : path.split(delimiter).map((folder) => resolve(workingDirectory, folder, program));
  return candidates.find(isExecutable);
}

function rewriteVariable(name: string, value: string, site: Site, containerPorts: readonly number[]): string {
  if (name.endsWith('PORT') && containerPorts.includes(Number(value)))
    return String(site.portFor(Number(value)) ?? value);
  return rewrite(value, site);
}

function searchPath(declared: string, machinePath: string, rootfs: string): string {
  const ofImage = [...declared.split(delimiter), ...IMAGE_PATHS]
    .map((folder) => inRootfs(rootfs, folder))
    .filter((folder) => folder !== undefined);
  return [...new Set([...ofImage, ...machinePath.split(delimiter)])].join(delimiter);
}

function inRootfs(rootfs: string, path: string): string | undefined {
  if (!path.startsWith('/') || path === '/') return undefined;
  const candidate = join(rootfs, posix.normalize(path));
  try {
    lstatSync(candidate);
    return candidate;
  } catch {
    // Missing, or a part of it is a file (ENOTDIR) or too long for a name: not a path of this image.
    return undefined;
  }
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    // Missing, not executable or behind a folder that may not be read: to a search all the same.
    return false;
  }
}
