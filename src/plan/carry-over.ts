/**
 * What cannot be the same on Fargate as on Lambda, and the one thing that is asked of the function, for one object as it
 * is specified and its function as it was observed. Pure. It says only what applies here; the whole list is in
 * docs/compatibility.md.
 */
import { type LambdaContainerSpec, looksSecret } from '../api/index.ts';
import { formatDuration } from '../core/index.ts';
import type { KindRegistry, Outputs } from '../resource/index.ts';
import type { World } from './world.ts';

/** A constant for machines. */
export type CarryOverTopic =
  | 'Build'
  | 'CodeSigning'
  | 'LambdaPermission'
  | 'RevisionSkew'
  | 'BodyLimit'
  | 'IdleTimeout'
  | 'CallersByArn'
  | 'PlainEnvironment'
  | 'Memory'
  | 'TaskRole'
  | 'Extensions'
  | 'Concurrency';

export interface CarryOver {
  readonly topic: CarryOverTopic;
  readonly message: string;
}

/** An application load balancer's idle timeout unless somebody changed it. */
const IDLE_TIMEOUT_MS = 60_000;

/** How an image is made, as `compose` decides it. */
export type Recipe = 'composer' | 'dockerfile';

/** In a fixed order. What depends on the function is left out while it could not be read. */
export function carryOver(
  world: World,
  kinds: KindRegistry,
  spec: LambdaContainerSpec,
  recipe: Recipe = 'composer',
): CarryOver[] {
  const source = outputsOf(world, kinds, 'function');
  const onFargate = spec.placement.mode !== 'lambda';
  const onLambda = spec.placement.mode !== 'fargate';
  return [
    ...(onFargate ? build(world, kinds, spec, recipe) : []),
    ...(onFargate && source ? codeSigning(spec, source) : []),
    ...(onLambda ? permission(world) : []),
    ...(onFargate ? revisionSkew(spec) : []),
    ...bodyLimit(spec, onLambda, onFargate),
    ...(onFargate ? idleTimeout(spec) : []),
    ...(onFargate && spec.source.functionRef ? callersByArn() : []),
    ...(onFargate && source
      ? [...plainEnvironment(spec, source), ...memory(spec, source), ...extensions(spec, source)]
      : []),
    ...(onFargate ? concurrency(spec) : []),
    ...(onFargate && source ? taskRole(world, source) : []),
  ];
}

/** Which recipe, and on what: only where something is built. */
function build(world: World, kinds: KindRegistry, spec: LambdaContainerSpec, recipe: Recipe): CarryOver[] {
  const { repository } = spec.source;
  if (repository) {
    const file = `${repository.context === '.' ? '' : `${repository.context}/`}${repository.dockerfile}`;
    const commit = outputsOf(world, kinds, 'source')?.commit;
    const at = commit === undefined ? repository.ref : `${repository.ref} (${String(commit)})`;
    return [
      {
        topic: 'Build',
        message: `the image is built by BuildKit from ${file} of ${repository.url} at ${at}, in a privileged build`,
      },
    ];
  }
  const reference = world.nodes.find(({ node }) => node.id === 'base-image')?.resolved?.identity.reference;
  if (reference === undefined) return [];
  const digest = outputsOf(world, kinds, 'base-image')?.digest;
  const base = digest === undefined ? reference : `${reference} (${String(digest)})`;
  const template = spec.build.dockerfile === null ? 'the template of the runtime’s family' : 'spec.build.dockerfile';
  const how =
    recipe === 'composer'
      ? 'composed without a daemon (recipe composer)'
      : `built by BuildKit from ${template} (recipe dockerfile), in a privileged build`;
  return [{ topic: 'Build', message: `the zip and its layers are laid on ${base}, ${how}` }];
}

/**
 * Lambda checks a signature when code is deployed, and what is downloaded is that code. The rest is for people to know
 * who require that nothing unsigned runs.
 */
function codeSigning({ build: { dockerfile } }: LambdaContainerSpec, { signingProfile }: Outputs): CarryOver[] {
  if (typeof signingProfile !== 'string') return [];
  const adds = dockerfile === null ? '' : '; spec.build.dockerfile can add to it what nobody has signed';
  return [
    {
      topic: 'CodeSigning',
      message: `the function's code was signed by ${signingProfile} and checked by Lambda; Fargate runs that code, told by its SHA-256, in an image that is not signed${adds}`,
    },
  ];
}

function permission(world: World): CarryOver[] {
  const node = world.nodes.find((view) => view.node.id === 'lambda-permission');
  if (!node) return [];
  const { identity, props } = node.resolved ?? {};
  const sourceArn = (props as { readonly sourceArn?: unknown } | undefined)?.sourceArn;
  const statement = {
    Sid: identity?.statementId ?? '(derived from the object)',
    Effect: 'Allow',
    Principal: { Service: 'elasticloadbalancing.amazonaws.com' },
    Action: 'lambda:InvokeFunction',
    Condition: { ArnLike: { 'AWS:SourceArn': sourceArn ?? '(its own target group, once that is there)' } },
  };
  return [
    {
      topic: 'LambdaPermission',
      message: `the function gets one statement in its resource policy, so that the load balancer may invoke it for this object; nothing else of it is touched: ${JSON.stringify(statement)}`,
    },
  ];
}

