/**
 * Manifests: YAML (several documents) or JSON text to objects, with the line and column of every defect. It judges the
 * envelope (apiVersion, kind, metadata); a spec's defects get their places through `ManifestObject.position.of`.
 * A document with any defect yields no object; the others do.
 */
import {
  type Document,
  isAlias,
  isMap,
  isNode,
  isScalar,
  isSeq,
  LineCounter,
  type Node,
  parseAllDocuments,
  type YAMLError,
} from 'yaml';
import { type Defect, formatDefect, formatPath, type Path, plainDefect } from './defects.ts';
import { apiVersionDefect, kindOf, textMap, unknownFields } from './envelope.ts';
import { DEFAULT_NAMESPACE, nameDefect, SYSTEM_NAMESPACE } from './names.ts';
import { toPlain } from './plain.ts';
import { API_VERSION, type ApiKind, type ApiObject, KIND_CONTAINER } from './types.ts';

const TEXT_MAX = 16 * 1024 * 1024;
/** Bounds the work of hostile aliases; real manifests use a handful. */
const ALIASES_MAX = 100;

export interface Place {
  readonly file: string;
  /** From 1. */
  readonly line: number;
  readonly column: number;
}

export interface Position extends Place {
  /** The place of a defect's path in this document; of the nearest member above it when it is not there. */
  readonly of: (path: string) => Place;
}

export type ManifestObject = ApiObject & { readonly position: Position };
export type ManifestDefect = Defect & Place;

export interface Manifests {
  readonly objects: ManifestObject[];
  readonly defects: ManifestDefect[];
}

/** `shop.yaml:12:5: spec.compute.cpu: 300 is not …` */
export function formatManifestDefect(item: ManifestDefect): string {
  return `${item.file}:${item.line}:${item.column}: ${formatDefect(item)}`;
}

/** Never throws. `defaultNamespace` is for objects that name none. */
export function parseManifests(text: string, fileName: string, defaultNamespace = DEFAULT_NAMESPACE): Manifests {
  const found: Manifests = { objects: [], defects: [] };
  const top: Place = { file: fileName, line: 1, column: 1 };
  if (text.length > TEXT_MAX) {
    found.defects.push({ path: '(file)', value: undefined, message: 'is larger than 16 MB; split it', ...top });
    return found;
  }
  const lines = new LineCounter();
  const clean = text.replace(/^\uFEFF/, '');
  const documents = parseAllDocuments(clean, {
    lineCounter: lines,
    uniqueKeys: true,
    merge: true,
    prettyErrors: false,
    strict: true,
    // Its warnings would go to the process's standard error; they are in `document.warnings` too.
    logLevel: 'error',
  });
  if ('empty' in documents) return found;
  for (const document of documents) readDocument(document, fileName, lines, defaultNamespace, found);
  return found;
}

function readDocument(
  document: Document,
  file: string,
  lines: LineCounter,
  defaultNamespace: string,
  found: Manifests,
): void {
  const placeAt = (offset: number): Place => {
    const { line, col } = lines.linePos(offset);
    return { file, line: Math.max(1, line), column: Math.max(1, col) };
  };
  const problems = [...document.errors, ...document.warnings];
  if (problems.length > 0) {
    found.defects.push(...problems.map((problem) => ({ ...syntaxDefect(problem), ...placeAt(problem.pos[0]) })));
    return;
  }
  if (document.contents === null || (isScalar(document.contents) && document.contents.value === null)) return;
  const places = new Map<string, number>();
  collectPlaces(document.contents, [], document, places, 0);
  const start = document.contents.range?.[0] ?? 0;
  const nodeOf = (prefix: string) => (path: string) => placeAt(offsetOf(path, prefix, places) ?? start);
  let value: unknown;
  try {
    value = document.toJS({ maxAliasCount: ALIASES_MAX });
  } catch (error) {
    // The library throws ReferenceError for alias bombs and unresolved aliases; both are the document's fault.
    const reason = error instanceof Error ? error.message : String(error);
    found.defects.push({
      path: '(document)',
      value: undefined,
      message: `cannot be read: ${reason}`,
      ...placeAt(start),
    });
    return;
  }
  for (const { item, prefix } of itemsOf(value)) readObject(item, prefix, nodeOf(prefix), defaultNamespace, found);
}

function syntaxDefect(problem: YAMLError): Defect {
  const messages: Partial<Record<string, string>> = {
    DUPLICATE_KEY: 'the same key stands twice in one map; remove one of them',
    TAB_AS_INDENT: 'a tab is used for indentation, which YAML forbids; use spaces',
    TAG_RESOLVE_FAILED: `has a tag that is not known here (${problem.message}); remove the tag`,
  };
  return { path: '(syntax)', value: undefined, message: messages[problem.code] ?? problem.message };
}

/** `kind: List` holds objects, as kubectl prints them. */
function itemsOf(value: unknown): { item: unknown; prefix: string }[] {
  if (isRecord(value) && value.kind === 'List' && Array.isArray(value.items)) {
    return value.items.map((item: unknown, index) => ({ item, prefix: `items[${index}]` }));
  }
  return [{ item: value, prefix: '' }];
}

const MEMBERS = ['apiVersion', 'kind', 'metadata', 'spec', 'status'] as const;
/** What Kubernetes tools add to metadata is accepted and dropped. */
const METADATA_IGNORED = ['generation', 'resourceVersion', 'uid', 'creationTimestamp', 'managedFields', 'selfLink'];
const METADATA = ['name', 'namespace', 'labels', 'annotations', ...METADATA_IGNORED] as const;

