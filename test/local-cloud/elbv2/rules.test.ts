/** Load balancers, listeners and rules: routing, what is refused, quotas, and which groups are attached. */
import { describe, expect, it } from 'vitest';
import type { RouteRequest } from '../../../src/local-cloud/services/elbv2.ts';
import { refusal, World } from '../ecs/world.ts';

const REQUEST: RouteRequest = {
  host: 'shop.example.com',
  path: '/',
  method: 'GET',
  headers: {},
  query: '',
  sourceIp: '10.1.2.3',
};

function world() {
  const w = new World();
  return { w, listener: w.listener(), group: w.ipGroup('web'), other: w.ipGroup('other') };
}

const forward = (...groups: (readonly [string, number])[]) => [
  {
    Type: 'forward',
    ForwardConfig: { TargetGroups: groups.map(([TargetGroupArn, Weight]) => ({ TargetGroupArn, Weight })) },
  },
];

describe('conditions', () => {
  const cases: {
    reason: string;
    condition: object;
    matches: Partial<RouteRequest>[];
    misses: Partial<RouteRequest>[];
  }[] = [
    {
      reason: 'a host, in the old spelling',
      condition: { Field: 'host-header', Values: ['*.Example.com'] },
      matches: [{}, { host: 'SHOP.example.COM:8080' }],
      misses: [{ host: 'example.com' }, { host: 'shop.example.org' }, { host: 'shopXexample.com' }],
    },
    {
      reason: 'hosts, in the new spelling',
      condition: { Field: 'host-header', HostHeaderConfig: { Values: ['a.example.com', 'b?.example.com'] } },
      matches: [{ host: 'a.example.com' }, { host: 'b1.example.com' }],
      misses: [{ host: 'b.example.com' }],
    },
    {
      reason: 'a path, with its case',
      condition: { Field: 'path-pattern', Values: ['/api/*'] },
      matches: [{ path: '/api/' }, { path: '/api/a/b' }],
      misses: [{ path: '/API/a' }, { path: '/api' }, { path: '/v1/api/' }],
    },
    {
      reason: 'paths with signs that mean something to expressions',
      condition: { Field: 'path-pattern', PathPatternConfig: { Values: ['/a.b+c$', '/?x'] } },
      matches: [{ path: '/a.b+c$' }, { path: '/yx' }],
      misses: [{ path: '/aXb+c$' }, { path: '/x' }],
    },
    {
      reason: 'methods',
      condition: { Field: 'http-request-method', HttpRequestMethodConfig: { Values: ['GET', 'HEAD'] } },
      matches: [{}, { method: 'HEAD' }],
      misses: [{ method: 'POST' }, { method: 'get' }],
    },
    {
      reason: 'a header',
      condition: {
        Field: 'http-header',
        HttpHeaderConfig: { HttpHeaderName: 'User-Agent', Values: ['*chrome*', 'curl/?.*'] },
      },
      matches: [{ headers: { 'user-agent': 'A Chrome B' } }, { headers: { 'USER-AGENT': ['x', 'curl/8.1'] } }],
      misses: [{}, { headers: { 'user-agent': 'firefox' } }, { headers: { agent: 'chrome' } }],
    },
    {
      reason: 'the query',
      condition: {
        Field: 'query-string',
        QueryStringConfig: { Values: [{ Key: 'version', Value: 'V?' }, { Value: '*beta*' }] },
      },
      matches: [{ query: 'a=b&version=v1' }, { query: 'x=%62eta' }, { query: 'x=BETA2' }],
      misses: [{}, { query: 'version=10' }, { query: 'other=v1' }],
    },
    {
      reason: 'source addresses',
      condition: { Field: 'source-ip', SourceIpConfig: { Values: ['10.1.0.0/16', '2001:db8::/32'] } },
      matches: [{}, { sourceIp: '::ffff:10.1.9.9' }, { sourceIp: '2001:db8:1::5' }],
      misses: [{ sourceIp: '10.2.0.1' }, { sourceIp: '2001:db9::1' }, { sourceIp: 'unknown' }],
    },
  ];
  it.each(cases)('match $reason', ({ condition, matches, misses }) => {
    const { w, listener, group } = world();
    w.elbCall('CreateRule', {
      ListenerArn: listener,
      Priority: 1,
      Conditions: [condition],
      Actions: forward([group, 1]),
    });
    const route = (request: Partial<RouteRequest>) => w.elbv2.route(listener, { ...REQUEST, ...request }, () => 0);
    for (const request of matches)
      expect(route(request), JSON.stringify(request)).toEqual({ type: 'forward', targetGroupArn: group });
    for (const request of misses)
      expect(route(request), JSON.stringify(request)).toMatchObject({ type: 'fixed', status: 404 });
  });

  it('are all to be fulfilled', () => {
    const { w, listener, group } = world();
    const Conditions = [
      { Field: 'host-header', Values: ['a.example.com'] },
      { Field: 'path-pattern', Values: ['/x'] },
    ];
    w.elbCall('CreateRule', { ListenerArn: listener, Priority: 1, Conditions, Actions: forward([group, 1]) });
    const type = (request: Partial<RouteRequest>) => w.elbv2.route(listener, { ...REQUEST, ...request }, () => 0).type;
    expect([
      type({ host: 'a.example.com', path: '/x' }),
      type({ host: 'a.example.com' }),
      type({ path: '/x' }),
    ]).toEqual(['forward', 'fixed', 'fixed']);
  });

  it('are answered in both spellings', () => {
    const { w, listener, group } = world();
    const { Rules } = w.elbCall('CreateRule', {
      ListenerArn: listener,
      Priority: 7,
      Conditions: [{ Field: 'path-pattern', Values: ['/x'] }],
      Actions: forward([group, 1]),
    });
    expect(Rules).toMatchObject([
      {
        Priority: '7',
        IsDefault: false,
        Conditions: [{ Field: 'path-pattern', Values: ['/x'], PathPatternConfig: { Values: ['/x'] } }],
        Actions: [
          {
            Type: 'forward',
            TargetGroupArn: group,
            ForwardConfig: { TargetGroups: [{ TargetGroupArn: group, Weight: 1 }] },
          },
        ],
      },
    ]);
  });

  it.each([
    { reason: 'none', conditions: [], error: /A condition must be specified/ },
    { reason: 'an unknown field', conditions: [{ Field: 'cookie', Values: ['a'] }], error: /must be one of/ },
    {
      reason: 'both spellings',
      conditions: [{ Field: 'path-pattern', Values: ['/a'], PathPatternConfig: { Values: ['/b'] } }],
      error: /cannot specify both/,
    },
    {
      reason: 'the config of another field',
      conditions: [{ Field: 'path-pattern', HostHeaderConfig: { Values: ['a.b'] } }],
      error: /HostHeaderConfig|PathPatternConfig/,
    },
    {
      reason: 'a field twice',
      conditions: [
        { Field: 'path-pattern', Values: ['/a'] },
        { Field: 'path-pattern', Values: ['/b'] },
      ],
      error: /only have one 'path-pattern' condition/,
    },
    {
      reason: 'six values',
      conditions: [{ Field: 'path-pattern', PathPatternConfig: { Values: ['/a', '/b', '/c', '/d', '/e', '/f'] } }],
      error: /only have '5' condition values/,
    },
    {
      reason: 'seven wildcards',
      conditions: [{ Field: 'path-pattern', Values: ['/*/*/*/*/*/*/*'] }],
      error: /wildcards/,
    },
    {
      reason: 'a host without a dot',
      conditions: [{ Field: 'host-header', Values: ['localhost'] }],
      error: /not valid for 'host-header'/,
    },
    {
      reason: 'a path with a space',
      conditions: [{ Field: 'path-pattern', Values: ['/a b'] }],
      error: /not valid for 'path-pattern'/,
    },
    {
      reason: 'a long path',
      conditions: [{ Field: 'path-pattern', Values: [`/${'a'.repeat(128)}`] }],
      error: /must not exceed '128'/,
    },
    {
      reason: 'a small method',
      conditions: [{ Field: 'http-request-method', HttpRequestMethodConfig: { Values: ['get'] } }],
      error: /not valid/,
    },
    {
      reason: 'the host as a header',
      conditions: [{ Field: 'http-header', HttpHeaderConfig: { HttpHeaderName: 'Host', Values: ['a'] } }],
      error: /host-header/,
    },
    {
      reason: 'an address without a mask',
      conditions: [{ Field: 'source-ip', SourceIpConfig: { Values: ['10.0.0.1'] } }],
      error: /not valid/,
    },
    {
      reason: 'regular expressions',
      conditions: [{ Field: 'path-pattern', RegexValues: ['^/'] }],
      error: /not supported by the local cloud/,
    },
  ])('refuse $reason', ({ conditions, error }) => {
    const { w, listener, group } = world();
    expect(
      refusal(() =>
        w.elbCall('CreateRule', {
          ListenerArn: listener,
          Priority: 1,
          Conditions: conditions,
          Actions: forward([group, 1]),
        }),
      ),
    ).toMatch(error);
  });
});

