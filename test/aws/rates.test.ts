import { describe, expect, it } from 'vitest';
import { CHARGES, OPERATIONS, RATES, type RateName, type ServiceName } from '../../src/aws/index.ts';

const SERVICES = Object.keys(OPERATIONS) as ServiceName[];
const charges = (service: ServiceName) => CHARGES[service] as Readonly<Record<string, readonly RateName[]>>;

describe('rates', () => {
  it.each(SERVICES)('of %s name every operation that is called, and no other', (service) => {
    expect(Object.keys(charges(service)).sort()).toEqual(Object.keys(OPERATIONS[service]).sort());
  });

  it('are all used, and each by one service: calls of a service wait at one gate', () => {
    const users = new Map<string, Set<string>>();
    for (const service of SERVICES) {
      for (const name of Object.values(charges(service)).flat()) {
        users.set(name, (users.get(name) ?? new Set()).add(service));
      }
    }
    expect([...users.keys()].sort()).toEqual(Object.keys(RATES).sort());
    expect([...users].filter(([, services]) => services.size > 1)).toEqual([]);
  });

  it('are read where AWS publishes them, or say that they are assumed', () => {
    for (const [name, rate] of Object.entries(RATES)) {
      expect(rate.burst, name).toBeGreaterThanOrEqual(1);
      expect(rate.perSec, name).toBeGreaterThan(0);
      if (rate.source !== undefined) expect(rate.source, name).toMatch(/^https:\/\/docs\.aws\.amazon\.com\//);
    }
    const assumed = Object.entries(RATES).filter(([, { source }]) => source === undefined);
    expect(assumed.map(([name]) => name.split(' ')[0])).toEqual([
      'ecr',
      'ecr',
      'codebuild',
      'codebuild',
      'autoscaling',
      'autoscaling',
      'iam',
      'iam',
    ]);
  });

  it('never pace what the lease and the state table need', () => {
    expect(Object.values(charges('dynamodb')).flat()).toEqual([]);
  });

  it.each([
    { operation: 'describeRules', names: ['elbv2 account'], reason: 'reading has the size of the account limit' },
    { operation: 'modifyRule', names: ['elbv2 account', 'elbv2 mutating'], reason: 'mutating counts twice' },
    {
      operation: 'registerTargets',
      names: ['elbv2 account', 'elbv2 registration'],
      reason: 'not among the mutating ones',
    },
  ])('charge elbv2 $operation: $reason', ({ operation, names }) => {
    expect(charges('elbv2')[operation]).toEqual(names);
  });
});
