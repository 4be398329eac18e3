/**
 * What may lie in the queue instead of an event: anything. Reading it either gives an event or says what is wrong with
 * it, and what the kinds find in an event of theirs is names or nothing, whatever stands in its detail.
 */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { eventIn } from '../../../src/controller/events/event-message.ts';
import { Interests } from '../../../src/controller/events/interests.ts';
import { KINDS } from '../../../src/kinds/index.ts';

const numRuns = process.env.EVERY ? 100_000 : 2_000;
const MEMBERS = ['id', 'source', 'detail-type', 'account', 'region', 'time', 'resources', 'detail'];
const json = fc.jsonValue({ maxDepth: 3 });

describe('a message', () => {
  it('is an event, or it is said why not', () => {
    const almost = fc.dictionary(fc.constantFrom(...MEMBERS, '__proto__'), json).map((value) => JSON.stringify(value));
    const bodies = fc.oneof(
      fc.string(),
      json.map((value) => JSON.stringify(value)),
      almost,
      fc.constant(undefined),
    );
    fc.assert(
      fc.property(bodies, (body) => {
        const event = eventIn(body);
        if ('problem' in event) expect(event.problem).not.toBe('');
        else expect(Number.isNaN(Date.parse(event.time))).toBe(false);
      }),
      { numRuns },
    );
  });

  it.each([
    ['{"a":'.repeat(50_000), 'it is not JSON'],
    ['['.repeat(200_000) + ']'.repeat(200_000), 'it is no object'],
    ['{"id":1e999}', 'it has no id'],
  ])('of %.20s… is none', (body, problem) => {
    expect(eventIn(body)).toEqual({ problem });
  });
});

const interests = new Interests(KINDS);
const declared = [...KINDS.values()].flatMap(({ events = [] }) => events);

/** Members that a kind may look for, wherever it looks. */
const NAMES = [
  ...new Set(declared.flatMap(({ detail = {} }) => Object.keys(detail).flatMap((path) => path.split('.')))),
  'requestParameters',
  'responseElements',
  'repository-name',
  'image-tag',
  'project-name',
  'clusterArn',
  'group',
  'functionName',
  'resources',
  'ruleArn',
  'targetGroupArn',
  'containerInstanceArn',
];

/** Whatever the pattern asks for is there, so that the kind gets to read the rest. */
function detailFor(wanted: Readonly<Record<string, readonly string[]>>, rest: object): Record<string, unknown> {
  const detail = { ...rest } as Record<string, unknown>;
  for (const [path, values] of Object.entries(wanted)) {
    const steps = path.split('.');
    let at = detail;
    for (const step of steps.slice(0, -1)) {
      at[step] = typeof at[step] === 'object' && at[step] !== null && !Array.isArray(at[step]) ? { ...at[step] } : {};
      at = at[step] as Record<string, unknown>;
    }
    at[steps.at(-1) ?? ''] = values[0];
  }
  return detail;
}

describe('an event', () => {
  it('of a kind’s, with any detail, speaks of names or of nothing', () => {
    const text = fc.oneof(fc.string(), fc.constantFrom('', 'arn:', 'arn:aws:ecs:::', 'service/', '/', ':::::::'));
    const value = fc.letrec((tie) => ({
      any: fc.oneof({ maxDepth: 3 }, text, json, fc.array(tie('any'), { maxLength: 3 }), tie('object')),
      object: fc.dictionary(fc.constantFrom(...NAMES), tie('any'), { maxKeys: 5 }),
    }));
    let spoken = 0;
    fc.assert(
      fc.property(
        fc.constantFrom(...declared),
        value.object as fc.Arbitrary<object>,
        fc.array(text, { maxLength: 3 }),
        (interest, rest, resources) => {
          const found = interests.of({
            id: '1',
            source: interest.source,
            'detail-type': interest.detailType,
            account: '000000000000',
            region: 'us-east-1',
            time: '2026-01-01T00:00:00Z',
            resources,
            detail: detailFor(interest.detail ?? {}, rest),
          });
          spoken += found.length;
          for (const { names } of found) expect(names.every((name) => typeof name === 'string')).toBe(true);
        },
      ),
      { numRuns },
    );
    expect(spoken).toBeGreaterThan(0);
  });
});
