/** Rules of a LambdaContainerClass that look at several fields. */
import type * as z from 'zod';
import { type Defect, defect, type Path, plainDefect } from './defects.ts';
import { describeMemorySizes, memorySizes } from './fargate.ts';
import { reserved, secretSources } from './rules.ts';
import type { classSpecSchema } from './schema/class.ts';
import { looksSecret } from './secret-look.ts';

type ParsedClass = z.output<typeof classSpecSchema>;

const at = (...path: Path): Path => ['spec', ...path];

export function classRules(spec: ParsedClass): Defect[] {
  return [...listeners(spec), ...namespaces(spec), ...defaults(spec)];
}

function listeners(spec: ParsedClass): Defect[] {
  const seen = new Set<string>();
  return spec.listeners.flatMap(({ arn, priorities }, index) => {
    const defects: Defect[] = [];
    if (seen.has(arn)) defects.push(defect(at('listeners', index, 'arn'), arn, 'is given twice; remove one of them'));
    seen.add(arn);
    if (priorities.from > priorities.to) {
      defects.push(
        defect(
          at('listeners', index, 'priorities', 'from'),
          priorities.from,
          `is more than to, which is ${priorities.to}; swap them`,
        ),
      );
    }
    return defects;
  });
}

function namespaces(spec: ParsedClass): Defect[] {
  if (!spec.namespaces.includes('*') || spec.namespaces.length === 1) return [];
  return [
    plainDefect(at('namespaces'), spec.namespaces, "'*' admits all namespaces already; remove the others, or '*'"),
  ];
}

function defaults(spec: ParsedClass): Defect[] {
  const { compute, scaling, placement, environment, secrets } = spec.defaults;
  const { caps } = spec;
  const defects: Defect[] = [
    ...reserved(environment, at('defaults', 'environment')),
    ...reserved(secrets, at('defaults', 'secrets')),
    ...secretSources(secrets, at('defaults', 'secrets')),
  ];
  if (
    compute?.cpu !== undefined &&
    compute.memory !== undefined &&
    !memorySizes(compute.cpu).includes(compute.memory)
  ) {
    defects.push(
      defect(
        at('defaults', 'compute', 'memory'),
        compute.memory,
        `MiB does not go with cpu ${compute.cpu} on Fargate; use ${describeMemorySizes(compute.cpu)}`,
      ),
    );
  }
  const bounded = [
    { path: at('defaults', 'compute', 'cpu'), value: compute?.cpu, cap: caps.cpuMax },
    { path: at('defaults', 'compute', 'memory'), value: compute?.memory, cap: caps.memoryMax },
    { path: at('defaults', 'scaling', 'max'), value: scaling?.max, cap: caps.maxTasks },
  ];
  for (const { path, value, cap } of bounded) {
    if (value !== undefined && cap !== undefined && value > cap) {
      defects.push(defect(path, value, `is more than ${cap}, the cap of this class; lower it or raise the cap`));
    }
  }
  if (scaling?.max !== undefined && scaling.min > scaling.max) {
    defects.push(
      defect(
        at('defaults', 'scaling', 'min'),
        scaling.min,
        `is more than max, which is ${scaling.max}; raise max or lower min`,
      ),
    );
  }
  if (placement?.split && placement.split.lambda + placement.split.fargate !== 100) {
    defects.push(
      plainDefect(
        at('defaults', 'placement', 'split'),
        placement.split,
        'must sum to 100; its members are percentages',
      ),
    );
  }
  for (const [name, value] of Object.entries(environment)) {
    if (looksSecret(name, value)) {
      defects.push(
        plainDefect(
          at('defaults', 'environment', name),
          undefined,
          'looks like a secret, and a task definition keeps environment in plain text; move it to defaults.secrets',
        ),
      );
    }
  }
  return defects;
}