function revisionSkew({ source }: LambdaContainerSpec): CarryOver[] {
  const { qualifier } = source.functionRef ?? {};
  if (!source.functionRef || (qualifier !== undefined && qualifier !== '$LATEST')) return [];
  return [
    {
      topic: 'RevisionSkew',
      message:
        'the spec follows $LATEST: Lambda runs new code at once, Fargate after a build and a rolling deployment. Name an alias under spec.source.functionRef.qualifier to decide when both move',
    },
  ];
}

function bodyLimit({ interface: spoken }: LambdaContainerSpec, onLambda: boolean, onFargate: boolean): CarryOver[] {
  if (onLambda) {
    const both = onFargate ? ', on both sides alike' : '';
    return [
      {
        topic: 'BodyLimit',
        message: `behind the load balancer a request body, and the JSON of an answer, have at most 1 MB${both} (Invoke allows 6 MB); WebSockets are not possible`,
      },
    ];
  }
  if (spoken !== 'lambda') return [];
  return [
    {
      topic: 'BodyLimit',
      message:
        'requests reach the code as load balancer events: a request body, and the JSON of an answer, have at most 1 MB (Invoke allows 6 MB)',
    },
  ];
}

function idleTimeout({ compute }: LambdaContainerSpec): CarryOver[] {
  if (compute.timeoutMs !== null && compute.timeoutMs <= IDLE_TIMEOUT_MS) return [];
  const asked = compute.timeoutMs === null ? 'no bound' : formatDuration(compute.timeoutMs);
  return [
    {
      topic: 'IdleTimeout',
      message: `spec.compute.timeout asks for ${asked}, but the load balancer ends a request that is silent for its idle timeout: 60 s unless changed, 4,000 s at most. 'lambdacontainer verify' compares the two`,
    },
  ];
}

function callersByArn(): CarryOver[] {
  return [
    {
      topic: 'CallersByArn',
      message:
        'only HTTP through the load balancer moves: callers by ARN, event sources and asynchronous invocations with their retries and destinations stay on Lambda',
    },
  ];
}

function plainEnvironment(spec: LambdaContainerSpec, source: Outputs): CarryOver[] {
  const own = (source.environment ?? {}) as Readonly<Record<string, string>>;
  const variables = Object.entries({ ...own, ...spec.environment });
  if (variables.length === 0) return [];
  const names = variables.map(([name]) => name).sort();
  const suspects = variables.flatMap(([name, value]) => (looksSecret(name, value) ? [name] : [])).sort();
  const warning =
    suspects.length > 0 ? `. These look like secrets: ${suspects.join(', ')}; name them under spec.secrets` : '';
  return [
    {
      topic: 'PlainEnvironment',
      message: `Lambda encrypts its environment at rest; in the task definition it is plain text, for all who may describe it: ${names.join(', ')}${warning}`,
    },
  ];
}

function memory({ compute }: LambdaContainerSpec, source: Outputs): CarryOver[] {
  const neededMb = Number(source.memoryMb ?? 0) * compute.processes;
  if (neededMb <= compute.memory) return [];
  const each = compute.processes === 1 ? '' : ` for each of ${compute.processes} processes`;
  return [
    {
      topic: 'Memory',
      message: `the function has ${String(source.memoryMb)} MB on Lambda${each}; a task has ${compute.memory} MiB for all of them and the adapter (spec.compute.memory)`,
    },
  ];
}

/** Known once the role was resolved: the spec's, the class's, or the function's own. */
function taskRole(world: World, source: Outputs): CarryOver[] {
  const roleArn = world.nodes.find((view) => view.node.id === 'task-role')?.resolved?.identity.roleArn;
  if (roleArn === undefined || roleArn === source.roleArn) return [];
  return [
    {
      topic: 'TaskRole',
      message: `on Lambda the code runs under ${String(source.roleArn)}, on Fargate under ${roleArn}: it can do there what that role may`,
    },
  ];
}

/** A zip function's are started before its runtime; of an image nothing is known. */
function extensions({ interface: spoken }: LambdaContainerSpec, source: Outputs): CarryOver[] {
  if (source.packageType !== 'Image' || spoken !== 'lambda') return [];
  return [
    {
      topic: 'Extensions',
      message:
        'Lambda starts the external extensions in /opt/extensions of an image by itself; ECS does not, and the entry point of the image is left as it is: where it has such extensions, let its entry point start them',
    },
  ];
}

function concurrency({ compute }: LambdaContainerSpec): CarryOver[] {
  if ((compute.concurrency ?? 1) === 1) return [];
  return [
    {
      topic: 'Concurrency',
      message: `a process takes ${compute.concurrency} invocations at once (spec.compute.concurrency): on Lambda they never share global state, here they do`,
    },
  ];
}

function outputsOf(world: World, kinds: KindRegistry, nodeId: string): Outputs | undefined {
  const view = world.nodes.find(({ node }) => node.id === nodeId);
  if (view?.observation?.state !== 'present') return undefined;
  return kinds.get(view.node.kind)?.outputs(view.observation.observed);
}
