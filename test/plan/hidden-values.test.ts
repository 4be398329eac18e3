/** Secrets stay out of what is printed, wherever in a value they lie. */
import { describe, expect, it } from 'vitest';
import { HIDDEN, HIDDEN_OTHER, hideChange, hideSecrets } from '../../src/plan/index.ts';

const TOKEN = `ghp_${'a'.repeat(36)}`;

describe('hideSecrets', () => {
  const cases: { name: string; value: unknown; shown: unknown; reason: string }[] = [
    { name: 'a text', value: TOKEN, shown: HIDDEN, reason: 'a known shape of token' },
    { name: 'texts in a list', value: ['a', TOKEN], shown: ['a', HIDDEN], reason: 'wherever it lies' },
    {
      name: 'members',
      value: { DB_PASSWORD: 'x1y2z3', LOG_LEVEL: 'info', nested: { apiKey: 'x1y2z3' } },
      shown: { DB_PASSWORD: HIDDEN, LOG_LEVEL: 'info', nested: { apiKey: HIDDEN } },
      reason: 'by their names',
    },
    {
      name: 'variables as ECS writes them',
      value: [{ name: 'DB_PASSWORD', value: 'x1y2z3' }],
      shown: [{ name: 'DB_PASSWORD', value: HIDDEN }],
      reason: 'by their names',
    },
    {
      name: 'a variable that the spec calls a secret',
      value: { environment: { PIN: '4711' } },
      shown: { environment: { PIN: HIDDEN } },
      reason: 'whatever it looks like',
    },
    {
      name: 'references to secrets',
      value: { secrets: { DB: { secretsManager: 'arn:aws:secretsmanager:eu-west-1:1:secret:db' } }, SECRET_ARN: 'arn' },
      shown: { secrets: { DB: { secretsManager: 'arn:aws:secretsmanager:eu-west-1:1:secret:db' } }, SECRET_ARN: 'arn' },
      reason: 'where a secret is, is none',
    },
    { name: 'what is empty', value: { TOKEN: '' }, shown: { TOKEN: '' }, reason: 'nothing to hide' },
    { name: 'what is no text', value: [1, true, null], shown: [1, true, null], reason: 'nothing to hide' },
  ];
  it.each(cases)('$name: $reason', ({ value, shown }) => {
    const before = JSON.stringify(value);
    expect(hideSecrets(value, new Set(['PIN']))).toEqual(shown);
    expect(JSON.stringify(value), 'what was given stays').toBe(before);
  });
});

describe('hideChange', () => {
  it('hides both sides, and says that they differ', () => {
    const change = { path: 'function-1.environment.DB_PASSWORD', desired: 'x1y2z3', observed: 'z3y2x1' };
    expect(hideChange(change)).toEqual({ ...change, desired: HIDDEN, observed: HIDDEN_OTHER });
  });

  it('shows which side has none', () => {
    const change = { path: 'environment.DB_PASSWORD', desired: 'x1y2z3', observed: null };
    expect(hideChange(change)).toEqual({ ...change, desired: HIDDEN });
  });

  it('leaves what is no secret', () => {
    const change = { path: 'retentionDays', desired: 30, observed: 7 };
    expect(hideChange(change)).toEqual(change);
  });
});
