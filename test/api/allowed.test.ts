/** A class says which hosts and roles a namespace may use: nobody answers for another's host or takes another's role. */
import { describe, expect, it } from 'vitest';
import { formatDefect, validateClass, validateLambdaContainer } from '../../src/api/index.ts';
import { CLASS_SPEC } from './fixtures.ts';

const ROLE = 'arn:aws:iam::111122223333:role/lambdacontainer/tasks';
const ALLOWED = [
  { namespaces: ['shop', 'shop-dev'], hosts: ['*.shop.example.com', 'shop.example.com'], roles: [`${ROLE}/shop-*`] },
  { namespaces: ['platform'] },
  { namespaces: ['jobs'], hosts: [] },
];

function judged(namespace: string, spec: object, allowed: object[] = ALLOWED, roles: object = {}): string[] {
  // A class that gives tasks no role of its own, unless the case says so.
  const { task: _, ...without } = CLASS_SPEC.roles;
  const { spec: classSpec, defects } = validateClass({ ...CLASS_SPEC, allowed, roles: { ...without, ...roles } });
  if (!classSpec) throw new Error(defects.map(formatDefect).join('\n'));
  const source = { functionRef: { name: 'checkout' } };
  return validateLambdaContainer({ source, ...spec }, classSpec, namespace).defects.map(formatDefect);
}

const hosts = (...names: string[]) => ({ traffic: { hosts: names } });
const WITH_ROLE = { roles: { task: `${ROLE}/shop-checkout` } };

describe('what a namespace may use', () => {
  it.each([
    { reason: 'a host of its own', namespace: 'shop', spec: { ...hosts('pay.shop.example.com'), ...WITH_ROLE } },
    { reason: 'whatever its case', namespace: 'shop', spec: { ...hosts('Pay.Shop.example.com'), ...WITH_ROLE } },
    { reason: 'all of its own', namespace: 'shop-dev', spec: { ...hosts('*.shop.example.com'), ...WITH_ROLE } },
    { reason: 'anything, where its entry does not limit', namespace: 'platform', spec: hosts('anything.example.com') },
    {
      reason: 'no host, where it has no traffic',
      namespace: 'jobs',
      spec: {
        workload: 'worker',
        queue: { arn: 'arn:aws:sqs:eu-west-1:111122223333:q' },
        placement: { mode: 'fargate' },
      },
    },
  ])('$reason', ({ namespace, spec }) => {
    expect(judged(namespace, spec).filter((defect) => /hosts|roles|className/.test(defect))).toEqual([]);
  });

  it('the class’s own roles', () => {
    const task = 'arn:aws:iam::111122223333:role/shared';
    expect(judged('shop', hosts('shop.example.com'), ALLOWED, { task })).toEqual([]);
  });

  it('everything, while the class says nothing', () => {
    expect(judged('anybody', hosts('any.example.com'), [])).toEqual([]);
  });

  it('what is said for all that have no entry of their own', () => {
    const allowed = [...ALLOWED, { namespaces: ['*'], hosts: ['*.dev.example.com'] }];
    expect(judged('other', hosts('a.dev.example.com'), allowed)).toEqual([]);
    expect(judged('other', hosts('a.example.com'), allowed)).toHaveLength(1);
    expect(judged('shop', { ...hosts('a.dev.example.com'), ...WITH_ROLE }, allowed)).toHaveLength(1);
  });
});

describe('what it may not', () => {
  it.each([
    {
      reason: 'another’s host',
      namespace: 'shop',
      spec: { ...hosts('billing.example.com'), ...WITH_ROLE },
      says: "spec.traffic.hosts[0]: 'billing.example.com' is another's; namespace 'shop' may use *.shop.example.com, shop.example.com by class 'standard'",
    },
    {
      reason: 'a pattern that is wider than its own',
      namespace: 'shop',
      spec: { ...hosts('*.example.com'), ...WITH_ROLE },
      says: "spec.traffic.hosts[0]: '*.example.com' is another's",
    },
    {
      reason: 'every host, by naming none',
      namespace: 'shop',
      spec: WITH_ROLE,
      says: 'spec.traffic.hosts: is empty, which means every host',
    },
    {
      reason: 'another’s role',
      namespace: 'shop',
      spec: { ...hosts('shop.example.com'), roles: { task: `${ROLE}/billing` } },
      says: "is not for this namespace; namespace 'shop' may use",
    },
    {
      reason: 'another role to start tasks with',
      namespace: 'shop',
      spec: { ...hosts('shop.example.com'), roles: { task: `${ROLE}/shop-a`, execution: `${ROLE}/billing` } },
      says: 'spec.roles.execution',
    },
    {
      reason: 'whatever role a function has',
      namespace: 'shop',
      spec: hosts('shop.example.com'),
      says: 'spec.roles.task: is not given, and the role of the function would be taken',
    },
    {
      reason: 'a class that says nothing of it',
      namespace: 'stranger',
      spec: {},
      says: "nothing for 'stranger'; choose another class, or have it add an entry to spec.allowed",
    },
    {
      reason: 'a host, where it may use none',
      namespace: 'jobs',
      spec: hosts('a.example.com'),
      says: "namespace 'jobs' may use none by class",
    },
  ])('$reason', ({ namespace, spec, says }) => {
    expect(judged(namespace, spec).join('\n')).toContain(says);
  });
});

describe('a class is refused', () => {
  it.each([
    {
      reason: 'that speaks of a namespace twice',
      allowed: [{ namespaces: ['shop'] }, { namespaces: ['billing', 'shop'] }],
      says: /spec\.allowed\[1\]\.namespaces\[1\]: 'shop' stands in spec\.allowed\.0, too/,
    },
    { reason: 'that speaks of nobody', allowed: [{ hosts: [] }], says: /spec\.allowed\[0\]\.namespaces/ },
    {
      reason: 'with a role that is none',
      allowed: [{ namespaces: ['shop'], roles: ['shop-*'] }],
      says: /'shop-\*' is not the ARN of roles; write it like/,
    },
    {
      reason: 'with a host that is none',
      allowed: [{ namespaces: ['shop'], hosts: ['https://x'] }],
      says: /is not a host name/,
    },
  ])('$reason', ({ allowed, says }) => {
    expect(
      validateClass({ ...CLASS_SPEC, allowed })
        .defects.map(formatDefect)
        .join('\n'),
    ).toMatch(says);
  });
});
