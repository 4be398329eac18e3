/**
 * Manifests: YAML (several documents) or JSON text to objects, with the line and column of every defect. It judges the
 * envelope (apiVersion, kind, metadata); a spec's defects get their places through `ManifestObject.position.of`.
 * A document with any defect yields no object; the others do.
 */
import { type Document, isScalar, LineCounter, parseAllDocuments, type YAMLError } from 'yaml';
import { bounded, type Defect, formatDefect, plainDefect } from './defects.ts';
import { DocumentMap, type TextDefect } from './document-map.ts';
import { apiVersionDefect, kindOf, unknownFields } from './envelope.ts';
import { annotationsOf, labelsOf } from './labels.ts';
import { DEFAULT_NAMESPACE, nameDefect, SYSTEM_NAMESPACE } from './names.ts';
import { plainMembers } from './plain.ts';
import { API_VERSION, type ApiKind, type ApiObject, KIND_CONTAINER } from './types.ts';
import { specDefects } from './validate.ts';

const TEXT_MAX = 16 * 1024 * 1024;
/** Bounds the work of hostile aliases; real manifests use a handful. */
const ALIASES_MAX = 1000;
const SYNTAX_DEFECTS_MAX = 20;

export interface Place {
  readonly file: string;
  /** From 1. */
  readonly line: number;
  readonly column: number;
}

export interface Position extends Place {
  /** The place of a defect's path in this document; of the nearest member above it when it is not there. */
  readonly of: (path: string) => Place;
  /** How the number at a path is written, where we would print it otherwise. */
  readonly spelling: (path: string) => string | undefined;
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

/** Defects of a manifest's spec where they stand, with numbers as they are written there (`1.10`, not 1.1). */
export function placed(object: ManifestObject, defects: readonly Defect[]): ManifestDefect[] {
  return defects.map((item) => ({ ...asWritten(item, object.position), ...object.position.of(item.path) }));
}

function asWritten(item: Defect, { spelling }: Position): Defect {
  const text = typeof item.value === 'number' ? spelling(item.path) : undefined;
  if (text === undefined) return item;
  const printed = String(item.value).replaceAll(/[.+]/g, '\\$&');
  return { ...item, message: item.message.replaceAll(new RegExp(`(?<![\\w.])${printed}(?![\\w.])`, 'g'), () => text) };
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
    // Each key would be compared with every other; DocumentMap finds duplicates.
    uniqueKeys: false,
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
  const tell = (defects: readonly TextDefect[]): void => {
    for (const { path, message, offset } of defects) {
      found.defects.push({ path, value: undefined, message, ...placeAt(offset) });
    }
  };
  const syntax = syntaxDefects(document);
  if (syntax.length > 0) return tell(syntax);
  if (document.contents === null || (isScalar(document.contents) && document.contents.value === null)) return;
  const map = new DocumentMap(document.contents);
  if (map.defects.length > 0) return tell(map.defects);
  const start = document.contents.range?.[0] ?? 0;
  const positionIn = (prefix: string): Position => {
    const of = (path: string): Place => placeAt(map.offsetOf(fullPath(prefix, path)) ?? start);
    return { ...of(''), of, spelling: (path) => map.spellingOf(fullPath(prefix, path)) };
  };
  let value: unknown;
  try {
    value = document.toJS({ maxAliasCount: ALIASES_MAX });
  } catch (error) {
    // The library throws for aliases that would expand without bound and for nesting that exhausts the stack.
    const message = unreadable(error instanceof Error ? error.message : String(error));
    return tell([{ path: '(document)', message, offset: start }]);
  }
  for (const { item, prefix } of itemsOf(value)) readObject(item, prefix, positionIn(prefix), defaultNamespace, found);
}

function unreadable(reason: string): string {
  if (/alias count/i.test(reason))
    return 'has aliases (*name) that expand to more than a manifest holds; write them out';
  if (/call stack/i.test(reason)) return DEEP;
  return `cannot be read: ${reason}`;
}

const DEEP = 'is nested too deeply; flatten it';

/** A path within an item of a list; those in parentheses mean the whole. */
function fullPath(prefix: string, path: string): string {
  if (path === '' || path.startsWith('(')) return prefix;
  return prefix === '' ? path : `${prefix}.${path}`;
}

/** What the parser found. Where its stack ended says nothing, unless that is all. */
function syntaxDefects(document: Document): TextDefect[] {
  const all = [...document.errors, ...document.warnings];
  const problems = all.filter(({ code }) => code !== 'RESOURCE_EXHAUSTION');
  if (all.length > 0 && problems.length === 0) {
    return [{ path: '(document)', message: DEEP, offset: document.range?.[0] ?? 0 }];
  }
  return problems
    .slice(0, SYNTAX_DEFECTS_MAX)
    .map((problem) => ({ path: '(syntax)', message: syntaxMessage(problem), offset: problem.pos[0] }));
}

/** The parser's words, with a remedy where there is a usual one. */
function syntaxMessage({ code, message }: YAMLError): string {
  switch (code) {
    case 'TAB_AS_INDENT':
      return 'a tab is used for indentation, which YAML forbids; use spaces';
    case 'TAG_RESOLVE_FAILED':
      return `has a tag that is not known here (${message}); remove the tag`;
    case 'BAD_SCALAR_START':
      return `${message}; put the text in quotes`;
    case 'BLOCK_AS_IMPLICIT_KEY':
      return `${message}; if this is text with a colon, put it in quotes`;
    default:
      return message;
  }
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
  position: Position,
  defaultNamespace: string,
  found: Manifests,
): void {
  const report = (defects: readonly Defect[]): void => {
    for (const item of bounded(defects, '(document)')) {
      found.defects.push({ ...asWritten(item, position), ...position.of(item.path) });
    }
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
  if (defects.length > 0 || known.kind === undefined) {
    const isReadable = !defects.some((item) => item.path.startsWith('spec'));
    return report(known.kind && isReadable ? [...defects, ...specDefects(known.kind, members.spec)] : defects);
  }
  found.objects.push({
    apiVersion: API_VERSION,
    kind: known.kind,
    namespace: metadata.namespace,
    name: metadata.name,
    labels: metadata.labels,
    annotations: metadata.annotations,
    spec: members.spec,
    position,
  });
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
  const labels = labelsOf(members.labels, ['metadata', 'labels']);
  const annotations = annotationsOf(members.annotations, ['metadata', 'annotations']);
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

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
