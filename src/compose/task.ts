/**
 * The task definition: function containers with nothing of ours inside, and the runtime adapter beside them. The
 * adapter must listen before a runtime asks it for work, so function containers start when it is healthy; ECS stops
 * dependents first, so they get SIGTERM before the adapter does, when the load balancer has drained the task already.
 */
import type { RegisterTaskDefinitionCommandInput } from '@aws-sdk/client-ecs';
import type { LambdaContainerSpec } from '../api/index.ts';
import { versionedHash } from '../core/index.ts';
import type { ComposeInput, FunctionFacts } from './compose.ts';
import { type SecretVersions, secretsOf } from './secrets.ts';

/** The container that the load balancer talks to. */
export const FRONT_CONTAINER = 'front';
const ADAPTER_PORT = 8080;
const RUNTIME_API_PORT = 9001;
const ADAPTER_STOP_SEC = 60;
/** What is left of it to say that a drain was cut off, and to end. */
const DRAIN_MARGIN_SEC = 5;
/** On every container, so that another restart is another revision, which ECS rolls out. */
const RESTARTED_AT_LABEL = 'lambdacontainer.dev/restarted-at';

export type TaskRegistration = Omit<RegisterTaskDefinitionCommandInput, 'family' | 'tags'>;

export interface TaskParts {
  readonly image: string;
  readonly logGroupName: string;
  readonly targetGroupArn: string;
  /** Undefined: the code has no rights in AWS. */
  readonly taskRoleArn: string | undefined;
  /** Which versions of its secrets it is started with. */
  readonly secretVersions: SecretVersions;
}

export function frontPort(spec: LambdaContainerSpec): number {
  return spec.interface === 'http' ? (spec.port ?? ADAPTER_PORT) : ADAPTER_PORT;
}

export function taskDefinitionHash(register: TaskRegistration): string {
  return versionedHash(register, 24);
}

export function registrationOf(input: ComposeInput, facts: FunctionFacts, parts: TaskParts): TaskRegistration {
  const { spec, klass } = input;
  const { compute } = spec;
  return {
    networkMode: 'awsvpc',
    requiresCompatibilities: ['FARGATE'],
    cpu: String(compute.cpu),
    memory: String(compute.memory),
    executionRoleArn: spec.roles.execution ?? klass.roles.execution,
    ...(parts.taskRoleArn === undefined ? {} : { taskRoleArn: parts.taskRoleArn }),
    runtimePlatform: {
      operatingSystemFamily: 'LINUX',
      cpuArchitecture: (compute.architecture ?? facts.architecture) === 'arm64' ? 'ARM64' : 'X86_64',
    },
    // 20 GiB come without asking; ECS accepts 21 to 200 when one asks.
    ...(compute.ephemeralStorage > 21 ? { ephemeralStorage: { sizeInGiB: compute.ephemeralStorage } } : {}),
    containerDefinitions:
      spec.interface === 'http' ? [httpContainer(input, facts, parts)] : adapterAndFunctions(input, facts, parts),
  };
}

type Container = NonNullable<RegisterTaskDefinitionCommandInput['containerDefinitions']>[number];

function adapterAndFunctions(input: ComposeInput, facts: FunctionFacts, parts: TaskParts): Container[] {
  const { spec, klass } = input;
  const { compute } = spec;
  const runtimeApis = Array.from({ length: compute.processes }, (_, i) => `127.0.0.1:${RUNTIME_API_PORT + i}`);
  const adapter: Container = {
    name: FRONT_CONTAINER,
    image: klass.adapter.image,
    essential: true,
    portMappings: [{ containerPort: ADAPTER_PORT, protocol: 'tcp' }],
    environment: variables({
      LAMBDACONTAINER_HTTP_PORT: String(ADAPTER_PORT),
      LAMBDACONTAINER_RUNTIME_APIS: runtimeApis.join(','),
      LAMBDACONTAINER_EVENT_FORMAT: spec.traffic.eventFormat ?? 'alb',
      LAMBDACONTAINER_DRAIN_MS: String((ADAPTER_STOP_SEC - DRAIN_MARGIN_SEC) * 1000),
      ...(compute.concurrency === undefined ? {} : { LAMBDACONTAINER_MAX_CONCURRENCY: String(compute.concurrency) }),
      LAMBDACONTAINER_TARGET_GROUP_ARN: parts.targetGroupArn,
      LAMBDACONTAINER_FUNCTION_ARN: facts.arn,
      ...(compute.timeoutMs === null ? {} : { LAMBDACONTAINER_TIMEOUT_MS: String(compute.timeoutMs) }),
    }),
    healthCheck: {
      command: ['CMD', '/usr/local/bin/node', '/lambdacontainer/adapter.mjs', 'health'],
      // The shortest that ECS allows: function containers wait for the first success.
      interval: 5,
      timeout: 2,
      retries: 3,
    },
    stopTimeout: ADAPTER_STOP_SEC,
    logConfiguration: logsTo(input, parts, 'front'),
    ...labels(input),
  };
  const own = secretsOf(spec, parts.secretVersions);
  const functions = runtimeApis.map(
    (runtimeApi, i): Container => ({
      name: `function-${i + 1}`,
      image: parts.image,
      essential: true,
      ...(hasExtensions(facts) ? extensionsEntry(facts) : entryOf(facts)),
      environment: variables({
        ...environmentOf(input, facts, parts),
        AWS_LAMBDA_RUNTIME_API: runtimeApi,
        // Even `1` makes Node's and Python's clients ask for several at once.
        ...(compute.concurrency === undefined || compute.concurrency === 1
          ? {}
          : { AWS_LAMBDA_MAX_CONCURRENCY: String(compute.concurrency) }),
      }),
      ...(own.secrets ? { secrets: own.secrets } : {}),
      dependsOn: [{ containerName: FRONT_CONTAINER, condition: 'HEALTHY' }],
      // Runtimes as PID 1 mostly ignore SIGTERM, and by then the load balancer has drained the task.
      stopTimeout: 2,
      restartPolicy: { enabled: true, restartAttemptPeriod: 60 },
      logConfiguration: logsTo(input, parts, 'function'),
      ...labels(input, own.labels),
    }),
  );
  return [adapter, ...functions];
}

