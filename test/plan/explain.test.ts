/** Plans for people: what each row says of the situations that a plan can find. */
import { describe, expect, it } from 'vitest';
import { CONSEQUENCES, explain, ownershipOf, type PlanRow } from '../../src/plan/index.ts';
import { entryOf, failure, lambdaFunction, listenerRule, logGroup, OWNED, orphan, planned, view } from './worlds.ts';

const group = (observed?: unknown) =>
  view({ id: 'log-group', kind: 'log-group', identity: { logGroupName: 'g' }, props: { retentionDays: 30 }, observed });
const rule = (observed?: unknown, dependsOn: string[] = []) =>
  view({
    id: 'rule',
    kind: 'listener-rule',
    identity: { listenerArn: 'arn:listener', priority: '7' },
    props: { hosts: [], paths: ['/checkout'], groups: [] },
    dependsOn,
    observed,
  });

function only(rows: readonly PlanRow[]): PlanRow {
  const [row, ...others] = rows;
  if (!row || others.length > 0) throw new Error(`${rows.length} rows`);
  return row;
}

describe('a row', () => {
  const cases: { name: string; nodes: Parameters<typeof planned>; row: object; reason: string }[] = [
    {
      name: 'of something that is to be made',
      nodes: [[group()]],
      row: {
        action: 'create',
        reason: 'not there yet',
        fields: [{ path: 'retentionDays', desired: 30, owner: 'lambdacontainer' }],
        calls: ['logs CreateLogGroup', 'logs PutRetentionPolicy'],
        risk: 'none',
      },
      reason: 'every field that it is made with is shown',
    },
    {
      name: 'of something that drifted',
      nodes: [[group(logGroup(7))], { entries: [entryOf(group())] }],
      row: {
        action: 'update',
        reason: 'RetentionDrift: retentionDays 7 → 30',
        fields: [
          { path: 'retentionDays', desired: 30, observed: 7, owner: 'lambdacontainer', reason: 'RetentionDrift' },
        ],
        calls: ['logs PutRetentionPolicy', 'logs DeleteRetentionPolicy'],
      },
      reason: 'desired, observed, owner and the kind of drift',
    },
    {
      name: 'of something as desired',
      nodes: [[group(logGroup())], { entries: [entryOf(group())] }],
      row: { action: 'none', reason: 'as desired', calls: [], fields: [] },
      reason: 'nothing is called',
    },
    {
      name: 'of something of ours that the inventory has forgotten',
      nodes: [[group(logGroup())]],
      row: { action: 'blocked' },
      reason: 'an unshared thing that carries our tags without standing in the inventory is not ours to touch',
    },
    {
      name: 'of something shared that another object made',
      nodes: [
        [
          view({
            id: 'repository',
            kind: 'ecr-repository',
            identity: { repositoryName: 'r' },
            shared: true,
            observed: { arn: 'arn', uri: 'uri', tags: OWNED },
          }),
        ],
      ],
      row: { action: 'adopt', calls: [] },
      reason: 'it only enters the inventory',
    },
    {
      name: 'of a stranger under the name that we would use',
      nodes: [[group({ ...logGroup(), tags: {} })]],
      row: { action: 'blocked', calls: [], risk: 'none' },
      reason: 'what does not carry our tags is left',
    },
    {
      name: 'of something that could not be read',
      nodes: [[view({ id: 'log-group', kind: 'log-group', failure: failure() })]],
      row: { action: 'unknown', reason: 'ecs describeServices answered ThrottlingException: not now' },
      reason: 'unreadable is not absent',
    },
    {
      name: 'of a path that callers lose',
      nodes: [[rule(listenerRule(['/old']))], { entries: [entryOf(rule())] }],
      row: { action: 'update', risk: 'interrupts' },
      reason: 'requests for /old are turned away',
    },
  ];
  it.each(cases)('$name: $reason', ({ nodes, row }) => {
    expect(only(explain(planned(...nodes)).rows)).toMatchObject(row);
  });

  it('waits where AWS is at work', () => {
    const { rows } = explain(
      planned([
        view({
          id: 'function',
          kind: 'lambda-function',
          observed: lambdaFunction({ lastUpdateStatus: 'InProgress' }),
        }),
      ]),
    );
    expect(only(rows)).toMatchObject({ action: 'wait', reason: 'Lambda is updating checkout', calls: [] });
  });
});

