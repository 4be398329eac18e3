/**
 * Rules of a LambdaContainer that look at several fields or at its class. Each names the members it reads and is
 * skipped when one of them is defective already, so that a person is told the cause and not its consequences. Rules of
 * a single field are in the schema.
 */
import { valueAt } from './check.ts';
import { type Defect, defect, formatPath, type Path, plainDefect } from './defects.ts';
import { describeMemorySizes, memorySizes } from './fargate.ts';
import { PathIndex } from './path-index.ts';
import { isReservedVariable } from './schema/configuration.ts';
import { RULE_VALUES_MAX, RULE_WILDCARDS_MAX } from './schema/traffic.ts';
import { looksSecret } from './secret-look.ts';
import type { LambdaContainerClassSpec, LambdaContainerSpec } from './types.ts';

interface Situation {
  readonly spec: LambdaContainerSpec;
  /** As written, without defaults. */
  readonly raw: unknown;
  readonly classSpec: LambdaContainerClassSpec | undefined;
  readonly namespace: string | undefined;
}

interface Rule {
  readonly reads: readonly string[];
  readonly check: (situation: Situation) => readonly Defect[];
}

const at = (...path: Path): Path => ['spec', ...path];
const given = (raw: unknown, ...path: string[]): boolean => valueAt(raw, path) !== undefined;

/** A task definition has at most 64 KiB; names, images and our own variables need a part of it. */
const ENVIRONMENT_BYTES_MAX = 32 * 1024;

const RULES: readonly Rule[] = [
  { reads: ['source'], check: exactlyOneSource },
  { reads: ['source', 'placement'], check: lambdaNeedsFunction },
  { reads: ['source', 'build'], check: buildOfSource },
  { reads: ['source', 'compute.architecture'], check: architectureOfArchive },
  { reads: ['compute.cpu', 'compute.memory'], check: fargatePair },
  { reads: ['placement'], check: splitShares },
  { reads: ['placement', 'rollout.strategy'], check: oneOwnerOfWeights },
  { reads: ['scaling', 'placement'], check: taskBounds },
  { reads: ['interface', 'port', 'compute.processes', 'compute.concurrency'], check: interfaceAndPort },
  { reads: ['interface', 'placement', 'traffic.eventFormat'], check: eventFormat },
  { reads: ['traffic.hosts', 'traffic.paths'], check: ruleQuotas },
  { reads: ['workload', 'queue'], check: workloadMembers },
  { reads: ['environment', 'secrets', 'acknowledgePlaintextEnvironment'], check: variables },
  { reads: ['secrets'], check: ({ spec }) => secretSources(spec.secrets, at('secrets')) },
  { reads: ['className'], check: classAdmission },
  { reads: ['className', 'traffic', 'workload'], check: allowedHosts },
  { reads: ['className', 'roles', 'source'], check: allowedRoles },
  { reads: ['network.subnets'], check: subnetsKnown },
  { reads: ['compute.cpu', 'compute.memory', 'scaling.max'], check: caps },
];

/** The defects of all rules whose members `earlier` leaves untouched. */
export function brokenRules(situation: Situation, earlier: readonly Defect[]): Defect[] {
  const spoilt = new PathIndex(earlier.map(({ path }) => path));
  return RULES.flatMap((rule) =>
    rule.reads.some((member) => spoilt.overlaps(`spec.${member}`)) ? [] : rule.check(situation),
  );
}

function exactlyOneSource({ spec }: Situation): Defect[] {
  const members = Object.keys(spec.source);
  if (members.length === 0) {
    return [
      plainDefect(
        at('source'),
        undefined,
        'is missing; give exactly one of functionRef, image, archive, repository, e.g. source: { functionRef: { name: my-function } }',
      ),
    ];
  }
  if (members.length === 1) return [];
  return [plainDefect(at('source'), members, `has ${members.join(' and ')}; keep exactly one of them`)];
}

