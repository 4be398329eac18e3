import { describe, expect, it } from 'vitest';
import { type ListenerRuleObserved, type ListenerRuleProps, listenerRule } from '../../src/kinds/index.ts';
import { CALL, fakeIo } from './fakes.ts';

const IDENTITY = { listenerArn: 'listener', priority: '7' };
const desired: ListenerRuleProps = { hosts: ['Shop.example.com'], paths: ['/a', '/b/*'], groups: ['fn', 'ip'] };
const observed: ListenerRuleObserved = {
  arn: 'rule',
  priority: '7',
  hosts: ['shop.example.com'],
  paths: ['/b/*', '/a'],
  otherConditions: [],
  forward: { weights: { fn: 30, ip: 70 }, stickiness: null },
  tags: {},
};

describe('diff', () => {
  it.each<{
    name: string;
    desired?: Partial<ListenerRuleProps>;
    observed?: Partial<ListenerRuleObserved>;
    changes: [string, string][];
    reason: string;
  }>([
    { name: 'nothing', changes: [], reason: 'hosts have no case, values no order, and weights are not its business' },
    {
      name: 'a stranger attached',
      observed: { forward: { weights: { fn: 1, ip: 1, stranger: 9 }, stickiness: null } },
      changes: [],
      reason: 'other groups are not its business',
    },
    {
      name: 'host',
      observed: { hosts: ['other.example.com'] },
      changes: [['hosts', 'ConditionDrift']],
      reason: 'changed',
    },
    { name: 'any host', desired: { hosts: [] }, changes: [['hosts', 'ConditionDrift']], reason: 'the condition goes' },
    { name: 'path', observed: { paths: [] }, changes: [['paths', 'ConditionDrift']], reason: 'taken off' },
    {
      name: 'a header condition',
      observed: { otherConditions: ['http-header'] },
      changes: [['otherConditions', 'ConditionDrift']],
      reason: 'it narrows what the rule takes',
    },
    {
      name: 'a group detached',
      observed: { forward: { weights: { ip: 1 }, stickiness: null } },
      changes: [['groups.fn', 'RuleDrift']],
      reason: 'ECS needs its group attached',
    },
    {
      name: 'a redirect',
      observed: { forward: null },
      changes: [['action', 'RuleDrift']],
      reason: 'pointed elsewhere',
    },
  ])('$name: $reason', ({ desired: wish, observed: seen, changes }) => {
    const diff = listenerRule.diff({ ...desired, ...wish }, { ...observed, ...seen });
    expect(diff.map(({ path, reason }) => [path, reason])).toEqual(changes);
  });
});

describe('update', () => {
  const updateInput = async (seen: Partial<ListenerRuleObserved>) => {
    let sent: unknown;
    const { io } = fakeIo({
      elbv2: {
        modifyRule: (input) => {
          sent = input;
        },
      },
    });
    const before = { ...observed, ...seen };
    await listenerRule.update(io, IDENTITY, desired, before, listenerRule.diff(desired, before), CALL);
    return sent;
  };
  const groups = (weights: Record<string, number>) =>
    Object.entries(weights).map(([TargetGroupArn, Weight]) => ({ TargetGroupArn, Weight }));
  const forward = (weights: Record<string, number>, more: object = {}) => [
    { Type: 'forward', ForwardConfig: { TargetGroups: expect.arrayContaining(groups(weights)), ...more } },
  ];

  it('calls nothing when nothing differs', async () => {
    expect(await updateInput({})).toBeUndefined();
  });

  it('changes conditions without touching weights that another hand may move meanwhile', async () => {
    expect(await updateInput({ paths: [] })).toEqual({
      RuleArn: 'rule',
      Conditions: [
        { Field: 'host-header', HostHeaderConfig: { Values: ['Shop.example.com'] } },
        { Field: 'path-pattern', PathPatternConfig: { Values: ['/a', '/b/*'] } },
      ],
    });
  });

  it('attaches what is missing at 0 and keeps all weights and the stickiness', async () => {
    const stickiness = { enabled: true, durationSec: 60 };
    expect(await updateInput({ forward: { weights: { ip: 70, stranger: 30 }, stickiness } })).toEqual({
      RuleArn: 'rule',
      Actions: forward(
        { ip: 70, stranger: 30, fn: 0 },
        { TargetGroupStickinessConfig: { Enabled: true, DurationSeconds: 60 } },
      ),
    });
  });

  it('makes a rule that was pointed elsewhere forward again, to nobody until proof', async () => {
    expect(await updateInput({ forward: null })).toEqual({ RuleArn: 'rule', Actions: forward({ fn: 0, ip: 0 }) });
  });
});

