/** The table of owners against the kinds themselves: every difference that a kind can report has a row, and only those. */
import { describe, expect, it } from 'vitest';
import { KINDS } from '../../src/kinds/index.ts';
import { FIELD_OWNERS, greatest, ownershipOf, riskOf } from '../../src/plan/index.ts';
import type { AnyKind, Change } from '../../src/resource/index.ts';
import { FIXTURES } from '../conformance/fixtures.ts';
import { TestCloud } from '../conformance/test-cloud.ts';

/** Every way to change one thing inside of a JSON value: a leaf becomes another, a list longer or empty, an object null. */
function neighbours(value: unknown): unknown[] {
  if (typeof value === 'string') return [`${value}x`];
  if (typeof value === 'number') return [value + 1];
  if (typeof value === 'boolean') return [!value];
  if (value === null) return ['x', 1];
  if (Array.isArray(value)) {
    const inner = value.flatMap((item, index) => neighbours(item).map((other) => value.with(index, other)));
    return [[], [...value, value[0] ?? 'x'], ...inner];
  }
  if (typeof value !== 'object') return [];
  const members = Object.entries(value as Record<string, unknown>);
  const inner = members.flatMap(([name, member]) =>
    [...neighbours(member), ...(typeof member === 'object' ? [null] : [])].map((other) => ({
      ...value,
      [name]: other,
    })),
  );
  const fewer = members.map(([name]) => Object.fromEntries(members.filter(([other]) => other !== name)));
  return [...inner, ...fewer];
}

/** What a kind's diff says of the neighbours of what it observed; values that AWS can never answer may break it. */
function changesAround(kind: AnyKind, desired: unknown, observed: unknown): Change[] {
  return neighbours(observed).flatMap((other) => {
    try {
      return kind.diff(desired, other);
    } catch (error) {
      if (error instanceof TypeError) return [];
      throw error;
    }
  });
}

async function everyChange(kind: AnyKind): Promise<Change[]> {
  const cloud = new TestCloud();
  const scenario = await FIXTURES.get(kind.name)?.prepare(cloud);
  if (!scenario) throw new Error(`no fixture for ${kind.name}`);
  const { identity, desired } = scenario;
  if (!scenario.facet) await kind.create(cloud.io, identity, desired, { token: 't', tags: {} });
  let observed: unknown;
  await cloud.until(`${kind.name} is there`, async () => {
    observed = await kind.observe(cloud.io, identity, {});
    return observed !== undefined;
  });
  const wishes = [desired, ...Object.values(scenario.mutations)];
  return wishes.flatMap((wish) => [...kind.diff(wish, observed), ...changesAround(kind, wish, observed)]);
}

const OURS = [...KINDS.values()].filter(({ external }) => !external);

describe('the table of owners', () => {
  it.each(OURS)('has a row for everything that $name can find to differ', async (kind) => {
    const changes = await everyChange(kind);
    for (const change of changes) {
      const { owner } = ownershipOf(kind.name, change.path);
      // The clamp of a desired count is the one field of another's that we put right.
      expect(['lambdacontainer', ...(change.path === 'desiredCount' ? ['autoscaling'] : [])], change.path).toContain(
        owner,
      );
    }
    const paths = new Set(changes.map(({ path }) => path));
    const written = FIELD_OWNERS.filter((row) => row.kind === kind.name && row.owner === 'lambdacontainer');
    for (const { path } of written) {
      const pattern = path.replace(/\*$/, '');
      // A task definition's fields differ only as another task definition.
      if (kind.name === 'task-definition') continue;
      expect(
        [...paths].some((found) => (path.endsWith('*') ? found.startsWith(pattern) : found === path)),
        `${kind.name} ${path} can differ`,
      ).toBe(true);
    }
  });

  it('names registered kinds only, each path once, each with its reason', () => {
    const seen = new Set<string>();
    for (const { kind, path, because } of FIELD_OWNERS) {
      expect(KINDS.has(kind), kind).toBe(true);
      expect(seen.has(`${kind} ${path}`), `${kind} ${path} twice`).toBe(false);
      seen.add(`${kind} ${path}`);
      expect(because.length, `${kind} ${path}`).toBeGreaterThan(5);
    }
  });

  it('has a word on every kind but those whose resources have no fields', () => {
    const named = new Set(FIELD_OWNERS.map(({ kind }) => kind));
    expect([...KINDS.keys()].filter((name) => !named.has(name))).toEqual(['image-build']);
  });

  it('refuses a field that nobody entered', () => {
    expect(() => ownershipOf('log-group', 'colour')).toThrow('field-owners.ts has no row for log-group colour');
  });
});

describe('the risk of a change', () => {
  const cases: { name: string; kind: string; change: Partial<Change>; risk: string; reason: string }[] = [
    {
      name: 'another path beside those served',
      kind: 'listener-rule',
      change: { path: 'paths', desired: ['/a', '/b'], observed: ['/a'] },
      risk: 'none',
      reason: 'what is served goes on being served',
    },
    {
      name: 'a path in place of another',
      kind: 'listener-rule',
      change: { path: 'paths', desired: ['/b'], observed: ['/a'] },
      risk: 'interrupts',
      reason: 'callers of /a are turned away',
    },
    {
      name: 'a host where any would do',
      kind: 'listener-rule',
      change: { path: 'hosts', desired: ['a.example.com'], observed: [] },
      risk: 'interrupts',
      reason: 'an empty list means any: to fill it narrows',
    },
    {
      name: 'any host where one was asked for',
      kind: 'listener-rule',
      change: { path: 'hosts', desired: [], observed: ['a.example.com'] },
      risk: 'none',
      reason: 'an empty list means any: to empty it widens',
    },
    {
      name: 'a new task definition',
      kind: 'ecs-service',
      change: { path: 'taskDefinition', desired: 'b', observed: 'a' },
      risk: 'brief',
      reason: 'a rolling deployment',
    },
    {
      name: 'another port of the target group',
      kind: 'target-group',
      change: { path: 'port', desired: 1, observed: 2, replace: true },
      risk: 'interrupts',
      reason: 'the group is replaced',
    },
  ];
  it.each(cases)('$name: $risk ($reason)', ({ kind, change, risk }) => {
    expect(riskOf(kind, { reason: 'Drift', desired: 1, observed: 2, path: '', ...change }).risk).toBe(risk);
  });

  it('of several is the greatest', () => {
    expect(greatest([])).toBe('none');
    expect(greatest(['none', 'brief', 'none'])).toBe('brief');
    expect(greatest(['interrupts', 'brief'])).toBe('interrupts');
  });
});
