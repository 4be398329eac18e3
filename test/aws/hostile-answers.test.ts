/**
 * Whatever comes over the wire instead of AWS's answer: a proxy's page, a cut off body, another type, nothing at all.
 * Each operation of the ports meets each; the outcome is an answer or a Failure that names service and operation, within
 * the call's time, and what decides by an answer never gets an empty one.
 */
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Call, classify, createSdkPorts, OPERATIONS, type Ports, UNREADABLE_ANSWER } from '../../src/aws/index.ts';
import { Failure } from '../../src/core/index.ts';

const HTML = '<!DOCTYPE html><html><head><title>504</title></head><body>The origin did not answer</body></html>';
const TIMEOUT_MS = 10_000;

let answer: (response: ServerResponse) => void = () => {};
let asked = 0;
const server = createServer((request, response) => {
  asked++;
  request.resume();
  answer(response);
});
let ports: Ports;
let close = () => {};

beforeAll(async () => {
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  const made = createSdkPorts(
    {
      region: 'us-east-1',
      endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
      credentials: { accessKeyId: 'a', secretAccessKey: 'b' },
      callTimeoutMs: TIMEOUT_MS,
    },
    { resolveDigest: async () => '' },
  );
  ports = made.ports;
  close = made.close;
});
afterAll(async () => {
  close();
  await new Promise<void>((closed) => {
    server.close(() => closed());
    server.closeAllConnections();
  });
});

/** Enough for every operation's path and host. */
const INPUT = {
  FunctionName: 'f',
  StatementId: 's',
  Arn: 'arn:aws:lambda:us-east-1:1:layer:l:1',
  QueueUrl: 'https://sqs.us-east-1.amazonaws.com/1/q',
  Entries: [],
  Bucket: 'bucket',
  Key: 'key',
};

type Method = (input: unknown, call?: Call) => Promise<unknown>;
const ALL = Object.entries(OPERATIONS).flatMap(([service, operations]) =>
  Object.keys(operations).map((operation) => [service, operation] as const),
);

async function outcome(service: string, operation: string, input: unknown = INPUT, call?: Call): Promise<unknown> {
  const method = (ports as unknown as Record<string, Record<string, Method>>)[service]?.[operation];
  if (!method) throw new Error(`no ${service}.${operation}`);
  try {
    return await method(input, call);
  } catch (error) {
    if (!(error instanceof Failure)) throw new Error(`${service}.${operation} threw no Failure`, { cause: error });
    expect({ service: error.service, operation: error.operation }).toEqual({ service, operation });
    expect(error.code).not.toBe('');
    return error;
  }
}

function body(status: number, type: string, text: string): typeof answer {
  return (response) => {
    response.writeHead(status, { 'content-type': type });
    response.end(text);
  };
}

const kindOf = (result: unknown) => (result instanceof Failure ? `${result.kind} ${result.code}` : 'an answer');

describe('every operation', () => {
  it.each([
    {
      name: 'a page that says not found',
      come: body(404, 'text/html', HTML),
      becomes: [`transient ${UNREADABLE_ANSWER}`],
      reason: 'a 404 of a proxy would read as "it is not there"',
    },
    {
      name: 'nothing that says not found',
      come: body(404, 'text/plain', ''),
      becomes: [`transient ${UNREADABLE_ANSWER}`],
      reason: 'a status alone proves nothing',
    },
    {
      name: 'a page that says unavailable',
      come: body(503, 'text/html', HTML),
      becomes: [`transient ${UNREADABLE_ANSWER}`],
      reason: 'it is tried again',
    },
    {
      name: 'a page that says too many',
      come: body(429, 'text/html', HTML),
      becomes: [`throttled ${UNREADABLE_ANSWER}`],
      reason: 'whoever says so wants fewer calls',
    },
    {
      name: 'an error whose code is no text',
      come: body(400, 'application/x-amz-json-1.1', '{"__type":{"a":1},"message":[1]}'),
      becomes: [`transient ${UNREADABLE_ANSWER}`],
      reason: 'the SDK throws a TypeError over it, which would pass as a defect of ours',
    },
    {
      name: 'a body that ends early',
      come: (response: ServerResponse) => {
        response.writeHead(200, { 'content-length': '1000' });
        response.write('{"services":[', () => response.destroy());
      },
      becomes: [`transient ${UNREADABLE_ANSWER}`, 'transient TimeoutError', 'an answer'],
      reason: 'the rest may say anything',
    },
    {
      name: 'a connection that is reset',
      come: (response: ServerResponse) => void response.socket?.resetAndDestroy(),
      becomes: ['transient TimeoutError', 'transient Error', 'transient ECONNRESET'],
      reason: 'the outcome is unknown',
    },
  ])('$name', async ({ come, becomes, reason }) => {
    answer = come;
    for (const [service, operation] of ALL) {
      const before = asked;
      const result = await outcome(service, operation);
      expect(asked, `${service}.${operation} was asked`).toBe(before + 1);
      expect(becomes, `${service}.${operation}: ${reason}`).toContain(kindOf(result));
    }
  });

  it.each([
    ['HTML', HTML],
    ['nothing', ''],
    ['null', 'null'],
    ['a list', '[]'],
    ['a text', '"services"'],
    ['an empty object', '{}'],
    ['an empty result', '<XResponse><XResult/></XResponse>'],
  ])('%s with status 200 is an answer or a Failure', async (_name, text) => {
    answer = body(200, 'application/json', text);
    for (const [service, operation] of ALL) {
      const result = await outcome(service, operation);
      if (result instanceof Failure) expect(kindOf(result)).toBe(`transient ${UNREADABLE_ANSWER}`);
    }
  });
});

