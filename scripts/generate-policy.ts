/**
 * Writes what the templates of deploy/ have from the resource kinds: the IAM policies, from what each kind declares and
 * what the stores call, and the rules for AWS's events. Into deploy/controller-policy.json, and between the marks of the
 * templates. Run it after a kind's `permissions` or `events` change; a test fails while one of the files is stale.
 */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { controllerPolicy } from '../src/cli/policy.ts';
import { withEventRules } from './event-rules.ts';
import { permissionsPage } from './permissions-page.ts';
import { withPolicies } from './policy-template.ts';

const deploy = join(import.meta.dirname, '../deploy');
writeFileSync(join(import.meta.dirname, '../docs/permissions.md'), permissionsPage());
writeFileSync(join(deploy, 'controller-policy.json'), `${JSON.stringify(controllerPolicy(), undefined, 2)}\n`);
for (const name of readdirSync(deploy).filter((file) => file.endsWith('.yaml'))) {
  const path = join(deploy, name);
  writeFileSync(path, withEventRules(withPolicies(readFileSync(path, 'utf8')).text));
}
