import { describe, expect, it } from 'vitest';
import { PathIndex, pathsAbove } from '../../src/api/path-index.ts';

describe('pathsAbove', () => {
  it.each<[string, string[]]>([
    ['spec', []],
    ['spec.a.b', ['spec', 'spec.a']],
    ['spec.hosts[0]', ['spec', 'spec.hosts']],
    ['spec.hosts[0].name', ['spec', 'spec.hosts', 'spec.hosts[0]']],
    ['spec.tags["a.b[c]"]', ['spec', 'spec.tags']],
    ['spec.tags["say \\"a.b\\""].x', ['spec', 'spec.tags', 'spec.tags["say \\"a.b\\""]']],
    ['["a.b"].c', ['["a.b"]']],
  ])('%s', (path, expected) => {
    expect(pathsAbove(path)).toEqual(expected);
  });
});

describe('PathIndex', () => {
  const index = new PathIndex(['spec.traffic.hosts[1]', 'spec.compute']);

  it.each<[string, boolean, string]>([
    ['spec.compute', true, 'the same'],
    ['spec.compute.cpu', true, 'below'],
    ['spec', true, 'above'],
    ['spec.traffic.hosts', true, 'above a member of a list'],
    ['spec.traffic.hosts[1]', true, 'the same member'],
    ['spec.traffic.hosts[10]', false, 'another member whose number begins alike'],
    ['spec.computer', false, 'a name that begins alike'],
    ['spec.scaling', false, 'beside'],
  ])('%s: %s (%s)', (path, expected) => {
    expect(index.overlaps(path)).toBe(expected);
  });
});
