/** What only a raw request shows: signatures, refusals, routing, faults of a machine. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { AwsError, type ServiceId } from '../../../src/local-cloud/contract.ts';
import { serveWire } from '../../../src/local-cloud/wire/index.ts';
import { echoCloud } from './echo-cloud.ts';

const echo = echoCloud();
const faults: unknown[] = [];
let server: Awaited<ReturnType<typeof serveWire>>;

beforeAll(async () => {
  server = await serveWire({
    cloud: echo.cloud,
    host: '127.0.0.1',
    port: 0,
    onFault: (error) => faults.push(error),
    routes: [
      { prefix: '/v2/', handle: (request, response) => void response.end(`registry ${request.url}`) },
      { prefix: '/_broken/', handle: () => Promise.reject(new Error('broken route')) },
    ],
  });
});
afterAll(() => server.close());

function signed(scope: string): string {
  const credential = `AKID/20260101/us-east-1/${scope}/aws4_request`;
  return `AWS4-HMAC-SHA256 Credential=${credential}, SignedHeaders=host;x-amz-date, Signature=${'0'.repeat(64)}`;
}

interface Raw {
  readonly method?: string;
  readonly path?: string;
  readonly headers?: Record<string, string>;
  readonly body?: string;
}

async function ask({ method = 'POST', path = '/', headers = {}, body }: Raw) {
  const response = await fetch(`http://127.0.0.1:${server.port}${path}`, {
    method,
    headers,
    ...(body === undefined ? {} : { body }),
  });
  return { status: response.status, headers: response.headers, text: await response.text() };
}

const json = (scope: string, target: string, body: string): Raw => ({
  headers: { authorization: signed(scope), 'x-amz-target': target, 'content-type': 'application/x-amz-json-1.1' },
  body,
});
const form = (scope: string, body: string): Raw => ({
  headers: { authorization: signed(scope), 'content-type': 'application/x-www-form-urlencoded; charset=utf-8' },
  body,
});
const rest = (method: string, path: string, body?: string): Raw => ({
  method,
  path,
  headers: { authorization: signed('lambda') },
  ...(body === undefined ? {} : { body }),
});

const ECS = 'AmazonEC2ContainerServiceV20141113';

describe('a request is refused', () => {
  const cases: { reason: string; request: Raw; status: number; code: string; message: RegExp }[] = [
    {
      reason: 'JSON without a signature',
      request: { headers: { 'x-amz-target': `${ECS}.ListTasks` }, body: '{}' },
      status: 403,
      code: 'MissingAuthenticationTokenException',
      message: /Missing Authentication Token/,
    },
    {
      reason: 'a form without a signature',
      request: {
        headers: { 'content-type': 'application/x-www-form-urlencoded' },
        body: 'Action=DescribeRules&Version=2015-12-01',
      },
      status: 403,
      code: 'MissingAuthenticationToken',
      message: /Missing Authentication Token/,
    },
    {
      reason: 'a mutilated signature',
      request: {
        headers: { authorization: 'AWS4-HMAC-SHA256 Credential=x', 'x-amz-target': `${ECS}.ListTasks` },
        body: '{}',
      },
      status: 400,
      code: 'IncompleteSignatureException',
      message: /SignedHeaders/,
    },
    {
      reason: 'an operation that JSON does not know',
      request: json('ecs', `${ECS}.MakeCoffee`, '{}'),
      status: 400,
      code: 'UnknownOperationException',
      message: /MakeCoffee/,
    },
    {
      reason: 'an operation named like a member of every object',
      request: json('ecs', `${ECS}.constructor`, '{}'),
      status: 400,
      code: 'UnknownOperationException',
      message: /constructor/,
    },
    {
      reason: 'a form whose action is unknown',
      request: form('iam', 'Action=MakeCoffee&Version=2010-05-08'),
      status: 400,
      code: 'UnknownOperationException',
      message: /MakeCoffee/,
    },
    {
      reason: 'a path that Lambda does not have',
      request: rest('GET', '/2015-03-31/coffee'),
      status: 404,
      code: 'UnknownOperationException',
      message: /GET \/2015-03-31\/coffee/,
    },
    {
      reason: 'an event stream',
      request: json('logs', 'Logs_20140328.StartLiveTail', '{}'),
      status: 400,
      code: 'UnknownOperationException',
      message: /StartLiveTail/,
    },
    {
      reason: 'a service that is not there, by its scope',
      request: form('sns', 'Action=ListTopics&Version=2010-03-31'),
      status: 404,
      code: 'UnknownOperationException',
      message: /sns/,
    },
    {
      reason: 'a service that is not there, by its target',
      request: json('sns', 'AmazonSNS.Publish', '{}'),
      status: 404,
      code: 'UnknownOperationException',
      message: /AmazonSNS/,
    },
    {
      reason: 'no JSON',
      request: json('ecs', `${ECS}.ListTasks`, '{"cluster":'),
      status: 400,
      code: 'SerializationException',
      message: /parse/,
    },
    {
      reason: 'no object',
      request: json('ecs', `${ECS}.ListTasks`, '[]'),
      status: 400,
      code: 'SerializationException',
      message: /expected an object, found a list/,
    },
    {
      reason: 'no JSON, for Lambda',
      request: rest('POST', '/2015-03-31/functions', '{'),
      status: 400,
      code: 'InvalidRequestContentException',
      message: /parse/,
    },
    {
      reason: 'a string for a list',
      request: json('ecs', `${ECS}.DescribeServices`, '{"services":"one"}'),
      status: 400,
      code: 'SerializationException',
      message: /services: expected a list, found a string/,
    },
    {
      reason: 'a string for a number, deep inside',
      request: json(
        'ecs',
        `${ECS}.RegisterTaskDefinition`,
        '{"family":"f","containerDefinitions":[{"name":"a"},{"cpu":"1"}]}',
      ),
      status: 400,
      code: 'SerializationException',
      message: /containerDefinitions\.2\.member\.cpu: expected a number/,
    },
    {
      reason: 'a required member is missing, in DynamoDB',
      request: json('dynamodb', 'DynamoDB_20120810.GetItem', '{"TableName":"t"}'),
      status: 400,
      code: 'ValidationException',
      message: /Value null at 'key' failed to satisfy constraint: Member must not be null/,
    },
    {
      reason: 'a required member is null, in ECS',
      request: json('ecs', `${ECS}.DescribeServices`, '{"services":null}'),
      status: 400,
      code: 'InvalidParameterException',
      message: /'services'/,
    },
    {
      reason: 'an attribute value with two types',
      request: json('dynamodb', 'DynamoDB_20120810.GetItem', '{"TableName":"t","Key":{"k":{"S":"a","N":"1"}}}'),
      status: 400,
      code: 'ValidationException',
      message: /more than one datatypes set, must contain exactly one/,
    },
    {
      reason: 'an attribute value without a known type',
      request: json('dynamodb', 'DynamoDB_20120810.GetItem', '{"TableName":"t","Key":{"k":{"X":"a"}}}'),
      status: 400,
      code: 'ValidationException',
      message: /is empty, must contain exactly one/,
    },
    {
      reason: 'bytes that are no base64',
      request: json('dynamodb', 'DynamoDB_20120810.GetItem', '{"TableName":"t","Key":{"k":{"B":"%%%%"}}}'),
      status: 400,
      code: 'SerializationException',
      message: /key\.k\.b: expected base64/,
    },
    {
      reason: 'a required member of a form is missing',
      request: form('elasticloadbalancing', 'Action=CreateTargetGroup&Version=2015-12-01'),
      status: 400,
      code: 'ValidationError',
      message: /Value null at 'name'/,
    },
    {
      reason: 'a form with a word for a number',
      request: form('elasticloadbalancing', 'Action=CreateTargetGroup&Version=2015-12-01&Name=a&Port=many'),
      status: 400,
      code: 'ValidationError',
      message: /port: expected a number/,
    },
    {
      reason: 'a form with a value for a list',
      request: form('elasticloadbalancing', 'Action=DescribeRules&Version=2015-12-01&RuleArns=x'),
      status: 400,
      code: 'ValidationError',
      message: /ruleArns: expected an object/,
    },
    {
      reason: 'a form with a name that is value and prefix',
      request: form('elasticloadbalancing', 'Action=DescribeRules&Version=2015-12-01&RuleArns=x&RuleArns.member.1=y'),
      status: 400,
      code: 'ValidationError',
      message: /both a value and a list/,
    },
  ];

  it.each(cases)('$reason', async ({ request, status, code, message }) => {
    echo.seen.length = 0;
    const answer = await ask(request);
    const type = answer.headers.get('content-type') ?? '';
    if (type === 'text/xml') {
      expect(/<Code>(.*)<\/Code>/.exec(answer.text)?.[1]).toBe(code);
      expect(/<Message>(.*)<\/Message>/.exec(answer.text)?.[1]).toMatch(message);
    } else {
      const body = JSON.parse(answer.text) as { __type?: string; message?: string; Message?: string };
      expect(body.__type ?? answer.headers.get('x-amzn-errortype')).toBe(code);
      expect(body.message ?? body.Message).toMatch(message);
    }
    expect(answer.status).toBe(status);
    expect(answer.headers.get('x-amzn-requestid')).toMatch(/^[0-9a-f-]{36}$/);
    expect(echo.seen).toEqual([]);
    expect(faults).toEqual([]);
  });
});

describe('a request is understood', () => {
  const cases: { reason: string; request: Raw; service: ServiceId; operation: string; input: unknown }[] = [
    {
      reason: 'the two DynamoDBs share a signing name and differ by target',
      request: json('dynamodb', 'DynamoDBStreams_20120810.DescribeStream', '{"StreamArn":"a"}'),
      service: 'streams',
      operation: 'DescribeStream',
      input: { StreamArn: 'a' },
    },
    {
      reason: 'an empty body is an empty input',
      request: json('ecs', `${ECS}.ListClusters`, ''),
      service: 'ecs',
      operation: 'ListClusters',
      input: {},
    },
    {
      reason: 'unknown members are dropped, as every AWS service does',
      request: json('ecs', `${ECS}.ListClusters`, '{"maxResults":3,"more":{"x":1}}'),
      service: 'ecs',
      operation: 'ListClusters',
      input: { maxResults: 3 },
    },
    {
      reason: 'a list of more than nine in a form keeps its order',
      request: form(
        'elasticloadbalancing',
        `Action=DescribeRules&Version=2015-12-01&${Array.from({ length: 12 }, (_, i) => `RuleArns.member.${i + 1}=r${i}`).join('&')}`,
      ),
      service: 'elbv2',
      operation: 'DescribeRules',
      input: { RuleArns: Array.from({ length: 12 }, (_, i) => `r${i}`) },
    },
    {
      reason: 'a literal in the query tells two REST operations apart',
      request: rest('GET', '/2018-10-31/layers?find=LayerVersion&Arn=a%3Ab'),
      service: 'lambda',
      operation: 'GetLayerVersionByArn',
      input: { Arn: 'a:b' },
    },
    {
      reason: 'the same path without it is the other one',
      request: rest('GET', '/2018-10-31/layers?MaxItems=7'),
      service: 'lambda',
      operation: 'ListLayers',
      input: { MaxItems: 7 },
    },
    {
      reason: 'a slash at the end, as older clients send it',
      request: rest('GET', '/2015-03-31/functions/'),
      service: 'lambda',
      operation: 'ListFunctions',
      input: {},
    },
    {
      reason: 'an ARN in a path, escaped or not',
      request: rest('GET', '/2017-03-31/tags/arn%3Aaws:lambda'),
      service: 'lambda',
      operation: 'ListTags',
      input: { Resource: 'arn:aws:lambda' },
    },
    {
      reason: 'a list in the query',
      request: rest('DELETE', '/2017-03-31/tags/arn?tagKeys=a&tagKeys=b'),
      service: 'lambda',
      operation: 'UntagResource',
      input: { Resource: 'arn', TagKeys: ['a', 'b'] },
    },
    {
      reason: 'an attribute named like a prototype',
      request: json('dynamodb', 'DynamoDB_20120810.PutItem', '{"TableName":"t","Item":{"__proto__":{"S":"x"}}}'),
      service: 'dynamodb',
      operation: 'PutItem',
      input: { TableName: 't', Item: JSON.parse('{"__proto__":{"S":"x"}}') },
    },
  ];

  it.each(cases)('$reason', async ({ request, service, operation, input }) => {
    echo.answer = () => ({});
    echo.seen.length = 0;
    await ask(request);
    expect(echo.seen).toEqual([{ service, operation, input }]);
  });

  it('Invoke carries bytes, headers and its own status', async () => {
    echo.answer = () => ({ StatusCode: 202, Payload: new Uint8Array([1, 2]), FunctionError: 'Unhandled' });
    const answer = await ask({
      ...rest('POST', '/2015-03-31/functions/f/invocations?Qualifier=live', 'not json'),
      headers: { authorization: signed('lambda'), 'x-amz-invocation-type': 'Event' },
    });
    expect(answer.status).toBe(202);
    expect(answer.text).toBe('\u0001\u0002');
    expect(answer.headers.get('x-amz-function-error')).toBe('Unhandled');
    expect(echo.seen.at(-1)?.input).toEqual({
      FunctionName: 'f',
      InvocationType: 'Event',
      Qualifier: 'live',
      Payload: new Uint8Array(Buffer.from('not json')),
    });
  });

  it('an answer without content has no body', async () => {
    const answer = await ask(rest('DELETE', '/2015-03-31/functions/f/policy/s'));
    expect(answer).toMatchObject({ status: 204, text: '' });
  });
});

describe('other routes and faults', () => {
  it('gives a route to its handler, unsigned', async () => {
    expect(await ask({ method: 'GET', path: '/v2/a?b' })).toMatchObject({ status: 200, text: 'registry /v2/a?b' });
  });

  it('a broken route ends its connection and is told', async () => {
    await expect(ask({ method: 'GET', path: '/_broken/' })).rejects.toThrow();
    expect(faults.splice(0)).toEqual([new Error('broken route')]);
  });

  it('a programming error of a machine is InternalFailure and is told', async () => {
    echo.answer = () => {
      throw new TypeError('x is not a function');
    };
    const answer = await ask(json('ecs', `${ECS}.ListClusters`, '{}'));
    expect(answer.status).toBe(500);
    expect(JSON.parse(answer.text)).toMatchObject({ __type: 'InternalFailure', message: /x is not a function/ });
    expect(faults.splice(0)).toEqual([new TypeError('x is not a function')]);
  });

  it('an output that its schema does not allow is a programming error', async () => {
    echo.answer = () => ({ services: [{ createdAt: 17 }] });
    const answer = await ask(json('ecs', `${ECS}.DescribeServices`, '{"services":[]}'));
    expect(answer.status).toBe(500);
    expect(String(faults.splice(0)[0])).toMatch(
      /malformed services\.1\.member\.createdAt: expected a date, found a number/,
    );
  });

  it('a taken port is the listener’s error', async () => {
    await expect(serveWire({ cloud: echo.cloud, host: '127.0.0.1', port: server.port })).rejects.toMatchObject({
      code: 'EADDRINUSE',
    });
  });

  it('a cloud that closes refuses calls and stops serving', async () => {
    const other = echoCloud();
    const short = await serveWire({ cloud: other.cloud, host: '127.0.0.1', port: 0 });
    other.cloud.close();
    const request = json('ecs', `${ECS}.ListClusters`, '{}');
    const response = await fetch(`http://127.0.0.1:${short.port}/`, {
      method: 'POST',
      headers: request.headers ?? {},
      body: '{}',
    });
    expect(response.status).toBe(503);
    await short.close();
    await expect(fetch(`http://127.0.0.1:${short.port}/`)).rejects.toThrow();
    expect(() => other.cloud.call('ecs', 'ListClusters', {})).toThrow(AwsError);
  });
});
