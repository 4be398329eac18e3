/**
 * Reads a buildspec, version 0.2, as far as a build without source and artifacts goes: variables and the commands of
 * the four phases with `finally` and `on-failure`. What CodeBuild would take and this release does not perform
 * (parameter-store, secrets-manager, artifacts, another shell) is refused by name rather than skipped.
 */
import { parse } from 'yaml';

export const PHASES = ['install', 'pre_build', 'build', 'post_build'] as const;
export type PhaseName = (typeof PHASES)[number];

export interface BuildPhase {
  readonly commands: readonly string[];
  /** Run after `commands`, also when one of them failed. */
  readonly finally: readonly string[];
  readonly onFailure: 'ABORT' | 'CONTINUE' | undefined;
}

export interface Buildspec {
  readonly variables: Readonly<Record<string, string>>;
  readonly phases: Readonly<Partial<Record<PhaseName, BuildPhase>>>;
}

/** The text is no buildspec; the message is CodeBuild's phase context. */
export class BuildspecError extends Error {
  override readonly name = 'BuildspecError';
}

/** @throws BuildspecError `YAML_FILE_ERROR: …` */
export function parseBuildspec(text: string): Buildspec {
  const document = mapping(parseYaml(text), 'buildspec');
  if (String(document.version) !== '0.2') throw invalid(`Unsupported version: ${String(document.version)}; use 0.2`);
  for (const section of ['artifacts', 'reports', 'cache', 'batch', 'proxy', 'run-as']) {
    if (document[section] !== undefined) throw invalid(`${section} is not supported by the local cloud`);
  }
  const phases = mapping(document.phases ?? {}, 'phases');
  const unknown = Object.keys(phases).find((name) => !PHASES.includes(name as PhaseName));
  if (unknown !== undefined) throw invalid(`Unknown phase: ${unknown}`);
  const present = PHASES.filter((name) => phases[name] !== undefined);
  if (present.length === 0) throw invalid('At least one phase must be specified');
  return {
    variables: variables(document.env),
    phases: Object.fromEntries(present.map((name) => [name, phase(name, phases[name])])),
  };
}

function variables(env: unknown): Record<string, string> {
  const { variables: given, ...others } = mapping(env ?? {}, 'env');
  const other = Object.keys(others)[0];
  if (other !== undefined) throw invalid(`env.${other} is not supported by the local cloud`);
  return Object.fromEntries(
    Object.entries(mapping(given ?? {}, 'env.variables')).map(([name, value]) => [
      name,
      scalar(value, `env.variables.${name}`),
    ]),
  );
}

function phase(name: PhaseName, value: unknown): BuildPhase {
  const { commands, finally: last, 'on-failure': onFailure, ...others } = mapping(value, `phases.${name}`);
  const other = Object.keys(others)[0];
  if (other !== undefined) throw invalid(`phases.${name}.${other} is not supported by the local cloud`);
  if (onFailure !== undefined && onFailure !== 'ABORT' && onFailure !== 'CONTINUE') {
    throw invalid(`phases.${name}.on-failure must be ABORT or CONTINUE`);
  }
  return {
    commands: texts(commands, `phases.${name}.commands`),
    finally: texts(last, `phases.${name}.finally`),
    onFailure,
  };
}

function texts(value: unknown, path: string): string[] {
  if (value === undefined || value === null) return [];
  if (!Array.isArray(value)) throw invalid(`Expected ${path} to be a sequence`);
  return value.map((item, index) => scalar(item, `${path}[${index}]`));
}

function scalar(value: unknown, path: string): string {
  if (typeof value === 'string') return value;
  if (typeof value === 'number' || typeof value === 'boolean') return String(value);
  throw invalid(`Expected ${path} to be a string`);
}

function mapping(value: unknown, path: string): Record<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw invalid(`Expected ${path} to be a mapping`);
  return value as Record<string, unknown>;
}

function parseYaml(text: string): unknown {
  try {
    return parse(text);
  } catch (error) {
    throw invalid(error instanceof Error ? (error.message.split('\n')[0] ?? '') : String(error));
  }
}

function invalid(message: string): BuildspecError {
  return new BuildspecError(`YAML_FILE_ERROR: ${message}`);
}
