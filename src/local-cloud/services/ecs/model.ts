/**
 * What the container machine remembers, its ARNs and its error answers. Records are JSON. Tasks are found by service
 * and by target group through indexes in memory, which are made again from the records and may name tasks that are gone.
 */
import type { ContainerDefinition, TaskDefinition, TaskOverride } from '@aws-sdk/client-ecs';
import { AwsError, type CloudSettings, type CloudState, type Collection } from '../../contract.ts';

/** A stopped task, an inactive service: described for an hour, then forgotten. */
export const REMEMBERED_MS = 3_600_000;
export const EVENTS_MAX = 100;

export type TagRecord = Record<string, string>;

export interface StrategyItem {
  readonly capacityProvider: string;
  readonly weight: number;
  readonly base: number;
}

export interface Network {
  readonly subnets: string[];
  readonly securityGroups: string[];
  readonly assignPublicIp: 'ENABLED' | 'DISABLED';
}

export interface LoadBalancerBinding {
  readonly targetGroupArn: string;
  readonly containerName: string;
  readonly containerPort: number;
}

export interface ClusterRecord {
  readonly arn: string;
  readonly name: string;
  status: 'ACTIVE' | 'INACTIVE';
  readonly capacityProviders: string[];
  readonly defaultStrategy: StrategyItem[];
  readonly settings: { name: string; value: string }[];
  tags: TagRecord;
}

/** What a task definition says, normalised; never changes once registered. */
export type Definition = Omit<
  TaskDefinition,
  'containerDefinitions' | 'registeredAt' | 'deregisteredAt' | 'status' | 'family' | 'revision' | 'taskDefinitionArn'
> & { readonly containerDefinitions: ContainerDefinition[] };

export interface TaskDefinitionRecord {
  readonly arn: string;
  readonly family: string;
  readonly revision: number;
  status: 'ACTIVE' | 'INACTIVE';
  readonly registeredMs: number;
  deregisteredMs?: number;
  readonly definition: Definition;
  tags: TagRecord;
}

/** What makes one deployment differ from another. */
export interface Revision {
  readonly taskDefinitionArn: string;
  readonly network: Network;
  readonly loadBalancers: LoadBalancerBinding[];
  /** Empty: launch type FARGATE. */
  readonly strategy: StrategyItem[];
  readonly platformVersion: string;
}

export type RolloutState = 'IN_PROGRESS' | 'COMPLETED' | 'FAILED';

export interface DeploymentRecord {
  readonly id: string;
  status: 'PRIMARY' | 'ACTIVE';
  readonly revision: Revision;
  readonly revisionArn: string;
  serviceDeploymentArn: string;
  readonly createdMs: number;
  updatedMs: number;
  rolloutState: RolloutState;
  rolloutStateReason: string;
  failedTasks: number;
}

export interface CircuitBreaker {
  readonly enable: boolean;
  readonly rollback: boolean;
  readonly resetOnHealthyTask: boolean;
  readonly threshold: { readonly type: 'BOUNDED_PERCENT' | 'UNBOUNDED_PERCENT' | 'COUNT'; readonly value: number };
}

export interface RollingConfiguration {
  readonly minimumHealthyPercent: number;
  readonly maximumPercent: number;
  readonly circuitBreaker: CircuitBreaker;
}

export interface ServiceRecord {
  readonly arn: string;
  readonly name: string;
  readonly clusterArn: string;
  status: 'ACTIVE' | 'DRAINING' | 'INACTIVE';
  desiredCount: number;
  revision: Revision;
  rolling: RollingConfiguration;
  healthCheckGraceSec: number;
  deployments: DeploymentRecord[];
  /** What a rollback returns to. */
  lastCompleted?: { readonly revision: Revision; readonly revisionArn: string; readonly deploymentId: string };
  readonly createdMs: number;
  /** When it began to drain, and when it had. */
  deletedMs?: number;
  inactiveMs?: number;
  /** Launches wait until `untilMs` after `failures` tasks in a row that never became healthy. */
  backoff: { failures: number; untilMs: number };
  steady: boolean;
  readonly clientToken?: string;
  readonly inputHash: string;
  propagateTags: 'NONE' | 'SERVICE' | 'TASK_DEFINITION';
  enableManagedTags: boolean;
  tags: TagRecord;
}

