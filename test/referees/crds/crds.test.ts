/**
 * crds/ before Kubernetes' own library: the definitions are valid, and what an API server accepts and refuses is what
 * `lambdacontainer apply` accepts and refuses, apart from a list with reasons. Needs Go; skipped by name without.
 */
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import {
  type ApiObject,
  type Condition,
  type Defect,
  formatDefect,
  parseManifests,
  placed,
  setCondition,
  validateClass,
  validateGitSource,
  validateLambdaContainer,
} from '../../../src/api/index.ts';
import { PathIndex } from '../../../src/api/path-index.ts';
import { DIFFERENCES, type Difference } from './differences.ts';
import { combinations, fromTables, generated, manifests, metadata, type Sample, valid } from './documents.ts';
import { type Answer, findGo, Referee } from './kubernetes.ts';

const ROOT = resolve(import.meta.dirname, '../../..');
const SEED = 20_260_801;
const GENERATED = 600;

interface Judged extends Sample {
  /** What a person reads from us, a line each; nothing when we accept. */
  readonly ours: readonly string[];
  readonly theirs: readonly string[];
}

function specDefects({ kind, namespace, spec }: ApiObject): readonly Defect[] {
  if (kind === 'LambdaContainerClass') return validateClass(spec).defects;
  if (kind === 'GitSource') return validateGitSource(spec).defects;
  return validateLambdaContainer(spec, undefined, namespace).defects;
}

function ourLines(text: string): string[] {
  const { objects, defects } = parseManifests(text, 'f.yaml');
  return [...defects, ...objects.flatMap((object) => placed(object, specDefects(object)))].map(formatDefect);
}

function examples(folder = join(ROOT, 'examples')): Sample[] {
  return readdirSync(folder).flatMap((name) => {
    const path = join(folder, name);
    if (name === 'node_modules' || name === 'package') return [];
    if (statSync(path).isDirectory()) return examples(path);
    if (!/\.ya?ml$/.test(name)) return [];
    const texts = readFileSync(path, 'utf8').split(/^---$/m);
    return texts.filter((text) => /^kind:/m.test(text)).map((text) => ({ name: path, text, single: false }));
  });
}

/** The differences that explain every line of the one who refuses; undefined when one line is not explained. */
function explained(sample: Judged): readonly Difference[] | undefined {
  const refuses = sample.ours.length > 0 ? 'lambdacontainer' : 'Kubernetes';
  const lines = sample.ours.length > 0 ? sample.ours : sample.theirs;
  const found = lines.map((line) =>
    DIFFERENCES.find((difference) => difference.refuses === refuses && difference.line.test(line)),
  );
  return found.every((difference) => difference !== undefined) ? found : undefined;
}

const STATUSES: readonly { health: string; reason: string; status: object }[] = [
  { health: 'Current', reason: 'Ready', status: { conditions: conditions(['Ready', 'True']) } },
  {
    health: 'Current',
    reason: 'what is abnormal is false',
    status: { conditions: conditions(['Ready', 'True'], ['Reconciling', 'False'], ['Stalled', 'False']) },
  },
  {
    health: 'Failed',
    reason: 'Stalled and not Reconciling',
    status: { conditions: conditions(['Ready', 'False'], ['Reconciling', 'False'], ['Stalled', 'True']) },
  },
  {
    health: 'InProgress',
    reason: 'Ready, but of an older generation',
    status: { observedGeneration: 1, conditions: conditions(['Ready', 'True']) },
  },
  {
    health: 'InProgress',
    reason: 'Reconciling',
    status: { conditions: conditions(['Ready', 'False'], ['Reconciling', 'True']) },
  },
  {
    health: 'InProgress',
    reason: 'a change while the old revision serves',
    status: { conditions: conditions(['Ready', 'True'], ['Reconciling', 'True']) },
  },
  { health: 'InProgress', reason: 'not Ready', status: { conditions: conditions(['Ready', 'False']) } },
  { health: 'InProgress', reason: 'not known', status: { conditions: conditions(['Ready', 'Unknown']) } },
  {
    health: 'Failed',
    reason: 'Stalled',
    status: { conditions: conditions(['Ready', 'False'], ['Stalled', 'True']) },
  },
  {
    health: 'Current',
    reason: 'drift that is only reported',
    status: { conditions: conditions(['Ready', 'True'], ['Drifted', 'True']) },
  },
];

function documentWith(status: object): object {
  return {
    apiVersion: 'lambdacontainer.dev/v1alpha1',
    kind: 'LambdaContainer',
    metadata: { name: 'a', generation: 2 },
    status: { observedGeneration: 2, ...status },
  };
}

const differs = ({ ours, theirs }: Judged): boolean => ours.length > 0 !== theirs.length > 0;

const go = findGo();

