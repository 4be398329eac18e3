/**
 * `bootstrap --apply` end to end, against a CloudFormation that is not ours and a real registry: from an empty account to
 * all stacks, once more without a change, and to another version in place. moto fails at nothing and takes no
 * time; what fails, waits and is asked is in test/cli/bootstrap.test.ts. Skipped where there is no `moto_server`; CI
 * installs it.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parseManifests, validateClass } from '../../src/api/index.ts';
import { systemClock } from '../../src/core/index.ts';
import { ARCHITECTURES, OWN_IMAGES, parseReference, RegistryClient } from '../../src/oci/index.ts';
import { BootstrapWorld } from '../cli/bootstrap-world.ts';
import type { RegistryServer } from '../local-cloud/registry/registry-server.ts';
import { all, hasMoto, Moto, REGION } from './moto.ts';

describe.skipIf(!hasMoto)(`bootstrap --apply${hasMoto ? '' : ' (skipped: no moto_server on the PATH)'}`, () => {
  let moto: Moto;
  let world: BootstrapWorld;
  let registry: RegistryServer;
  let manifest: string;
  let network: string[];

  beforeAll(async () => {
    moto = await Moto.start();
    world = await BootstrapWorld.create(systemClock, moto.ports, moto.accountPorts);
    registry = world.registry;
    manifest = join(world.folder, 'class.yaml');
    const ec2 = (Action: string) => moto.call('ec2', { Action }, '2016-11-15');
    const vpc = all(await ec2('DescribeVpcs'), 'vpcId')[0] ?? '';
    const subnets = all(await ec2('DescribeSubnets'), 'subnetId')
      .slice(0, 2)
      .join(',');
    network = [`VpcId=${vpc}`, `SubnetIds=${subnets}`, `TaskSubnetIds=${subnets}`, `LoadBalancerSubnetIds=${subnets}`];
  }, 60_000);
  afterAll(async () => {
    await moto.close();
    await world.close();
  });

  it('makes everything, in an account that has nothing', async () => {
    const { code, out, err } = await world.run({ parameter: network, class: manifest });
    expect([code, out]).toEqual([
      0,
      [
        'stack/lambdacontainer-images created',
        ...['controller', 'adapter', 'builder'].map((name) => `image/${name} sha256:… pushed`),
        'stack/lambdacontainer created',
        'stack/lambdacontainer-monitoring created',
        'stack/lambdacontainer-class created',
      ],
    ]);
    expect(err).toContain('  + DesiredTable AWS::DynamoDB::Table\n');
    expect(err).toMatch(/^\d\d:\d\d:\d\d CREATE_COMPLETE /m);
    expect(err).toContain(`next: lambdacontainer apply -f ${manifest} && lambdacontainer verify`);
  });

  it('tells the daemon, the class and the alarms of what was made before', async () => {
    const digests = Object.fromEntries(
      OWN_IMAGES.map((name) => [
        name,
        [...(registry.ecr.manifest(`lambdacontainer-images/${name}`, tags(name)[0] ?? '')?.digest ?? '')].join(''),
      ]),
    );
    const { outputs, parameters } = await stack('lambdacontainer');
    expect(parameters).toMatchObject({
      ImageDigest: digests.controller,
      ImageRepository: 'lambdacontainer-images/controller',
      DesiredTableName: 'shop-desired',
    });
    expect((await stack('lambdacontainer-monitoring')).parameters).toMatchObject({
      DaemonCluster: outputs.DaemonCluster,
      DaemonService: outputs.DaemonService,
      EventQueueName: outputs.EventQueueName,
      DeadLetterQueueName: outputs.DeadLetterQueueName,
      LogGroupName: outputs.LogGroupName,
      StateTableName: 'shop-state',
    });
    const { objects, defects } = parseManifests(readFileSync(manifest, 'utf8'), manifest);
    expect(defects).toEqual([]);
    const { spec } = validateClass(objects[0]?.spec);
    expect(spec?.adapter.image).toBe(
      `123456789012.dkr.ecr.${REGION}.amazonaws.com/lambdacontainer-images/adapter@${digests.adapter}`,
    );
    expect(spec?.build.image).toContain(`/lambdacontainer-images/builder@${digests.builder}`);
  });

  it('pushes an image for both platforms, of nobody’s user, that holds the program and no more', async () => {
    const client = new RegistryClient();
    const reference = parseReference(`${registry.host}/lambdacontainer-images/controller:${tags('controller')[0]}`);
    const [amd64, arm64] = await Promise.all(
      ARCHITECTURES.map((architecture) => client.image(reference, { os: 'linux', architecture })),
    );
    await client.close();
    expect(arm64?.manifest.layers).toEqual(amd64?.manifest.layers);
    expect(amd64?.config.config).toMatchObject({
      User: '1000:1000',
      Entrypoint: ['/usr/local/bin/node', '/app/bin/lambdacontainer.js'],
      Cmd: ['start'],
      Volumes: { '/tmp': {} },
    });
  });

  it('changes nothing the second time, and asks for no parameter again', async () => {
    world.pushed();
    const { code, out } = await world.run({ class: manifest });
    expect([code, [...new Set(out.map((line) => line.split(' ').at(-1)))]]).toEqual([0, ['unchanged']]);
    expect(out).toHaveLength(7);
    expect(world.pushed()).toEqual([]);
  });

  it.each([
    {
      reason: 'another adapter concerns the class alone',
      adapter: 'two',
      parameter: [],
      updated: ['stack/lambdacontainer-class'],
    },
    {
      reason: 'a parameter goes to the stacks that have it, the others stay as they are',
      adapter: 'one',
      parameter: ['Replicas=3'],
      updated: ['stack/lambdacontainer', 'stack/lambdacontainer-monitoring'],
    },
  ])('--dry-run says what another version would change, and leaves no trace: $reason', async (wished) => {
    const before = await changeSets();
    world.install(wished);
    world.pushed();
    const { code, out } = await world.run({ class: manifest, parameter: wished.parameter, dryRun: true });
    expect(code).toBe(0);
    expect(out.filter((line) => line.startsWith('stack/') && !line.includes(' unchanged '))).toEqual(
      wished.updated.map((stack) => `${stack} would be updated (dry run)`),
    );
    expect(world.pushed()).toEqual([]);
    expect(await changeSets()).toEqual(before);
    world.install({ adapter: 'one' });
  });

  it('a table is not renamed', async () => {
    await expect(world.run({ parameter: ['DesiredTableName=other'] })).rejects.toThrow(
      'nothing was changed: DesiredTableName of stack lambdacontainer is shop-desired, but other was asked for',
    );
  });

  async function stack(StackName: string) {
    const { Stacks } = await moto.accountPorts.cloudformation.describeStacks({ StackName });
    const [found] = Stacks ?? [];
    return {
      id: found?.StackId,
      outputs: Object.fromEntries((found?.Outputs ?? []).map((one) => [one.OutputKey ?? '', one.OutputValue])),
      parameters: Object.fromEntries(
        (found?.Parameters ?? []).map((one) => [one.ParameterKey ?? '', one.ParameterValue]),
      ),
    };
  }

  async function changeSets(): Promise<string[]> {
    const listed = await Promise.all(
      ['lambdacontainer', 'lambdacontainer-class'].map((StackName) =>
        moto.call('cloudformation', { Action: 'ListChangeSets', StackName }),
      ),
    );
    return listed.flatMap((answer) => all(answer, 'ChangeSetName'));
  }

  function tags(name: string): string[] {
    const { imageDetails } = registry.cloud.call('ecr', 'DescribeImages', {
      repositoryName: `lambdacontainer-images/${name}`,
    }) as { imageDetails: { imageTags?: string[] }[] };
    return imageDetails.flatMap(({ imageTags }) => imageTags ?? []);
  }
});
