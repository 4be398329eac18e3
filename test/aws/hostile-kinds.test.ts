/**
 * Every kind and every listing, fed with answers that can be parsed and are broken: members gone, null, of another type,
 * lists that are empty. Each answer of one observation is broken in each of these ways, one at a time. "Not there" may
 * never come of it, except where it is what AWS documents as its way of saying so.
 */
import { describe, expect, it } from 'vitest';
import { type Layer, layered, type Outgoing, refuseUnreadableAnswer } from '../../src/aws/index.ts';
import { Failure } from '../../src/core/index.ts';
import { KINDS } from '../../src/kinds/index.ts';
import { createDirectPorts } from '../../src/local-cloud/direct-ports.ts';
import type { AnyKind, Identity } from '../../src/resource/index.ts';
import { FIXTURES } from '../conformance/fixtures.ts';
import { TestCloud } from '../conformance/test-cloud.ts';

/** How AWS itself says that something is not there, without an error. */
const DOCUMENTED_ABSENCE: ReadonlySet<string> = new Set([
  // https://docs.aws.amazon.com/autoscaling/application/APIReference/API_DescribeScalableTargets.html: what is not
  // registered is left out.
  'autoscaling.describeScalableTargets ScalableTargets = []',
  'autoscaling.describeScalingPolicies ScalingPolicies = []',
  // https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_DescribeLogGroups.html: by prefix.
  'logs.describeLogGroups logGroups = []',
  // No revision of the family.
  'ecs.listTaskDefinitions taskDefinitionArns = []',
  // No target is registered.
  'elbv2.describeTargetHealth TargetHealthDescriptions = []',
  // The listener's default rule alone.
  'elbv2.describeRules Rules = []',
  // A revision of somebody else's.
  'ecs.describeTaskDefinition tags = []',
]);

const GARBAGE: readonly unknown[] = [
  undefined,
  null,
  7,
  -1e308,
  '',
  'garbage',
  true,
  {},
  [],
  [null],
  [[]],
  ['garbage'],
];

interface Breakage {
  readonly path: readonly (string | number)[];
  readonly value: unknown;
}

/** Every member down to the third level, of lists the first entry, each with all garbage. */
function breakagesOf(answer: unknown, path: readonly (string | number)[] = []): Breakage[] {
  if (path.length >= 3 || typeof answer !== 'object' || answer === null || answer instanceof Date) return [];
  const members = Array.isArray(answer) ? ([[0, answer[0]]] as const) : Object.entries(answer);
  return members
    .filter(([name, value]) => value !== undefined && name !== '$metadata')
    .flatMap(([name, value]) => [
      // Another text is another thing's answer, and not a broken one.
      ...GARBAGE.filter((garbage) => !isAnotherText(value, garbage)).map((garbage) => ({
        path: [...path, name],
        value: garbage,
      })),
      ...breakagesOf(value, [...path, name]),
    ]);
}

function isAnotherText(value: unknown, garbage: unknown): boolean {
  const [truth, other] = Array.isArray(value) && Array.isArray(garbage) ? [value[0], garbage[0]] : [value, garbage];
  return typeof truth === 'string' && typeof other === 'string' && other !== '';
}

function broken(answer: unknown, { path, value }: Breakage): unknown {
  const copy = structuredClone(answer) as Record<string | number, unknown>;
  let at = copy;
  for (const name of path.slice(0, -1)) at = at[name] as Record<string | number, unknown>;
  const last = path.at(-1) ?? '';
  if (value !== undefined) at[last] = value;
  else if (Array.isArray(at)) at.splice(Number(last), 1);
  else delete at[last];
  return copy;
}

/** Checks answers as the wire's port does, and breaks them on their way when told to. */
class Breaker {
  #answers: [name: string, answer: unknown][] | undefined;
  #breaking: { readonly at: number; readonly breakage: Breakage } | undefined;
  #count = 0;

  /** What is answered meanwhile, in order. */
  async answersTo(run: () => Promise<unknown>): Promise<[name: string, answer: unknown][]> {
    const answers: [string, unknown][] = [];
    this.#answers = answers;
    await run();
    this.#answers = undefined;
    return answers;
  }

  /** Runs it while the `at`th answer is broken. */
  async breaking<T>(at: number, breakage: Breakage, run: () => Promise<T>): Promise<T> {
    this.#count = 0;
    this.#breaking = { at, breakage };
    try {
      return await run();
    } finally {
      this.#breaking = undefined;
    }
  }

