/**
 * The templates before cfn-lint, which has AWS's own schemas of every resource and its table of IAM's actions. Nothing is
 * ignored. Skipped by name where it is missing or older than the schemas that the templates follow; CI installs it.
 */
import { execFile, spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { ACTIONS_WITHOUT_RESOURCE, NARROWED_BY_CONDITION } from './actions-without-resource.ts';
import { DEPLOY, grantsOf, list, TEMPLATES, UNTAGGABLE } from './template.ts';

const run = promisify(execFile);
/** What `.ci/run` installs. Before it, listeners and dashboards could not be tagged. */
const LEAST = [1, 58];

const missing = reasonToSkip();

describe.skipIf(missing)(`cfn-lint${missing ? ` (skipped: ${missing})` : ''}`, () => {
  it.each(TEMPLATES.map(({ file }) => file))(
    'has nothing to say of deploy/%s',
    async (file) => {
      // It ends with a status other than 0 when it says something, and `run` then rejects with what it said.
      const { stdout } = await run('cfn-lint', ['--include-checks', 'I', '--', join(DEPLOY, file)]);
      expect(stdout).toBe('');
      expect(TEMPLATES.find((one) => one.file === file)?.text).not.toMatch(/cfn-lint/);
    },
    120_000,
  );

  it('knows the resources of all our actions as our table does', async () => {
    const actions = [...new Set(TEMPLATES.flatMap(grantsOf).flatMap(({ statement }) => list(statement.Action)))].sort();
    const knows = await python<Record<string, boolean | null>>(ACTIONS_SCRIPT, actions);
    expect(actions.length).toBeGreaterThan(80);
    expect(
      actions.filter((action) => knows[action] === null),
      'actions that do not exist',
    ).toEqual([]);
    const without = actions.filter((action) => knows[action] === false);
    expect(without).toEqual(Object.keys(ACTIONS_WITHOUT_RESOURCE).sort());
    expect(without.filter((action) => action in NARROWED_BY_CONDITION)).toEqual([]);
  });

  it('knows what cannot be tagged as our table does', async () => {
    const types = [
      ...new Set(TEMPLATES.flatMap(({ Resources }) => Object.values(Resources).map(({ Type }) => Type))),
    ].sort();
    const taggable = await python<Record<string, boolean>>(TYPES_SCRIPT, types);
    expect(types.filter((type) => !taggable[type])).toEqual([...UNTAGGABLE].sort());
  });
});

/** Whether each action has resource types in the service authorization reference; null: there is no such action. */
const ACTIONS_SCRIPT = `
import json, sys, pathlib, cfnlint
known = json.loads((pathlib.Path(cfnlint.__file__).parent / 'data/AdditionalSpecs/Policies.json').read_text())
def has_resource(action):
    service, name = action.split(':')
    found = known.get(service, {}).get('Actions', {}).get(name.lower())
    return None if found is None else bool(found.get('Resources'))
print(json.dumps({action: has_resource(action) for action in sys.argv[1:]}))
`;
const TYPES_SCRIPT = `
import json, sys
from cfnlint.schema.manager import PROVIDER_SCHEMA_MANAGER as schemas
print(json.dumps({name: 'Tags' in schemas.get_resource_schema('us-east-1', name).schema['properties'] for name in sys.argv[1:]}))
`;

async function python<T>(script: string, args: readonly string[]): Promise<T> {
  const { stdout } = await run('python3', ['-c', script, ...args]);
  return JSON.parse(stdout) as T;
}

function reasonToSkip(): string | undefined {
  if (process.env.CI === 'true') return undefined;
  const { status, stdout } = spawnSync('cfn-lint', ['--version'], { encoding: 'utf8' });
  if (status !== 0) return 'no cfn-lint on the PATH';
  const found = /(\d+)\.(\d+)\.\d+/.exec(stdout);
  const [major = 0, minor = 0] = [Number(found?.[1]), Number(found?.[2])];
  const [leastMajor = 0, leastMinor = 0] = LEAST;
  if (major < leastMajor || (major === leastMajor && minor < leastMinor)) {
    return `cfn-lint ${found?.[0]} is older than ${LEAST.join('.')}`;
  }
  const lib = spawnSync('python3', ['-c', 'import cfnlint']);
  return lib.status === 0 ? undefined : 'python3 on the PATH is not the one that cfn-lint is installed for';
}
