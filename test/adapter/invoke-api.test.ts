/** Which function an Invoke call names, and what the answer says of the one that ran. */
import { describe, expect, test } from 'vitest';
import { type InvokedFunction, invokedFunction, OwnFunction } from '../../src/adapter/invoke-api.ts';

const ARN = 'arn:aws:lambda:us-east-1:000000000000:function:hello';

describe('the path', () => {
  const paths: { reason: string; target: string; expected: InvokedFunction | undefined }[] = [
    {
      reason: 'a name',
      target: '/2015-03-31/functions/hello/invocations',
      expected: { name: 'hello', qualifier: undefined },
    },
    {
      reason: 'an ARN as the SDK encodes it',
      target: `/2015-03-31/functions/${encodeURIComponent(ARN)}/invocations?Qualifier=live`,
      expected: { name: ARN, qualifier: 'live' },
    },
    { reason: 'another API', target: '/2015-03-31/functions/hello', expected: undefined },
    { reason: 'a path of the function’s own', target: '/functions/hello/invocations', expected: undefined },
    {
      reason: 'a stray %',
      target: '/2015-03-31/functions/100%/invocations',
      expected: { name: '100%', qualifier: undefined },
    },
  ];
  test.each(paths)('$reason', ({ target, expected }) => {
    expect(invokedFunction(target)).toEqual(expected);
  });
});

describe('the name', () => {
  const names: { reason: string; own: string; name: string; qualifier?: string; code: string | undefined }[] = [
    { reason: 'its name', own: ARN, name: 'hello', code: undefined },
    { reason: 'its partial ARN', own: ARN, name: '000000000000:function:hello', code: undefined },
    { reason: 'its ARN', own: ARN, name: ARN, code: undefined },
    { reason: '$LATEST is what an unqualified ARN means', own: ARN, name: 'hello:$LATEST', code: undefined },
    { reason: 'the alias that it runs', own: `${ARN}:live`, name: 'hello', qualifier: 'live', code: undefined },
    { reason: 'the alias twice', own: `${ARN}:live`, name: 'hello:live', qualifier: 'live', code: undefined },
    { reason: 'no qualifier: whatever runs here', own: `${ARN}:live`, name: ARN, code: undefined },
    { reason: 'another name', own: ARN, name: 'other', code: 'ResourceNotFoundException' },
    { reason: 'another version', own: `${ARN}:7`, name: 'hello', qualifier: '8', code: 'ResourceNotFoundException' },
    {
      reason: 'another account',
      own: ARN,
      name: '111111111111:function:hello',
      code: 'ResourceNotFoundException',
    },
    {
      reason: 'another region',
      own: ARN,
      name: ARN.replace('us-east-1', 'eu-west-1'),
      code: 'ResourceNotFoundException',
    },
    {
      reason: 'two qualifiers that differ',
      own: ARN,
      name: 'hello:live',
      qualifier: 'test',
      code: 'InvalidParameterValueException',
    },
    { reason: 'no name at all', own: ARN, name: 'a:b:c:d', code: 'ResourceNotFoundException' },
  ];
  test.each(names)('$reason', ({ own, name, qualifier, code }) => {
    const refusal = new OwnFunction(own).misnamed({ name, qualifier }, 'id');
    expect(refusal?.headers.at(refusal.headers.indexOf('x-amzn-ErrorType') + 1)).toBe(code);
  });
});

test.each([
  ['an unqualified ARN', ARN, '$LATEST'],
  ['a version', `${ARN}:7`, '7'],
  ['an alias, which may mean any', `${ARN}:live`, undefined],
])('the executed version of %s', (_reason, functionArn, expected) => {
  expect(new OwnFunction(functionArn).executedVersion).toBe(expected);
});
