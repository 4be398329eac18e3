/**
 * The daemon itself, as `start` runs it, over the unmodified SDK and the wire of the local cloud: lease, stream, git,
 * the role of a source, and webhooks through its listener.
 */
import { createHmac } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { GitSourceStatus } from '../../src/api/index.ts';
import { createSdkPorts, type Ports, toItem } from '../../src/aws/index.ts';
import { freePort } from '../../src/cli/local/listen-ports.ts';
import { start } from '../../src/cli/start.ts';
import { seededRandom, sleep, systemClock } from '../../src/core/index.ts';
import { Cloud, memoryBlobs, memoryState, serveWire } from '../../src/local-cloud/index.ts';
import { DesiredTable, StateTable } from '../../src/store/index.ts';
import { unused } from '../local-cloud/cloud/idle-cloud.ts';
import { SETTINGS } from '../local-cloud/cloud/world.ts';
import { container, Origin } from './origin.ts';
import { git } from './tools.ts';

const TABLES = { desired: 'lambdacontainer-desired', state: 'lambdacontainer-state' };
const KEY = { namespace: '_system', name: 'source/team' };

let folder: string;
let cloud: Cloud;
let wire: Awaited<ReturnType<typeof serveWire>>;
let sdk: { ports: Ports; close: () => void };
let desired: DesiredTable;
let state: StateTable;
let stop = (): void => {};
let ended: Promise<number>;
let webhooks: string;
let origin: Origin;

beforeAll(async () => {
  if (!git) return;
  folder = mkdtempSync(join(tmpdir(), 'lc-git-daemon-'));
  origin = new Origin(join(folder, 'repos'));
  cloud = new Cloud({
    clock: systemClock,
    random: seededRandom(3),
    state: memoryState(),
    blobs: memoryBlobs(),
    settings: SETTINGS,
    drivers: () => ({
      tasks: {
        prepare: unused,
        startContainer: unused,
        signalContainer: unused,
        checkContainer: unused,
        release: unused,
      },
      builds: { start: unused, stop: unused },
      functions: { invoke: unused },
      probes: { probe: unused },
    }),
  });
  wire = await serveWire({ cloud, host: '127.0.0.1', port: 0 });
  const endpoint = `http://127.0.0.1:${wire.port}`;
  sdk = createSdkPorts(
    { region: 'us-east-1', endpoint, credentials: { accessKeyId: 'a', secretAccessKey: 'b' } },
    { resolveDigest: () => Promise.reject(new Error('not used')) },
  );
  desired = new DesiredTable(sdk.ports.dynamodb, TABLES.desired);
  state = new StateTable(sdk.ports.dynamodb, TABLES.state);
  await table(TABLES.desired, 'name', true);
  await table(TABLES.state, 'key', false);
  cloud.call('secretsmanager', 'CreateSecret', { Name: 'team/git', SecretString: '{"webhook":"shared"}' });
  cloud.call('iam', 'CreateRole', {
    RoleName: 'team',
    AssumeRolePolicyDocument: JSON.stringify({
      Statement: {
        Effect: 'Allow',
        Action: 'sts:AssumeRole',
        Principal: { AWS: '000000000000' },
        Condition: { StringEquals: { 'sts:ExternalId': 'id-1' } },
      },
    }),
  });
  const port = await freePort(undefined);
  webhooks = `http://127.0.0.1:${port}/webhooks/`;
  ended = start(
    {
      PATH: process.env.PATH,
      AWS_REGION: 'us-east-1',
      AWS_ENDPOINT_URL: endpoint,
      AWS_ACCESS_KEY_ID: 'a',
      AWS_SECRET_ACCESS_KEY: 'b',
      LAMBDACONTAINER_GIT_DIR: join(folder, 'git'),
      LAMBDACONTAINER_LISTEN_PORT: String(port),
      LOG_LEVEL: 'silent',
    },
    (given) => {
      stop = given;
    },
  );
});

afterAll(async () => {
  if (!git) return;
  stop();
  expect(await ended).toBe(0);
  sdk.close();
  await wire.close();
  cloud.close();
  rmSync(folder, { recursive: true, force: true });
});