describe('observe', () => {
  const observeRules = (rules: object[], pageSize = 400) => {
    const fake = fakeIo({
      elbv2: {
        describeRules: ({ Marker, PageSize }) => {
          expect(PageSize, 'the largest page').toBe(400);
          const from = Number(Marker ?? 0);
          const until = from + pageSize;
          return { Rules: rules.slice(from, until), ...(until < rules.length ? { NextMarker: `${until}` } : {}) };
        },
        describeTags: () => ({ TagDescriptions: [{ Tags: [{ Key: 'team', Value: 'a' }] }] }),
      },
    });
    return listenerRule.observe(fake.io, IDENTITY, {});
  };
  const rule = (more: object) => ({ RuleArn: 'rule', Priority: '7', ...more });

  it('finds its priority on any page, and nothing at another', async () => {
    const others = ['1', '2', 'default'].map((Priority) => ({ RuleArn: Priority, Priority }));
    expect((await observeRules([...others, rule({})], 2))?.arn).toBe('rule');
    expect(await observeRules(others, 2)).toBeUndefined();
  });

  it.each([
    {
      name: 'one group, spelt short',
      actions: [{ Type: 'forward', TargetGroupArn: 'ip' }],
      forward: { weights: { ip: 1 }, stickiness: null },
      reason: 'AWS weighs a lone group 1',
    },
    {
      name: 'one group, spelt twice',
      actions: [
        {
          Type: 'forward',
          TargetGroupArn: 'ip',
          ForwardConfig: { TargetGroups: [{ TargetGroupArn: 'ip', Weight: 5 }] },
        },
      ],
      forward: { weights: { ip: 5 }, stickiness: null },
      reason: 'AWS answers with both spellings',
    },
    {
      name: 'stickiness off',
      actions: [
        { Type: 'forward', ForwardConfig: { TargetGroups: [], TargetGroupStickinessConfig: { Enabled: false } } },
      ],
      forward: { weights: {}, stickiness: { enabled: false, durationSec: null } },
      reason: 'as AWS answers by default',
    },
    { name: 'a redirect', actions: [{ Type: 'redirect' }], forward: null, reason: 'does not forward' },
    {
      name: 'a login before forwarding',
      actions: [{ Type: 'authenticate-oidc' }, { Type: 'forward', TargetGroupArn: 'ip' }],
      forward: null,
      reason: 'we never made it so',
    },
  ])('reads $name: $reason', async ({ actions, forward }) => {
    expect((await observeRules([rule({ Actions: actions })]))?.forward).toEqual(forward);
  });

  it('takes a second condition of a kind for a foreign one: conditions are joined by "and"', async () => {
    const Conditions = [
      { Field: 'path-pattern', Values: ['/a'], PathPatternConfig: { Values: ['/a'] } },
      { Field: 'path-pattern', Values: ['/b'], PathPatternConfig: { Values: ['/b'] } },
      { Field: 'source-ip' },
    ];
    expect(await observeRules([rule({ Conditions })])).toMatchObject({
      hosts: [],
      paths: ['/a'],
      otherConditions: ['path-pattern', 'source-ip'],
      tags: { team: 'a' },
    });
  });
});
