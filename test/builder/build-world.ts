/** Lambda, S3, ECR and IAM behind the real wire, with the registry and the downloads: what a build sees of an account. */
import { createSdkPorts } from '../../src/aws/index.ts';
import { seededRandom, systemClock } from '../../src/core/index.ts';
import { seedBaseImages } from '../../src/local-cloud/base-images.ts';
import { BareCloud } from '../../src/local-cloud/cloud-core.ts';
import { handleDownloads } from '../../src/local-cloud/downloads.ts';
import { handleRegistry } from '../../src/local-cloud/registry-http.ts';
import { runtimeFile } from '../../src/local-cloud/runtimes/locate.ts';
import { EcrService } from '../../src/local-cloud/services/ecr.ts';
import { IamService } from '../../src/local-cloud/services/iam.ts';
import { LambdaService } from '../../src/local-cloud/services/lambda.ts';
import { S3Service } from '../../src/local-cloud/services/s3.ts';
import { memoryBlobs, memoryState } from '../../src/local-cloud/state/index.ts';
import { serveWire } from '../../src/local-cloud/wire/index.ts';

const TRUST = {
  Version: '2012-10-17',
  Statement: [{ Effect: 'Allow', Principal: { Service: 'lambda.amazonaws.com' }, Action: 'sts:AssumeRole' }],
};

export async function startBuildWorld() {
  const state = memoryState();
  const blobs = memoryBlobs();
  const random = seededRandom(1);
  let host = '';
  const settings = {
    accountId: '000000000000',
    region: 'us-east-1',
    awsHost: () => host,
    delays: { lambdaPendingMs: 0, taskProvisioningMs: 0, serviceDrainingMs: 0, buildQueuedMs: 0 },
  };
  const functions = { invoke: () => Promise.reject(new Error('nothing is invoked here')) };
  const made: { ecr?: EcrService } = {};
  const cloud = new BareCloud({ clock: systemClock, random, state }, (enter) => {
    const deps = { state, settings, random, enter, blobs };
    const iam = new IamService(deps);
    made.ecr = new EcrService(deps);
    return [iam, made.ecr, new LambdaService({ ...deps, functions, ecr: made.ecr, iam }), new S3Service(deps)];
  });
  const ecr = made.ecr as EcrService;
  const requests: string[] = [];
  const registry = handleRegistry({ ecr, blobs, enter: cloud.enter });
  const downloads = handleDownloads(blobs);
  const server = await serveWire({
    cloud,
    host: '127.0.0.1',
    port: 0,
    routes: [
      {
        prefix: '/v2/',
        handle: (request, response) => {
          requests.push(`${request.method} ${request.url}`);
          return registry(request, response);
        },
      },
      { prefix: '/_lambda/', handle: downloads },
    ],
  });
  host = `127.0.0.1:${server.port}`;
  await seedBaseImages({ ecr, enter: cloud.enter, runtimeFile });
  const { ports, close } = createSdkPorts(
    { region: 'us-east-1', endpoint: `http://${host}`, credentials: { accessKeyId: 'k', secretAccessKey: 's' } },
    { resolveDigest: () => Promise.reject(new Error('a build resolves nothing')) },
  );
  cloud.call('iam', 'CreateRole', { RoleName: 'lambda', AssumeRolePolicyDocument: JSON.stringify(TRUST) });
  cloud.call('ecr', 'CreateRepository', { repositoryName: 'shop' });
  return {
    host,
    cloud,
    ecr,
    blobs,
    ports,
    /** Of the registry. */
    requests,
    close: async () => {
      close();
      await server.close();
      cloud.close();
    },
  };
}

export type BuildWorld = Awaited<ReturnType<typeof startBuildWorld>>;
