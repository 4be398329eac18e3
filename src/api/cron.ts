/**
 * The syntax of AWS schedules: `minute hour day-of-month month day-of-week year`. It judges the text only; computing
 * the next time is not its business.
 */
const MONTHS = ['JAN', 'FEB', 'MAR', 'APR', 'MAY', 'JUN', 'JUL', 'AUG', 'SEP', 'OCT', 'NOV', 'DEC'];
const DAYS = ['SUN', 'MON', 'TUE', 'WED', 'THU', 'FRI', 'SAT'];

interface Field {
  name: string;
  from: number;
  to: number;
  words?: readonly string[];
}

const FIELDS: readonly Field[] = [
  { name: 'minute', from: 0, to: 59 },
  { name: 'hour', from: 0, to: 23 },
  { name: 'day of month', from: 1, to: 31 },
  { name: 'month', from: 1, to: 12, words: MONTHS },
  { name: 'day of week', from: 1, to: 7, words: DAYS },
  { name: 'year', from: 1970, to: 2199 },
];

/** What is wrong with a six-field cron expression, as a phrase that follows the value; undefined when it is right. */
export function cronDefect(text: string): string | undefined {
  const parts = text.trim().split(/\s+/);
  if (parts.length === 5) {
    return "has five fields; AWS's cron has six: minute hour day-of-month month day-of-week year, e.g. '0 17 ? * MON-FRI *'";
  }
  if (parts.length !== 6) {
    return `has ${text.trim() === '' ? 0 : parts.length} fields; write six: minute hour day-of-month month day-of-week year, e.g. '0 17 ? * MON-FRI *'`;
  }
  for (const [index, field] of FIELDS.entries()) {
    const part = parts[index] ?? '';
    if (!fieldIsValid(part, field, index)) {
      return `has a wrong ${field.name} '${part}'; use ${field.from} to ${field.to}${field.words ? ` or ${field.words.join(', ')}` : ''}, with , - * / as needed`;
    }
  }
  const questionMarks = [parts[2], parts[4]].filter((part) => part === '?').length;
  if (questionMarks === 0) return "sets both day of month and day of week; write '?' in one of them";
  if (questionMarks === 2) return "has '?' for both day of month and day of week; write '*' in one of them";
  return undefined;
}

function fieldIsValid(text: string, field: Field, index: number): boolean {
  const isDayOfMonth = index === 2;
  const isDayOfWeek = index === 4;
  if (text === '?') return isDayOfMonth || isDayOfWeek;
  if (isDayOfMonth && /^(L|LW|L-\d{1,2}|([1-9]|[12]\d|3[01])W)$/.test(text)) return true;
  if (isDayOfWeek && /^(L|([1-7]|SUN|MON|TUE|WED|THU|FRI|SAT)(L|#[1-5]))$/.test(text)) return true;
  return text.split(',').every((item) => itemIsValid(item, field));
}

function itemIsValid(item: string, field: Field): boolean {
  const match = /^(?:(\*)|([0-9A-Z]+)(?:-([0-9A-Z]+))?)(?:\/(\d+))?$/.exec(item.toUpperCase());
  if (!match) return false;
  const [, star, first, last, step] = match;
  if (step !== undefined && (Number(step) < 1 || Number(step) > field.to)) return false;
  if (star) return true;
  const from = number(first, field);
  const to = last === undefined ? from : number(last, field);
  return from !== undefined && to !== undefined && (from <= to || field.words === DAYS);
}

function number(text: string | undefined, field: Field): number | undefined {
  if (text === undefined) return undefined;
  const word = field.words?.indexOf(text) ?? -1;
  const value = word >= 0 ? word + 1 : /^\d+$/.test(text) ? Number(text) : Number.NaN;
  return value >= field.from && value <= field.to ? value : undefined;
}

/** What is wrong with `cron(…)`, `rate(…)` or `at(…)`; undefined when it is right. */
export function scheduleDefect(text: string): string | undefined {
  const cron = /^cron\((.*)\)$/.exec(text);
  if (cron) return cronDefect(cron[1] ?? '');
  if (/^rate\(1 (minute|hour|day)\)$/.test(text)) return undefined;
  if (/^rate\(([2-9]|[1-9]\d+) (minutes|hours|days)\)$/.test(text)) return undefined;
  if (/^at\(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\)$/.test(text)) return undefined;
  return 'is not a schedule; write cron(0 3 * * ? *), rate(5 minutes) or at(2027-01-31T08:00:00)';
}

/** Whether the runtime's time zone database knows the name (`Europe/Rome`). */
export function isTimeZone(name: string): boolean {
  // Offsets such as `+02:00` are accepted by Intl, but not by AWS.
  if (!/^[A-Za-z]/.test(name)) return false;
  try {
    new Intl.DateTimeFormat('en', { timeZone: name });
    return true;
  } catch {
    return false;
  }
}