/** What passes, plans and sweeps conclude absence from. */
const DECIDING: readonly [service: string, operation: string, input: object][] = [
  ['dynamodb', 'scan', { TableName: 't' }],
  ['dynamodb', 'query', { TableName: 't' }],
  ['dynamodb', 'describeTable', { TableName: 't' }],
  ['lambda', 'getFunction', { FunctionName: 'f' }],
  ['lambda', 'listFunctions', {}],
  ['lambda', 'getPolicy', { FunctionName: 'f' }],
  ['codebuild', 'batchGetProjects', { names: ['p'] }],
  ['codebuild', 'listBuildsForProject', { projectName: 'p' }],
  ['codebuild', 'batchGetBuilds', { ids: ['p:1'] }],
  ['ecr', 'describeRepositories', { repositoryNames: ['r'] }],
  ['ecr', 'describeImages', { repositoryName: 'r', imageIds: [{ imageTag: 't' }] }],
  ['ecs', 'describeServices', { cluster: 'c', services: ['s'] }],
  ['ecs', 'listTaskDefinitions', {}],
  ['ecs', 'describeTaskDefinition', { taskDefinition: 't:1' }],
  ['elbv2', 'describeTargetGroups', { Names: ['g'] }],
  ['elbv2', 'describeTargetHealth', { TargetGroupArn: 'a' }],
  ['elbv2', 'describeRules', { ListenerArn: 'a' }],
  ['elbv2', 'describeTags', { ResourceArns: ['a'] }],
  ['autoscaling', 'describeScalableTargets', { ServiceNamespace: 'ecs' }],
  ['autoscaling', 'describeScalingPolicies', { ServiceNamespace: 'ecs' }],
  ['logs', 'describeLogGroups', {}],
  ['iam', 'getRole', { RoleName: 'r' }],
  ['tagging', 'getResources', {}],
];

describe('what decides whether something is there', () => {
  it.each(DECIDING)('%s.%s concludes nothing from an answer without members', async (service, operation, input) => {
    for (const text of [HTML, '', 'null', '[]', '"x"', '{}', '7', '<XResponse><XResult/></XResponse>']) {
      answer = body(200, 'text/html', text);
      expect(kindOf(await outcome(service, operation, input)), text).toBe(`transient ${UNREADABLE_ANSWER}`);
    }
  });

  it('concludes nothing from JSON of any kind', async () => {
    const members = DECIDING.map(([, operation]) => operation.replace(/^(batchGet|describe|list|get)/, ''));
    const names = fc.constantFrom(
      ...members,
      'Items',
      'services',
      'failures',
      'Configuration',
      'nextToken',
      'projects',
    );
    const json = fc.dictionary(names, fc.jsonValue({ maxDepth: 2 }), { maxKeys: 4 });
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...DECIDING), json, async ([service, operation, input], value) => {
        answer = body(200, 'application/json', JSON.stringify(value));
        const result = await outcome(service, operation, input);
        if (result instanceof Failure) return;
        // What came through is there in full: at least a list or an object that AWS's answer has.
        expect(Object.values(result as object).some((member) => typeof member === 'object')).toBe(true);
      }),
      { numRuns: process.env.EVERY ? 20_000 : 300 },
    );
  });

  it('does not turn the same page for ever', async () => {
    answer = body(200, 'application/json', '{"taskDefinitionArns":["a"],"nextToken":"again"}');
    expect(kindOf(await outcome('ecs', 'listTaskDefinitions', {}))).toBe('an answer');
    expect(kindOf(await outcome('ecs', 'listTaskDefinitions', { nextToken: 'again' }))).toBe(
      `transient ${UNREADABLE_ANSWER}`,
    );
  });

  it('waits no longer than the call may take for an answer that does not end', async () => {
    answer = (response) => {
      response.writeHead(200);
      response.write('{');
    };
    expect(kindOf(await outcome('ecs', 'describeServices', { services: ['s'] }, { timeoutMs: 100 }))).toBe(
      'transient AbortError',
    );
  });
});

it.each([
  ['ResourceNotFoundException', 400, 'notFound'],
  ['NoSuchThing', 404, 'notFound'],
  ['UnknownOperationException', 404, 'invalid'],
  ['Whatever', 404, 'invalid'],
] as const)('%s with status %i is %s', (code, status, kind) => {
  expect(classify(code, status)).toBe(kind);
});
