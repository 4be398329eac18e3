/**
 * A small cloud for the tests of the container and load-balancing machines: virtual time, and drivers that follow a
 * script by image. Every start, signal and end of a container is in `log`, with its time, so that order can be asserted.
 */
import { seededRandom, VirtualClock } from '../../../src/core/index.ts';
import { BareCloud } from '../../../src/local-cloud/cloud-core.ts';
import type {
  AwsError,
  CloudSettings,
  ContainerEvent,
  ProbeDriver,
  TargetProbe,
  TaskDriver,
  TaskLaunch,
} from '../../../src/local-cloud/contract.ts';
import { AutoScalingService } from '../../../src/local-cloud/services/autoscaling.ts';
import { EcsService } from '../../../src/local-cloud/services/ecs.ts';
import { Elbv2Service, type TargetFunctions } from '../../../src/local-cloud/services/elbv2.ts';
import { LogsService } from '../../../src/local-cloud/services/logs.ts';
import { memoryState, type StateStore } from '../../../src/local-cloud/state/index.ts';

/** How containers of an image behave. */
export interface Script {
  /** From start request to `started`. @default 100 */
  readonly startMs?: number;
  /** Ends by itself this long after it started. */
  readonly exitAfterMs?: number;
  readonly exitCode?: number;
  /** Instead of starting. */
  readonly fails?: string;
  /** From SIGTERM to its end; never by itself when `ignoresSigterm`. @default 50 */
  readonly stopMs?: number;
  readonly ignoresSigterm?: boolean;
  /** Container health check passes from this long after the start on; undefined: never. */
  readonly healthyAfterMs?: number;
  /** Status of probes by time since the start. @default 200 */
  readonly status?: (sinceMs: number) => number | undefined;
}

export interface LogEntry {
  readonly atMs: number;
  readonly task: string;
  readonly container: string;
  readonly what: 'start' | 'started' | 'SIGTERM' | 'SIGKILL' | 'exited' | 'release';
}

interface Running {
  readonly script: Script;
  startedMs: number | undefined;
  ended: boolean;
  readonly report: (event: ContainerEvent) => void;
}

/** Containers by script; ends with exit code 143 on SIGTERM, 137 on SIGKILL. */
export class ScriptedTasks implements TaskDriver, ProbeDriver {
  readonly log: LogEntry[] = [];
  readonly launches = new Map<string, TaskLaunch>();
  readonly scripts = new Map<string, Script>();
  readonly probes: { atMs: number; target: TargetProbe }[] = [];
  readonly #clock: VirtualClock;
  readonly #running = new Map<string, Running>();

  constructor(clock: VirtualClock) {
    this.#clock = clock;
  }

  prepare(task: TaskLaunch): void {
    this.launches.set(task.taskArn, task);
  }

