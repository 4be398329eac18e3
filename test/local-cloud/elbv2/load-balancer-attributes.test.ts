/** Attributes of a load balancer: defaults, what is refused, and the two that have an effect here. */
import { describe, expect, it } from 'vitest';
import { refusal, World } from '../ecs/world.ts';

function world() {
  const w = new World();
  const listenerArn = w.listener();
  const { Listeners } = w.cloud.call('elbv2', 'DescribeListeners', { ListenerArns: [listenerArn] }) as {
    Listeners: { LoadBalancerArn: string }[];
  };
  const LoadBalancerArn = Listeners[0]?.LoadBalancerArn ?? '';
  const attributes = () => {
    const { Attributes } = w.cloud.call('elbv2', 'DescribeLoadBalancerAttributes', { LoadBalancerArn }) as {
      Attributes: { Key: string; Value: string }[];
    };
    return Object.fromEntries(Attributes.map(({ Key, Value }) => [Key, Value]));
  };
  const modify = (Key: string, Value: string) =>
    w.cloud.call('elbv2', 'ModifyLoadBalancerAttributes', { LoadBalancerArn, Attributes: [{ Key, Value }] });
  return { w, LoadBalancerArn, attributes, modify };
}

describe('attributes of a load balancer', () => {
  it('have the defaults of AWS, and keep what is set', () => {
    const { attributes, modify } = world();
    expect(attributes()).toMatchObject({
      'idle_timeout.timeout_seconds': '60',
      'deletion_protection.enabled': 'false',
      'routing.http2.enabled': 'true',
      'client_keep_alive.seconds': '3600',
    });
    modify('idle_timeout.timeout_seconds', '4000');
    modify('routing.http.xff_client_port.enabled', 'true');
    expect(attributes()).toMatchObject({
      'idle_timeout.timeout_seconds': '4000',
      'routing.http.xff_client_port.enabled': 'true',
    });
  });

  it('the idle timeout reaches the sockets', () => {
    const { w, modify } = world();
    expect(w.elbv2.listeners()).toMatchObject([{ idleTimeoutMs: 60_000 }]);
    modify('idle_timeout.timeout_seconds', '5');
    expect(w.elbv2.listeners()).toMatchObject([{ idleTimeoutMs: 5_000 }]);
  });

  it('deletion protection protects', () => {
    const { w, LoadBalancerArn, modify } = world();
    modify('deletion_protection.enabled', 'true');
    expect(refusal(() => w.cloud.call('elbv2', 'DeleteLoadBalancer', { LoadBalancerArn }))).toMatch(
      /^OperationNotPermitted/,
    );
    modify('deletion_protection.enabled', 'false');
    w.cloud.call('elbv2', 'DeleteLoadBalancer', { LoadBalancerArn });
    expect(refusal(() => w.cloud.call('elbv2', 'DescribeLoadBalancerAttributes', { LoadBalancerArn }))).toMatch(
      /^LoadBalancerNotFound/,
    );
  });

  it.each([
    { key: 'idle_timeout.timeout_seconds', value: '0', reason: 'AWS allows 1 to 4,000' },
    { key: 'idle_timeout.timeout_seconds', value: '4001', reason: 'AWS allows 1 to 4,000' },
    { key: 'deletion_protection.enabled', value: 'yes', reason: 'a flag is true or false' },
    { key: 'load_balancing.cross_zone.enabled', value: 'false', reason: 'always on for application load balancers' },
    { key: 'colour', value: 'blue', reason: 'there is no such attribute' },
  ])('$key: $value is refused: $reason', ({ key, value }) => {
    const { modify } = world();
    expect(refusal(() => modify(key, value))).toMatch(/^ValidationError/);
  });
});