function lambdaNeedsFunction({ spec }: Situation): Defect[] {
  const mode = spec.placement.mode;
  if (mode === 'fargate' || spec.source.functionRef || Object.keys(spec.source).length !== 1) return [];
  return [
    defect(
      at('placement', 'mode'),
      mode,
      "needs source.functionRef, because a Lambda function serves; use 'fargate' otherwise",
    ),
  ];
}

/** What `build` says of a zip means nothing to a source that brings an image or a Dockerfile of its own. */
function buildOfSource({ spec, raw }: Situation): Defect[] {
  const { image, repository } = spec.source;
  const kind = image ? 'image' : repository ? 'repository' : undefined;
  if (kind === undefined) return [];
  const why = kind === 'image' ? 'which is not built' : 'whose own Dockerfile is built';
  return (['baseImage', 'dockerfile'] as const)
    .filter((member) => (valueAt(raw, ['build', member]) ?? null) !== null)
    .map((member) => plainDefect(at('build', member), undefined, `says nothing of source.${kind}, ${why}; remove it`));
}

function architectureOfArchive({ spec }: Situation): Defect[] {
  const asked = spec.compute.architecture;
  const compiled = spec.source.archive?.architecture;
  if (asked === undefined || compiled === undefined || asked === compiled) return [];
  return [
    defect(
      at('compute', 'architecture'),
      asked,
      `is not what source.archive.architecture says, which is ${compiled}; remove one of them`,
    ),
  ];
}

function fargatePair({ spec, raw }: Situation): Defect[] {
  const { cpu, memory } = spec.compute;
  if (memorySizes(cpu).includes(memory)) return [];
  const origin = given(raw, 'compute', 'memory') ? '' : " (the class's default)";
  const cpuOrigin = given(raw, 'compute', 'cpu') ? '' : ' (the default)';
  return [
    defect(
      at('compute', 'memory'),
      memory,
      `MiB${origin} does not go with cpu ${cpu}${cpuOrigin} on Fargate; use ${describeMemorySizes(cpu)}, or another cpu`,
    ),
  ];
}

function splitShares({ spec, raw }: Situation): Defect[] {
  const { mode, split } = spec.placement;
  if (mode === 'split' && !split) {
    return [
      defect(at('placement', 'mode'), mode, 'needs the shares; add placement.split, e.g. { lambda: 10, fargate: 90 }'),
    ];
  }
  if (mode !== 'split' && given(raw, 'placement', 'split')) {
    return [
      plainDefect(
        at('placement', 'split'),
        split,
        `is only for mode 'split', and mode is '${mode}'; remove it or set mode: split`,
      ),
    ];
  }
  if (mode !== 'split' || !split || split.lambda + split.fargate === 100) return [];
  const sum = split.lambda + split.fargate;
  return [
    plainDefect(
      at('placement', 'split'),
      split,
      `lambda ${split.lambda} and fargate ${split.fargate} sum to ${sum}; they are percentages and must sum to 100`,
    ),
  ];
}

function oneOwnerOfWeights({ spec }: Situation): Defect[] {
  const { mode } = spec.placement;
  const { strategy } = spec.rollout;
  if ((mode !== 'split' && mode !== 'auto') || strategy === 'rolling') return [];
  return [
    defect(
      at('rollout', 'strategy'),
      strategy,
      `does not go with placement.mode '${mode}': ECS would own the rule's weights and so would we; use 'rolling', or placement.mode 'fargate'`,
    ),
  ];
}

function taskBounds({ spec }: Situation): Defect[] {
  const { min, max } = spec.scaling;
  const mode = spec.placement.mode;
  if (min > max)
    return [defect(at('scaling', 'min'), min, `is more than max, which is ${max}; raise max or lower min`)];
  const lambdaServes =
    mode === 'lambda' || mode === 'auto' || (mode === 'split' && (spec.placement.split?.lambda ?? 0) > 0);
  if (min === 0 && !lambdaServes) {
    return [
      defect(
        at('scaling', 'min'),
        min,
        'leaves nobody to serve: target tracking never leaves zero; use at least 1, or a placement.mode in which Lambda serves',
      ),
    ];
  }
  if (min === 0 && mode === 'split' && (spec.placement.split?.fargate ?? 0) > 0) {
    // Without tasks Fargate is never proven, and the object would wait for its share for ever.
    return [
      defect(
        at('scaling', 'min'),
        min,
        "with placement.mode 'split' is not available in this version: a fixed share needs a task to serve it; use at least 1",
      ),
    ];
  }
  if (max === 0 && mode !== 'lambda') {
    return [defect(at('scaling', 'max'), max, "allows no task; use at least 1, or placement.mode 'lambda'")];
  }
  return [];
}

