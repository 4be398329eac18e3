/** Whatever is thrown at it: an answer, and every defect has a path and a message. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  confirmationFromRecord,
  type Defect,
  formatDefect,
  objectFromRecord,
  parseManifests,
  recordFromObject,
  specHash,
  validateClass,
  validateGitSource,
  validateLambdaContainer,
} from '../../src/api/index.ts';
import { CLASS_SPEC, MINIMAL_SPEC, SOURCE_SPEC, withValue } from './fixtures.ts';

const anything = fc.anything({
  withBigInt: true,
  withDate: true,
  withMap: true,
  withNullPrototype: true,
  withObjectString: true,
  withSet: true,
  withSparseArray: true,
  withTypedArray: true,
});

const PATHS = [
  'className',
  'source',
  'source.functionRef',
  'source.functionRef.name',
  'source.image',
  'interface',
  'port',
  'workload',
  'build',
  'compute',
  'compute.cpu',
  'compute.memory',
  'compute.timeout',
  'compute.spot',
  'placement',
  'placement.mode',
  'placement.split',
  'scaling',
  'scaling.min',
  'scaling.schedules',
  'traffic',
  'traffic.hosts',
  'traffic.paths',
  'traffic.healthCheck',
  'traffic.healthCheck.interval',
  'rollout',
  'rollout.steps',
  'environment',
  'environment.A',
  'secrets',
  'secrets.A',
  'roles',
  'network',
  'network.subnets',
  'triggers',
  'drift',
  'dependsOn',
  'suspend',
  '__proto__x',
];
const likely = fc.oneof(
  anything,
  fc.constantFrom<unknown>(
    null,
    '',
    'split',
    'fargate',
    0,
    -1,
    256,
    1e21,
    '5m',
    [],
    {},
    [null],
    [[]],
    'a.example.com',
    { lambda: 1 },
  ),
);

const judgeContainer = (raw: unknown) => validateLambdaContainer(raw, undefined, 'shop');

function expectSound(defects: readonly Defect[], valid: boolean): void {
  expect(defects.length === 0).toBe(valid);
  for (const defect of defects) {
    expect(defect.path).not.toBe('');
    expect(defect.message.length).toBeGreaterThan(5);
    expect(defect.message).not.toMatch(/^[^'"]*(undefined|\[object)/);
    expect(formatDefect(defect)).not.toMatch(/[\n\r]/);
  }
}

describe('no input crashes validation or yields a defect without a path', () => {
  it('any spec', () => {
    fc.assert(
      fc.property(anything, (raw) => {
        const { spec, defects } = validateLambdaContainer(raw, undefined);
        expectSound(defects, spec !== undefined);
      }),
      { numRuns: 500 },
    );
  });

  it('a good spec with strange members', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.constantFrom(...PATHS), likely), { minLength: 1, maxLength: 4 }), (changes) => {
        const raw = changes.reduce(
          (spec, [path, value]) => withValue(spec, path, value),
          MINIMAL_SPEC as Record<string, unknown>,
        );
        const classSpec = validateClass(CLASS_SPEC).spec;
        const { spec, defects } = validateLambdaContainer(raw, classSpec, 'shop');
        expectSound(defects, spec !== undefined);
      }),
      { numRuns: 1500 },
    );
  });

  it('any class', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...Object.keys(CLASS_SPEC), 'defaults', 'caps', 'tags', 'logs'),
        likely,
        (path, value) => {
          const { spec, defects } = validateClass(withValue(CLASS_SPEC, path, value));
          expectSound(defects, spec !== undefined);
        },
      ),
      { numRuns: 500 },
    );
  });

  it('any source', () => {
    const members = [
      'url',
      'ref',
      'ref.branch',
      'ref.semver',
      'path',
      'verify',
      'verify.signers',
      'substitute',
      'prune',
    ];
    fc.assert(
      fc.property(
        fc.constantFrom(...members, 'interval', 'secretRef', 'dependsOn', 'externalId'),
        likely,
        (path, value) => {
          const { spec, defects } = validateGitSource(withValue(SOURCE_SPEC, path, value));
          expectSound(defects, spec !== undefined);
        },
      ),
      { numRuns: 500 },
    );
  });

  it('any confirmation', () => {
    const entry = fc.dictionary(fc.constantFrom('namespace', 'name', 'uid', '__proto__', 'x'), likely);
    const item = fc.record({
      namespace: fc.oneof(fc.constant('_system'), likely),
      name: fc.oneof(fc.constantFrom('deletion/a', 'deletion/', 'class/a'), likely),
      spec: fc.oneof(likely, fc.record({ objects: fc.oneof(likely, fc.array(fc.oneof(likely, entry))) })),
    });
    fc.assert(
      fc.property(item, (raw) => {
        const { confirmation, defects } = confirmationFromRecord(raw);
        expectSound(defects, confirmation !== undefined);
      }),
      { numRuns: 1000 },
    );
  });

  it('any record, up to its spec', () => {
    const name = fc.constantFrom('checkout', 'class/a', 'source/a', 'deletion/a');
    const item = fc.record({
      namespace: fc.constantFrom('shop', '_system'),
      name,
      spec: likely,
      labels: likely,
      annotations: likely,
    });
    fc.assert(
      fc.property(item, (raw) => {
        const { object, defects } = objectFromRecord(raw);
        expectSound(defects, object !== undefined);
        if (!object) return;
        const validate = {
          LambdaContainer: judgeContainer,
          LambdaContainerClass: validateClass,
          GitSource: validateGitSource,
        };
        const judged = validate[object.kind](object.spec);
        expectSound(judged.defects, judged.spec !== undefined);
      }),
      { numRuns: 1000 },
    );
  });

  it('any record', () => {
    const item = fc.dictionary(
      fc.oneof(fc.constantFrom('namespace', 'name', 'spec', 'kind', 'labels', 'annotations'), fc.string()),
      likely,
    );
    fc.assert(
      fc.property(item, (raw) => {
        const { object, defects } = objectFromRecord(raw);
        expectSound(defects, object !== undefined);
        if (object) expect(objectFromRecord(recordFromObject(object)).object).toEqual(object);
      }),
      { numRuns: 1000 },
    );
  });

  it('any text as a manifest', () => {
    const piece = fc.constantFrom(
      'a: ',
      'kind: LambdaContainer\n',
      '\n',
      '  ',
      '- ',
      '&a ',
      '*a',
      '{',
      '}',
      '[',
      ']',
      '"',
      "'",
      '|\n',
      '<<: ',
      '---\n',
      '\t',
      '!!set',
      '%YAML',
      '# ',
      ':',
      '? ',
      'spec:\n',
      'metadata:\n',
      '1',
      '.nan',
      '\u0000',
    );
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc.json(),
          fc.array(piece, { maxLength: 25 }).map((pieces) => pieces.join('')),
        ),
        (text) => {
          const { defects } = parseManifests(text, 'f.yaml');
          for (const defect of defects) {
            expect(defect.path).not.toBe('');
            expect(defect.message).not.toBe('');
            expect(defect.line).toBeGreaterThanOrEqual(1);
            expect(defect.column).toBeGreaterThanOrEqual(1);
          }
        },
      ),
      { numRuns: 1500 },
    );
  });

  it('the hash does not depend on key order', () => {
    const members = fc.record(
      {
        suspend: fc.boolean(),
        scaling: fc.record({ min: fc.integer({ min: 1, max: 4 }), max: fc.integer({ min: 4, max: 9 }) }),
        className: fc.constantFrom('a', 'b'),
      },
      { requiredKeys: [] },
    );
    fc.assert(
      fc.property(members, (raw) => {
        const forward = validateLambdaContainer({ ...MINIMAL_SPEC, ...raw }, undefined).spec;
        const backward = validateLambdaContainer(
          Object.fromEntries(Object.entries({ ...MINIMAL_SPEC, ...raw }).reverse()),
          undefined,
        ).spec;
        expect(forward && specHash(forward)).toBe(backward && specHash(backward));
      }),
    );
  });
});
