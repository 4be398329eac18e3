/** Event patterns as EventBridge documents them: every operator, what it matches and what it does not. */
import { describe, expect, it } from 'vitest';
import { compilePattern, PatternDefect } from '../../../src/local-cloud/services/eventbridge/pattern.ts';

const EVENT = {
  version: '0',
  id: '3e3c153a-8339-4e30-8c35-687ebef853fe',
  'detail-type': 'EC2 Instance Launch Successful',
  source: 'aws.autoscaling',
  account: '123456789012',
  time: '2015-11-11T21:31:47Z',
  region: 'us-east-1',
  resources: ['arn:a', 'arn:b'],
  detail: {
    state: 'running',
    nothing: null,
    empty: '',
    count: 7,
    fraction: 0.5,
    yes: true,
    file: 'picture.PNG',
    nested: { deep: { name: 'x' } },
    list: [
      { kind: 'a', size: 1 },
      { kind: 'b', size: 2 },
    ],
    numbers: [1, 20],
  },
};

const cases: { reason: string; pattern: object; matches: boolean }[] = [
  { reason: 'a value', pattern: { source: ['aws.autoscaling'] }, matches: true },
  { reason: 'any of several', pattern: { source: ['aws.ec2', 'aws.autoscaling'] }, matches: true },
  { reason: 'another value', pattern: { source: ['aws.ec2'] }, matches: false },
  { reason: 'all fields must match', pattern: { source: ['aws.autoscaling'], region: ['eu-west-1'] }, matches: false },
  { reason: 'an element of a list', pattern: { resources: ['arn:b', 'arn:c'] }, matches: true },
  { reason: 'no element of a list', pattern: { resources: ['arn:c'] }, matches: false },
  { reason: 'nested', pattern: { detail: { nested: { deep: { name: ['x'] } } } }, matches: true },
  { reason: 'nested too deep', pattern: { detail: { nested: { name: ['x'] } } }, matches: false },
  { reason: 'null is a value', pattern: { detail: { nothing: [null] } }, matches: true },
  { reason: 'the empty text is another', pattern: { detail: { nothing: [''] } }, matches: false },
  { reason: 'a number by value', pattern: { detail: { count: [7.0] } }, matches: true },
  { reason: 'a number is no text', pattern: { detail: { count: ['7'] } }, matches: false },
  { reason: 'a boolean', pattern: { detail: { yes: [true] } }, matches: true },
  { reason: 'prefix', pattern: { time: [{ prefix: '2015-11' }] }, matches: true },
  { reason: 'another prefix', pattern: { time: [{ prefix: '2016' }] }, matches: false },
  { reason: 'prefix of a number', pattern: { detail: { count: [{ prefix: '7' }] } }, matches: false },
  { reason: 'suffix', pattern: { detail: { file: [{ suffix: '.PNG' }] } }, matches: true },
  { reason: 'suffix has case', pattern: { detail: { file: [{ suffix: '.png' }] } }, matches: false },
  {
    reason: 'suffix without case',
    pattern: { detail: { file: [{ suffix: { 'equals-ignore-case': '.png' } }] } },
    matches: true,
  },
  {
    reason: 'equal without case',
    pattern: { detail: { state: [{ 'equals-ignore-case': 'RUNNING' }] } },
    matches: true,
  },
  { reason: 'wildcard', pattern: { detail: { file: [{ wildcard: 'pic*.*' }] } }, matches: true },
  { reason: 'wildcard is of the whole', pattern: { detail: { file: [{ wildcard: 'ture*' }] } }, matches: false },
  { reason: 'anything but', pattern: { detail: { state: [{ 'anything-but': 'stopped' }] } }, matches: true },
  {
    reason: 'anything but a list',
    pattern: { detail: { state: [{ 'anything-but': ['stopped', 'running'] }] } },
    matches: false,
  },
  { reason: 'anything but a number', pattern: { detail: { count: [{ 'anything-but': [1, 2] }] } }, matches: true },
  {
    reason: 'anything but a prefix',
    pattern: { detail: { state: [{ 'anything-but': { prefix: 'run' } }] } },
    matches: false,
  },
  { reason: 'anything but needs something', pattern: { detail: { none: [{ 'anything-but': 'x' }] } }, matches: false },
  { reason: 'exists', pattern: { detail: { state: [{ exists: true }] } }, matches: true },
  { reason: 'null exists', pattern: { detail: { nothing: [{ exists: true }] } }, matches: true },
  { reason: 'does not exist', pattern: { detail: { none: [{ exists: false }] } }, matches: true },
  { reason: 'exists, though it should not', pattern: { detail: { state: [{ exists: false }] } }, matches: false },
  { reason: 'only leaves exist', pattern: { detail: { nested: [{ exists: true }] } }, matches: false },
  { reason: 'numeric equality', pattern: { detail: { count: [{ numeric: ['=', 7] }] } }, matches: true },
  { reason: 'numeric range', pattern: { detail: { count: [{ numeric: ['>', 0, '<=', 7] }] } }, matches: true },
  { reason: 'outside of a range', pattern: { detail: { count: [{ numeric: ['>', 7, '<', 9] }] } }, matches: false },
  { reason: 'numeric of a text', pattern: { detail: { state: [{ numeric: ['>', 0] }] } }, matches: false },
  { reason: 'numeric of a list', pattern: { detail: { numbers: [{ numeric: ['>', 10] }] } }, matches: true },
  {
    reason: 'one object of a list must match as a whole',
    pattern: { detail: { list: { kind: ['a'], size: [1] } } },
    matches: true,
  },
  {
    reason: 'two objects do not match together',
    pattern: { detail: { list: { kind: ['a'], size: [2] } } },
    matches: false,
  },
  {
    reason: '$or',
    pattern: { detail: { $or: [{ state: ['stopped'] }, { count: [7] }] } },
    matches: true,
  },
  {
    reason: 'no branch of $or',
    pattern: { detail: { $or: [{ state: ['stopped'] }, { count: [8] }] } },
    matches: false,
  },
];

