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
      { LAMBDACONTAINER_RATE_SHARE: '0' },
      "LAMBDACONTAINER_RATE_SHARE: '0' is not a share of AWS's rate limits; write a number above 0, such as 0.5 to leave half to others",
    ],
    [{ LAMBDACONTAINER_RATE_SHARE: '50%' }, "LAMBDACONTAINER_RATE_SHARE: '50%' is not a share"],
    [{ LAMBDACONTAINER_RATE_SHARE: '11' }, "LAMBDACONTAINER_RATE_SHARE: '11' is not a share"],
    [
      { LAMBDACONTAINER_LEASE: '6s', LAMBDACONTAINER_CALL_TIMEOUT: '4s' },
      'LAMBDACONTAINER_CALL_TIMEOUT: a call of 4.0s leaves no room in a lease of 6.0s; set it to at most half of LAMBDACONTAINER_LEASE',
    ],
  ])('%j is refused with the remedy', (env, message) => {
    const region: { AWS_REGION?: string } = Object.keys(env).length === 0 ? {} : { AWS_REGION: 'eu-west-1' };
    expect(() => readSettings({ ...region, ...env })).toThrow(message);
  });

  it('listens for webhooks only where it is told to, and for this machine alone', () => {
    const region = { AWS_REGION: 'eu-west-1' };
    expect(readSettings(region).listen).toBeUndefined();
    expect(readSettings({ ...region, LAMBDACONTAINER_LISTEN_PORT: '8081' }).listen).toEqual({
      address: '127.0.0.1',
      port: 8081,
    });
    for (const port of ['0', '65536', '80a', '-1']) {
      expect(() => readSettings({ ...region, LAMBDACONTAINER_LISTEN_PORT: port })).toThrow(
        `LAMBDACONTAINER_LISTEN_PORT: '${port}' is not a port; give a number from 1 to 65535`,
      );
    }
  });

  it('gives git nothing of the environment but the way to the world', () => {
    const { git } = readSettings({
      AWS_REGION: 'eu-west-1',
      PATH: '/bin',
      HTTPS_PROXY: 'http://proxy',
      AWS_SECRET_ACCESS_KEY: 'x',
      GIT_SSH_COMMAND: 'x',
      LAMBDACONTAINER_GIT_DIR: '/work',
    });
    expect(git).toMatchObject({ workDir: '/work', searchPath: '/bin', network: { HTTPS_PROXY: 'http://proxy' } });
    expect(Object.keys(git.network)).toEqual(['HTTPS_PROXY']);
  });

  it.each([
    { env: {}, share: 1, reason: 'all of the limits are used by default' },
    { env: { LAMBDACONTAINER_RATE_SHARE: '0.5' }, share: 0.5, reason: 'some are left to others' },
    { env: { AWS_ENDPOINT_URL: 'http://127.0.0.1:4577' }, share: undefined, reason: 'a stand-in has no limits' },
    {
      env: { AWS_ENDPOINT_URL: 'http://127.0.0.1:4577', LAMBDACONTAINER_RATE_SHARE: '1' },
      share: 1,
      reason: 'unless it is said to have',
    },
  ])('$reason', ({ env, share }) => {
    expect(readSettings({ AWS_REGION: 'eu-west-1', ...env }).rateShare).toBe(share);
  });
});
