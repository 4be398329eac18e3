import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { taggedResources } from '../../src/aws/index.ts';
import { KINDS } from '../../src/kinds/index.ts';

const FOLDER = new URL('../../src/kinds/', import.meta.url);
const PREFIXES: Record<string, string | undefined> = {
  autoscaling: 'application-autoscaling',
  codebuild: 'codebuild',
  ecr: 'ecr',
  ecs: 'ecs',
  elbv2: 'elasticloadbalancing',
  iam: 'iam',
  lambda: 'lambda',
  logs: 'logs',
  s3: 's3',
  secretsmanager: 'secretsmanager',
  tagging: 'tag',
  // Not AWS APIs.
  registry: undefined,
  git: undefined,
};
/** Operations that IAM knows under another name. */
const ALLOWED_AS: Readonly<Record<string, string>> = { 's3:HeadObject': 's3:GetObject' };
/** Demanded of the caller by operations of another name: tags given at creation, roles handed on, alarms made. */
const IMPLIED = new Set([
  'application-autoscaling:TagResource',
  'cloudwatch:DeleteAlarms',
  'cloudwatch:DescribeAlarms',
  'cloudwatch:PutMetricAlarm',
  'ecr:TagResource',
  'ecs:TagResource',
  'elasticloadbalancing:AddTags',
  'logs:TagResource',
  's3:GetObjectVersion',
  's3:ListBucket',
  'iam:PassRole',
  'iam:CreateServiceLinkedRole',
]);

describe('the registry', () => {
  it('holds a kind for every folder, under its own name', () => {
    const folders = readdirSync(FOLDER, { withFileTypes: true }).filter((entry) => entry.isDirectory());
    expect([...KINDS.keys()].sort()).toEqual(folders.map(({ name }) => name).sort());
    for (const [name, kind] of KINDS) expect(kind.name).toBe(name);
  });
});

describe.each([...KINDS.values()])('$name', (kind) => {
  it('asks permission for exactly the operations that it calls', () => {
    const source = readFileSync(new URL(`${kind.name}/index.ts`, FOLDER), 'utf8');
    const used = new Set<string>();
    for (const [, service = '', operation = ''] of source.matchAll(/\baws\.(\w+)\s*\.(\w+)\(/g)) {
      expect(PREFIXES, `${service} is a known service`).toHaveProperty(service);
      const prefix = PREFIXES[service];
      const action = `${prefix}:${operation.charAt(0).toUpperCase()}${operation.slice(1)}`;
      if (prefix) used.add(ALLOWED_AS[action] ?? action);
    }
    // What its sweep lists.
    const listings = kind.sweep
      ? [kind.sweep.listing.name, ...(kind.sweep.fromTags ? [taggedResources.name] : [])]
      : [];
    for (const listing of listings) {
      const [service = '', operation = ''] = listing.split(' ');
      expect(PREFIXES, `${service} is a known service`).toHaveProperty(service);
      used.add(`${PREFIXES[service]}:${operation}`);
    }
    const declared = kind.permissions.flatMap(({ actions }) => actions);
    // Once for what is new and once for what is its own is not twice.
    const asked = kind.permissions.flatMap(({ actions, only }) => actions.map((action) => `${action} ${only ?? ''}`));
    expect(new Set(asked).size, 'no action twice').toBe(asked.length);
    expect([...new Set(declared)].filter((action) => used.has(action) || !IMPLIED.has(action)).sort()).toEqual(
      [...used].sort(),
    );
  });

  it('reads of what is seen nothing but the tags for reasons that rest on them', () => {
    for (const reason of kind.sweep?.fromTags ?? []) {
      const read: string[] = [];
      const seen = new Proxy<Record<string, unknown>>(
        { tags: {} },
        {
          get(target, name) {
            read.push(String(name));
            return target[String(name)];
          },
        },
      );
      expect(kind.sweep?.fields[reason]?.(seen), reason).toBeNull();
      expect(read).toEqual(['tags']);
    }
  });

  it('says why it needs each permission, and on what', () => {
    for (const { actions, resources, because } of kind.permissions) {
      expect(because.length, because).toBeGreaterThan(20);
      expect(resources.length).toBeGreaterThan(0);
      const unbounded = resources.includes('*');
      const reads = actions.every((action) => /:(Describe|List|Get)/.test(action));
      // ECS's task definition actions beside reading know no resource either.
      const excused = kind.name === 'task-definition';
      if (unbounded) expect(reads || excused, `${actions} on everything`).toBe(true);
    }
  });
});