function interfaceAndPort({ spec }: Situation): Defect[] {
  const defects: Defect[] = [];
  if (spec.interface === 'lambda' && spec.port !== undefined) {
    defects.push(
      defect(at('port'), spec.port, "is only for interface 'http'; remove it, the runtime adapter has its own port"),
    );
  }
  if (spec.interface === 'http' && spec.compute.processes !== 1) {
    defects.push(
      defect(
        at('compute', 'processes'),
        spec.compute.processes,
        "is only for interface 'lambda': an http image has one port; use 1 and more tasks",
      ),
    );
  }
  if (spec.interface === 'http' && spec.compute.concurrency !== undefined) {
    defects.push(
      defect(
        at('compute', 'concurrency'),
        spec.compute.concurrency,
        "is only for interface 'lambda': an http image takes as many requests as it likes; remove it",
      ),
    );
  }
  return defects;
}

/** The load balancer itself makes the event of a Lambda target, and it knows only its own. */
function eventFormat({ spec }: Situation): Defect[] {
  const { eventFormat: format } = spec.traffic;
  if (format === undefined) return [];
  const refused = (why: string) => [defect(at('traffic', 'eventFormat'), format, why)];
  if (spec.interface === 'http')
    return refused("is only for interface 'lambda': an http image gets the request itself");
  if (spec.placement.mode === 'fargate' || format.startsWith('alb')) return [];
  return refused(
    `does not go with placement.mode '${spec.placement.mode}': behind the load balancer the function gets the load balancer's events; use alb or alb-multi-value, or placement.mode fargate`,
  );
}

function ruleQuotas({ spec }: Situation): Defect[] {
  const { hosts, paths } = spec.traffic;
  const defects: Defect[] = [
    ...duplicates(hosts, 'hosts', (host) => host.toLowerCase()),
    ...duplicates(paths ?? [], 'paths', (path) => path),
  ];
  if (paths?.length === 0 && hosts.length === 0) {
    defects.push(
      plainDefect(
        at('traffic', 'paths'),
        paths,
        'is an empty list and there are no hosts, so that no request would match; remove it for the default /<name>/*',
      ),
    );
  }
  const values = hosts.length + (paths?.length ?? 2);
  if (values > RULE_VALUES_MAX) {
    const counted = paths ? `${paths.length} paths` : 'the 2 default paths';
    defects.push(
      plainDefect(
        at('traffic'),
        undefined,
        `${hosts.length} hosts and ${counted} are ${values} values; a load balancer rule holds ${RULE_VALUES_MAX}: use wildcards or fewer`,
      ),
    );
  }
  const wildcards = [...hosts, ...(paths ?? [])].join('').replace(/[^*?]/g, '').length;
  if (wildcards > RULE_WILDCARDS_MAX) {
    defects.push(
      plainDefect(
        at('traffic'),
        undefined,
        `hosts and paths have ${wildcards} wildcards; a load balancer rule holds ${RULE_WILDCARDS_MAX}: use fewer`,
      ),
    );
  }
  return defects;
}

function duplicates(
  values: readonly string[],
  member: 'hosts' | 'paths',
  normalise: (value: string) => string,
): Defect[] {
  const seen = new Set<string>();
  return values.flatMap((value, index) => {
    const form = normalise(value);
    if (!seen.has(form)) {
      seen.add(form);
      return [];
    }
    return [defect(at('traffic', member, index), value, 'is given twice; remove one of them')];
  });
}