function readObject(
  raw: unknown,
  prefix: string,
  place: (path: string) => Place,
  defaultNamespace: string,
  found: Manifests,
): void {
  const report = (defects: readonly Defect[]): void => {
    found.defects.push(...defects.map((item) => ({ ...item, ...place(item.path) })));
  };
  if (!isRecord(raw)) {
    const path = prefix === '' ? '(document)' : prefix;
    report([
      { path, value: undefined, message: 'is not an object; a manifest has apiVersion, kind, metadata and spec' },
    ]);
    return;
  }
  const { members, defects } = plainMembers(raw);
  defects.push(...unknownFields(members, MEMBERS, [], { items: "only kind 'List' has items" }));
  const version = apiVersionDefect(members.apiVersion);
  if (version) defects.push(version);
  const known = kindOf(members.kind);
  if (known.kind === undefined) defects.push(known.defect);
  const metadata = readMetadata(members.metadata, known.kind ?? KIND_CONTAINER, defaultNamespace);
  defects.push(...metadata.defects);
  if (members.spec === undefined && !defects.some((item) => item.path.startsWith('spec'))) {
    defects.push(plainDefect(['spec'], undefined, 'is missing; say what is desired'));
  }
  report(defects);
  if (defects.length > 0 || known.kind === undefined) return;
  found.objects.push({
    apiVersion: API_VERSION,
    kind: known.kind,
    namespace: metadata.namespace,
    name: metadata.name,
    labels: metadata.labels,
    annotations: metadata.annotations,
    spec: members.spec,
    position: { ...place(''), of: place },
  });
}

function plainMembers(raw: Record<string, unknown>): { members: Record<string, unknown>; defects: Defect[] } {
  const members: Record<string, unknown> = {};
  const defects: Defect[] = [];
  for (const key of Object.keys(raw)) {
    const plain = toPlain(raw[key], key);
    defects.push(...plain.defects);
    if (key === '__proto__')
      defects.push(plainDefect([key], undefined, "is not allowed as a name; remove the field '__proto__'"));
    else if (plain.value !== undefined) members[key] = plain.value;
  }
  return { members, defects };
}

interface Metadata {
  readonly namespace: string;
  readonly name: string;
  readonly labels: Record<string, string>;
  readonly annotations: Record<string, string>;
  readonly defects: Defect[];
}

function readMetadata(raw: unknown, kind: ApiKind, defaultNamespace: string): Metadata {
  const members = isRecord(raw) ? raw : {};
  const defects: Defect[] = [];
  if (raw !== undefined && !isRecord(raw))
    defects.push(plainDefect(['metadata'], raw, 'is not an object; write { name: … }'));
  else {
    defects.push(...unknownFields(members, METADATA, ['metadata']));
    const name = nameDefect(members.name, ['metadata', 'name']);
    if (name) defects.push(name);
  }
  const labels = textMap(members.labels, ['metadata', 'labels']);
  const annotations = textMap(members.annotations, ['metadata', 'annotations']);
  const namespace = readNamespace(members.namespace, kind, defaultNamespace);
  defects.push(...labels.defects, ...annotations.defects, ...namespace.defects);
  return {
    namespace: namespace.value,
    name: String(members.name),
    labels: labels.map,
    annotations: annotations.map,
    defects,
  };
}

function readNamespace(raw: unknown, kind: ApiKind, defaultNamespace: string): { value: string; defects: Defect[] } {
  const path = ['metadata', 'namespace'];
  if (kind !== KIND_CONTAINER) {
    if (raw === undefined || raw === SYSTEM_NAMESPACE) return { value: SYSTEM_NAMESPACE, defects: [] };
    return {
      value: '',
      defects: [plainDefect(path, raw, `is not for a ${kind}, which belongs to no namespace; remove it`)],
    };
  }
  if (raw === undefined) return { value: defaultNamespace, defects: [] };
  const wrong = nameDefect(raw, path);
  return { value: String(raw), defects: wrong ? [wrong] : [] };
}

// ---------------------------------------------------------------------------------------------------------- places

const PLACES_DEPTH_MAX = 60;

/** The offset of every member by its printed path: of the key for members of maps, of the value for elements. */
function collectPlaces(node: Node, path: Path, document: Document, places: Map<string, number>, depth: number): void {
  if (depth > PLACES_DEPTH_MAX) return;
  // Members that come through an alias are placed where the alias stands.
  if (isAlias(node)) return;
  if (isMap(node)) {
    for (const pair of node.items) {
      const key = pair.key;
      if (!isScalar(key)) continue;
      const member = [...path, String(key.value)];
      if (key.range) places.set(formatPath(member), key.range[0]);
      if (isNode(pair.value)) collectPlaces(pair.value, member, document, places, depth + 1);
    }
  } else if (isSeq(node)) {
    for (const [index, element] of node.items.entries()) {
      if (!isNode(element)) continue;
      const member = [...path, index];
      if (element.range) places.set(formatPath(member), element.range[0]);
      collectPlaces(element, member, document, places, depth + 1);
    }
  }
}

function offsetOf(path: string, prefix: string, places: ReadonlyMap<string, number>): number | undefined {
  const full = path === '' || path.startsWith('(') ? prefix : prefix === '' ? path : `${prefix}.${path}`;
  for (let upper = full; upper !== ''; upper = parentOf(upper)) {
    const offset = places.get(upper);
    if (offset !== undefined) return offset;
  }
  return undefined;
}

/** `a.b[0]` → `a.b` → `a` → ``. */
function parentOf(path: string): string {
  const bracketed = /^(.*)\[(?:\d+|"(?:[^"\\]|\\.)*")\]$/s.exec(path);
  if (bracketed) return bracketed[1] ?? '';
  const dot = path.lastIndexOf('.');
  return dot < 0 ? '' : path.slice(0, dot);
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