export type ServiceDeploymentStatus =
  | 'IN_PROGRESS'
  | 'SUCCESSFUL'
  | 'STOPPED'
  | 'ROLLBACK_IN_PROGRESS'
  | 'ROLLBACK_SUCCESSFUL'
  | 'ROLLBACK_FAILED';

/** The history of a rollout; it outlives its deployment. */
export interface ServiceDeploymentRecord {
  readonly arn: string;
  readonly serviceArn: string;
  readonly clusterArn: string;
  readonly createdMs: number;
  updatedMs: number;
  finishedMs?: number;
  status: ServiceDeploymentStatus;
  statusReason: string;
  readonly sourceRevisionArns: string[];
  readonly targetRevisionArn: string;
  readonly requestedCount: number;
  readonly rolling: RollingConfiguration;
  failureCount: number;
  readonly threshold: number;
  triggered: boolean;
  rollback?: { readonly reason: string; readonly startedMs: number; readonly revisionArn: string };
}

export type ContainerState = 'PENDING' | 'STARTING' | 'RUNNING' | 'STOPPED';
export type HealthStatus = 'UNKNOWN' | 'HEALTHY' | 'UNHEALTHY';

export interface ContainerRecord {
  readonly name: string;
  readonly arn: string;
  readonly runtimeId: string;
  readonly image: string;
  imageDigest?: string;
  readonly essential: boolean;
  state: ContainerState;
  health: HealthStatus;
  /** How often it was started; a report of an earlier run is void. */
  run: number;
  requestedMs?: number;
  startedMs?: number;
  terminatedMs?: number;
  killed?: boolean;
  exitCode?: number;
  reason?: string;
}

export type TaskStatus =
  | 'PROVISIONING'
  | 'PENDING'
  | 'ACTIVATING'
  | 'RUNNING'
  | 'DEACTIVATING'
  | 'STOPPING'
  | 'DEPROVISIONING'
  | 'STOPPED';

export type StopCode =
  | 'TaskFailedToStart'
  | 'EssentialContainerExited'
  | 'UserInitiated'
  | 'ServiceSchedulerInitiated'
  | 'TerminationNotice';

export interface TaskRecord {
  readonly arn: string;
  readonly clusterArn: string;
  readonly taskDefinitionArn: string;
  readonly group: string;
  readonly startedBy?: string;
  readonly service?: { readonly arn: string; readonly name: string; readonly deploymentId: string };
  /** Absent: launch type FARGATE. */
  readonly capacityProvider?: string;
  readonly platformVersion: string;
  readonly network: Network;
  readonly ip: string;
  readonly eni: { readonly attachmentId: string; readonly id: string; readonly mac: string };
  readonly loadBalancers: LoadBalancerBinding[];
  readonly overrides: TaskOverride;
  lastStatus: TaskStatus;
  desiredStatus: 'RUNNING' | 'STOPPED';
  /** When it entered `lastStatus`. */
  sinceMs: number;
  readonly createdMs: number;
  pullStartedMs?: number;
  pullStoppedMs?: number;
  startedMs?: number;
  stoppingMs?: number;
  executionStoppedMs?: number;
  stoppedMs?: number;
  stop?: { readonly code: StopCode; readonly reason: string };
  health: HealthStatus;
  containers: ContainerRecord[];
  /** It was healthy at least once: what ends it later is no failure of the deployment. */
  wasHealthy: boolean;
  /** Why the service replaces it. */
  unhealthy?: string;
  /** The service has taken note of its failure. */
  accounted: boolean;
  protectedUntilMs?: number;
  version: number;
  tags: TagRecord;
}

export interface EventRecord {
  readonly id: string;
  readonly createdMs: number;
  readonly message: string;
}

/** Where the machine says aloud what happened, as ECS tells EventBridge. Takes part in the step under way. */
export interface Announcements {
  task(task: TaskRecord, nowMs: number): void;
  deployment(serviceArn: string, deployment: DeploymentRecord, nowMs: number): void;
  action(service: ServiceRecord, type: 'INFO' | 'WARN', name: string, nowMs: number): void;
}

const SILENCE: Announcements = { task: () => {}, deployment: () => {}, action: () => {} };

