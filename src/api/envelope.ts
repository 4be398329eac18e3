/**
 * What records and manifests have in common around a spec: apiVersion, kind, labels and annotations. Spec itself is
 * passed through; `validate.ts` judges it.
 */
import { closest, type Defect, defect, type Path, plainDefect, quote, suggestion } from './defects.ts';
import { API_KINDS, API_VERSION, type ApiKind } from './types.ts';

const LABELS_MAX = 64;

export function apiVersionDefect(value: unknown): Defect | undefined {
  if (value === API_VERSION) return undefined;
  if (value === undefined) return plainDefect(['apiVersion'], value, `is missing; write ${API_VERSION}`);
  return defect(['apiVersion'], value, `is not a version that is known here; use ${API_VERSION}`);
}

/** The kind, or the defect. */
export function kindOf(value: unknown): { kind: ApiKind } | { kind: undefined; defect: Defect } {
  const kind = API_KINDS.find((known) => known === value);
  if (kind) return { kind };
  if (value === undefined) {
    return {
      kind: undefined,
      defect: plainDefect(['kind'], value, `is missing; write one of ${API_KINDS.join(', ')}`),
    };
  }
  return {
    kind: undefined,
    defect: defect(['kind'], value, `is not a kind that is known here; ${suggestion(String(value), API_KINDS)}`),
  };
}

/** Labels or annotations: text to text. */
export function textMap(value: unknown, path: Path): { map: Record<string, string>; defects: Defect[] } {
  if (value === undefined || value === null) return { map: {}, defects: [] };
  if (typeof value !== 'object' || Array.isArray(value)) {
    return { map: {}, defects: [defect(path, value, 'is not an object; write { name: value }')] };
  }
  const map: Record<string, string> = {};
  const defects: Defect[] = [];
  const entries = Object.entries(value);
  if (entries.length > LABELS_MAX)
    defects.push(plainDefect(path, undefined, `has ${entries.length} entries; use at most ${LABELS_MAX}`));
  for (const [key, member] of entries) {
    if (typeof member === 'string') map[key] = member;
    else if (typeof member === 'number' || typeof member === 'boolean') {
      defects.push(defect([...path, key], member, `is not text; put it in quotes: "${String(member)}"`));
    } else defects.push(plainDefect([...path, key], member, 'is not text; give text'));
  }
  return { map, defects };
}

/** Fields that do not belong here, each with a hint. */
export function unknownFields(
  value: object,
  known: readonly string[],
  path: Path,
  hints: Readonly<Record<string, string>> = {},
): Defect[] {
  return Object.keys(value)
    .filter((key) => !known.includes(key))
    .map((key) => {
      const hint = Object.hasOwn(hints, key) && closest(key, known) === undefined ? hints[key] : suggestion(key, known);
      return plainDefect([...path, key], undefined, `${quote(key)} is not a field here; ${hint}`);
    });
}
