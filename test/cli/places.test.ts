/** Other accounts and regions as they are reached over the wire: whose credentials, which region, and what is said. */
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, expect, it } from 'vitest';
import { createSdkPorts } from '../../src/aws/index.ts';
import { connectPlaces } from '../../src/cli/places.ts';
import { PlacedTargets } from '../../src/controller/index.ts';
import { systemClock } from '../../src/core/index.ts';
import { registryPort } from '../../src/oci/index.ts';

const ROLE = 'arn:aws:iam::111122223333:role/shop';
let server: Server | undefined;
let closing: (() => void | Promise<void>)[] = [];

afterEach(async () => {
  for (const close of closing) await close();
  closing = [];
  await new Promise((done) => server?.close(done));
});

/** Answers STS and ECS, and notes under which credentials and for which region each call came. */
async function wire(isTrusted: boolean): Promise<{ endpoint: string; seen: string[] }> {
  const seen: string[] = [];
  server = createServer((request, response) => {
    let body = '';
    request.on('data', (chunk) => {
      body += chunk;
    });
    request.on('end', () => {
      const [, key, region, service] =
        /Credential=([^/]+)\/\d+\/([^/]+)\/([^/]+)\//.exec(request.headers.authorization ?? '') ?? [];
      const form = new URLSearchParams(body);
      const what =
        service === 'sts' ? `${form.get('Action')} ${form.get('ExternalId')} ${form.get('RoleSessionName')}` : '';
      seen.push(`${service} ${region} ${key} ${what}`.trim());
      if (service !== 'sts') return void response.end('{"clusters":[],"failures":[]}');
      response.setHeader('content-type', 'text/xml');
      const ns = 'xmlns="https://sts.amazonaws.com/doc/2011-06-15/"';
      if (!isTrusted) {
        response.statusCode = 403;
        const message = `User: arn:aws:iam::444455556666:user/x is not authorized to perform: sts:AssumeRole on resource: ${ROLE}`;
        response.end(
          `<ErrorResponse ${ns}><Error><Code>AccessDenied</Code><Message>${message}</Message></Error></ErrorResponse>`,
        );
        return;
      }
      response.end(
        `<AssumeRoleResponse ${ns}><AssumeRoleResult><Credentials><AccessKeyId>OTHER</AccessKeyId><SecretAccessKey>s</SecretAccessKey><SessionToken>t</SessionToken><Expiration>2099-01-01T00:00:00Z</Expiration></Credentials></AssumeRoleResult></AssumeRoleResponse>`,
      );
    });
  });
  await new Promise<void>((done) => server?.listen(0, '127.0.0.1', done));
  return { endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, seen };
}

async function targets(isTrusted = true) {
  const { endpoint, seen } = await wire(isTrusted);
  const registry = registryPort();
  const sdk = { region: 'eu-central-1', endpoint, credentials: { accessKeyId: 'OWN', secretAccessKey: 's' } };
  const home = createSdkPorts(sdk, registry);
  const places = connectPlaces({ sdk, sts: home.ports.sts, stateTable: 'prod-state', clock: systemClock });
  const made = new PlacedTargets(home.ports, 'eu-central-1', systemClock, places);
  closing.push(
    () => made.close(),
    home.close,
    () => registry.close(),
  );
  return { made, seen };
}

it('calls another account under its role, another region under its own name, and home as ever', async () => {
  const { made, seen } = await targets();
  const away = made.of({ region: 'eu-west-1', assumeRole: { roleArn: ROLE, externalId: 'shop-7' } });
  expect(away.id).toBe('111122223333/eu-west-1');
  await Promise.all([away.io.aws.ecs.describeClusters({}), away.io.aws.ecs.describeClusters({})]);
  expect(seen).toEqual([
    'sts eu-central-1 OWN AssumeRole shop-7 lambdacontainer-prod-state',
    'ecs eu-west-1 OTHER',
    'ecs eu-west-1 OTHER',
  ]);
  seen.length = 0;
  await made.of({ region: 'us-east-1' }).io.aws.ecs.describeClusters({});
  await made.of({}).io.aws.ecs.describeClusters({});
  expect(seen).toEqual(['ecs us-east-1 OWN', 'ecs eu-central-1 OWN']);
});

it('gives equal classes one target, and others another', async () => {
  const { made } = await targets();
  const role = (externalId: string) => ({ assumeRole: { roleArn: ROLE, externalId } });
  expect(made.of({ region: 'eu-central-1' })).toBe(made.home);
  expect(made.of(role('a'))).toBe(made.of({ ...role('a'), region: 'eu-central-1' }));
  expect(made.of(role('a'))).toBe(made.of({ ...role('a'), account: '111122223333' }));
  expect(made.of(role('a'))).not.toBe(made.of(role('b')));
  expect(made.of(role('a')).io.immutable).not.toBe(made.home.io.immutable);
  expect(made.of({ account: '444455556666' })).not.toBe(made.home);
});

it('a role that does not trust us fails each call with what to add, and STS is asked once', async () => {
  const { made, seen } = await targets(false);
  const { ecs, logs } = made.of({ assumeRole: { roleArn: ROLE } }).io.aws;
  const failures = await Promise.allSettled([ecs.describeClusters({}), logs.describeLogGroups({})]);
  for (const failure of failures) {
    expect(failure).toMatchObject({
      status: 'rejected',
      reason: { kind: 'denied', code: 'RoleNotAssumable', message: expect.stringContaining('no external id was sent') },
    });
  }
  expect(seen).toEqual(['sts eu-central-1 OWN AssumeRole null lambdacontainer-prod-state']);
});
