/**
 * Applications that nobody here wrote the frameworks of, deployed to the local cloud as people deploy them, and compared
 * side against side by the product's own verb. What they need is installed by `.ci/nightly`; skipped by name without it.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { zipSync } from 'fflate';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ROLE } from '../local-account.ts';
import { cli, LocalRun, ready, removeFolder, temporaryFolder } from '../local-run.ts';

const HERE = import.meta.dirname;
const NODE = ['express', 'fastify', 'hono', 'koa', 'middy'];
const PYTHON = ['wsgi', 'asgi'];
const hasNode = existsSync(join(HERE, 'node/node_modules'));
/** `pip install -r requirements.txt -t <here>`, by the Python that runs the functions. */
const packages = process.env.APPLICATIONS_PYTHON ?? '';
const hasPython = packages !== '' && existsSync(packages);
const APPLICATIONS = [...(hasNode ? NODE : []), ...(hasPython ? PYTHON : [])];
const LONG = 300_000;

let folder = '';
let run: LocalRun;

function filesBelow(path: string, prefix = ''): Record<string, Uint8Array> {
  return Object.fromEntries(
    readdirSync(path, { withFileTypes: true }).flatMap((entry) => {
      const [from, to] = [join(path, entry.name), `${prefix}${entry.name}`];
      if (entry.isDirectory()) return entry.name === '__pycache__' ? [] : Object.entries(filesBelow(from, `${to}/`));
      return entry.isFile() ? [[to, readFileSync(from)]] : [];
    }),
  );
}

beforeAll(async () => {
  if (APPLICATIONS.length === 0) return;
  folder = temporaryFolder();
  run = new LocalRun(folder);
  await run.says('Try next');
  const node = hasNode ? zipSync(filesBelow(join(HERE, 'node')), { level: 1 }) : undefined;
  const python = hasPython
    ? zipSync({ ...filesBelow(packages), ...filesBelow(join(HERE, 'python')) }, { level: 1 })
    : undefined;
  const version = hasPython ? execFileSync('python3', ['-c', 'import sys; print("%d.%d" % sys.version_info[:2])']) : '';
  for (const name of APPLICATIONS) {
    const isNode = NODE.includes(name);
    await run.aws.lambda.createFunction({
      FunctionName: name,
      Role: ROLE,
      Runtime: (isNode ? 'nodejs22.x' : `python${String(version).trim()}`) as 'nodejs22.x',
      Handler: `${name}.handler`,
      // In development Express tells where its files are, and they are elsewhere on either side. Flask lists the methods of
      // a path in the order of a set of texts, which is another in each process unless the seed is given.
      Environment: { Variables: { NODE_ENV: 'production', PYTHONHASHSEED: '0' } },
      Code: { ZipFile: (isNode ? node : python) as Uint8Array },
    });
    await run.put(name, { source: { functionRef: { name } } });
  }
  for (const name of APPLICATIONS) await ready(run, name);
}, LONG);

afterAll(async () => {
  await run?.stop();
  removeFolder(folder);
}, LONG);

describe('answers from Lambda and from Fargate', () => {
  const why = (has: boolean, what: string) => (has ? '' : ` (skipped without ${what})`);

  it.skipIf(!hasNode).each(NODE)(
    `%s${why(hasNode, 'npm ci --prefix test/e2e/applications/node')}: the same, header by header`,
    (name) => isEquivalent(name),
    LONG,
  );

  it.skipIf(!hasPython).each(PYTHON)(
    `%s${why(hasPython, 'APPLICATIONS_PYTHON')}: the same, header by header`,
    (name) => isEquivalent(name),
    LONG,
  );
});

async function isEquivalent(name: string): Promise<void> {
  const requests = ['--requests', join(HERE, 'requests.yaml')];
  const { stdout, stderr, status } = await cli(['verify', name, '--equivalence', ...requests], folder);
  expect(`${stdout}${stderr}`).toContain('11 of 11 requests are answered the same');
  expect(status).toBe(0);
  // What was compared was the application, and not eleven times the same failure.
  const { requests: answers } = (
    JSON.parse((await cli(['verify', name, '--equivalence', ...requests, '-o', 'json'], folder)).stdout) as {
      objects: { requests: { status: number }[] }[];
    }
  ).objects[0] ?? { requests: [] };
  expect(answers.map(({ status: code }) => code).slice(0, 8)).toEqual([200, 200, 200, 200, 201, 201, 200, 302]);
}