function httpContainer(input: ComposeInput, facts: FunctionFacts, parts: TaskParts): Container {
  const port = frontPort(input.spec);
  const own = secretsOf(input.spec, parts.secretVersions);
  return {
    name: FRONT_CONTAINER,
    image: parts.image,
    essential: true,
    ...entryOf(facts),
    portMappings: [{ containerPort: port, protocol: 'tcp' }],
    environment: variables({ PORT: String(port), ...environmentOf(input, facts, parts) }),
    ...(own.secrets ? { secrets: own.secrets } : {}),
    stopTimeout: 60,
    restartPolicy: { enabled: true, restartAttemptPeriod: 60 },
    logConfiguration: logsTo(input, parts, 'function'),
    ...labels(input, own.labels),
  };
}

function labels(
  { restartedAt }: ComposeInput,
  own: Readonly<Record<string, string>> = {},
): Pick<Container, 'dockerLabels'> {
  const all = { ...own, ...(restartedAt === undefined ? {} : { [RESTARTED_AT_LABEL]: restartedAt }) };
  return Object.keys(all).length === 0 ? {} : { dockerLabels: all };
}

/** An image function's ImageConfig overrides its image, on Fargate as on Lambda. */
function entryOf({ imageConfig }: FunctionFacts): Pick<Container, 'entryPoint' | 'command' | 'workingDirectory'> {
  return {
    ...(imageConfig?.entryPoint ? { entryPoint: [...imageConfig.entryPoint] } : {}),
    ...(imageConfig?.command ? { command: [...imageConfig.command] } : {}),
    ...(imageConfig?.workingDirectory ? { workingDirectory: imageConfig.workingDirectory } : {}),
  };
}

/** External extensions come in layers; an image function's are in an image of whose shell and entry point we know nothing. */
function hasExtensions({ packageType, layers }: FunctionFacts): boolean {
  return packageType === 'Zip' && layers.length > 0;
}

/**
 * AWS's base images start their runtime by this script, and have a shell. What the platform does on Lambda is done before
 * it: every executable of /opt/extensions is started, then the runtime takes the shell's place.
 * https://docs.aws.amazon.com/lambda/latest/dg/runtimes-extensions-api.html
 */
function extensionsEntry({ handler }: FunctionFacts): Pick<Container, 'entryPoint' | 'command'> {
  const start =
    'for extension in /opt/extensions/*; do if [ -f "$extension" ] && [ -x "$extension" ]; then "$extension" & fi; done';
  return {
    entryPoint: ['/bin/sh', '-c', `${start}; exec /lambda-entrypoint.sh "$@"`, 'sh'],
    command: [handler ?? ''],
  };
}

/**
 * What a runtime expects to find (the official Node client refuses to start without the two log names), without what is
 * secret here: ECS refuses a name that is under `environment` and under `secrets`, and the function may have both.
 */
function environmentOf({ spec, region }: ComposeInput, facts: FunctionFacts, parts: TaskParts): Record<string, string> {
  const environment: Record<string, string> = {
    ...(facts.handler ? { _HANDLER: facts.handler } : {}),
    AWS_REGION: region,
    AWS_DEFAULT_REGION: region,
    AWS_LAMBDA_FUNCTION_NAME: facts.functionName,
    AWS_LAMBDA_FUNCTION_VERSION: facts.version,
    AWS_LAMBDA_FUNCTION_MEMORY_SIZE: String(spec.compute.memory),
    AWS_LAMBDA_LOG_GROUP_NAME: parts.logGroupName,
    AWS_LAMBDA_LOG_STREAM_NAME: 'fargate',
    AWS_LAMBDA_INITIALIZATION_TYPE: 'on-demand',
    ...(facts.runtime ? { AWS_EXECUTION_ENV: `AWS_Lambda_${facts.runtime}` } : {}),
    TZ: ':UTC',
    // So that code that wants to can tell where it runs; on Lambda it is not set.
    LAMBDACONTAINER_SIDE: 'fargate',
    ...facts.environment,
    ...spec.environment,
  };
  return Object.fromEntries(Object.entries(environment).filter(([name]) => !Object.hasOwn(spec.secrets, name)));
}

function logsTo(
  { region }: ComposeInput,
  parts: TaskParts,
  prefix: string,
): NonNullable<Container['logConfiguration']> {
  return {
    logDriver: 'awslogs',
    options: { 'awslogs-group': parts.logGroupName, 'awslogs-region': region, 'awslogs-stream-prefix': prefix },
  };
}

function variables(record: Record<string, string>): { name: string; value: string }[] {
  return Object.entries(record)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, value]) => ({ name, value }));
}
