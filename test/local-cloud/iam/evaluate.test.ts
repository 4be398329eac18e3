/** The evaluator against what AWS documents, statement by statement. */
import { describe, expect, it } from 'vitest';
import { evaluate, type PolicyDefect, type Principal, parsePolicy } from '../../../src/local-cloud/iam/index.ts';
import type { PolicyKind } from '../../../src/local-cloud/iam/policy.ts';

const TABLE = 'arn:aws:dynamodb:eu-west-1:111122223333:table/records';

interface Case {
  readonly reason: string;
  readonly statement: object | object[];
  readonly action?: string;
  readonly resource?: string;
  readonly keys?: Readonly<Record<string, string | readonly string[]>>;
  readonly is: 'Allow' | 'Deny' | 'none';
}

function decide(
  statement: object | object[],
  { action = 'dynamodb:GetItem', resource = TABLE, keys = {} }: Partial<Case>,
  kind: PolicyKind = 'identity',
  principal?: Principal,
) {
  const defaults = kind === 'trust' ? { Effect: 'Allow' } : { Effect: 'Allow', Action: '*', Resource: '*' };
  const complete = (one: object) => ({
    ...defaults,
    ...one,
    ...('NotAction' in one ? { Action: undefined } : {}),
    ...('NotResource' in one ? { Resource: undefined } : {}),
  });
  const Statement = (Array.isArray(statement) ? statement : [statement]).map(complete);
  const policy = parsePolicy(JSON.stringify({ Version: '2012-10-17', Statement }), kind);
  const known = new Map(Object.entries(keys).map(([key, value]) => [key.toLowerCase(), value]));
  const question = {
    action,
    resource,
    keys: (name: string) => {
      const value = known.get(name.toLowerCase());
      return typeof value === 'string' ? [value] : value;
    },
  };
  return evaluate([{ name: 'p', policy }], question, principal);
}

const on = (Condition: object) => ({ Condition });