/** The collections of the machine and lookups that answer as the service does when something is missing. */
export class EcsRecords {
  readonly settings: CloudSettings;
  readonly clusters: Collection<ClusterRecord>;
  readonly taskDefinitions: Collection<TaskDefinitionRecord>;
  /** The last revision ever given, by family. */
  readonly revisions: Collection<number>;
  readonly services: Collection<ServiceRecord>;
  readonly serviceDeployments: Collection<ServiceDeploymentRecord>;
  readonly tasks: Collection<TaskRecord>;
  readonly announce: Announcements;
  readonly #events: Collection<EventRecord>;
  /** By service ARN: numbers of the events that are kept. */
  readonly #eventRange: Collection<{ first: number; next: number }>;
  /** The number of the last private address given. */
  readonly #address: Collection<number>;
  readonly #tasksOfService = new Map<string, Set<string>>();
  /** Of these, the ones that still matter to the scheduler. */
  readonly #openTasksOfService = new Map<string, Set<string>>();
  readonly #tasksOfTargetGroup = new Map<string, Set<string>>();
  readonly #definitions = new Map<string, Definition>();

  constructor(
    state: CloudState,
    settings: CloudSettings,
    announce: (records: EcsRecords) => Announcements = () => SILENCE,
  ) {
    this.settings = settings;
    this.announce = announce(this);
    this.clusters = state.collection('ecs.clusters');
    this.taskDefinitions = state.collection('ecs.taskDefinitions');
    this.revisions = state.collection('ecs.revisions');
    this.services = state.collection('ecs.services');
    this.serviceDeployments = state.collection('ecs.serviceDeployments');
    this.tasks = state.collection('ecs.tasks');
    this.#events = state.collection('ecs.events');
    this.#eventRange = state.collection('ecs.eventRange');
    this.#address = state.collection('ecs.address');
    this.reindex();
  }

  arn(resource: string): string {
    return `arn:aws:ecs:${this.settings.region}:${this.settings.accountId}:${resource}`;
  }

  /** An ACTIVE cluster by name or ARN. @throws AwsError ClusterNotFoundException */
  cluster(reference: string | undefined): ClusterRecord {
    const cluster = this.clusters.get(this.clusterArn(reference));
    if (cluster?.status !== 'ACTIVE') throw new AwsError('ClusterNotFoundException', 'Cluster not found.');
    return cluster;
  }

  clusterArn(reference = 'default'): string {
    return reference.startsWith('arn:') ? reference : this.arn(`cluster/${reference}`);
  }

  /** The ARN of a service or task given by name, id or ARN. */
  inCluster(kind: 'service' | 'task', cluster: ClusterRecord, reference: string): string {
    return reference.startsWith('arn:') ? reference : this.arn(`${kind}/${cluster.name}/${reference}`);
  }

  /** A service by name or ARN; one of another cluster is not found. */
  service(cluster: ClusterRecord, reference: string | undefined): ServiceRecord | undefined {
    const service = this.services.get(this.inCluster('service', cluster, reference ?? ''));
    return service?.clusterArn === cluster.arn ? service : undefined;
  }

  /** By ARN, `family:revision`, or family: its newest ACTIVE revision. */
  taskDefinition(reference: string): TaskDefinitionRecord | undefined {
    const name = reference.startsWith('arn:') ? reference.slice(reference.indexOf('task-definition/') + 16) : reference;
    if (reference.startsWith('arn:') && reference !== this.arn(`task-definition/${name}`)) return undefined;
    if (name.includes(':')) return this.taskDefinitions.get(name);
    for (let revision = this.revisions.get(name) ?? 0; revision > 0; revision--) {
      const record = this.taskDefinitions.get(`${name}:${revision}`);
      if (record?.status === 'ACTIVE') return record;
    }
    return undefined;
  }

  /** The content of a registered definition, not to be changed: it is kept, because it never changes and is read often. */
  definition(arn: string): Definition {
    const known = this.#definitions.get(arn);
    if (known) return known;
    const record = this.taskDefinition(arn);
    if (!record) throw new Error(`${arn} is used by a task but not registered`);
    this.#definitions.set(arn, record.definition);
    return record.definition;
  }

