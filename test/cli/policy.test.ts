import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { controllerPolicy } from '../../src/cli/policy.ts';
import { KINDS } from '../../src/kinds/index.ts';

const FILE = join(import.meta.dirname, '../../deploy/controller-policy.json');

describe('the daemon’s policy', () => {
  it('deploy/controller-policy.json is what the kinds declare (npm run generate)', () => {
    expect(JSON.parse(readFileSync(FILE, 'utf8'))).toEqual(JSON.parse(JSON.stringify(controllerPolicy())));
  });

  it('covers every kind, has distinct statement ids and never a bare action', () => {
    const { Statement } = controllerPolicy();
    expect(new Set(Statement.map(({ Sid }) => Sid)).size).toBe(Statement.length);
    for (const { Action } of Statement) for (const action of Action) expect(action).toMatch(/^[a-z-]+:[A-Z][A-Za-z]+$/);
    const declared = [...KINDS.values()].flatMap(({ permissions }) => permissions.flatMap(({ actions }) => actions));
    const allowed = new Set(Statement.flatMap(({ Action }) => Action));
    expect(declared.filter((action) => !allowed.has(action))).toEqual([]);
  });
});