describe('routing', () => {
  it('tries rules in order of priority, the default last', () => {
    const { w, listener, group, other } = world();
    const any = [{ Field: 'path-pattern', Values: ['*'] }];
    const make = (Priority: number, arn: string) =>
      w.elbCall('CreateRule', { ListenerArn: listener, Priority, Conditions: any, Actions: forward([arn, 1]) }).Rules[0]
        .RuleArn;
    const late = make(200, group);
    const early = make(100, other);
    const served = () => w.elbv2.route(listener, REQUEST, () => 0);
    expect(served()).toMatchObject({ targetGroupArn: other });
    w.elbCall('SetRulePriorities', {
      RulePriorities: [
        { RuleArn: early, Priority: 200 },
        { RuleArn: late, Priority: 100 },
      ],
    });
    expect(served()).toMatchObject({ targetGroupArn: group });
    w.elbCall('DeleteRule', { RuleArn: late });
    expect(served()).toMatchObject({ targetGroupArn: other });
    expect(
      w.elbCall('DescribeRules', { ListenerArn: listener }).Rules.map(({ Priority }: { Priority: string }) => Priority),
    ).toEqual(['200', 'default']);
  });

  it('shares requests by weight', () => {
    const { w, listener, group, other } = world();
    const rule = w.rule(listener, 1, [
      [group, 90],
      [other, 10],
    ]);
    const at = (random: number) => {
      const route = w.elbv2.route(listener, { ...REQUEST, path: '/1/x' }, () => random);
      return route.type === 'forward' ? route.targetGroupArn : route.type;
    };
    expect([0, 0.5, 0.899, 0.9, 0.999].map(at)).toEqual([group, group, group, other, other]);
    w.elbCall('ModifyRule', { RuleArn: rule, Actions: forward([group, 0], [other, 1]) });
    expect([0, 0.999].map(at)).toEqual([other, other]);
    w.elbCall('ModifyRule', { RuleArn: rule, Actions: forward([group, 0], [other, 0]) });
    expect(
      w.elbv2.route(listener, { ...REQUEST, path: '/1/x' }, () => 0),
      'nobody has a weight',
    ).toMatchObject({ type: 'fixed', status: 503, contentType: 'text/html' });
  });

  it('answers redirects and fixed responses', () => {
    const { w, listener } = world();
    const make = (Priority: number, action: object) =>
      w.elbCall('CreateRule', {
        ListenerArn: listener,
        Priority,
        Conditions: [{ Field: 'path-pattern', Values: [`/${Priority}/*`] }],
        Actions: [action],
      });
    make(1, {
      Type: 'redirect',
      RedirectConfig: { StatusCode: 'HTTP_301', Host: 'www.example.com', Path: '/new/#{path}' },
    });
    make(2, {
      Type: 'redirect',
      RedirectConfig: { StatusCode: 'HTTP_302', Protocol: 'HTTPS', Port: '443', Query: 'from=#{host}&#{query}' },
    });
    make(3, { Type: 'fixed-response', FixedResponseConfig: { StatusCode: '204' } });
    const route = (path: string, query: string) =>
      w.elbv2.route(listener, { ...REQUEST, host: 'shop.example.com:80', path, query }, () => 0);
    expect(route('/1/a', 'x=1')).toEqual({
      type: 'redirect',
      status: 301,
      location: 'http://www.example.com:80/new/1/a?x=1',
    });
    expect(route('/2/a', 'x=1')).toEqual({
      type: 'redirect',
      status: 302,
      location: 'https://shop.example.com:443/2/a?from=shop.example.com&x=1',
    });
    expect(route('/3/', '')).toEqual({ type: 'fixed', status: 204, contentType: 'text/plain', body: '' });
  });

  it('answers 503 for a listener that is gone', () => {
    const { w, listener } = world();
    w.elbCall('DeleteListener', { ListenerArn: listener });
    expect(w.elbv2.route(listener, REQUEST, () => 0)).toMatchObject({ status: 503 });
    expect(w.elbv2.listeners()).toEqual([]);
  });
});