const CASES: readonly Case[] = [
  { reason: 'what is not allowed is denied', statement: { Action: 'ecs:*' }, is: 'none' },
  { reason: 'an action is allowed by name', statement: { Action: 'dynamodb:GetItem' }, is: 'Allow' },
  { reason: 'the case of an action says nothing', statement: { Action: 'DynamoDB:getitem' }, is: 'Allow' },
  { reason: 'a wildcard stands for letters', statement: { Action: 'dynamodb:Get*' }, is: 'Allow' },
  { reason: 'a question mark stands for one letter', statement: { Action: 'dynamodb:?etItem' }, is: 'Allow' },
  {
    reason: 'a denial wins, wherever it stands',
    statement: [{ Action: '*' }, { Effect: 'Deny', Action: 'dynamodb:GetItem' }, { Action: '*' }],
    is: 'Deny',
  },
  {
    reason: 'a denial under a condition that does not hold says nothing',
    statement: [{}, { Effect: 'Deny', ...on({ Bool: { 'aws:SecureTransport': 'false' } }) }],
    keys: { 'aws:SecureTransport': 'true' },
    is: 'Allow',
  },
  { reason: 'NotAction is all but', statement: { NotAction: 'iam:*' }, is: 'Allow' },
  { reason: 'NotAction leaves out', statement: { NotAction: ['iam:*', 'dynamodb:GetItem'] }, is: 'none' },
  { reason: 'NotResource is all but', statement: { NotResource: 'arn:aws:s3:::x' }, is: 'Allow' },
  { reason: 'NotResource leaves out', statement: { NotResource: TABLE }, is: 'none' },
  { reason: 'a wildcard in a part of an ARN', statement: { Resource: 'arn:*:dynamodb:*:*:table/rec*' }, is: 'Allow' },
  {
    reason: 'a wildcard reaches over no colon of the first five',
    statement: { Resource: 'arn:aws:logs:*:log-group:/a:log-stream:b' },
    resource: 'arn:aws:logs:eu-west-1:1:log-group:/a:log-stream:b',
    is: 'none',
  },
  {
    reason: 'in the last part it does',
    statement: { Resource: 'arn:aws:logs:*:*:log-group:/a/*' },
    resource: 'arn:aws:logs:eu-west-1:1:log-group:/a/b:log-stream:c',
    is: 'Allow',
  },
  { reason: 'resources have a case', statement: { Resource: TABLE.replace('records', 'Records') }, is: 'none' },

  { reason: 'equal', statement: on({ StringEquals: { k: ['a', 'b'] } }), keys: { k: 'b' }, is: 'Allow' },
  { reason: 'not equal', statement: on({ StringEquals: { k: 'a' } }), keys: { k: 'A' }, is: 'none' },
  {
    reason: 'equal whatever case',
    statement: on({ StringEqualsIgnoreCase: { k: 'a' } }),
    keys: { k: 'A' },
    is: 'Allow',
  },
  {
    reason: 'keys have no case',
    statement: on({ StringEquals: { 'AWS:Key': 'a' } }),
    keys: { 'aws:key': 'a' },
    is: 'Allow',
  },
  { reason: 'equality knows no wildcard', statement: on({ StringEquals: { k: 'a*' } }), keys: { k: 'ab' }, is: 'none' },
  { reason: 'likeness does', statement: on({ StringLike: { k: 'a*' } }), keys: { k: 'ab' }, is: 'Allow' },
  { reason: 'a missing key is not equal', statement: on({ StringEquals: { k: 'a' } }), is: 'none' },
  { reason: 'a missing key is different', statement: on({ StringNotEquals: { k: 'a' } }), is: 'Allow' },
  { reason: 'a missing key, if it exists', statement: on({ StringEqualsIfExists: { k: 'a' } }), is: 'Allow' },
  { reason: 'one that exists', statement: on({ StringEqualsIfExists: { k: 'a' } }), keys: { k: 'b' }, is: 'none' },
  { reason: 'none of several', statement: on({ StringNotEquals: { k: ['a', 'b'] } }), keys: { k: 'b' }, is: 'none' },
  {
    reason: 'all operators and all keys have to hold',
    statement: on({ StringEquals: { k: 'a', l: 'b' }, Bool: { m: 'true' } }),
    keys: { k: 'a', l: 'b', m: 'false' },
    is: 'none',
  },
  { reason: 'Null true: is missing', statement: on({ Null: { k: 'true' } }), is: 'Allow' },
  { reason: 'Null false: is there', statement: on({ Null: { k: 'false' } }), is: 'none' },
  { reason: 'numbers', statement: on({ NumericLessThanEquals: { k: '10' } }), keys: { k: '9.5' }, is: 'Allow' },
  { reason: 'words are no numbers', statement: on({ NumericLessThan: { k: '10' } }), keys: { k: 'x' }, is: 'none' },
  {
    reason: 'dates',
    statement: on({ DateLessThan: { k: '2027-01-01T00:00:00Z' } }),
    keys: { k: '2026-06-01T00:00:00Z' },
    is: 'Allow',
  },
  {
    reason: 'dates as seconds',
    statement: on({ DateGreaterThan: { k: '0' } }),
    keys: { k: '1970-01-01T00:00:01Z' },
    is: 'Allow',
  },
  {
    reason: 'in a range of addresses',
    statement: on({ IpAddress: { k: '10.0.0.0/8' } }),
    keys: { k: '10.9.8.7' },
    is: 'Allow',
  },
  {
    reason: 'outside of it',
    statement: on({ NotIpAddress: { k: '10.0.0.0/8' } }),
    keys: { k: '10.9.8.7' },
    is: 'none',
  },
  { reason: 'the other family', statement: on({ IpAddress: { k: '::/0' } }), keys: { k: '10.9.8.7' }, is: 'none' },
  {
    reason: 'ARNs by parts',
    statement: on({ ArnLike: { k: 'arn:aws:ecs:*:*:cluster/a*' } }),
    keys: { k: 'arn:aws:ecs:x:1:cluster/ab' },
    is: 'Allow',
  },
  {
    reason: 'ArnEquals takes wildcards, too',
    statement: on({ ArnEquals: { k: 'arn:aws:ecs:*:*:cluster/a*' } }),
    keys: { k: 'arn:aws:ecs:x:1:cluster/ab' },
    is: 'Allow',
  },

  {
    reason: 'all values of a key',
    statement: on({ 'ForAllValues:StringEquals': { k: ['a', 'b'] } }),
    keys: { k: ['a', 'b'] },
    is: 'Allow',
  },
  {
    reason: 'one value too many',
    statement: on({ 'ForAllValues:StringEquals': { k: ['a', 'b'] } }),
    keys: { k: ['a', 'c'] },
    is: 'none',
  },
  { reason: 'all of no values is true', statement: on({ 'ForAllValues:StringEquals': { k: 'a' } }), is: 'Allow' },
  {
    reason: 'which a Null beside it closes',
    statement: on({ 'ForAllValues:StringEquals': { k: 'a' }, Null: { k: 'false' } }),
    is: 'none',
  },
  { reason: 'any of no values is false', statement: on({ 'ForAnyValue:StringEquals': { k: 'a' } }), is: 'none' },
  {
    reason: 'any value',
    statement: on({ 'ForAnyValue:StringLike': { k: 'c*' } }),
    keys: { k: ['a', 'cd'] },
    is: 'Allow',
  },
  {
    reason: 'any value that differs',
    statement: on({ 'ForAnyValue:StringNotEquals': { k: 'a' } }),
    keys: { k: ['a', 'b'] },
    is: 'Allow',
  },

  {
    reason: 'a variable in a resource',
    statement: { Resource: 'arn:aws:dynamodb:*:*:table/$' + '{aws:username}' },
    keys: { 'aws:username': 'records' },
    is: 'Allow',
  },
  {
    reason: 'a variable that is unknown matches nothing',
    statement: { Resource: 'arn:aws:dynamodb:*:*:table/$' + '{aws:username}' },
    is: 'none',
  },
  {
    reason: 'unless it has a default',
    statement: { Resource: 'arn:aws:dynamodb:*:*:table/$' + "{aws:username, 'records'}" },
    is: 'Allow',
  },
  {
    reason: 'what a variable holds is no pattern',
    statement: { Resource: 'arn:aws:dynamodb:*:*:table/$' + '{aws:username}' },
    keys: { 'aws:username': '*' },
    is: 'none',
  },
  {
    reason: 'a variable in a condition',
    statement: on({ StringEquals: { k: '$' + '{aws:PrincipalTag/team}' } }),
    keys: { k: 'shop', 'aws:PrincipalTag/team': 'shop' },
    is: 'Allow',
  },
  {
    reason: 'an asterisk that means itself',
    statement: on({ StringLike: { k: 'a$' + '{*}b' } }),
    keys: { k: 'axb' },
    is: 'none',
  },
];

