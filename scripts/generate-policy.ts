/**
 * Writes the IAM policies, from what each resource kind declares and what the stores call: into
 * deploy/controller-policy.json, and between the marks of the templates in deploy/. Run it after a kind's `permissions`
 * change; a test fails while one of the files is stale.
 */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { controllerPolicy } from '../src/cli/policy.ts';
import { withPolicies } from './policy-template.ts';

const deploy = join(import.meta.dirname, '../deploy');
writeFileSync(join(deploy, 'controller-policy.json'), `${JSON.stringify(controllerPolicy(), undefined, 2)}\n`);
for (const name of readdirSync(deploy).filter((file) => file.endsWith('.yaml'))) {
  const path = join(deploy, name);
  writeFileSync(path, withPolicies(readFileSync(path, 'utf8')).text);
}
