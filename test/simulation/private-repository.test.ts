/**
 * A private repository of a class: the production controller on the local cloud, with IAM enforced as in `deploy/`. The
 * server and the build get the credentials; no table, log, build or condition does.
 */
import { pino } from 'pino';
import { afterEach, expect, it } from 'vitest';
import { putClassPolicies } from '../../src/cli/local/controller-identity.ts';
import { World } from './world.ts';

const PASSWORD = 'planted-in-secret-0';
const SECRET = JSON.stringify({ token: PASSWORD });
const REPOSITORY = { url: 'https://git.example.com/acme/shop.git', ref: 'main' };
const COMMIT = 'a'.repeat(40);

let world: World | undefined;
const lines: string[] = [];
afterEach(async () => {
  await world?.stop();
  world?.cloud.close();
  world = undefined;
  lines.length = 0;
});

/** An object of the repository, in a class whose credentials are in the secret `name`. */
async function started(name: string): Promise<World> {
  const w = new World(3);
  world = w;
  w.logger = pino({ level: 'debug' }, { write: (line: string) => void lines.push(line) });
  await w.bootstrap();
  putClassPolicies(w.cloud);
  w.cloud.call('secretsmanager', 'CreateSecret', { Name: name, SecretString: SECRET });
  w.commits.set(`${REPOSITORY.url} main`, COMMIT);
  const record = await w.desired.get({ namespace: '_system', name: 'class/standard' });
  const { spec = {}, ...rest } = (record?.item ?? {}) as { spec?: { build?: object } };
  const gitCredentials = [{ url: 'https://git.example.com/acme/', secretRef: name }];
  await w.putRecord({ ...rest, spec: { ...spec, build: { ...spec.build, gitCredentials } } });
  w.start();
  await w.put('shop', 'checkout', { source: { repository: REPOSITORY } });
  return w;
}

async function condition(w: World, type: string) {
  const status = await w.status('shop', 'checkout');
  return status?.conditions.find((candidate) => candidate.type === type);
}

/** Everything that somebody can read without the right to read the secret. */
async function readable(w: World): Promise<string> {
  const tables = await Promise.all(
    ['lambdacontainer-desired', 'lambdacontainer-state'].map((TableName) => w.aws.dynamodb.scan({ TableName })),
  );
  const { ids = [] } = w.cloud.call('codebuild', 'ListBuilds', {}) as { ids: string[] };
  const builds = await w.aws.codebuild.batchGetBuilds({ ids });
  return JSON.stringify([tables, builds, lines]);
}

it('is asked and built with the credentials of its class, which nobody else sees', async () => {
  const w = await started('lambdacontainer/sources/builds/acme');
  await w.until('Ready', () => w.isReady('shop', 'checkout'));
  expect(w.logins.length).toBeGreaterThan(0);
  for (const login of w.logins) expect(login).toEqual({ username: 'x-access-token', password: PASSWORD });
  expect(w.buildEnvironments.map((environment) => environment.LAMBDACONTAINER_GIT_SECRET)).toEqual([SECRET]);
  const text = await readable(w);
  expect(text).toContain('lambdacontainer/sources/builds/acme');
  expect(text).toContain(COMMIT);
  expect(text).not.toContain(PASSWORD);
  expect(w.denials).toEqual([]);
});

it('is not built with a secret that is not for builds, and says which', async () => {
  const w = await started('lambdacontainer/sources/team');
  await w.until('told', async () => (await condition(w, 'ImageBuilt'))?.reason === 'BuildFailed');
  expect(await condition(w, 'SourceResolved')).toMatchObject({ status: 'True' });
  expect((await condition(w, 'ImageBuilt'))?.message).toMatch(
    /AccessDeniedException: User: \S+lambdacontainer-build\S* is not authorized .*secret:lambdacontainer\/sources\/team/,
  );
  expect(w.buildEnvironments).toEqual([]);
  expect(await readable(w)).not.toContain(PASSWORD);
});
