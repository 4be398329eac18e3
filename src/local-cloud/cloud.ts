/**
 * The embedded cloud: the machines, wired to each other and to their drivers. How they run is `cloud-core.ts`; how
 * they are reached is the wire and the direct ports.
 */
import { CloudCore, type CloudCoreOptions } from './cloud-core.ts';
import {
  AwsError,
  type BlobStore,
  type CloudService,
  type CloudSettings,
  type Drivers,
  type RequestContext,
  type ServiceDeps,
  type ServiceId,
} from './contract.ts';
import { Authorizer, type Credentials, type Denied, type Identity, Ledger, refusedKey } from './iam/index.ts';
import { AutoScalingService } from './services/autoscaling.ts';
import { CodeBuildService } from './services/codebuild.ts';
import { DynamoService } from './services/dynamodb.ts';
import { EcrService } from './services/ecr.ts';
import { EcsService, type TaskSecrets } from './services/ecs.ts';
import { Elbv2Service } from './services/elbv2.ts';
import { EventBridgeService } from './services/eventbridge.ts';
import { IamService } from './services/iam.ts';
import { LambdaService } from './services/lambda.ts';
import { LogsService } from './services/logs.ts';
import { S3Service } from './services/s3.ts';
import { SecretsManagerService } from './services/secretsmanager.ts';
import { SqsService } from './services/sqs.ts';
import { StreamsService } from './services/streams.ts';
import { StsService } from './services/sts.ts';
import { TaggingService } from './services/tagging.ts';
import { Trail } from './trail.ts';

export interface Services {
  readonly dynamodb: DynamoService;
  readonly streams: StreamsService;
  readonly lambda: LambdaService;
  readonly codebuild: CodeBuildService;
  readonly ecr: EcrService;
  readonly ecs: EcsService;
  readonly elbv2: Elbv2Service;
  readonly autoscaling: AutoScalingService;
  readonly logs: LogsService;
  readonly iam: IamService;
  readonly s3: S3Service;
  readonly secretsmanager: SecretsManagerService;
  readonly sqs: SqsService;
  readonly events: EventBridgeService;
  readonly tagging: TaggingService;
  readonly sts: StsService;
}

export interface CloudOptions extends CloudCoreOptions {
  readonly blobs: BlobStore;
  readonly settings: CloudSettings;
  /** Called once, before the machines exist: a driver may keep the cloud but must not call it yet. */
  readonly drivers: (cloud: Cloud) => Drivers;
  /** Told of every call that IAM denied. */
  readonly onDenial?: ((denied: Denied) => void) | undefined;
}

export class Cloud extends CloudCore {
  readonly services: Services;
  readonly settings: CloudSettings;
  readonly blobs: BlobStore;
  /** Which statement allowed what, while IAM is enforced. */
  readonly ledger = new Ledger();
  readonly #authorizer: Authorizer;
  readonly #trail: Trail | undefined;

  constructor(options: CloudOptions) {
    super(options);
    const { state, settings, random, blobs } = options;
    this.settings = settings;
    this.blobs = blobs;
    this.#authorizer = new Authorizer({
      account: { accountId: settings.accountId, region: settings.region, ask: this.#ask },
      ledger: this.ledger,
      trustOf: (roleArn) => this.services.iam.trustOf(roleArn),
      onDenial: options.onDenial,
    });
    const drivers = options.drivers(this);
    const deps: ServiceDeps = { state, settings, random, enter: this.enter };
    this.services = this.start(() => {
      const sqs = new SqsService(deps);
      const events = new EventBridgeService({ ...deps, sqs });
      const logs = new LogsService(deps);
      const iam = new IamService(deps);
      const ecr = new EcrService({ ...deps, blobs, events });
      const lambda = new LambdaService({ ...deps, functions: drivers.functions, blobs, ecr, iam });
      const elbv2 = new Elbv2Service({ ...deps, probes: drivers.probes, lambda });
      const s3 = new S3Service({ ...deps, blobs, events });
      const secretsmanager = new SecretsManagerService(deps);
      const secrets = this.#taskSecrets(iam, secretsmanager);
      const ecs = new EcsService({ ...deps, sessions: iam, secrets, tasks: drivers.tasks, elbv2, ecr, logs, events });
      const autoscaling = new AutoScalingService({ ...deps, ecs });
      const codebuild = new CodeBuildService({
        ...deps,
        sessions: iam,
        secrets,
        builds: drivers.builds,
        iam,
        events,
      });
      const dynamodb = new DynamoService(deps);
      const streams = new StreamsService({ ...deps, dynamodb });
      const tagging = new TaggingService([ecs, elbv2, ecr, logs, autoscaling, codebuild, lambda, sqs, events]);
      const sts = new StsService({ ...deps, iam });
      const services = {
        dynamodb,
        streams,
        lambda,
        codebuild,
        ecr,
        ecs,
        elbv2,
        autoscaling,
        logs,
        iam,
        s3,
        secretsmanager,
        sqs,
        events,
        tagging,
        sts,
      };
      return {
        services: Object.values<CloudService>(services satisfies Record<ServiceId, CloudService>),
        result: services,
      };
    });
    const trail = settings.events?.trail;
    this.#trail = trail && new Trail(this.services.events, settings, random, trail.delayMs);
  }

  protected override answered(
    service: ServiceId,
    operation: string,
    input: unknown,
    output: unknown,
    context: RequestContext,
  ): void {
    this.#trail?.note(service, operation, input, output, context);
  }

  protected override admit(
    service: ServiceId,
    operation: string,
    input: unknown,
    credentials: Credentials | undefined,
  ): Identity | undefined {
    if (!credentials) return undefined;
    const { iam } = this.services;
    const { identity, problem } = iam.identify(credentials, this.nowMs);
    // Whoever signs with a key that nobody made is the root, unless it matters.
    if (this.settings.iam !== 'enforce') return identity ?? iam.root();
    if (!identity) throw refusedKey(service, problem);
    this.#authorizer.authorize(service, operation, input, identity, this.nowMs);
    return identity;
  }

  /** What ECS reads for a task, and CodeBuild for a build, as a session of its role. A trail tells of no reading, so none is noted. */
  #taskSecrets(iam: IamService, secretsmanager: SecretsManagerService): TaskSecrets {
    return {
      assumable: (roleArn) => iam.trusts(roleArn, 'ecs-tasks.amazonaws.com'),
      read: (roleArn, session, input, nowMs) => {
        const caller = this.settings.iam === 'enforce' ? iam.sessionOf(roleArn, session) : undefined;
        if (caller) this.#authorizer.authorize('secretsmanager', 'GetSecretValue', input, caller, nowMs);
        return secretsmanager.value(input);
      },
    };
  }

  /** A reading operation in the cloud's own hand. Nothing is changed, so it needs no step. */
  readonly #ask = (service: ServiceId, operation: string, input: unknown): unknown => {
    const machines: Readonly<Partial<Record<ServiceId, CloudService>>> = this.services;
    try {
      return machines[service]?.operations[operation]?.(input, { nowMs: this.nowMs, requestId: '' });
    } catch (error) {
      if (error instanceof AwsError) return undefined;
      throw error;
    }
  };
}
