/** Rules of a GitSource that look at several fields. */
import { type Defect, defect, type Path, plainDefect } from './defects.ts';
import type { GitSourceSpec } from './types.ts';

const at = (...path: Path): Path => ['spec', ...path];

export function sourceRules(spec: GitSourceSpec): Defect[] {
  return [...oneRef(spec), ...externalId(spec), ...dependencies(spec)];
}

function oneRef({ ref }: GitSourceSpec): Defect[] {
  const members = Object.keys(ref);
  if (members.length === 1) return [];
  if (members.length > 1)
    return [plainDefect(at('ref'), members, `has ${members.join(' and ')}; keep exactly one of them`)];
  return [
    plainDefect(
      at('ref'),
      undefined,
      'is missing; give exactly one of branch, tag, semver, commit, e.g. ref: { branch: main }',
    ),
  ];
}

function externalId(spec: GitSourceSpec): Defect[] {
  if (spec.externalId === undefined || spec.roleArn !== undefined) return [];
  return [defect(at('externalId'), spec.externalId, 'is only for assuming a role; add roleArn or remove it')];
}

function dependencies({ dependsOn }: GitSourceSpec): Defect[] {
  const seen = new Set<string>();
  return dependsOn.flatMap((name, index) => {
    if (seen.has(name)) return [defect(at('dependsOn', index), name, 'is given twice; remove one of them')];
    seen.add(name);
    return [];
  });
}