describe('actions', () => {
  it.each([
    { reason: 'none', actions: () => [], error: /^ValidationError: An action must be specified/ },
    {
      reason: 'two of them',
      actions: (g: string) => [
        ...forward([g, 1]),
        { Type: 'fixed-response', FixedResponseConfig: { StatusCode: '200' } },
      ],
      error: /^InvalidLoadBalancerAction/,
    },
    {
      reason: 'a weight of 1000',
      actions: (g: string) => forward([g, 1000]),
      error: /^ValidationError: Target group weight '1000'/,
    },
    { reason: 'a group twice', actions: (g: string) => forward([g, 1], [g, 2]), error: /only once/ },
    {
      reason: 'six groups',
      actions: (g: string) => forward(...['a', 'b', 'c', 'd', 'e'].map((x) => [x, 1] as const), [g, 1]),
      error: /at most '5' target groups/,
    },
    { reason: 'an unknown group', actions: () => forward(['arn:x', 1]), error: /^TargetGroupNotFound/ },
    {
      reason: 'a loop',
      actions: () => [{ Type: 'redirect', RedirectConfig: { StatusCode: 'HTTP_301' } }],
      error: /creates a loop/,
    },
    {
      reason: 'a fixed 300',
      actions: () => [{ Type: 'fixed-response', FixedResponseConfig: { StatusCode: '300' } }],
      error: /must be 2XX, 4XX or 5XX/,
    },
    {
      reason: 'a content type',
      actions: () => [{ Type: 'fixed-response', FixedResponseConfig: { StatusCode: '200', ContentType: 'image/png' } }],
      error: /Content type/,
    },
    {
      reason: 'authentication',
      actions: () => [{ Type: 'authenticate-oidc' }],
      error: /not supported by the local cloud/,
    },
  ])('refuse $reason', ({ actions, error }) => {
    const { w, listener, group } = world();
    const before = w.elbCall('DescribeRules', { ListenerArn: listener });
    const Conditions = [{ Field: 'path-pattern', Values: ['/x'] }];
    expect(
      refusal(() =>
        w.elbCall('CreateRule', { ListenerArn: listener, Priority: 1, Conditions, Actions: actions(group) }),
      ),
    ).toMatch(error);
    expect(w.elbCall('DescribeRules', { ListenerArn: listener })).toEqual(before);
    expect(w.elbv2.isAttached(group)).toBe(false);
  });
});

