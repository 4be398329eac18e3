/**
 * Variables in manifests: `${NAME}` and `${NAME:=default}` are replaced in the text before it is read as YAML, `$${`
 * stands for `${`. A variable that nobody gives a value is a defect with its place, never an empty text; what looks like
 * a variable and is none is one too. Values have no line breaks, so lines stay where they were, and columns are mapped
 * back to the text that people wrote.
 */

export interface SubstitutionDefect {
  readonly line: number;
  readonly column: number;
  readonly value: string;
  readonly message: string;
}

export interface Substituted {
  readonly text: string;
  readonly defects: readonly SubstitutionDefect[];
  /** The column in the text as written. */
  readonly originalColumn: (line: number, column: number) => number;
}

const VARIABLE = /\$\$\{|\$\{([^}\n]*)(\}?)/g;
const PARTS = /^([A-Za-z_][A-Za-z0-9_]*)(?::=(.*))?$/s;

/** Pure. Without variables the text itself. */
export function substitute(text: string, values: Readonly<Record<string, string>>): Substituted {
  if (!text.includes('${')) return { text, defects: [], originalColumn: (_line, column) => column };
  const defects: SubstitutionDefect[] = [];
  const shifts = new Map<number, Shift[]>();
  const lines = text.split('\n').map((line, index) => {
    let grown = 0;
    return line.replace(VARIABLE, (whole: string, body: string | undefined, close: string | undefined, at: number) => {
      const replacement = body === undefined ? '${' : valueFor(body, close === '}', values);
      if (typeof replacement !== 'string') {
        defects.push({ line: index + 1, column: at + 1, value: whole, message: replacement.message });
        return whole;
      }
      const list = shifts.get(index + 1) ?? [];
      list.push({ from: at + grown, written: whole.length, now: replacement.length });
      shifts.set(index + 1, list);
      grown += replacement.length - whole.length;
      return replacement;
    });
  });
  return {
    text: lines.join('\n'),
    defects,
    originalColumn: (line, column) => mapBack(shifts.get(line) ?? [], column),
  };
}

interface Shift {
  /** Where the value begins, from 0, in the new line. */
  readonly from: number;
  readonly written: number;
  readonly now: number;
}

function mapBack(shifts: readonly Shift[], column: number): number {
  let at = column - 1;
  let offset = 0;
  for (const { from, written, now } of shifts) {
    if (at < from) break;
    // Inside of a value: its variable's place.
    if (at < from + now) {
      at = from;
      break;
    }
    offset += written - now;
  }
  return at + offset + 1;
}

function valueFor(
  body: string,
  isClosed: boolean,
  values: Readonly<Record<string, string>>,
): string | { readonly message: string } {
  const parts = isClosed ? PARTS.exec(body) : null;
  if (parts?.[1] === undefined) {
    return {
      message: `is not a variable; write \${NAME} or \${NAME:=default}, and $\${ where the text \${ is meant`,
    };
  }
  const [, name, fallback] = parts;
  const value = Object.hasOwn(values, name) ? values[name] : fallback;
  if (value !== undefined) return value;
  return {
    message: `has no value; give ${name} under spec.substitute of the source, a default as \${${name}:=…}, or write $\${${name}} for the text itself`,
  };
}
