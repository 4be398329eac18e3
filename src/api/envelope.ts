/**
 * What records and manifests have in common around a spec: apiVersion, kind, and members that do not belong there.
 * Labels and annotations are in `labels.ts`; spec is passed through: `validate.ts` judges it.
 */
import { closest, type Defect, defect, type Path, plainDefect, quote, suggestion } from './defects.ts';
import { API_KINDS, API_VERSION, type ApiKind } from './types.ts';

/** So many unknown fields are told one by one. */
const UNKNOWN_MAX = 50;

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

/** Fields that do not belong here, each with a hint. */
export function unknownFields(
  value: object,
  known: readonly string[],
  path: Path,
  hints: Readonly<Record<string, string>> = {},
): Defect[] {
  const unknown = Object.keys(value).filter((key) => !known.includes(key));
  const told = unknown.slice(0, UNKNOWN_MAX).map((key) => {
    const hint = Object.hasOwn(hints, key) && closest(key, known) === undefined ? hints[key] : suggestion(key, known);
    return plainDefect([...path, key], undefined, `${quote(key)} is not a field here; ${hint}`);
  });
  if (unknown.length <= UNKNOWN_MAX) return told;
  const where = path.length === 0 ? ['(document)'] : path;
  return [...told, plainDefect(where, undefined, `has ${unknown.length - UNKNOWN_MAX} more fields that are not known`)];
}