describe('rules', () => {
  it('have priorities of their own, from 1 to 50000', () => {
    const { w, listener, group } = world();
    w.rule(listener, 5, [[group, 1]]);
    expect(refusal(() => w.rule(listener, 5, [[group, 1]]))).toBe("PriorityInUse: Priority '5' is currently in use");
    for (const priority of [0, 50_001, 1.5])
      expect(refusal(() => w.rule(listener, priority, [[group, 1]]))).toMatch(/^ValidationError: Priority/);
    const second = w.rule(listener, 6, [[group, 1]]);
    expect(
      refusal(() => w.elbCall('SetRulePriorities', { RulePriorities: [{ RuleArn: second, Priority: 5 }] })),
    ).toMatch(/^PriorityInUse/);
  });

  it('leave the default rule to its listener', () => {
    const { w, listener, group } = world();
    const [rule] = w.elbCall('DescribeRules', { ListenerArn: listener }).Rules;
    expect(rule).toMatchObject({ IsDefault: true, Priority: 'default', Conditions: [] });
    expect(refusal(() => w.elbCall('DeleteRule', { RuleArn: rule.RuleArn }))).toMatch(
      /^OperationNotPermitted: Default rule/,
    );
    expect(refusal(() => w.elbCall('ModifyRule', { RuleArn: rule.RuleArn, Actions: forward([group, 1]) }))).toMatch(
      /^OperationNotPermitted/,
    );
    w.elbCall('ModifyListener', { ListenerArn: listener, DefaultActions: forward([group, 1]) });
    expect(w.elbCall('DescribeRules', { RuleArns: [rule.RuleArn] }).Rules[0].Actions[0].TargetGroupArn).toBe(group);
    expect(w.elbv2.route(listener, REQUEST, () => 0)).toEqual({ type: 'forward', targetGroupArn: group });
  });

  it('keep the groups that they use from being deleted, whatever their weight', () => {
    const { w, listener, group, other } = world();
    const first = w.rule(listener, 1, [[group, 0]]);
    const second = w.rule(listener, 2, [[group, 1]]);
    const inUse = () => refusal(() => w.elbCall('DeleteTargetGroup', { TargetGroupArn: group }));
    expect(inUse()).toBe(`ResourceInUse: Target group '${group}' is currently in use by a listener or a rule`);
    w.elbCall('ModifyRule', { RuleArn: first, Actions: forward([other, 1]) });
    expect(inUse()).toMatch(/^ResourceInUse/);
    w.elbCall('DeleteRule', { RuleArn: second });
    expect(inUse()).toBe('nothing was refused');
    expect(inUse(), 'twice is fine').toBe('nothing was refused');
  });

  it('are limited to 100 for a load balancer', () => {
    const { w, listener, group } = world();
    for (let priority = 1; priority <= 100; priority++) w.rule(listener, priority, [[group, 1]]);
    expect(refusal(() => w.rule(listener, 101, [[group, 1]]))).toMatch(/^TooManyRules/);
  });

  it('may use 100 target groups for a load balancer', () => {
    const { w, listener } = world();
    const groups = Array.from({ length: 101 }, (_, index) => w.ipGroup(`g${index}`));
    for (let first = 0; first < 100; first += 5)
      w.rule(
        listener,
        first + 1,
        groups.slice(first, first + 5).map((arn) => [arn, 1] as const),
      );
    expect(refusal(() => w.rule(listener, 200, [[groups[100] ?? '', 1]]))).toMatch(
      /^TooManyUniqueTargetGroupsPerLoadBalancer: .*\[100\]/,
    );
    expect(w.rule(listener, 201, [[groups[0] ?? '', 1]]), 'one that is used already may be').toMatch(/^arn:/);
  });

  it('share a group within a load balancer only', () => {
    const { w, listener, group } = world();
    w.rule(listener, 1, [[group, 1]]);
    const second = w.listener(81);
    expect(refusal(() => w.rule(second, 1, [[group, 1]]))).toMatch(/^TargetGroupAssociationLimit/);
  });

  it('are described page by page', () => {
    const { w, listener, group } = world();
    for (const priority of [20, 3, 100]) w.rule(listener, priority, [[group, 1]]);
    const first = w.elbCall('DescribeRules', { ListenerArn: listener, PageSize: 2 });
    const second = w.elbCall('DescribeRules', { ListenerArn: listener, PageSize: 2, Marker: first.NextMarker });
    expect([...first.Rules, ...second.Rules].map(({ Priority }) => Priority)).toEqual(['3', '20', '100', 'default']);
    expect(second.NextMarker).toBeUndefined();
    expect(refusal(() => w.elbCall('DescribeRules', { RuleArns: ['arn:x'] }))).toBe(
      'RuleNotFound: One or more rules not found',
    );
    expect(refusal(() => w.elbCall('DescribeRules', { RuleArns: Array(21).fill('arn:x') }))).toBe(
      "ValidationError: You cannot describe more than '20' rules at a time",
    );
  });
});

