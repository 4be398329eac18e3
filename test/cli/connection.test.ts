/** Connections over the real SDK: whose credentials sign, and where the requests go. */

import dns from 'node:dns';
import { writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { type Connection, connectBySdk, requireAccount } from '../../src/cli/commands/connection.ts';
import { CliWorld } from './world.ts';

interface Seen {
  readonly target: string;
  readonly key: string;
  readonly token: string | undefined;
  readonly body: string;
}

let world: CliWorld;
let server: Server;
let seen: Seen[];
let endpoint: string;
let env: Record<string, string>;
let opened: Connection[];

const ASSUMED = `<AssumeRoleResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><AssumeRoleResult><Credentials><AccessKeyId>ASIAROLE</AccessKeyId><SecretAccessKey>s</SecretAccessKey><SessionToken>token-of-role</SessionToken><Expiration>2099-01-01T00:00:00Z</Expiration></Credentials></AssumeRoleResult></AssumeRoleResponse>`;
const IDENTITY = `<GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><GetCallerIdentityResult><Account>111122223333</Account><Arn>arn:aws:iam::111122223333:user/alice</Arn></GetCallerIdentityResult></GetCallerIdentityResponse>`;

/** An AWS that only remembers who asked. */
function answer(request: IncomingMessage, response: ServerResponse): void {
  const chunks: Buffer[] = [];
  request.on('data', (chunk: Buffer) => chunks.push(chunk));
  request.on('end', () => {
    const body = Buffer.concat(chunks).toString();
    const action = /Action=(\w+)/.exec(body)?.[1];
    seen.push({
      target: String(request.headers['x-amz-target'] ?? action),
      key: /Credential=([^/]+)/.exec(request.headers.authorization ?? '')?.[1] ?? '',
      token: request.headers['x-amz-security-token']?.toString(),
      body,
    });
    response.setHeader('content-type', action ? 'text/xml' : 'application/x-amz-json-1.0');
    response.end(action === 'AssumeRole' ? ASSUMED : action ? IDENTITY : '{}');
  });
}

beforeEach(async () => {
  world = await CliWorld.create();
  seen = [];
  opened = [];
  server = createServer(answer);
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  const address = server.address();
  endpoint = `http://127.0.0.1:${typeof address === 'object' ? address?.port : 0}`;
  env = { LAMBDACONTAINER_CONFIG: join(world.folder, 'config.yaml') };
  // The SDK reads the process's environment and these files by itself.
  vi.stubEnv(
    'AWS_SHARED_CREDENTIALS_FILE',
    world.file('credentials', '[work]\naws_access_key_id = AKIAWORK\naws_secret_access_key = s\n'),
  );
  vi.stubEnv('AWS_CONFIG_FILE', world.file('aws-config', '[profile work]\nregion = us-west-2\n'));
  vi.stubEnv('AWS_ACCESS_KEY_ID', 'AKIAENVIRONMENT');
  vi.stubEnv('AWS_SECRET_ACCESS_KEY', 's');
});

afterEach(async () => {
  for (const connection of opened) await connection.close();
  vi.unstubAllEnvs();
  vi.restoreAllMocks();
  server.closeAllConnections();
  await new Promise((closed) => server.close(closed));
  world.close();
});

function connect(context: string, more: Record<string, string> = {}): Connection {
  writeFileSync(env.LAMBDACONTAINER_CONFIG ?? '', `contexts: [{ name: a, ${context} }]\n`);
  const io = { env: { ...env, ...more }, clock: world.clock } as unknown as Parameters<typeof connectBySdk>[1];
  const connection = connectBySdk({ context: 'a' }, io);
  opened.push(connection);
  return connection;
}

const KEY = { namespace: 'default', name: 'hello' };

describe('a connection', () => {
  it('signs with the profile of its context, whatever keys the environment has', async () => {
    const connection = connect(
      `aws: { region: eu-west-1, profile: work, endpoint: "${endpoint}" }, tables: { desired: mine, state: other }`,
      {
        AWS_ACCESS_KEY_ID: 'AKIAENVIRONMENT',
        AWS_SECRET_ACCESS_KEY: 's',
      },
    );
    await connection.desired.get(KEY);
    expect(seen).toMatchObject([{ target: 'DynamoDB_20120810.GetItem', key: 'AKIAWORK', token: undefined }]);
    expect(JSON.parse(seen[0]?.body ?? '')).toMatchObject({ TableName: 'mine' });
    expect(connection.region).toBe('eu-west-1');
  });

  it('assumes the role of its context once, with the credentials beneath', async () => {
    const connection = connect(
      `aws: { region: eu-west-1, profile: work, roleArn: "arn:aws:iam::111122223333:role/lc", externalId: x, endpoint: "${endpoint}" }`,
    );
    await connection.desired.get(KEY);
    await connection.desired.get(KEY);
    expect(seen.map(({ target, key, token }) => [target, key, token])).toEqual([
      ['AssumeRole', 'AKIAWORK', undefined],
      ['DynamoDB_20120810.GetItem', 'ASIAROLE', 'token-of-role'],
      ['DynamoDB_20120810.GetItem', 'ASIAROLE', 'token-of-role'],
    ]);
    expect(seen[0]?.body).toContain('ExternalId=x');
  });

  it('makes sure of the account, where its context names one, by one call', async () => {
    const right = connect(`aws: { region: eu-west-1, account: "111122223333", endpoint: "${endpoint}" }`);
    await requireAccount(right);
    expect(seen.map(({ target }) => target)).toEqual(['GetCallerIdentity']);
    const wrong = connect(`aws: { region: eu-west-1, account: "444455556666", endpoint: "${endpoint}" }`);
    await expect(requireAccount(wrong)).rejects.toThrow(
      "context 'a' is for account 444455556666, but the credentials belong to 111122223333; nothing was changed",
    );
    const silent = connect(`aws: { region: eu-west-1, endpoint: "${endpoint}" }`);
    await requireAccount(silent);
    expect(seen).toHaveLength(2);
  });

  it('of an AWS context never goes where AWS_ENDPOINT_URL points', async () => {
    vi.stubEnv('AWS_ENDPOINT_URL', endpoint);
    vi.stubEnv('AWS_ENDPOINT_URL_DYNAMODB', endpoint);
    const hosts: string[] = [];
    // What it wants to reach instead is AWS, which this test must not.
    vi.spyOn(dns, 'lookup').mockImplementation(((host: string, _: unknown, done: (error: Error) => void) => {
      hosts.push(host);
      done(Object.assign(new Error(`getaddrinfo ENOTFOUND ${host}`), { code: 'ENOTFOUND' }));
    }) as unknown as typeof dns.lookup);
    await expect(connect('aws: { region: eu-west-1 }').desired.get(KEY)).rejects.toMatchObject({ code: 'Error' });
    expect(seen).toEqual([]);
    expect(hosts).toEqual(['dynamodb.eu-west-1.amazonaws.com']);
    // Without a context the environment is what the person said.
    const plain = connectBySdk({}, { env: { AWS_ENDPOINT_URL: endpoint }, clock: world.clock } as never);
    opened.push(plain);
    await plain.desired.get(KEY);
    expect(seen).toHaveLength(1);
  });

  it('does no IO before the first call', () => {
    const connection = connect(`aws: { region: eu-west-1, profile: nobody, endpoint: "${endpoint}" }`);
    expect(connection).toMatchObject({ contextName: 'a', isLocal: false, isProtected: false });
    expect(seen).toEqual([]);
  });

  it('a profile that is not there is an error with a remedy', async () => {
    const connection = connect(`aws: { region: eu-west-1, profile: nobody, endpoint: "${endpoint}" }`);
    await expect(connection.desired.get(KEY)).rejects.toMatchObject({
      code: 'CredentialsProviderError',
      kind: 'denied',
    });
  });
});