  /** Makes the indexes again, after steps that were undone. */
  reindex(): void {
    for (const index of [this.#tasksOfService, this.#openTasksOfService, this.#tasksOfTargetGroup]) index.clear();
    for (const task of this.tasks.values()) this.#index(task);
  }

  addTask(task: TaskRecord): void {
    this.tasks.set(task.arn, task);
    this.#index(task);
  }

  removeTask(task: TaskRecord): void {
    this.tasks.delete(task.arn);
    this.closeTask(task);
    if (task.service) this.#tasksOfService.get(task.service.arn)?.delete(task.arn);
    for (const { targetGroupArn } of task.loadBalancers) this.#tasksOfTargetGroup.get(targetGroupArn)?.delete(task.arn);
  }

  /** Tasks that are, were or will be registered in a target group. */
  tasksBoundTo(targetGroupArn: string): TaskRecord[] {
    return this.#found(this.#tasksOfTargetGroup.get(targetGroupArn));
  }

  /** The task has stopped and its service has taken note of that. */
  closeTask(task: TaskRecord): void {
    if (task.service) this.#openTasksOfService.get(task.service.arn)?.delete(task.arn);
  }

  /** The tasks of a service that are not closed, oldest first. */
  openTasksOf(serviceArn: string): TaskRecord[] {
    return this.#found(this.#openTasksOfService.get(serviceArn));
  }

  /** Every task of a service, those of the last hour included, oldest first. */
  tasksOf(serviceArn: string): TaskRecord[] {
    return this.#found(this.#tasksOfService.get(serviceArn));
  }

  addEvent(serviceArn: string, id: string, createdMs: number, message: string): void {
    const range = this.#eventRange.get(serviceArn) ?? { first: 0, next: 0 };
    this.#events.set(`${serviceArn}#${range.next}`, { id, createdMs, message });
    range.next += 1;
    for (; range.next - range.first > EVENTS_MAX; range.first++) this.#events.delete(`${serviceArn}#${range.first}`);
    this.#eventRange.set(serviceArn, range);
  }

  /** Newest first. */
  events(serviceArn: string): EventRecord[] {
    const { first, next } = this.#eventRange.get(serviceArn) ?? { first: 0, next: 0 };
    const events = Array.from({ length: next - first }, (_, index) =>
      this.#events.get(`${serviceArn}#${next - 1 - index}`),
    );
    return events.filter((event) => event !== undefined);
  }

  forgetEvents(serviceArn: string): void {
    const { first, next } = this.#eventRange.get(serviceArn) ?? { first: 0, next: 0 };
    for (let number = first; number < next; number++) this.#events.delete(`${serviceArn}#${number}`);
    this.#eventRange.delete(serviceArn);
  }

  /** The next address of 10.0.0.0/16. They go round, so that one is used again only long after its task has ended. */
  nextAddress(): string {
    const last = this.#address.get('last') ?? 0;
    const next = (last % 65_000) + 1;
    this.#address.set('last', next);
    const host = next + 255;
    return `10.0.${host >> 8}.${host & 255}`;
  }

  #index(task: TaskRecord): void {
    if (task.service) {
      addTo(this.#tasksOfService, task.service.arn, task.arn);
      if (task.lastStatus !== 'STOPPED' || !task.accounted) addTo(this.#openTasksOfService, task.service.arn, task.arn);
    }
    for (const { targetGroupArn } of task.loadBalancers) addTo(this.#tasksOfTargetGroup, targetGroupArn, task.arn);
  }

  #found(arns: Iterable<string> = []): TaskRecord[] {
    return [...arns].map((arn) => this.tasks.get(arn)).filter((task) => task !== undefined);
  }
}

function addTo(index: Map<string, Set<string>>, key: string, arn: string): void {
  const arns = index.get(key) ?? new Set();
  arns.add(arn);
  index.set(key, arns);
}

/** A parameter that ECS refuses. */
export function invalidParameter(message: string): AwsError {
  return new AwsError('InvalidParameterException', message);
}

/** What ECS blames on the caller without a code of its own. */
export function clientError(message: string): AwsError {
  return new AwsError('ClientException', message);
}

/** Refused because the local cloud lacks it, though AWS has it. */
export function unsupported(message: string): AwsError {
  return invalidParameter(`${message} is not supported by the local cloud`);
}

/** `ServiceNotFoundException`, as for a service that never was. */
export function serviceNotFound(): AwsError {
  return new AwsError('ServiceNotFoundException', 'Service not found.');
}

/** The last part of an ARN. */
export function lastPart(arn: string): string {
  return arn.slice(arn.lastIndexOf('/') + 1);
}

/** A limit as the service checks `maxResults`. */
export function pageLimit(maxResults: number | undefined, standard: number, most = 100): number {
  if (maxResults === undefined) return standard;
  if (!Number.isInteger(maxResults) || maxResults < 1 || maxResults > most)
    throw invalidParameter(`maxResults must be between 1 and ${most}.`);
  return maxResults;
}
