/**
 * What checks read of the account, each thing once however many objects stand on it. It judges nothing; what AWS cannot
 * be asked for is thrown as the Failure that it is.
 */

import type { Cluster } from '@aws-sdk/client-ecs';
import type { Listener, LoadBalancer, Rule } from '@aws-sdk/client-elastic-load-balancing-v2';
import type { Ports } from '../../aws/index.ts';
import { isFailure } from '../../core/index.ts';
import { type IamRoleObserved, iamRole } from '../../kinds/index.ts';
import type { Io } from '../../resource/index.ts';

export interface ListenerFacts {
  readonly listener: Listener;
  readonly loadBalancer: LoadBalancer | undefined;
  readonly idleTimeoutSec: number;
  readonly rules: readonly Rule[];
  /** Target groups that the load balancer uses. */
  readonly groupCount: number;
}

export class Account {
  readonly #io: Io;
  readonly #ports: Ports;
  readonly #reads: Map<string, Promise<unknown>> = new Map();

  constructor(io: Io) {
    this.#io = io;
    this.#ports = io.aws;
  }

  /** Undefined when there is none of that name. */
  cluster(name: string): Promise<Cluster | undefined> {
    return this.#once(`cluster ${name}`, async () => {
      const { clusters } = await this.#ports.ecs.describeClusters({ clusters: [name] });
      return clusters?.[0];
    });
  }

  /** Undefined when there is none of that ARN. */
  role(roleArn: string): Promise<IamRoleObserved | undefined> {
    return this.#once(`role ${roleArn}`, () => iamRole.observe(this.#io, { roleArn }, {}));
  }

  /** The digest that a reference means; undefined when the registry has no such image. */
  image(reference: string, architecture: 'x86_64' | 'arm64'): Promise<string | undefined> {
    return this.#once(`image ${reference} ${architecture}`, () =>
      unlessNotFound(this.#ports.registry.resolveDigest(reference, architecture)),
    );
  }

  /** False when there is none, or it is on its way out. */
  hasSecret(SecretId: string): Promise<boolean> {
    return this.#once(`secret ${SecretId}`, async () => {
      const secret = await unlessNotFound(this.#ports.secretsmanager.describeSecret({ SecretId }));
      return secret !== undefined && secret.DeletedDate === undefined;
    });
  }

  /** Undefined when there is no such listener. */
  listener(arn: string): Promise<ListenerFacts | undefined> {
    return this.#once(`listener ${arn}`, async () => {
      const found = await unlessNotFound(this.#ports.elbv2.describeListeners({ ListenerArns: [arn] }));
      const listener = found?.Listeners?.[0];
      if (!listener) return undefined;
      const LoadBalancerArn = listener.LoadBalancerArn ?? '';
      const [balancers, attributes, rules, groupCount] = await Promise.all([
        this.#ports.elbv2.describeLoadBalancers({ LoadBalancerArns: [LoadBalancerArn] }),
        this.#ports.elbv2.describeLoadBalancerAttributes({ LoadBalancerArn }),
        this.#rules(arn),
        this.#groupCount(LoadBalancerArn),
      ]);
      const idle = attributes.Attributes?.find(({ Key }) => Key === 'idle_timeout.timeout_seconds')?.Value;
      return {
        listener,
        loadBalancer: balancers.LoadBalancers?.[0],
        idleTimeoutSec: Number(idle ?? 60),
        rules,
        groupCount,
      };
    });
  }

  async #rules(ListenerArn: string): Promise<Rule[]> {
    const rules: Rule[] = [];
    let Marker: string | undefined;
    do {
      const page = await this.#ports.elbv2.describeRules({ ListenerArn, ...(Marker ? { Marker } : {}) });
      rules.push(...(page.Rules ?? []));
      Marker = page.NextMarker;
    } while (Marker);
    return rules;
  }

  async #groupCount(LoadBalancerArn: string): Promise<number> {
    let count = 0;
    let Marker: string | undefined;
    do {
      const page = await this.#ports.elbv2.describeTargetGroups({ LoadBalancerArn, ...(Marker ? { Marker } : {}) });
      count += page.TargetGroups?.length ?? 0;
      Marker = page.NextMarker;
    } while (Marker);
    return count;
  }

  #once<T>(key: string, read: () => Promise<T>): Promise<T> {
    const known = this.#reads.get(key) as Promise<T> | undefined;
    if (known) return known;
    const reading = read();
    this.#reads.set(key, reading);
    return reading;
  }
}

async function unlessNotFound<T>(reading: Promise<T>): Promise<T | undefined> {
  try {
    return await reading;
  } catch (error) {
    if (isFailure(error, 'notFound')) return undefined;
    throw error;
  }
}