function workloadMembers({ spec, raw }: Situation): Defect[] {
  const defects: Defect[] = [];
  if (spec.workload === 'worker' && spec.queue === undefined) {
    defects.push(
      plainDefect(at('queue'), undefined, "is missing; a 'worker' needs the ARN of the queue that it polls"),
    );
  }
  if (spec.workload !== 'worker' && spec.queue !== undefined) {
    defects.push(
      defect(at('queue'), spec.queue, `is only for workload 'worker', and workload is '${spec.workload}'; remove it`),
    );
  }
  if (spec.workload !== 'service' && given(raw, 'traffic')) {
    defects.push(
      plainDefect(
        at('traffic'),
        undefined,
        `is only for workload 'service': a '${spec.workload}' has no load balancer; remove it`,
      ),
    );
  }
  return defects;
}

function variables({ spec }: Situation): Defect[] {
  const { environment, secrets } = spec;
  const defects = [...reserved(environment, at('environment')), ...reserved(secrets, at('secrets'))];
  for (const [name, value] of Object.entries(environment)) {
    if (Object.hasOwn(secrets, name)) {
      defects.push(plainDefect(at('environment', name), undefined, `'${name}' is under secrets too; keep one of them`));
    } else if (!spec.acknowledgePlaintextEnvironment && looksSecret(name, value)) {
      defects.push({
        path: formatPath(at('environment', name)),
        value: '(hidden)',
        message: `looks like a secret, and a task definition keeps environment in plain text; move it to secrets, or set acknowledgePlaintextEnvironment: true`,
      });
    }
  }
  const bytes = Buffer.byteLength(JSON.stringify(environment));
  if (bytes > ENVIRONMENT_BYTES_MAX) {
    defects.push(
      plainDefect(
        at('environment'),
        undefined,
        `has ${bytes} bytes; a task definition holds 64 KiB in all, so use at most ${ENVIRONMENT_BYTES_MAX}`,
      ),
    );
  }
  return defects;
}

/** Names of variables that the runtime or the platform sets. */
export function reserved(variables: object, path: Path): Defect[] {
  return Object.keys(variables)
    .filter(isReservedVariable)
    .map((name) =>
      plainDefect([...path, name], undefined, `'${name}' is set by the runtime or by the platform; remove it`),
    );
}

/** Secrets that say nowhere to read from, or twice. */
export function secretSources(secrets: LambdaContainerSpec['secrets'], root: Path): Defect[] {
  return Object.entries(secrets).flatMap(([name, secret]) => {
    const path = [...root, name];
    const count = Number(secret.secretsManager !== undefined) + Number(secret.parameter !== undefined);
    if (count === 0)
      return [plainDefect(path, undefined, 'says nowhere to read from; give secretsManager (ARN) or parameter')];
    if (count === 2) return [plainDefect(path, undefined, 'has both secretsManager and parameter; keep one of them')];
    if (secret.parameter !== undefined && (secret.key !== undefined || secret.versionStage !== undefined)) {
      return [plainDefect(path, undefined, 'has key or versionStage, which only secretsManager knows; remove them')];
    }
    return [];
  });
}

function classAdmission({ spec, classSpec, namespace }: Situation): Defect[] {
  if (!classSpec) return [];
  const path = at('className');
  if (namespace !== undefined && !admits(classSpec, namespace)) {
    return [
      defect(
        path,
        spec.className,
        `may not be used from namespace '${namespace}'; it admits ${classSpec.namespaces.join(', ')}: choose another class or have it admit the namespace`,
      ),
    ];
  }
  if (namespace !== undefined && classSpec.allowed.length > 0 && !allowedTo(classSpec, namespace)) {
    return [
      defect(
        path,
        spec.className,
        `says for other namespaces which hosts and roles they may use, and nothing for '${namespace}'; choose another class, or have it add an entry to spec.allowed`,
      ),
    ];
  }
  if (spec.workload === 'service' && classSpec.listeners.length === 0) {
    return [
      defect(
        path,
        spec.className,
        'has no listener for a service; add one to spec.listeners of the class, or choose another class',
      ),
    ];
  }
  return [];
}