describe('what cannot be done yet', () => {
  it('says what it waits for, and what is expected of it', () => {
    const { rows, changes } = explain(planned([group(), rule(undefined, ['log-group'])]));
    expect(rows[1]).toMatchObject({
      node: 'rule',
      action: 'later',
      expected: 'create',
      after: 'log-group',
      reason: 'after log-group is ready',
      calls: ['elbv2 CreateRule'],
    });
    expect(changes).toBe(true);
  });

  it('is expected to be made where nothing of it was ever made, even if its name is not known', () => {
    const waiting = view({ id: 'image', kind: 'image-build', dependsOn: ['log-group'], unresolved: true });
    expect(explain(planned([group(), waiting])).rows[1]).toMatchObject({
      action: 'later',
      expected: 'create',
      identity: {},
      fields: [],
      calls: ['codebuild StartBuild'],
    });
  });

  it('expects nothing where it cannot be told', () => {
    const waiting = view({ id: 'image', kind: 'image-build', dependsOn: ['log-group'], unresolved: true });
    const known = { ...entryOf(waiting), identity: { tag: 'v1' } };
    const row = explain(planned([group(), waiting], { entries: [known] })).rows[1];
    expect(row).toMatchObject({
      action: 'later',
      calls: [],
      because: 'whether it changes depends on what it waits for',
    });
    expect(row?.expected).toBeUndefined();
  });

  it('is blocked where only a person can go on, however far down the chain', () => {
    const source = view({ id: 'function', kind: 'lambda-function', identity: { functionName: 'x', qualifier: '' } });
    const middle = view({ id: 'log-group', kind: 'log-group', dependsOn: ['function'], unresolved: true });
    const last = view({ id: 'rule', kind: 'listener-rule', dependsOn: ['log-group'], unresolved: true });
    const { rows } = explain(planned([source, middle, last]));
    expect(rows.map(({ action }) => action)).toEqual(['blocked', 'blocked', 'blocked']);
    expect(rows[2]).toMatchObject({ after: 'log-group', reason: 'not before log-group is mended' });
  });

  it('shows a difference that waits for something else', () => {
    const drifted = rule(listenerRule(['/other']), ['log-group']);
    const { rows } = explain(planned([group(), drifted], { entries: [entryOf(drifted)] }));
    expect(rows[1]).toMatchObject({
      action: 'later',
      expected: 'update',
      fields: [{ path: 'paths', desired: ['/checkout'], observed: ['/other'] }],
      risk: 'interrupts',
    });
  });

  it('is nothing to do where it is as desired already', () => {
    const fine = rule(listenerRule(), ['log-group']);
    expect(explain(planned([group(), fine], { entries: [entryOf(fine)] })).rows[1]).toMatchObject({
      action: 'none',
      reason: 'as desired; waits for log-group',
    });
  });
});

