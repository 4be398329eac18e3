/** A cloud of ECR alone with its registry listening on a loopback port. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { seededRandom, systemClock } from '../../../src/core/index.ts';
import { BareCloud } from '../../../src/local-cloud/cloud-core.ts';
import type { BlobStore } from '../../../src/local-cloud/contract.ts';
import { handleRegistry } from '../../../src/local-cloud/registry-http.ts';
import { EcrService } from '../../../src/local-cloud/services/ecr.ts';
import { memoryBlobs, memoryState } from '../../../src/local-cloud/state/index.ts';

export interface RegistryServer {
  readonly host: string;
  readonly cloud: BareCloud;
  readonly ecr: EcrService;
  readonly blobs: BlobStore;
  /** `METHOD path` of every request so far. */
  readonly requests: string[];
  readonly credentials: () => Promise<{ username: string; password: string }>;
  close(): Promise<void>;
}

export async function startRegistry(): Promise<RegistryServer> {
  const blobs = memoryBlobs();
  const random = seededRandom(1);
  const state = memoryState();
  let host = '';
  const settings = {
    accountId: '000000000000',
    region: 'us-east-1',
    awsHost: () => host,
    delays: { lambdaPendingMs: 0, taskProvisioningMs: 0, serviceDrainingMs: 0, buildQueuedMs: 0 },
  };
  let made: EcrService | undefined;
  const cloud = new BareCloud({ clock: systemClock, random, state }, (enter) => {
    made = new EcrService({ state, settings, random, enter, blobs });
    return [made];
  });
  const ecr = made as unknown as EcrService;
  const handle = handleRegistry({ ecr, blobs, enter: cloud.enter });
  const requests: string[] = [];
  const faults: unknown[] = [];
  const server = createServer((request, response) => {
    requests.push(`${request.method} ${request.url}`);
    handle(request, response).catch((error: unknown) => {
      faults.push(error);
      response.destroy();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    host,
    cloud,
    ecr,
    blobs,
    requests,
    credentials: async () => ({ username: 'AWS', password: 'a token of GetAuthorizationToken' }),
    close: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
      cloud.close();
      if (faults.length > 0) throw faults[0];
    },
  };
}
