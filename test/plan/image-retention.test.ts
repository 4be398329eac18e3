/** Which images a lifecycle policy of ECR will take away, and that an object says so. */
import { describe, expect, it } from 'vitest';
import { KINDS } from '../../src/kinds/index.ts';
import { conditionsOf, imageThreats, plan, threatsTo } from '../../src/plan/index.ts';
import { view, world } from './worlds.ts';

const TAG = 'v1-0123456789abcdef01234567';
const rule = (rulePriority: number, selection: object, more: object = {}) => ({
  rulePriority,
  selection: { countType: 'imageCountMoreThan', countNumber: 10, ...selection },
  action: { type: 'expire' },
  ...more,
});
const policy = (...rules: object[]) => JSON.stringify({ rules });

describe('a lifecycle policy', () => {
  const cases: { reason: string; text: string | null; when: string | undefined }[] = [
    { reason: 'none threatens nothing', text: null, when: undefined },
    {
      reason: 'what is untagged is not ours',
      text: policy(
        rule(1, { tagStatus: 'untagged', countType: 'sinceImagePushed', countUnit: 'days', countNumber: 1 }),
      ),
      when: undefined,
    },
    {
      reason: 'any image is ours too',
      text: policy(rule(1, { tagStatus: 'any' })),
      when: 'when 10 newer images are there',
    },
    {
      reason: 'images grow old',
      text: policy(rule(1, { tagStatus: 'any', countType: 'sinceImagePushed', countUnit: 'days', countNumber: 14 })),
      when: 'when it is 14 days old',
    },
    {
      reason: 'another prefix',
      text: policy(rule(1, { tagStatus: 'tagged', tagPrefixList: ['release-'] })),
      when: undefined,
    },
    {
      reason: 'our prefix',
      text: policy(rule(1, { tagStatus: 'tagged', tagPrefixList: ['v1-'] })),
      when: 'when 10 newer images are there',
    },
    {
      reason: 'an image must have a tag for every prefix',
      text: policy(rule(1, { tagStatus: 'tagged', tagPrefixList: ['v1-', 'prod'] })),
      when: undefined,
    },
    {
      reason: 'a pattern, whose other characters mean themselves',
      text: policy(
        rule(1, { tagStatus: 'tagged', tagPatternList: ['v?-*'] }),
        rule(2, { tagStatus: 'tagged', tagPatternList: ['v*-*'] }),
      ),
      when: 'when 10 newer images are there',
    },
    {
      reason: 'the rule of the least number decides',
      text: policy(
        rule(5, { tagStatus: 'any', countNumber: 5 }),
        rule(2, { tagStatus: 'tagged', tagPrefixList: ['v1-'], countNumber: 2 }),
      ),
      when: 'when 2 newer images are there',
    },
    { reason: 'what is not understood threatens nothing', text: 'rules: []', when: undefined },
  ];
  it.each(cases)('$reason', ({ text, when }) => {
    expect(threatsTo([TAG], text).map((threat) => threat.when)).toEqual(when === undefined ? [] : [when]);
  });

  it('is named by its rule', () => {
    const [threat] = threatsTo([TAG], policy(rule(3, { tagStatus: 'any' }, { description: 'keep ten' })));
    expect(threat).toEqual({ tag: TAG, rule: 'rule 3 (keep ten)', when: 'when 10 newer images are there' });
  });
});

describe('an object', () => {
  const repository = (lifecyclePolicy: string | null) =>
    view({
      id: 'repository',
      kind: 'ecr-repository',
      identity: { repositoryName: 'lambdacontainer/shop' },
      observed: { arn: 'a', uri: 'u', tags: {}, lifecyclePolicy },
    });
  const entry = (repositoryName: string, tag: string) => ({
    nodeId: 'image',
    kind: 'image-build',
    identity: { repositoryName, tag, projectName: 'p' },
    shared: true,
    capacity: false,
    dependsOn: [],
    propsHash: '',
    actedAtMs: 0,
    seen: true,
  });

  it('speaks of its own images in its own repository, those kept for a rollback included', () => {
    const seen = world([repository(policy(rule(1, { tagStatus: 'any' })))]);
    const entries = [
      entry('lambdacontainer/shop', TAG),
      entry('lambdacontainer/shop', 'v1-old'),
      entry('other', 'v1-x'),
    ];
    expect(imageThreats({ ...seen, entries }).map(({ tag }) => tag)).toEqual([TAG, 'v1-old']);
  });

  it('says so in its condition, and is Ready all the same', () => {
    const repositoryView = repository(policy(rule(1, { tagStatus: 'any' })));
    const node = { ...repositoryView.node, aspect: 'ImageBuilt', shared: true };
    const tags = world([]).tags;
    const observed = { arn: 'a', uri: 'u', tags, lifecyclePolicy: policy(rule(1, { tagStatus: 'any' })) };
    const seen = {
      ...world([{ ...repositoryView, node, observation: { state: 'present', observed } }]),
      entries: [entry('lambdacontainer/shop', TAG)],
    };
    const conditions = conditionsOf(seen, plan(seen, KINDS), []);
    expect(conditions.find(({ type }) => type === 'ImageBuilt')).toMatchObject({
      status: 'True',
      reason: 'ImageAtRisk',
    });
  });
});