  startContainer(taskArn: string, container: string, report: (event: ContainerEvent) => void): void {
    const image = this.launches.get(taskArn)?.containers.find(({ name }) => name === container)?.image ?? '';
    const script = this.scripts.get(image) ?? {};
    const running: Running = { script, startedMs: undefined, ended: false, report };
    this.#running.set(`${taskArn}|${container}`, running);
    this.#note(taskArn, container, 'start');
    this.#clock.after(script.startMs ?? 100, () => {
      if (running.ended) return;
      if (script.fails !== undefined) {
        running.ended = true;
        report({ type: 'failed', reason: script.fails });
        return;
      }
      running.startedMs = this.#clock.now();
      this.#note(taskArn, container, 'started');
      report({ type: 'started' });
      if (script.exitAfterMs !== undefined) {
        this.#clock.after(script.exitAfterMs, () => this.#end(taskArn, container, running, script.exitCode ?? 1));
      }
    });
  }

  signalContainer(taskArn: string, container: string, signal: 'SIGTERM' | 'SIGKILL'): void {
    this.#note(taskArn, container, signal);
    const running = this.#running.get(`${taskArn}|${container}`);
    if (!running) return;
    if (signal === 'SIGKILL') this.#end(taskArn, container, running, 137);
    else if (!running.script.ignoresSigterm) {
      this.#clock.after(running.script.stopMs ?? 50, () => this.#end(taskArn, container, running, 143));
    }
  }

  checkContainer(
    taskArn: string,
    container: string,
    _command: readonly string[],
    _timeoutMs: number,
    report: (healthy: boolean) => void,
  ): void {
    const running = this.#running.get(`${taskArn}|${container}`);
    const after = running?.script.healthyAfterMs;
    const sinceMs = this.#clock.now() - (running?.startedMs ?? 0);
    this.#clock.after(10, () => report(after !== undefined && sinceMs >= after));
  }

  release(taskArn: string): void {
    this.#note(taskArn, '', 'release');
  }

  /** The container ends now, as if it crashed. */
  crash(taskArn: string, container: string, exitCode = 1): void {
    const running = this.#running.get(`${taskArn}|${container}`);
    if (running) this.#end(taskArn, container, running, exitCode);
  }

  probe(target: TargetProbe, report: (status: number | undefined) => void): void {
    this.probes.push({ atMs: this.#clock.now(), target });
    const task = [...this.launches.values()].find(({ privateIp }) => privateIp === target.ip);
    const server = task?.containers.find(({ containerPorts }) => containerPorts.includes(target.port));
    const running = server && this.#running.get(`${task?.taskArn}|${server.name}`);
    const alive = running !== undefined && !running.ended && running.startedMs !== undefined;
    const status = alive
      ? (running.script.status ?? (() => 200))(this.#clock.now() - (running.startedMs ?? 0))
      : undefined;
    this.#clock.after(status === undefined ? target.timeoutMs : 5, () => report(status));
  }

  /** Entries of a kind, in order. */
  times(taskArn: string, what: LogEntry['what'], container?: string): number[] {
    return this.log
      .filter(
        (entry) =>
          entry.task === taskArn && entry.what === what && (container === undefined || entry.container === container),
      )
      .map(({ atMs }) => atMs);
  }

  #end(taskArn: string, container: string, running: Running, exitCode: number): void {
    if (running.ended) return;
    running.ended = true;
    this.#note(taskArn, container, 'exited');
    running.report({ type: 'exited', exitCode });
  }

  #note(task: string, container: string, what: LogEntry['what']): void {
    this.log.push({ atMs: this.#clock.now(), task, container, what });
  }
}

export const SETTINGS: CloudSettings = {
  accountId: '000000000000',
  region: 'us-east-1',
  awsHost: () => '127.0.0.1:4577',
  delays: { lambdaPendingMs: 0, taskProvisioningMs: 1000, serviceDrainingMs: 60_000, buildQueuedMs: 0 },
};

// biome-ignore lint/suspicious/noExplicitAny: tests read answers of many shapes
type Answer = any;

export class World {
  readonly clock: VirtualClock;
  readonly state: StateStore;
  readonly tasks: ScriptedTasks;
  /** Images that the registry does not have. */
  readonly missingImages = new Set<string>();
  /** `function|target group` pairs that may be invoked. */
  readonly permissions = new Set<string>();
  /** What a function answers to a health check. */
  functionStatus: number | undefined = 200;
  ecs!: EcsService;
  elbv2!: Elbv2Service;
  readonly cloud: BareCloud;
  /** Called after each timer. */
  afterEachStep: () => void = () => {};

  constructor(before?: { state: StateStore; clock: VirtualClock }) {
    this.clock = before?.clock ?? new VirtualClock();
    this.state = before?.state ?? memoryState();
    this.tasks = new ScriptedTasks(this.clock);
    const random = seededRandom(before ? 8 : 7);
    const lambda: TargetFunctions = {
      allowsInvoke: (functionArn, principal, sourceArn) =>
        principal === 'elasticloadbalancing.amazonaws.com' && this.permissions.has(`${functionArn}|${sourceArn}`),
      invokeForTarget: async () => {
        if (this.functionStatus === undefined) throw new Error('unreachable');
        return {
          payload: Buffer.from(JSON.stringify({ statusCode: this.functionStatus })),
          functionError: undefined,
          logTail: '',
        };
      },
    };
    this.cloud = new BareCloud({ clock: this.clock, random, state: this.state }, (enter) => {
      const deps = { state: this.state, settings: SETTINGS, random, enter };
      const logs = new LogsService(deps);
      const ecr = {
        resolve: (uri: string) => (this.missingImages.has(uri) ? undefined : { digest: `sha256:${uri.length}` }),
      };
      this.elbv2 = new Elbv2Service({ ...deps, probes: this.tasks, lambda });
      this.ecs = new EcsService({ ...deps, tasks: this.tasks, elbv2: this.elbv2, ecr, logs });
      return [logs, this.elbv2, this.ecs, new AutoScalingService({ ...deps, ecs: this.ecs })];
    });
  }

  /** The same state in a new cloud: every process is gone. */
  restart(): World {
    return new World({ state: this.state, clock: this.clock });
  }

  ecsCall(operation: string, input: object): Answer {
    return this.cloud.call('ecs', operation, input);
  }

  elbCall(operation: string, input: object): Answer {
    return this.cloud.call('elbv2', operation, input);
  }

  scalingCall(operation: string, input: object): Answer {
    return this.cloud.call('autoscaling', operation, input);
  }

  /** Lets virtual time pass. */
  pass(ms: number): void {
    const endMs = this.clock.now() + ms;
    let over = false;
    this.clock.after(ms, () => {
      over = true;
    });
    while (!over || (this.clock.nextAtMs() ?? Infinity) <= endMs) {
      this.clock.step();
      this.afterEachStep();
    }
  }

  /** Lets time pass until `done`; fails after `limitMs`. */
  until(what: string, done: () => boolean, limitMs = 600_000): number {
    const startMs = this.clock.now();
    while (!done()) {
      const nextMs = this.clock.nextAtMs();
      if (nextMs === undefined || nextMs > startMs + limitMs) throw new Error(`not within ${limitMs} ms: ${what}`);
      this.clock.step();
      this.afterEachStep();
    }
    return this.clock.now() - startMs;
  }

  // ------------------------------------------------------------------------------------------------------ short forms

  cluster(): void {
    this.ecsCall('CreateCluster', { clusterName: 'main', capacityProviders: ['FARGATE', 'FARGATE_SPOT'] });
  }

  /** A load balancer with one listener that answers 404; returns the listener's ARN. */
  listener(port = 80): string {
    const { LoadBalancers } = this.elbCall('CreateLoadBalancer', {
      Name: `lb-${port}`,
      Subnets: ['subnet-a', 'subnet-b'],
    });
    const { Listeners } = this.elbCall('CreateListener', {
      LoadBalancerArn: LoadBalancers[0].LoadBalancerArn,
      Port: port,
      Protocol: 'HTTP',
      DefaultActions: [{ Type: 'fixed-response', FixedResponseConfig: { StatusCode: '404' } }],
    });
    return Listeners[0].ListenerArn;
  }

  ipGroup(name: string, more: object = {}): string {
    const { TargetGroups } = this.elbCall('CreateTargetGroup', {
      Name: name,
      TargetType: 'ip',
      Protocol: 'HTTP',
      Port: 8080,
      VpcId: 'vpc-1',
      HealthCheckIntervalSeconds: 5,
      HealthCheckTimeoutSeconds: 2,
      HealthyThresholdCount: 2,
      UnhealthyThresholdCount: 2,
      ...more,
    });
    return TargetGroups[0].TargetGroupArn;
  }

  rule(listenerArn: string, priority: number, groups: readonly (readonly [arn: string, weight: number])[]): string {
    const { Rules } = this.elbCall('CreateRule', {
      ListenerArn: listenerArn,
      Priority: priority,
      Conditions: [{ Field: 'path-pattern', Values: [`/${priority}/*`] }],
      Actions: [
        {
          Type: 'forward',
          ForwardConfig: { TargetGroups: groups.map(([TargetGroupArn, Weight]) => ({ TargetGroupArn, Weight })) },
        },
      ],
    });
    return Rules[0].RuleArn;
  }

  /** Registers a definition of the given containers; returns its ARN. */
  definition(family: string, containers: readonly object[]): string {
    const { taskDefinition } = this.ecsCall('RegisterTaskDefinition', {
      family,
      requiresCompatibilities: ['FARGATE'],
      networkMode: 'awsvpc',
      cpu: '256',
      memory: '512',
      containerDefinitions: containers,
    });
    return taskDefinition.taskDefinitionArn;
  }

  service(name: string, taskDefinition: string, more: object = {}): Answer {
    return this.ecsCall('CreateService', {
      cluster: 'main',
      serviceName: name,
      taskDefinition,
      desiredCount: 1,
      launchType: 'FARGATE',
      networkConfiguration: { awsvpcConfiguration: { subnets: ['subnet-a'] } },
      ...more,
    }).service;
  }

  describe(name: string): Answer {
    return this.ecsCall('DescribeServices', { cluster: 'main', services: [name] }).services[0];
  }

  tasksOf(serviceName: string, desiredStatus: 'RUNNING' | 'STOPPED' = 'RUNNING'): Answer[] {
    const { taskArns } = this.ecsCall('ListTasks', { cluster: 'main', serviceName, desiredStatus });
    return taskArns.length === 0 ? [] : this.ecsCall('DescribeTasks', { cluster: 'main', tasks: taskArns }).tasks;
  }

  task(arn: string): Answer {
    return this.ecsCall('DescribeTasks', { cluster: 'main', tasks: [arn] }).tasks[0];
  }

  rollout(name: string): string {
    return this.describe(name).deployments[0].rolloutState;
  }

  healthOf(targetGroupArn: string): string[] {
    const { TargetHealthDescriptions } = this.elbCall('DescribeTargetHealth', { TargetGroupArn: targetGroupArn });
    return TargetHealthDescriptions.map(({ TargetHealth }: { TargetHealth: { State: string } }) => TargetHealth.State);
  }
}

/** `Code: message` of the error that `run` throws. */
export function refusal(run: () => unknown): string {
  try {
    run();
  } catch (error) {
    const { code, message } = error as AwsError;
    return `${code}: ${message}`;
  }
  return 'nothing was refused';
}

/** A web container on port 8080. */
export function web(image = 'web', more: object = {}): object {
  return { name: 'web', image, portMappings: [{ containerPort: 8080 }], ...more };
}
