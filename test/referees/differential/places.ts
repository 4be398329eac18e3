/**
 * Where a journey is played: the local cloud over its wire, moto, ministack. Each is started for the tests that use it,
 * on a port of its own on the loopback interface, and ended with them.
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createSdkPorts, type Ports } from '../../../src/aws/index.ts';
import { handleDownloads } from '../../../src/local-cloud/downloads.ts';
import { serveWire } from '../../../src/local-cloud/wire/index.ts';
import { TestCloud } from '../../conformance/test-cloud.ts';

export type Referee = 'moto' | 'ministack';

export interface Place {
  readonly ports: Ports;
  readonly endpoint: string;
  readonly vpcId: string;
  readonly subnets: readonly string[];
  /** Until what was begun asynchronously is through. */
  readonly settle: (isOver: () => Promise<boolean>) => Promise<void>;
  readonly close: () => Promise<void>;
}

const SDK = { region: 'us-east-1', credentials: { accessKeyId: 'test', secretAccessKey: 'test' } };
const REGISTRY = { resolveDigest: () => Promise.reject(new Error('there is no registry here')) };

export async function localCloud(): Promise<Place> {
  const cloud = new TestCloud();
  const wire = await serveWire({
    cloud: cloud.cloud,
    host: '127.0.0.1',
    port: 0,
    routes: [{ prefix: '/_lambda/', handle: handleDownloads(cloud.cloud.blobs) }],
  });
  const endpoint = `http://127.0.0.1:${wire.port}`;
  const { ports, close } = createSdkPorts({ ...SDK, endpoint }, REGISTRY);
  return {
    ports,
    endpoint,
    vpcId: 'vpc-local',
    subnets: ['subnet-1', 'subnet-2'],
    settle: (isOver) => cloud.until('it is through', isOver),
    close: async () => {
      close();
      await wire.close();
      cloud.cloud.close();
    },
  };
}

/** Why a referee cannot play here; undefined when it can. CI has them all, or fails. */
export function missing(referee: Referee): string | undefined {
  const program = referee === 'moto' ? 'moto_server' : 'ministack';
  if (process.env.CI === 'true') return undefined;
  return spawnSync(program, ['--help'], { stdio: 'ignore' }).status === 0 ? undefined : `there is no ${program}`;
}

export const REFEREES: Readonly<Record<Referee, () => Promise<Place>>> = { moto: startMoto, ministack: startMinistack };

async function startMoto(): Promise<Place> {
  const server = spawn('moto_server', ['-H', '127.0.0.1', '-p', '0'], { stdio: ['ignore', 'ignore', 'pipe'] });
  const endpoint = await listening(server, /Running on (http:\/\/127\.0\.0\.1:\d+)/);
  const network = async (Action: string, name: string) => {
    const authorization =
      'AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/ec2/aws4_request, SignedHeaders=host, Signature=0';
    const body = new URLSearchParams({ Action, Version: '2016-11-15' });
    const text = await (await fetch(endpoint, { method: 'POST', headers: { authorization }, body })).text();
    return [...text.matchAll(new RegExp(`<${name}>([^<]+)</${name}>`, 'g'))].map(([, id = '']) => id);
  };
  const [vpcId = ''] = await network('DescribeVpcs', 'vpcId');
  const subnets = (await network('DescribeSubnets', 'subnetId')).slice(0, 2);
  return elsewhere(server, endpoint, { vpcId, subnets }, () => {});
}

async function startMinistack(): Promise<Place> {
  const state = mkdtempSync(join(tmpdir(), 'ministack-'));
  const server = spawn('ministack', [], {
    // It takes no port 0: should somebody take the port meanwhile, it ends, and the test says so.
    env: { ...process.env, GATEWAY_PORT: String(await freePort()), BIND_HOST: '127.0.0.1', STATE_DIR: state },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const cleanUp = () => rmSync(state, { recursive: true, force: true });
  const endpoint = await listening(server, /Running on (http:\/\/127\.0\.0\.1:\d+)/).catch((error: unknown) => {
    cleanUp();
    throw error;
  });
  return elsewhere(server, endpoint, { vpcId: 'vpc-1', subnets: [] }, cleanUp);
}

function elsewhere(
  server: ChildProcess,
  endpoint: string,
  network: Pick<Place, 'vpcId' | 'subnets'>,
  cleanUp: () => void,
): Place {
  const { ports, close } = createSdkPorts({ ...SDK, endpoint }, REGISTRY);
  return {
    ports,
    endpoint,
    ...network,
    settle: async (isOver) => {
      // Somebody else's program says nothing when it is through.
      for (let attempt = 0; attempt < 200; attempt++) {
        if (await isOver()) return;
        await new Promise((passed) => setTimeout(passed, 50));
      }
      throw new Error(`${endpoint} did not get through in ten seconds`);
    },
    close: async () => {
      close();
      const ended = new Promise((resolve) => server.once('exit', resolve));
      server.kill();
      await ended;
      cleanUp();
    },
  };
}

/** @throws Error with what the program said when it ends before it listens */
function listening(server: ChildProcess, said: RegExp): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = '';
    const read = (chunk: Buffer) => {
      text += chunk.toString();
      const found = said.exec(text)?.[1];
      if (found) resolve(found);
    };
    server.stdout?.on('data', read);
    server.stderr?.on('data', read);
    server.once('error', reject);
    server.once('exit', () => reject(new Error(`the referee ended: ${text}`)));
  });
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const probe = createServer();
    probe.once('error', reject);
    probe.listen(0, '127.0.0.1', () => {
      const address = probe.address();
      probe.close(() => resolve(typeof address === 'object' && address ? address.port : 0));
    });
  });
}