describe('load balancers and listeners', () => {
  it('are provisioning first, then active, and found by name', () => {
    const w = new World();
    const input = { Name: 'front', Subnets: ['subnet-a', 'subnet-b'] };
    const created = w.elbCall('CreateLoadBalancer', input).LoadBalancers[0];
    expect(created).toMatchObject({ DNSName: '127.0.0.1', Type: 'application', State: { Code: 'provisioning' } });
    w.pass(1000);
    expect(w.elbCall('DescribeLoadBalancers', { Names: ['front'] }).LoadBalancers[0].State.Code).toBe('active');
    expect(w.elbCall('CreateLoadBalancer', input).LoadBalancers[0].LoadBalancerArn, 'the same request again').toBe(
      created.LoadBalancerArn,
    );
    expect(refusal(() => w.elbCall('CreateLoadBalancer', { ...input, Scheme: 'internal' }))).toMatch(
      /^DuplicateLoadBalancerName/,
    );
    expect(refusal(() => w.elbCall('DescribeLoadBalancers', { Names: ['none'] }))).toBe(
      "LoadBalancerNotFound: Load balancers '[none]' not found",
    );
    expect(refusal(() => w.elbCall('CreateLoadBalancer', { Name: 'one', Subnets: ['subnet-a'] }))).toMatch(
      /^ValidationError: At least two subnets/,
    );
    expect(
      refusal(() => w.elbCall('CreateLoadBalancer', { Name: 'nlb', Type: 'network', Subnets: input.Subnets })),
    ).toMatch(/not supported/);
  });

  it('have one listener for each port, HTTP only', () => {
    const { w, listener } = world();
    const { LoadBalancerArn } = w.elbCall('DescribeListeners', { ListenerArns: [listener] }).Listeners[0];
    const create = (more: object) =>
      refusal(() =>
        w.elbCall('CreateListener', {
          LoadBalancerArn,
          Protocol: 'HTTP',
          Port: 80,
          DefaultActions: [{ Type: 'fixed-response', FixedResponseConfig: { StatusCode: '200' } }],
          ...more,
        }),
      );
    expect(create({})).toMatch(/^DuplicateListener: A listener already exists on this port/);
    expect(create({ Port: 443, Protocol: 'HTTPS' })).toMatch(/HTTPS.*not supported/);
    expect(create({ Port: 0 })).toMatch(/^ValidationError/);
    expect(create({ Port: 81 })).toBe('nothing was refused');
    expect(w.elbv2.listeners().map(({ port }) => port)).toEqual([80, 81]);
  });

  it('take their rules with them', () => {
    const { w, listener, group, other } = world();
    w.rule(listener, 1, [
      [group, 1],
      [other, 1],
    ]);
    w.rule(listener, 2, [[group, 1]]);
    const { LoadBalancerArn } = w.elbCall('DescribeListeners', { ListenerArns: [listener] }).Listeners[0];
    w.elbCall('DeleteLoadBalancer', { LoadBalancerArn });
    expect([w.elbv2.isAttached(group), w.elbv2.isAttached(other)]).toEqual([false, false]);
    expect(w.elbCall('DescribeLoadBalancers', {}).LoadBalancers).toEqual([]);
    expect(refusal(() => w.elbCall('DescribeListeners', { ListenerArns: [listener] }))).toBe(
      'ListenerNotFound: One or more listeners not found',
    );
    expect(w.elbCall('DeleteLoadBalancer', { LoadBalancerArn }), 'twice is fine').toEqual({});
  });
});