describe.skipIf(go === undefined)('crds/ before Kubernetes (Go)', () => {
  let referee: Referee | undefined;
  let judged: Judged[] = [];
  let definitions: Answer | undefined;
  let healths: (string | undefined)[] = [];

  // A test and no hook: where it cannot be built, that is a failure and not a reason to skip.
  it('the referee answers', () => {
    referee = new Referee(go ?? 'go');
    const samples = [
      ...valid(),
      ...examples(),
      ...metadata(),
      ...combinations(),
      ...manifests(),
      ...fromTables(),
      ...generated(SEED, GENERATED),
    ];
    const asked = referee.ask([
      ...samples.map(({ text }) => ({ yaml: text })),
      ...STATUSES.map(({ status }) => ({ document: documentWith(status), health: true })),
    ]);
    definitions = asked.definitions;
    healths = asked.answers.slice(samples.length).map(({ health }) => health);
    judged = samples.map((sample, index) => ({
      ...sample,
      ours: ourLines(sample.text),
      theirs: asked.answers[index]?.reasons ?? ['no answer'],
    }));
    expect(asked.answers).toHaveLength(samples.length + STATUSES.length);
  }, 600_000);

  afterAll(() => referee?.close());

  it('the definitions are valid: structural, with rules that compile within their cost', () => {
    expect(definitions).toEqual({ accepted: true, reasons: [] });
  });

  it('what is valid is accepted by both', () => {
    const good = [...valid(), ...examples()].map(({ name }) => name);
    const refused = judged.filter(({ name, ours, theirs }) => good.includes(name) && ours.length + theirs.length > 0);
    expect(refused.map(({ name, ours, theirs }) => ({ name, ours, theirs }))).toEqual([]);
  });

  it(`both accept and refuse the same, apart from the list (seed ${SEED})`, () => {
    const unexplained = judged.filter((sample) => differs(sample) && !explained(sample));
    expect(unexplained.map(({ name, ours, theirs }) => ({ name, ours, theirs }))).toEqual([]);
  });

  it('there is enough of everything', () => {
    const counts = { both: 0, neither: 0 };
    for (const sample of judged) {
      if (differs(sample)) continue;
      if (sample.ours.length === 0) counts.both++;
      else counts.neither++;
    }
    expect(counts.both).toBeGreaterThan(100);
    expect(counts.neither).toBeGreaterThan(400);
  });

  it('where one thing is wrong, both complain about it', () => {
    const elsewhere = judged.filter(({ single, ours, theirs }) => {
      if (!single || ours.length === 0 || theirs.length === 0) return false;
      const places = new PathIndex(ours.map((line) => line.slice(0, line.indexOf(': '))));
      return !theirs.some((line) => {
        const place = placeOf(line);
        return place === undefined || places.overlaps(place);
      });
    });
    expect(elsewhere.map(({ name, ours, theirs }) => ({ name, ours, theirs }))).toEqual([]);
  });

  it('no entry of the list is superfluous', () => {
    const used = new Set(judged.filter(differs).flatMap((sample) => explained(sample) ?? []));
    expect(DIFFERENCES.filter((difference) => !used.has(difference)).map(({ rule }) => rule)).toEqual([]);
  });

  it('every rule of the definitions refuses something', () => {
    const said = judged.flatMap(({ theirs }) => theirs).join('\n');
    expect(rulesOf().filter((message) => !said.includes(message))).toEqual([]);
  });

  it('a definition that is not structural is refused', () => {
    const wrong = referee?.ask([], join(import.meta.dirname, 'wrong')).definitions;
    expect(wrong?.accepted).toBe(false);
    expect(wrong?.reasons.join('\n')).toContain('compilation failed');
  });

  it('kstatus reads our conditions as we mean them', () => {
    expect(STATUSES.map(({ reason }, index) => [reason, healths[index]])).toEqual(
      STATUSES.map(({ reason, health }) => [reason, health]),
    );
  });
});

describe('the list of differences', () => {
  it('is what docs/compatibility-kubernetes.md says', () => {
    const text = readFileSync(join(ROOT, 'docs/compatibility-kubernetes.md'), 'utf8');
    const rows = [...text.matchAll(/^\| (.+) \| (`lambdacontainer`|Kubernetes) \| (.+) \|$/gm)].map(
      ([, rule, refuses, why]) => ({ rule, refuses: refuses?.replaceAll('`', ''), why }),
    );
    expect(rows).toEqual(DIFFERENCES.map(({ rule, refuses, why }) => ({ rule, refuses, why })));
  });
});

function conditions(...given: [type: string, status: Condition['status']][]): Condition[] {
  return given.reduce<Condition[]>(
    (all, [type, status]) =>
      setCondition(all, { type, status, reason: 'Because', message: '', observedGeneration: 2 }, 0),
    [],
  );
}

/** Of `spec.a[B]: Invalid value: …` and `unknown field "spec.a"`; undefined for lines about the whole. */
function placeOf(line: string): string | undefined {
  const place = /^unknown field "(.*)"$/.exec(line)?.[1] ?? /^((?:metadata|spec)\S*): /.exec(line)?.[1];
  return place?.replaceAll(/\[([A-Za-z_][\w-]*)\]/g, '.$1');
}

/** The messages of all CEL rules. */
function rulesOf(): string[] {
  const messages: string[] = [];
  const walk = (value: unknown): void => {
    if (value === null || typeof value !== 'object') return;
    const rules = (value as Record<string, unknown>)['x-kubernetes-validations'];
    if (Array.isArray(rules)) messages.push(...rules.map(({ message }: { message: string }) => message));
    Object.values(value).forEach(walk);
  };
  const folder = join(ROOT, 'crds');
  for (const name of readdirSync(folder)) walk(parse(readFileSync(join(folder, name), 'utf8')));
  return [...new Set(messages)];
}