describe('an identity’s policy', () => {
  it.each(CASES)('$reason', ({ statement, is, ...asked }) => {
    expect(decide(statement, asked).effect).toBe(is);
  });

  it('says which statement and which of its patterns decided', () => {
    const { by } = decide([{ Action: 'ecs:*' }, { Sid: 'Read', Action: ['a:B', 'dynamodb:Get*'] }], {});
    expect(by).toEqual({ policy: 'p', sid: 'Read', action: 'dynamodb:Get*', resource: '*' });
  });
});

const USER: Principal = {
  type: 'AWS',
  arns: ['arn:aws:sts::111122223333:assumed-role/r/s', 'arn:aws:iam::111122223333:role/r'],
  accountId: '111122223333',
};
const SERVICE: Principal = { type: 'Service', name: 'ecs-tasks.amazonaws.com' };

describe('a role’s trust', () => {
  it.each([
    {
      reason: 'names the role of a session',
      named: { AWS: 'arn:aws:iam::111122223333:role/r' },
      who: USER,
      is: 'Allow',
    },
    { reason: 'names the session', named: { AWS: USER.arns[0] }, who: USER, is: 'Allow' },
    { reason: 'names the account', named: { AWS: '111122223333' }, who: USER, is: 'Allow' },
    { reason: 'names its root', named: { AWS: 'arn:aws:iam::111122223333:root' }, who: USER, is: 'Allow' },
    { reason: 'names another account', named: { AWS: '999999999999' }, who: USER, is: 'none' },
    { reason: 'names everybody', named: '*', who: USER, is: 'Allow' },
    { reason: 'names a service', named: { Service: ['x.amazonaws.com', SERVICE.name] }, who: SERVICE, is: 'Allow' },
    { reason: 'names another service', named: { Service: 'lambda.amazonaws.com' }, who: SERVICE, is: 'none' },
    { reason: 'a service is not of an account', named: { AWS: '111122223333' }, who: SERVICE, is: 'none' },
  ])('$reason', ({ named, who, is }) => {
    const statement = { Action: 'sts:AssumeRole', Principal: named };
    expect(decide(statement, { action: 'sts:AssumeRole' }, 'trust', who).effect).toBe(is);
  });
});

