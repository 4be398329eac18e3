import { describe, expect, it } from 'vitest';
import { cronDefect, isTimeZone, scheduleDefect } from '../../src/api/cron.ts';

describe('cron', () => {
  it.each([
    '0 17 ? * MON-FRI *',
    '0/15 * * * ? *',
    '0 3 1,15 * ? 2026-2030',
    '5 8 L * ? *',
    '0 0 15W * ? *',
    '0 9 ? JAN,MAR 2#1 *',
    '0 0 ? * 6L *',
    '0 8 ? * FRI-MON *',
  ])('%s is right', (text) => {
    expect(cronDefect(text)).toBeUndefined();
  });

  it.each<[string, string]>([
    ['0 17 * * 1', "has five fields; AWS's cron has six"],
    ['', 'has 0 fields'],
    ['0 17 * * * *', "sets both day of month and day of week; write '?' in one of them"],
    ['0 17 ? * ? *', "has '?' for both"],
    ['60 17 ? * 1 *', "has a wrong minute '60'; use 0 to 59"],
    ['0 24 ? * 1 *', "has a wrong hour '24'"],
    ['0 0 32 * ? *', "has a wrong day of month '32'"],
    ['0 0 ? 13 1 *', "has a wrong month '13'; use 1 to 12 or JAN"],
    ['0 0 ? * 0 *', "has a wrong day of week '0'"],
    ['0 0 ? * 1 1969', "has a wrong year '1969'"],
    ['5-1 0 ? * 1 *', "has a wrong minute '5-1'"],
    ['*/0 0 ? * 1 *', "has a wrong minute '*/0'"],
    ['? 0 ? * 1 *', "has a wrong minute '?'"],
  ])('%s', (text, phrase) => {
    expect(cronDefect(text)).toContain(phrase);
  });

  it('schedules', () => {
    for (const text of ['cron(0 3 * * ? *)', 'rate(1 hour)', 'rate(5 minutes)', 'at(2027-01-31T08:00:00)'])
      expect(scheduleDefect(text)).toBeUndefined();
    for (const text of ['0 3 * * ? *', 'rate(1 minutes)', 'rate(5 minute)', 'cron(x)', 'rate(0 days)'])
      expect(scheduleDefect(text)).toBeDefined();
  });

  it('time zones', () => {
    expect([
      isTimeZone('Europe/Rome'),
      isTimeZone('UTC'),
      isTimeZone('Mars/Base'),
      isTimeZone('+02:00'),
      isTimeZone(''),
    ]).toEqual([true, true, false, false, false]);
  });
});
