/**
 * Tags prove nothing by themselves: what somebody else tags as ours, under our names even, is in no inventory and is
 * left alone for ever, whether its object lives, changes or goes.
 */
import { afterEach, expect, it } from 'vitest';
import { tagRecord, upperTags } from '../../src/aws/index.ts';
import { World } from './world.ts';

const SPEC = { source: { functionRef: { name: 'hello' } }, placement: { mode: 'fargate' } };

let world: World | undefined;

afterEach(async () => {
  await world?.stop();
  world?.cloud.close();
  world = undefined;
});

it('leaves alone what is tagged as its own and is not', async () => {
  const w = new World(11);
  world = w;
  await w.bootstrap();
  w.start();
  await w.put('shop', 'checkout', SPEC);
  await w.until('the object is Ready', () => w.isReady('shop', 'checkout'));

  const { TargetGroups: [real] = [] } = await w.aws.elbv2.describeTargetGroups({});
  const { TagDescriptions } = await w.aws.elbv2.describeTags({ ResourceArns: [real?.TargetGroupArn ?? ''] });
  const tags = tagRecord(TagDescriptions?.[0]?.Tags);
  expect(tags).toHaveProperty(['lambdacontainer.dev/uid']);
  const { TargetGroups: [spoofed] = [] } = await w.aws.elbv2.createTargetGroup({
    Name: 'lc-shop-checkou-00000000-ip',
    TargetType: 'ip',
    Protocol: 'HTTP',
    Port: 8080,
    VpcId: 'vpc-local',
    Tags: upperTags(tags),
  });
  await w.aws.logs.createLogGroup({ logGroupName: '/lambdacontainer/shop/somebody', tags });
  const remains = async () => {
    const groups = await w.aws.elbv2.describeTargetGroups({ TargetGroupArns: [spoofed?.TargetGroupArn ?? ''] });
    const { logGroups } = await w.aws.logs.describeLogGroups({ logGroupNamePrefix: '/lambdacontainer/shop/somebody' });
    expect(groups.TargetGroups).toHaveLength(1);
    expect(logGroups).toHaveLength(1);
  };

  w.mutations.length = 0;
  await w.run(5 * 60_000);
  expect(w.mutations).toEqual([]);
  await w.put('shop', 'checkout', { ...SPEC, compute: { cpu: 512 } });
  await w.run(2 * 60_000);
  await remains();
  await w.remove('shop', 'checkout');
  await w.until('the object is gone', async () => (await w.status('shop', 'checkout')) === undefined);
  await w.run(2 * 60_000);
  await remains();
});
