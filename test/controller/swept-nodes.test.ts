import { describe, expect, it } from 'vitest';
import { SweptNodes } from '../../src/controller/swept-nodes.ts';
import type { SteadyNode } from '../../src/resource/index.ts';

function node(nodeId: string, name: string | undefined, swept?: string): SteadyNode {
  const place = name === undefined ? {} : { place: { scope: 'main', name } };
  return { nodeId, kind: `kind-of-${nodeId}`, identity: {}, ...place, ...(swept === undefined ? {} : { swept }) };
}

const NODES = [
  node('role', undefined, 'r:0'),
  node('rule', 'arn:rule', 'a:1.2'),
  node('weights', 'arn:rule', 'b:3'),
  node('weights-again', 'arn:rule'),
  node('service', 'lc-shop', 'c:4:1~4'),
  node('unnamed', '', 'd:5'),
];

describe('what a sweep compares of an object', () => {
  const swept = new SweptNodes(NODES);

  it('is what has a place in a listing, by name and fingerprint', () => {
    expect(swept.shape.map(({ nodeId }) => nodeId)).toEqual(['rule', 'weights', 'weights-again', 'service', 'unnamed']);
    expect(swept.shape[3]).toEqual({ nodeId: 'service', kind: 'kind-of-service' });
    expect(swept.scopeNames()).toEqual(['main', 'main', 'main', 'main', 'main']);
    const names = ['arn:rule', 'arn:rule', 'arn:rule', 'lc-shop', ''];
    expect(swept.names()).toEqual(names);
    expect(names.map((_, i) => swept.nameOf(i))).toEqual(names);
    expect(names.map((_, i) => swept.fingerprintOf(i))).toEqual(['a:1.2', 'b:3', undefined, 'c:4:1~4', 'd:5']);
  });

  it('shares what objects have in common', () => {
    const placed = (scope: string) =>
      new SweptNodes(
        NODES.slice(1).map((each, i) => ({ ...each, place: { scope: i < 3 ? 'main' : scope, name: 'x' } })),
      );
    const same = placed('main');
    expect(same.shape).toBe(swept.shape);
    expect(same.scopes).toBe(swept.scopes);
    expect(same.nameOf(0)).toBe('x');
    const elsewhere = placed('elsewhere');
    expect(elsewhere.shape).toBe(swept.shape);
    expect(elsewhere.scopes).not.toBe(swept.scopes);
    expect(elsewhere.scopeNames()).toEqual(['main', 'main', 'main', 'elsewhere', 'elsewhere']);
    expect(new SweptNodes(NODES.slice(0, 2)).shape).not.toBe(swept.shape);
  });

  it('is nothing of an object that no listing shows', () => {
    const none = new SweptNodes([node('role', undefined)]);
    expect(none.shape).toEqual([]);
    expect(none.names()).toEqual([]);
    expect(none.scopeNames()).toEqual([]);
  });
});
