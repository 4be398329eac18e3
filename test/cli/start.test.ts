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
    [{ LAMBDACONTAINER_EMF: 'yes' }, "LAMBDACONTAINER_EMF: 'yes' is neither 1 nor 0; set it to 1, or leave it out"],
    [
      { OTEL_EXPORTER_OTLP_ENDPOINT: '127.0.0.1:4318' },
      "OTEL_EXPORTER_OTLP_ENDPOINT: '127.0.0.1:4318' is not a URL of http or https; write it like http://127.0.0.1:4318",
    ],
    [
      { OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: 'ftp://collector' },
      "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: 'ftp://collector' is not a URL of http or https",
    ],
    [
      { LAMBDACONTAINER_SWEEP_CALLS_PER_SECOND: 'many' },
      "LAMBDACONTAINER_SWEEP_CALLS_PER_SECOND: 'many' is not a number of calls; write a number above 0, such as 8",
    ],
    [
      { LAMBDACONTAINER_SWEEP_CALLS_PER_SECOND: '0' },
      "LAMBDACONTAINER_SWEEP_CALLS_PER_SECOND: '0' is not a number of calls",
    ],
    [{ LAMBDACONTAINER_MAX_DRIFT_AGE: '1' }, "LAMBDACONTAINER_MAX_DRIFT_AGE: '1' is not a duration"],
    [
      { LAMBDACONTAINER_MAX_DRIFT_AGE: '30s' },
      'LAMBDACONTAINER_MAX_DRIFT_AGE: 30.0s cannot be promised: LAMBDACONTAINER_RESYNC looks every 1m00s at most; write at least that, or lower LAMBDACONTAINER_RESYNC',
    ],
    [{ LAMBDACONTAINER_LEASE: '' }, "LAMBDACONTAINER_LEASE: '' is not a duration; write it like 30s or 2m"],
    [{ LAMBDACONTAINER_RELIST: '-1m' }, "LAMBDACONTAINER_RELIST: '-1m' is not a duration; write it like 30s or 2m"],
    [
      { LAMBDACONTAINER_RATE_SHARE: '0' },
      "LAMBDACONTAINER_RATE_SHARE: '0' is not a share of AWS's rate limits; write a number above 0, such as 0.5 to leave half to others",
    ],
    [{ LAMBDACONTAINER_RATE_SHARE: '50%' }, "LAMBDACONTAINER_RATE_SHARE: '50%' is not a share"],
    [{ LAMBDACONTAINER_RATE_SHARE: '11' }, "LAMBDACONTAINER_RATE_SHARE: '11' is not a share"],
    [
      { LAMBDACONTAINER_EVENTS_QUEUE: 'arn:aws:sqs:eu-west-1:123456789012:events' },
      "LAMBDACONTAINER_EVENTS_QUEUE: 'arn:aws:sqs:eu-west-1:123456789012:events' is neither the URL nor the name of a queue; write it like lambdacontainer-events or https://sqs.",
    ],
    [
      { LAMBDACONTAINER_EVENTS_QUEUE: 'https://sqs.eu-west-1.amazonaws.com/events' },
      'is neither the URL nor the name of a queue',
    ],
    [
      { LAMBDACONTAINER_LEASE: '6s', LAMBDACONTAINER_CALL_TIMEOUT: '4s' },
      'LAMBDACONTAINER_CALL_TIMEOUT: a call of 4.0s leaves no room in a lease of 6.0s; set it to at most half of LAMBDACONTAINER_LEASE',
    ],
  ])('%j is refused with the remedy', (env, message) => {
    const region: { AWS_REGION?: string } = Object.keys(env).length === 0 ? {} : { AWS_REGION: 'eu-west-1' };
    expect(() => readSettings({ ...region, ...env })).toThrow(message);
  });

  it.each([
    [undefined, undefined],
    ['', undefined],
    ['lambdacontainer-events', 'lambdacontainer-events'],
    [
      'https://sqs.eu-west-1.amazonaws.com/123456789012/events',
      'https://sqs.eu-west-1.amazonaws.com/123456789012/events',
    ],
    ['http://127.0.0.1:4577/000000000000/events.fifo', 'http://127.0.0.1:4577/000000000000/events.fifo'],
  ])('events of the queue %j come from %j', (written, eventsQueue) => {
    const env = { AWS_REGION: 'eu-west-1', LAMBDACONTAINER_EVENTS_QUEUE: written };
    expect(readSettings(env).eventsQueue).toBe(eventsQueue);
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

  it.each([
    { env: {}, endpoint: undefined, reason: 'nothing is traced unasked' },
    {
      env: { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://collector:4318/' },
      endpoint: 'http://collector:4318/v1/traces',
      reason: 'the base gets the path of traces',
    },
    {
      env: {
        OTEL_EXPORTER_OTLP_ENDPOINT: 'http://collector:4318',
        OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: 'https://traces/in',
      },
      endpoint: 'https://traces/in',
      reason: 'an endpoint for traces alone is taken as it is',
    },
    {
      env: { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://collector:4318', OTEL_SDK_DISABLED: 'true' },
      endpoint: undefined,
      reason: 'switched off as OpenTelemetry has it',
    },
  ])('$reason', ({ env, endpoint }) => {
    expect(readSettings({ AWS_REGION: 'eu-west-1', ...env }).traceEndpoint).toBe(endpoint);
  });

  it('sends metrics to CloudWatch only when it is told to', () => {
    const emf = (value?: string) =>
      readSettings({ AWS_REGION: 'eu-west-1', ...(value === undefined ? {} : { LAMBDACONTAINER_EMF: value }) }).emf;
    expect([emf(), emf(''), emf('0'), emf('1')]).toEqual([false, false, false, true]);
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