/** Hosts belong to somebody: without one, a rule would answer for those of all. */
function allowedHosts({ spec, classSpec, namespace }: Situation): Defect[] {
  const hosts = classSpec && allowedTo(classSpec, namespace)?.hosts;
  if (!hosts || spec.workload !== 'service') return [];
  const may = `namespace '${namespace}' may use ${hosts.length > 0 ? hosts.join(', ') : 'none'} by class '${spec.className}'`;
  if (spec.traffic.hosts.length === 0) {
    return [
      plainDefect(at('traffic', 'hosts'), undefined, `is empty, which means every host; ${may}: name one of them`),
    ];
  }
  return spec.traffic.hosts.flatMap((host, index) =>
    hosts.some((pattern) => isWithin(host.toLowerCase(), pattern.toLowerCase()))
      ? []
      : [defect(at('traffic', 'hosts', index), host, `is another's; ${may}`)],
  );
}

/** The class's own roles are for everybody who may use it. */
function allowedRoles({ spec, classSpec, namespace }: Situation): Defect[] {
  const roles = classSpec && allowedTo(classSpec, namespace)?.roles;
  if (!roles) return [];
  const may = `namespace '${namespace}' may use ${roles.length > 0 ? roles.join(', ') : 'none'} beside those of class '${spec.className}'`;
  const defects = (['task', 'execution'] as const).flatMap((member) => {
    const role = spec.roles[member];
    if (role === undefined || role === classSpec.roles[member]) return [];
    if (roles.some((pattern) => isWithin(role, pattern))) return [];
    return [defect(at('roles', member), role, `is not for this namespace; ${may}`)];
  });
  if (spec.roles.task === undefined && spec.source.functionRef) {
    const phrase = `is not given, and the role of the function would be taken; ${may}: name one of them`;
    defects.push(plainDefect(at('roles', 'task'), undefined, phrase));
  }
  return defects;
}

/** What a namespace may use; undefined where the class says nothing of it, or it is not known here. */
function allowedTo(classSpec: LambdaContainerClassSpec, namespace: string | undefined) {
  if (namespace === undefined) return undefined;
  const entryOf = (name: string) => classSpec.allowed.find(({ namespaces }) => namespaces.includes(name));
  return entryOf(namespace) ?? entryOf('*');
}

/** Whether everything that one pattern matches is matched by the other, too. */
function isWithin(inner: string, outer: string): boolean {
  const source = outer
    .replace(/[.+^${}()|[\]\\/]/g, '\\$&')
    .replaceAll('*', '.*')
    // One character, and not a wildcard of many.
    .replaceAll('?', '[^*]');
  return new RegExp(`^${source}$`, 's').test(inner);
}

/** Whether objects in `namespace` may name the class. */
export function admits(classSpec: LambdaContainerClassSpec, namespace: string): boolean {
  return classSpec.namespaces.includes('*') || classSpec.namespaces.includes(namespace);
}

function subnetsKnown({ spec, classSpec }: Situation): Defect[] {
  if (!classSpec || spec.network.subnets.length > 0) return [];
  return [
    plainDefect(
      at('network', 'subnets'),
      undefined,
      'is empty and so are those of the class; name at least one subnet',
    ),
  ];
}

function caps({ spec, raw, classSpec }: Situation): Defect[] {
  const bounds = classSpec?.caps;
  if (!bounds) return [];
  const named = `the cap of class '${spec.className}'`;
  const defects: Defect[] = [];
  const compare = (path: readonly string[], value: number, cap: number | undefined, unit: string): void => {
    if (cap === undefined || value <= cap) return;
    const origin = given(raw, ...path) ? '' : ' (a default)';
    defects.push(defect(at(...path), value, `${unit}${origin} is more than ${cap}, ${named}; use at most ${cap}`));
  };
  compare(['compute', 'cpu'], spec.compute.cpu, bounds.cpuMax, 'CPU units');
  compare(['compute', 'memory'], spec.compute.memory, bounds.memoryMax, 'MiB');
  compare(['scaling', 'max'], spec.scaling.max, bounds.maxTasks, 'tasks');
  return defects;
}