it.each(cases)('$reason', ({ pattern, matches }) => {
  expect(compilePattern(JSON.stringify(pattern))(EVENT)).toBe(matches);
});

describe('a pattern is refused', () => {
  const refused: { reason: string; text: string }[] = [
    { reason: 'no JSON', text: '{' },
    { reason: 'no object', text: '["a"]' },
    { reason: 'nothing in it', text: '{}' },
    { reason: 'a value that is no list', text: '{"source":"aws.ec2"}' },
    { reason: 'an empty list', text: '{"source":[]}' },
    { reason: 'a list in a list', text: '{"source":[["a"]]}' },
    { reason: 'an empty object', text: '{"detail":{}}' },
    { reason: 'an operator that there is not', text: '{"source":[{"starts":"a"}]}' },
    { reason: 'two operators at once', text: '{"source":[{"prefix":"a","suffix":"b"}]}' },
    { reason: 'a prefix that is no text', text: '{"source":[{"prefix":1}]}' },
    { reason: 'exists with a text', text: '{"source":[{"exists":"yes"}]}' },
    { reason: 'a comparison that there is not', text: '{"source":[{"numeric":["!=",1]}]}' },
    { reason: 'half a range', text: '{"source":[{"numeric":[">",1,"<"]}]}' },
    { reason: 'anything but texts and numbers', text: '{"source":[{"anything-but":["a",1]}]}' },
    { reason: 'two wildcards in a row', text: '{"source":[{"wildcard":"a**"}]}' },
    { reason: 'longer than 2,048 characters', text: `{"source":["${'a'.repeat(2048)}"]}` },
  ];
  it.each(refused)('$reason', ({ text }) => {
    expect(() => compilePattern(text)).toThrow(PatternDefect);
  });
});
