/**
 * The embedded cloud: the machines, wired to each other and to their drivers. How they run is `cloud-core.ts`; how
 * they are reached is the wire and the direct ports.
 */
import { CloudCore, type CloudCoreOptions } from './cloud-core.ts';
import type { BlobStore, CloudService, CloudSettings, Drivers, ServiceDeps, ServiceId } from './contract.ts';
import { AutoScalingService } from './services/autoscaling.ts';
import { CodeBuildService } from './services/codebuild.ts';
import { DynamoService } from './services/dynamodb.ts';
import { EcrService } from './services/ecr.ts';
import { EcsService } from './services/ecs.ts';
import { Elbv2Service } from './services/elbv2.ts';
import { IamService } from './services/iam.ts';
import { LambdaService } from './services/lambda.ts';
import { LogsService } from './services/logs.ts';
import { SecretsManagerService } from './services/secretsmanager.ts';
import { StreamsService } from './services/streams.ts';
import { StsService } from './services/sts.ts';

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
  readonly secretsmanager: SecretsManagerService;
  readonly sts: StsService;
}

export interface CloudOptions extends CloudCoreOptions {
  readonly blobs: BlobStore;
  readonly settings: CloudSettings;
  /** Called once, before the machines exist: a driver may keep the cloud but must not call it yet. */
  readonly drivers: (cloud: Cloud) => Drivers;
}

export class Cloud extends CloudCore {
  readonly services: Services;
  readonly settings: CloudSettings;
  readonly blobs: BlobStore;

  constructor(options: CloudOptions) {
    super(options);
    const { state, settings, random, blobs } = options;
    this.settings = settings;
    this.blobs = blobs;
    const drivers = options.drivers(this);
    const deps: ServiceDeps = { state, settings, random, enter: this.enter };
    this.services = this.start(() => {
      const logs = new LogsService(deps);
      const iam = new IamService(deps);
      const ecr = new EcrService({ ...deps, blobs });
      const lambda = new LambdaService({ ...deps, functions: drivers.functions, blobs, ecr, iam });
      const elbv2 = new Elbv2Service({ ...deps, probes: drivers.probes, lambda });
      const ecs = new EcsService({ ...deps, tasks: drivers.tasks, elbv2, ecr, logs });
      const autoscaling = new AutoScalingService({ ...deps, ecs });
      const codebuild = new CodeBuildService({ ...deps, builds: drivers.builds, iam });
      const dynamodb = new DynamoService(deps);
      const streams = new StreamsService({ ...deps, dynamodb });
      const secretsmanager = new SecretsManagerService(deps);
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
        secretsmanager,
        sts,
      };
      return {
        services: Object.values<CloudService>(services satisfies Record<ServiceId, CloudService>),
        result: services,
      };
    });
  }
}
