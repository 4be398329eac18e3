/** When the health of tasks is asked for, and what weights wait for: which nodes can be resolved by what is known. */
import { describe, expect, it } from 'vitest';
import { validateClass, validateLambdaContainer } from '../../src/api/index.ts';
import { compose } from '../../src/compose/index.ts';
import type { RuleWeightsProps } from '../../src/kinds/index.ts';
import type { Outputs } from '../../src/resource/index.ts';
import { CLASS_SPEC } from '../api/fixtures.ts';

const GROUP = 'arn:ip';
/** A rule, its groups and a function; what is left out of the tasks is not there, or cannot be used yet. */
const KNOWN: Readonly<Record<string, Outputs>> = {
  function: { arn: 'arn:fn', packageType: 'Image', imageUri: 'i', environment: {}, layers: [], roleArn: 'r' },
  'target-group/ip': { arn: GROUP },
  'target-group/lambda': { arn: 'arn:lambda' },
  'lambda-target': { proven: true },
  rule: { arn: 'arn:rule' },
};
const RUNNING = { service: { running: 2 } };
const HEALTHY = { 'ip-health': { healthy: 2, why: null } };
const serving = (weight: number) => ({ weights: { weights: { [GROUP]: weight } } });

interface Case {
  readonly reason: string;
  readonly mode: 'fargate' | 'split';
  readonly known: Readonly<Record<string, Outputs>>;
  readonly isWithoutTraffic?: boolean;
  /** What each waits for; undefined: it is resolved. */
  readonly waits: { readonly health?: string; readonly weights?: string };
  /** What is said of the tasks' group, where weights are resolved. */
  readonly ip?: { readonly proven: boolean; readonly provenToEnter: boolean };
}

const UNPROVEN = { proven: false, provenToEnter: false };
const CASES: readonly Case[] = [
  {
    reason: 'a new object is asked for neither weights nor health before there is a task to give traffic to',
    mode: 'fargate',
    known: {},
    isWithoutTraffic: true,
    waits: { health: 'service', weights: 'service' },
  },
  {
    reason: 'once one runs, its health decides',
    mode: 'fargate',
    known: RUNNING,
    isWithoutTraffic: true,
    waits: { weights: 'ip-health' },
  },
  {
    reason: 'and is known',
    mode: 'fargate',
    known: { ...RUNNING, ...HEALTHY },
    waits: {},
    ip: { proven: true, provenToEnter: true },
  },
  {
    reason: 'a side that has no traffic and no tasks has nothing to prove; the other one does not wait for it',
    mode: 'split',
    known: serving(0),
    isWithoutTraffic: true,
    waits: { health: 'service' },
    ip: UNPROVEN,
  },
  {
    reason: 'a side that has traffic is asked for its health whatever becomes of its service',
    mode: 'split',
    known: serving(50),
    waits: { weights: 'ip-health' },
  },
  {
    reason: 'the same without another side',
    mode: 'fargate',
    known: { ...serving(100), ...HEALTHY },
    waits: {},
    ip: { proven: true, provenToEnter: true },
  },
  {
    reason: 'one of two is enough to go on serving, not to begin to',
    mode: 'split',
    known: { ...RUNNING, 'ip-health': { healthy: 1, why: 'no answer' } },
    waits: {},
    ip: { proven: true, provenToEnter: false },
  },
];

describe('traffic', () => {
  it.each(CASES)('$reason', ({ mode, known, isWithoutTraffic, waits, ip }) => {
    const { spec: klass } = validateClass(CLASS_SPEC);
    const placement = mode === 'split' ? { mode, split: { lambda: 50, fargate: 50 } } : { mode };
    const written = { source: { functionRef: { name: 'checkout' } }, placement, scaling: { min: 2, max: 4 } };
    const { spec } = validateLambdaContainer(written, klass);
    if (!spec || !klass) throw new Error('spec and class are valid');
    const outputs: Readonly<Record<string, Outputs>> = { ...KNOWN, ...known };
    const input = {
      ...{ key: { namespace: 'shop', name: 'checkout' }, spec, klass, region: 'r', incarnations: {} },
      allocation: { listenerArn: 'l', priority: 1, claims: [] },
      isWithoutTraffic,
    };
    const { nodes } = compose(input, (id) => outputs[id]);
    const resolved = (id: string) => {
      const node = nodes.find((candidate) => candidate.id === id);
      if (!node) throw new Error(`there is no ${id}`);
      let missing: string | undefined;
      try {
        const props = node.resolve((dependency) => {
          expect(node.dependsOn, `${id} may read ${dependency}`).toContain(dependency);
          const found = outputs[dependency];
          if (!found) {
            missing = dependency;
            throw new Error('not known yet');
          }
          return found;
        }).props as RuleWeightsProps;
        return { props };
      } catch (error) {
        if (missing === undefined) throw error;
        return { missing };
      }
    };
    expect(resolved('ip-health').missing).toBe(waits.health);
    const weights = resolved('weights');
    expect(weights.missing).toBe(waits.weights);
    if (ip) expect(weights.props?.asked.find(({ targetGroupArn }) => targetGroupArn === GROUP)).toMatchObject(ip);
  });
});