describe('what follows from something made anew', () => {
  const image = (tag: string) =>
    view({ id: 'image', kind: 'image-build', identity: { tag }, dependsOn: [], shared: true });
  const waiting = (id: string, kind: string, ...dependsOn: string[]) => view({ id, kind, dependsOn, unresolved: true });
  const made = (id: string, kind: string) => ({
    ...entryOf(view({ id, kind })),
    identity: { name: `${id} of before` },
  });

  it('is said down the chain: new code, new image, new task definition, new tasks', () => {
    const nodes = [
      image('v1-new'),
      waiting('task-definition', 'task-definition', 'image'),
      waiting('service', 'ecs-service', 'task-definition'),
    ];
    const entries = [
      made('image', 'image-build'),
      made('task-definition', 'task-definition'),
      made('service', 'ecs-service'),
    ];
    const { rows, risk } = explain(planned(nodes, { entries }));
    expect(rows.map(({ node, action, expected }) => [node, action, expected])).toEqual([
      ['image', 'create', undefined],
      ['task-definition', 'later', 'create'],
      ['service', 'later', 'update'],
    ]);
    expect(rows[2]?.fields).toMatchObject([{ path: 'taskDefinition', desired: '(the new task-definition)' }]);
    expect(risk, 'a plan whose frontier disturbs nobody may still end in a deployment').toBe('brief');
  });

  it('a replaced target group interrupts, though the rule only attaches it', () => {
    const group = view({
      id: 'target-group/ip',
      kind: 'target-group',
      identity: { targetGroupName: 'g-2' },
      props: { targetType: 'ip', attributes: {} },
    });
    const nodes = [
      group,
      waiting('rule', 'listener-rule', 'target-group/ip'),
      waiting('service', 'ecs-service', 'target-group/ip', 'rule'),
    ];
    const entries = [
      made('target-group/ip', 'target-group'),
      made('rule', 'listener-rule'),
      made('service', 'ecs-service'),
    ];
    const { rows } = explain(planned(nodes, { entries }));
    expect(rows.map(({ node, risk }) => [node, risk])).toEqual([
      ['target-group/ip', 'none'],
      ['rule', 'none'],
      ['service', 'interrupts'],
    ]);
  });

  it('every field that it names has an owner', () => {
    for (const [kind, uses] of Object.entries(CONSEQUENCES)) {
      for (const path of Object.values(uses)) {
        if (path !== 'anew') expect(ownershipOf(kind, path).owner, `${kind} ${path}`).toBe('lambdacontainer');
      }
    }
  });
});

describe('what is left over', () => {
  const old = { ...entryOf(group()), nodeId: 'old-group', identity: { logGroupName: 'old' } };

  it('goes when everything desired stands', () => {
    const { rows } = explain(
      planned([group(logGroup())], { entries: [entryOf(group()), old], orphans: [orphan(old, logGroup())] }),
    );
    expect(rows[1]).toMatchObject({
      node: 'old-group',
      action: 'delete',
      calls: ['logs DeleteLogGroup'],
      risk: 'none',
      because: 'everything that was logged is deleted with it',
    });
  });

  it('waits until then', () => {
    const { rows } = explain(planned([group()], { entries: [old], orphans: [orphan(old, logGroup())] }));
    expect(rows[1]).toMatchObject({
      action: 'later',
      expected: 'delete',
      reason: 'after everything desired is settled',
    });
  });

  it('disturbs nobody when it goes: what serves has been elsewhere for a while', () => {
    const permission = { ...entryOf(group()), nodeId: 'lambda-permission', kind: 'lambda-permission' };
    const statement = { effect: 'Allow', principal: 'p', action: 'a', sourceArn: null };
    const { rows } = explain(
      planned([group(logGroup())], {
        entries: [entryOf(group()), permission],
        orphans: [orphan(permission, statement)],
      }),
    );
    expect(rows[1]).toMatchObject({ action: 'delete', kind: 'lambda-permission', risk: 'none' });
  });

  it('interrupts when it is a rule: somebody may still call its address', () => {
    const former = { ...entryOf(rule()), nodeId: 'old-rule' };
    const { risk } = explain(
      planned([group(logGroup())], { entries: [entryOf(group()), former], orphans: [orphan(former, listenerRule())] }),
    );
    expect(risk).toBe('interrupts');
  });

  const fates: { name: string; observed: unknown; stillUsed?: boolean; shared?: boolean; reason: string }[] = [
    { name: 'gone', observed: undefined, reason: 'it is gone' },
    { name: 'used by others', observed: logGroup(), stillUsed: true, shared: true, reason: 'other objects use it' },
    { name: 'not ours any more', observed: { ...logGroup(), tags: {} }, reason: 'left as it is' },
  ];
  it.each(fates)('is only forgotten when it is $name', ({ observed, stillUsed, shared, reason }) => {
    const entry = { ...old, shared: shared === true };
    const { rows, changes } = explain(planned([], { entries: [entry], orphans: [orphan(entry, observed, stillUsed)] }));
    expect(only(rows)).toMatchObject({ action: 'forget', calls: [], reason: expect.stringContaining(reason) });
    expect(changes).toBe(false);
  });
});

