/** Rules of a LambdaContainerClass that look at several fields. */
import { isMap, parseDocument } from 'yaml';
import type * as z from 'zod';
import { type Defect, defect, type Path, plainDefect } from './defects.ts';
import { describeMemorySizes, memorySizes } from './fargate.ts';
import { reserved, secretSources } from './rules.ts';
import type { classSpecSchema } from './schema/class.ts';
import { looksSecret } from './secret-look.ts';

type ParsedClass = z.output<typeof classSpecSchema>;

const at = (...path: Path): Path => ['spec', ...path];

export function classRules(spec: ParsedClass): Defect[] {
  return [...place(spec), ...listeners(spec), ...namespaces(spec), ...allowed(spec), ...build(spec), ...defaults(spec)];
}

/** What a class names by ARN must be where the class says that it is. */
function place({ account, region, assumeRole, listeners: pool }: ParsedClass): Defect[] {
  const ofRole = assumeRole?.roleArn.split(':')[4];
  const defects: Defect[] = [];
  if (account !== undefined && ofRole !== undefined && ofRole !== account) {
    defects.push(
      defect(
        at('assumeRole', 'roleArn'),
        assumeRole?.roleArn,
        `is a role of account ${ofRole}, but spec.account is ${account}; name a role of that account, or correct spec.account`,
      ),
    );
  }
  const owner = account ?? ofRole;
  for (const [index, { arn }] of pool.entries()) {
    const [, , , ofRegion, ofAccount] = arn.split(':');
    if (region !== undefined && ofRegion !== region) {
      const phrase = `is in ${ofRegion}, but spec.region is ${region}; name a listener there, or correct spec.region`;
      defects.push(defect(at('listeners', index, 'arn'), arn, phrase));
    }
    if (owner !== undefined && ofAccount !== owner) {
      const phrase = `is of account ${ofAccount}, but the class is for account ${owner}; name a listener of that account`;
      defects.push(defect(at('listeners', index, 'arn'), arn, phrase));
    }
  }
  return defects;
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

function build({ build: { recipe, dockerfile, buildspec, gitCredentials = [] } }: ParsedClass): Defect[] {
  const urls = gitCredentials.map(({ url }) => url);
  const defects = urls.flatMap((url, index) =>
    urls.indexOf(url) < index
      ? [defect(at('build', 'gitCredentials', index, 'url'), url, 'is given twice; remove one of them')]
      : [],
  );
  if (dockerfile !== undefined && recipe !== 'dockerfile') {
    const phrase = `is only for recipe 'dockerfile', and recipe is '${recipe}'; remove it, or set recipe: dockerfile`;
    defects.push(plainDefect(at('build', 'dockerfile'), undefined, phrase));
  }
  if (buildspec !== undefined && !isMapping(buildspec)) {
    const phrase = "is not a buildspec: write YAML with the members 'version: 0.2' and 'phases'";
    defects.push(plainDefect(at('build', 'buildspec'), undefined, phrase));
  }
  return defects;
}

function isMapping(text: string): boolean {
  const document = parseDocument(text);
  return document.errors.length === 0 && isMap(document.contents) && document.has('version') && document.has('phases');
}

function namespaces(spec: ParsedClass): Defect[] {
  if (!spec.namespaces.includes('*') || spec.namespaces.length === 1) return [];
  return [
    plainDefect(at('namespaces'), spec.namespaces, "'*' admits all namespaces already; remove the others, or '*'"),
  ];
}

/** A namespace finds what it may use in one place. */
function allowed(spec: ParsedClass): Defect[] {
  const seen = new Map<string, number>();
  return spec.allowed.flatMap(({ namespaces: named }, entry) =>
    named.flatMap((namespace, index) => {
      const first = seen.get(namespace);
      if (first === undefined) {
        seen.set(namespace, entry);
        return [];
      }
      const phrase = `stands in spec.allowed.${first}, too; say in one entry what it may use`;
      return [defect(at('allowed', entry, 'namespaces', index), namespace, phrase)];
    }),
  );
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
