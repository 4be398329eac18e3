/**
 * Writes deploy/controller-policy.json: the IAM policy of the daemon's task role, from what each resource kind declares
 * and what the stores call. Run it after a kind's `permissions` change; a test fails while the file is stale.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { controllerPolicy } from '../src/cli/policy.ts';

const target = join(import.meta.dirname, '../deploy/controller-policy.json');
writeFileSync(target, `${JSON.stringify(controllerPolicy(), undefined, 2)}\n`);