async function table(name: string, sort: string, stream: boolean): Promise<void> {
  await sdk.ports.dynamodb.createTable({
    TableName: name,
    BillingMode: 'PAY_PER_REQUEST',
    AttributeDefinitions: [
      { AttributeName: 'namespace', AttributeType: 'S' },
      { AttributeName: sort, AttributeType: 'S' },
    ],
    KeySchema: [
      { AttributeName: 'namespace', KeyType: 'HASH' },
      { AttributeName: sort, KeyType: 'RANGE' },
    ],
    ...(stream ? { StreamSpecification: { StreamEnabled: true, StreamViewType: 'NEW_AND_OLD_IMAGES' } } : {}),
  });
  await eventually('the table', async () => {
    const { Table } = await sdk.ports.dynamodb.describeTable({ TableName: name });
    return Table?.TableStatus === 'ACTIVE';
  });
}

/** Another process changes what is waited for: it can only be looked at. */
async function eventually<T>(what: string, look: () => Promise<T | undefined | false>): Promise<T> {
  const untilMs = systemClock.monotonic() + 20_000;
  for (;;) {
    const found = await look();
    if (found) return found;
    if (systemClock.monotonic() > untilMs) {
      throw new Error(`${what} does not come: ${JSON.stringify(await state.status(KEY))}`);
    }
    await sleep(systemClock, 20);
  }
}

function applied(commit: string): Promise<GitSourceStatus> {
  return eventually(`commit ${commit}`, async () => {
    const status = await state.status<GitSourceStatus>(KEY);
    return status?.lastAppliedCommit === commit ? status : undefined;
  });
}

describe.skipIf(!git)('the daemon (git is needed)', () => {
  it('applies under the role of the source, at the webhook, and puts right what the stream says was edited', async () => {
    const first = origin.commit({ 'a.yaml': container('a') });
    const spec = {
      url: origin.url,
      ref: { branch: 'main' },
      interval: '1d',
      secretRef: 'team/git',
      targetNamespace: 'team',
    };
    const put = (more: object) =>
      sdk.ports.dynamodb.putItem({ TableName: TABLES.desired, Item: toItem({ ...KEY, spec: { ...spec, ...more } }) });
    const roleArn = 'arn:aws:iam::000000000000:role/team';
    await put({ roleArn, externalId: 'wrong' });
    const refused = await eventually('the refusal', async () => {
      const status = await state.status<GitSourceStatus>(KEY);
      return status?.phase === 'Stalled' ? status : undefined;
    });
    expect(refused.message).toContain('is not authorized to perform: sts:AssumeRole');
    await put({ roleArn, externalId: 'id-1' });
    expect((await applied(first)).phase).toBe('Ready');

    const second = origin.commit({ 'a.yaml': container('a', { cpu: 512 }) });
    const body = JSON.stringify({ after: second });
    const post = (name: string, secret: string, size = body) =>
      fetch(`${webhooks}${name}`, {
        method: 'POST',
        body: size,
        headers: { 'x-hub-signature-256': `sha256=${createHmac('sha256', secret).update(size).digest('hex')}` },
      });
    const [forged, unknown] = await Promise.all([post('team', 'guess'), post('nobody', 'shared')]);
    expect([forged.status, await forged.text()]).toEqual([401, await unknown.text()]);
    expect((await post('team', 'shared', 'x'.repeat((1 << 20) + 1))).status).toBe(413);
    expect((await post('team', 'shared')).status).toBe(202);
    await applied(second);

    await sdk.ports.dynamodb.putItem({
      TableName: TABLES.desired,
      Item: toItem({ ...(await desired.get({ namespace: 'team', name: 'a' }))?.item, spec: { no: 'more' } }),
    });
    await eventually('the correction', async () => {
      const item = (await desired.get({ namespace: 'team', name: 'a' }))?.item;
      return JSON.stringify(item?.spec).includes('"cpu":512');
    });
    const events = await state.events(KEY, 20);
    expect(events.map(({ reason }) => reason)).toEqual([
      'AccessDenied',
      'SourceApplied',
      'SourceApplied',
      'DriftCorrected',
    ]);
  });
});