describe('a document that IAM refuses', () => {
  const refused = (document: unknown, kind: PolicyKind = 'identity') => {
    try {
      parsePolicy(typeof document === 'string' ? document : JSON.stringify(document), kind);
    } catch (error) {
      return (error as PolicyDefect).message;
    }
    return 'accepted';
  };
  const one = (statement: object) => ({
    Version: '2012-10-17',
    Statement: { Effect: 'Allow', Action: 'ecs:*', Resource: '*', ...statement },
  });
  it.each([
    { reason: 'no JSON', document: '{', says: /invalid Json/ },
    { reason: 'no statement', document: { Version: '2012-10-17' }, says: /Syntax errors/ },
    { reason: 'another version', document: { ...one({}), Version: '2020-01-01' }, says: /Syntax errors/ },
    { reason: 'no effect', document: one({ Effect: 'allow' }), says: /Invalid effect: allow/ },
    { reason: 'no action', document: one({ Action: undefined }), says: /Missing required field Action/ },
    { reason: 'action and its opposite', document: one({ NotAction: 'a:B' }), says: /Syntax errors/ },
    { reason: 'an action of no service', document: one({ Action: 'Get*' }), says: /prefaced by a vendor/ },
    { reason: 'no resource', document: one({ Resource: undefined }), says: /must contain resources/ },
    { reason: 'a resource that is no ARN', document: one({ Resource: 'table' }), says: /ARN format/ },
    { reason: 'a principal', document: one({ Principal: '*' }), says: /should not specify a principal/ },
    {
      reason: 'an operator that is none',
      document: one({ Condition: { StringLikes: { a: 'b' } } }),
      says: /Invalid Condition type : StringLikes/,
    },
    { reason: 'a member that is none', document: one({ Actions: 'a:B' }), says: /Syntax errors/ },
    { reason: 'an id with a dash', document: one({ Sid: 'a-b' }), says: /alpha-numeric/ },
    {
      reason: 'the same id twice',
      document: { Version: '2012-10-17', Statement: [one({ Sid: 'A' }).Statement, one({ Sid: 'A' }).Statement] },
      says: /must be unique/,
    },
    {
      reason: 'a trust with a resource',
      document: one({ Action: 'sts:AssumeRole', Principal: '*' }),
      kind: 'trust',
      says: /prohibited field Resource/,
    },
    {
      reason: 'a trust without a principal',
      document: one({ Action: 'sts:AssumeRole', Resource: undefined }),
      kind: 'trust',
      says: /required field Principal/,
    },
    {
      reason: 'a trust in something else',
      document: one({ Principal: '*', Resource: undefined }),
      kind: 'trust',
      says: /may only specify STS/,
    },
  ] as const)('$reason', ({ document, says, ...rest }) => {
    expect(refused(document, 'kind' in rest ? rest.kind : 'identity')).toMatch(says);
  });
});