describe('a deletion', () => {
  const entry = entryOf(rule());
  it('ends what the object serves', () => {
    const { rows, risk } = explain(
      planned([], { goal: 'delete', entries: [entry], orphans: [orphan(entry, listenerRule())] }),
    );
    expect(only(rows)).toMatchObject({ action: 'delete', calls: ['elbv2 DeleteRule'], risk: 'interrupts' });
    expect(risk).toBe('interrupts');
  });

  it('with retain leaves it running', () => {
    const { rows } = explain(
      planned([], { goal: 'retain', entries: [entry], orphans: [orphan(entry, listenerRule())] }),
    );
    expect(only(rows)).toMatchObject({ action: 'release', calls: ['elbv2 RemoveTags'], risk: 'none' });
  });

  it('takes users away before what they use', () => {
    const used = entryOf(group());
    const user = { ...entryOf(rule()), dependsOn: ['log-group'] };
    const { rows } = explain(
      planned([], {
        goal: 'delete',
        entries: [used, user],
        orphans: [orphan(used, logGroup()), orphan(user, listenerRule())],
      }),
    );
    expect(rows.map(({ node, action, after }) => [node, action, after])).toEqual([
      ['log-group', 'later', 'rule'],
      ['rule', 'delete', undefined],
    ]);
  });
});

describe('secrets', () => {
  const register = {
    cpu: '256',
    containerDefinitions: [
      {
        name: 'function-1',
        image: 'i',
        environment: [
          { name: 'DB_PASSWORD', value: 'hunter22' },
          { name: 'LOG_LEVEL', value: 'info' },
          { name: 'PIN', value: '4711' },
          { name: 'URL', value: 'https://user:pass@example.com/' },
        ],
        secrets: [{ name: 'TOKEN', valueFrom: 'arn:aws:secretsmanager:eu-west-1:1:secret:t' }],
      },
    ],
  };
  const definition = view({
    id: 'task-definition',
    kind: 'task-definition',
    identity: { family: 'f', hash: 'h' },
    props: { register },
  });

  it('are never in what is made', () => {
    const explained = explain({ ...planned([definition]), secretNames: new Set(['PIN']) });
    const { fields } = only(explained.rows);
    const shown = Object.fromEntries(fields.map(({ path, desired }) => [path.split('.').at(-1), desired]));
    expect(shown).toMatchObject({ DB_PASSWORD: '(hidden)', LOG_LEVEL: 'info', PIN: '(hidden)', URL: '(hidden)' });
    expect(shown.TOKEN, 'where a secret is, is none').toContain('secretsmanager');
    expect(JSON.stringify(explained)).not.toMatch(/hunter22|4711|pass@/);
  });

  it('are never in what changes, but that they change is seen', () => {
    const predecessors = new Map([
      [
        'task-definition',
        [
          {
            path: 'function-1.environment.DB_PASSWORD',
            desired: 'hunter22',
            observed: 'hunter21',
            reason: 'ContentDrift',
          },
          { path: 'function-1.environment.LOG_LEVEL', desired: 'debug', observed: 'info', reason: 'ContentDrift' },
        ],
      ],
    ]);
    const explained = explain({ ...planned([definition]), predecessors });
    expect(only(explained.rows).fields).toMatchObject([
      { desired: '(hidden)', observed: '(hidden, another value)' },
      { desired: 'debug', observed: 'info', owner: 'lambdacontainer', risk: 'none' },
    ]);
    expect(JSON.stringify(explained)).not.toContain('hunter');
  });
});
