/**
 * The embedded cloud as a whole: machines on a durable folder, drivers on this machine's programs, the AWS endpoint
 * with the registry, and the load balancer's listeners. Everything ends with `close`; what a crash leaves running is
 * ended at the next start.
 */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Clock, Logger, Random } from '../core/index.ts';
import { seedBaseImages } from './base-images.ts';
import { Cloud } from './cloud.ts';
import type { CloudSettings, EventSettings } from './contract.ts';
import { handleDownloads } from './downloads.ts';
import { createDrivers } from './drivers/index.ts';
import type { Denied } from './iam/index.ts';
import { LoadBalancer } from './load-balancer/index.ts';
import { handleRegistry } from './registry-http.ts';
import { runtimeFile } from './runtimes/locate.ts';
import { fileBlobs, openJournal } from './state/index.ts';
import { serveWire } from './wire/index.ts';

export interface LocalCloudOptions {
  /** Folder of everything durable; created when missing. One cloud at a time may run on it. */
  readonly dataDir: string;
  readonly awsPort: number;
  readonly accountId: string;
  readonly region: string;
  /** Where interpreters are found. */
  readonly machinePath: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  /** How events travel. @default at once, without a trail */
  readonly events?: EventSettings;
  /** @default 'off' */
  readonly iam?: 'enforce' | 'off';
  /** Told of every call that IAM denied. */
  readonly onDenial?: (denied: Denied) => void;
}

export interface LocalCloud {
  readonly cloud: Cloud;
  /** `http://127.0.0.1:<port>` */
  readonly awsEndpoint: string;
  /** `127.0.0.1:<port>`, the registry's host. */
  readonly registry: string;
  /** Opens listeners that the API created and closes those it deleted. @throws Error naming a taken port */
  syncListeners(): Promise<void>;
  /** Ends every program and connection. Idempotent. */
  close(): Promise<void>;
}

/** People wait for these; AWS takes longer. */
const DELAYS = { lambdaPendingMs: 200, taskProvisioningMs: 150, serviceDrainingMs: 2_000, buildQueuedMs: 50 };

export async function startLocalCloud(options: LocalCloudOptions): Promise<LocalCloud> {
  const { dataDir, clock, random, logger, accountId, region } = options;
  mkdirSync(dataDir, { recursive: true });
  const registry = `127.0.0.1:${options.awsPort}`;
  const settings: CloudSettings = {
    accountId,
    region,
    awsHost: () => registry,
    delays: DELAYS,
    iam: options.iam,
    events: options.events,
  };
  const blobs = fileBlobs(join(dataDir, 'blobs'));
  const state = openJournal(join(dataDir, 'state'));
  const onFault = (error: unknown) => logger.error({ err: error }, 'the local cloud failed at a step');

  let cloud: Cloud | undefined;
  const services = () => {
    if (!cloud) throw new Error('the drivers asked for the cloud before it was there');
    return cloud.services;
  };
  const drivers = createDrivers({
    folder: join(dataDir, 'programs'),
    machinePath: options.machinePath,
    clock,
    random,
    logger,
    settings,
    blobs,
    images: {
      resolve: (uri) => services().ecr.resolve(uri),
      manifest: (repository, reference) => services().ecr.manifest(repository, reference),
    },
    logs: {
      append: (group, stream, messages) => services().logs.append(group, stream, messages),
      get operations() {
        return services().logs.operations;
      },
    },
    enter: (step) => cloud?.enter(step),
  });
  await drivers.recover();
  cloud = new Cloud({
    clock,
    random,
    state,
    blobs,
    settings,
    drivers: () => drivers,
    onFault,
    onDenial: options.onDenial,
  });
  const { ecr, elbv2, lambda } = cloud.services;
  await seedBaseImages({ ecr, enter: cloud.enter, runtimeFile });

  const wire = await serveWire({
    cloud,
    host: '127.0.0.1',
    port: options.awsPort,
    routes: [
      { prefix: '/v2/', handle: handleRegistry({ ecr, blobs, enter: cloud.enter }) },
      { prefix: '/_lambda/', handle: handleDownloads(blobs) },
    ],
    onFault,
  });
  const loadBalancer = new LoadBalancer({
    elbv2,
    lambda,
    endpoint: drivers.endpoint,
    clock,
    random,
    logger,
    host: '127.0.0.1',
  });
  await loadBalancer.syncListeners();

  let closing: Promise<void> | undefined;
  const running = cloud;
  return {
    cloud: running,
    awsEndpoint: `http://${registry}`,
    registry,
    syncListeners: () => loadBalancer.syncListeners(),
    close: () => {
      closing ??= (async () => {
        await loadBalancer.close();
        await drivers.close();
        await wire.close();
        running.close();
      })();
      return closing;
    },
  };
}
