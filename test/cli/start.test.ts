import { describe, expect, it } from 'vitest';
import { readSettings } from '../../src/cli/start.ts';

describe('the daemon’s environment', () => {
  it('needs only a region', () => {
    expect(readSettings({ AWS_REGION: 'eu-west-1' })).toMatchObject({
      region: 'eu-west-1',
      desiredTable: 'lambdacontainer-desired',
      stateTable: 'lambdacontainer-state',
      resyncMs: 60_000,
      lease: { durationMs: 15_000, callTimeoutMs: 5_000 },
    });
  });

  it.each([
    [{}, 'AWS_REGION is not set; set it to the region of the tables, e.g. eu-west-1'],
    [{ LAMBDACONTAINER_RESYNC: '60' }, "LAMBDACONTAINER_RESYNC: '60' is not a duration; write it like 30s or 2m"],
    [{ LAMBDACONTAINER_RESYNC: '0s' }, "LAMBDACONTAINER_RESYNC: '0s' is not a duration; write it like 30s or 2m"],
    [{ LAMBDACONTAINER_LEASE: '' }, "LAMBDACONTAINER_LEASE: '' is not a duration; write it like 30s or 2m"],
    [{ LAMBDACONTAINER_RELIST: '-1m' }, "LAMBDACONTAINER_RELIST: '-1m' is not a duration; write it like 30s or 2m"],
    [
      { LAMBDACONTAINER_LEASE: '6s', LAMBDACONTAINER_CALL_TIMEOUT: '4s' },
      'LAMBDACONTAINER_CALL_TIMEOUT: a call of 4.0s leaves no room in a lease of 6.0s; set it to at most half of LAMBDACONTAINER_LEASE',
    ],
  ])('%j is refused with the remedy', (env, message) => {
    const region: { AWS_REGION?: string } = Object.keys(env).length === 0 ? {} : { AWS_REGION: 'eu-west-1' };
    expect(() => readSettings({ ...region, ...env })).toThrow(message);
  });
});