  readonly layer: Layer = (next) => async (outgoing: Outgoing) => {
    const { service, operation } = outgoing;
    const truth = await next(outgoing);
    this.#answers?.push([`${service}.${operation}`, structuredClone(truth)]);
    const breaking = this.#breaking;
    const answer = breaking && breaking.at === this.#count++ ? broken(truth, breaking.breakage) : truth;
    refuseUnreadableAnswer(service, operation, outgoing.input(), answer);
    return answer;
  };
}

async function stand(kind: AnyKind): Promise<{ cloud: TestCloud; breaker: Breaker; identity: Identity }> {
  const fixture = FIXTURES.get(kind.name);
  if (!fixture) throw new Error(`no fixture for ${kind.name}`);
  const breaker = new Breaker();
  const cloud = new TestCloud(1, (machines, registry) => layered(createDirectPorts(machines, registry), breaker.layer));
  const scenario = await fixture.prepare(cloud);
  const identity = (await scenario.appear?.()) ?? scenario.identity;
  const call = { token: 'hostile', tags: { 'lambdacontainer.dev/owner': 'hostile' } };
  if (!kind.external && !scenario.facet) await kind.create(cloud.io, identity, scenario.desired, call);
  if (scenario.facet) {
    const observed = await kind.observe(cloud.io, identity, {});
    const changes = observed === undefined ? [] : kind.diff(scenario.desired, observed);
    if (observed === undefined) await kind.create(cloud.io, identity, scenario.desired, call);
    else await kind.update(cloud.io, identity, scenario.desired, observed, changes, call);
  }
  await cloud.pass(60_000);
  return { cloud, breaker, identity };
}

/** Breaks every answer of `read` in every way. @returns where `isWrong` said so of what came of it */
async function wrongs<T>(
  breaker: Breaker,
  read: () => Promise<T>,
  isWrong: (read: T, breakage: Breakage) => boolean,
): Promise<{ wrong: string[]; tried: number }> {
  const answers = await breaker.answersTo(read);
  const wrong: string[] = [];
  let tried = 0;
  for (const [at, [name, answer]] of answers.entries()) {
    for (const breakage of breakagesOf(answer)) {
      const { path, value } = breakage;
      // To take its only entry out of a list is to empty it.
      const emptied = path.at(-1) === 0 && value === undefined;
      const what = emptied
        ? `${name} ${path.slice(0, -1).join('.')} = []`
        : `${name} ${path.join('.')} = ${JSON.stringify(value)}`;
      tried++;
      try {
        const read_ = await breaker.breaking(at, breakage, read);
        if (isWrong(read_, breakage) && !DOCUMENTED_ABSENCE.has(what)) wrong.push(what);
      } catch (error) {
        // A TypeError of a kind's fails its pass and is retried: loud, and nothing is concluded.
        if (!(error instanceof Failure) && !(error instanceof TypeError) && !(error instanceof RangeError)) throw error;
      }
    }
  }
  return { wrong, tried };
}

describe('nothing is absent because an answer is broken', () => {
  it.each([...KINDS.values()].map((kind) => [kind.name, kind] as const))('%s', async (_name, kind) => {
    const { cloud, breaker, identity } = await stand(kind);
    const read = () => kind.observe({ ...cloud.io, immutable: new Map() }, identity, {});
    expect(await read(), 'it stands').toBeDefined();
    const { wrong } = await wrongs(breaker, read, (observed) => observed === undefined);
    expect(wrong).toEqual([]);
  });

  it.each([...KINDS.values()].flatMap((kind) => (kind.sweep ? [[kind.name, kind, kind.sweep] as const] : [])))(
    'the listing that shows %s',
    async (_name, kind, { listing, locate }) => {
      const { cloud, breaker, identity } = await stand(kind);
      const observed = await kind.observe(cloud.io, identity, {});
      const place = locate(identity, observed);
      if (!place) throw new Error(`${kind.name} cannot be listed here`);
      const read = async () => {
        const names: string[] = [];
        for await (const page of listing.list(cloud.io.aws, place.scope, [place.name], {})) {
          for (const entry of page) names.push(...listing.namesOf(entry));
        }
        return names;
      };
      expect(await read(), 'it is listed').toContain(place.name);
      const { wrong, tried } = await wrongs(breaker, read, (names, { path, value }) => {
        // A list without it is what a listing looks like where it is not: a pass then reads it by itself.
        const withoutIt = path.at(-1) === 0 ? value === undefined : Array.isArray(value) && value.length === 0;
        return !withoutIt && !names.includes(place.name);
      });
      expect(wrong).toEqual([]);
      expect(tried).toBeGreaterThan(0);
    },
  );
});
