/**
 * Manifests to the records that they mean: variables, parsing, validation, and what a source may write. All or nothing:
 * one defect anywhere, and there is no rendering, only every defect with file, line and column. Files are judged one at
 * a time and kept as compact text, so that ten thousand cost little, and the event loop gets its turns.
 */
import { setImmediate as turn } from 'node:timers/promises';
import {
  ANNOTATION_SOURCE,
  type Defect,
  type GitSourceSpec,
  KIND_CLASS,
  KIND_CONTAINER,
  KIND_GIT_SOURCE,
  keyOf,
  type LambdaContainerClassSpec,
  type ManifestDefect,
  type ManifestObject,
  parseManifests,
  validateClass,
  validateGitSource,
  validateLambdaContainer,
} from '../api/index.ts';
import { type Clock, canonicalJson, shortHash } from '../core/index.ts';
import { formatKey } from '../resource/key.ts';
import { ANNOTATION_APPLIED } from './record-ownership.ts';
import type { RenderedObject, Rendering } from './rendering.ts';
import type { ManifestFile, Manifests } from './repository.ts';
import { SourceProblem } from './source-problem.ts';
import { substitute } from './substitution.ts';

export interface RenderOptions {
  readonly commit: string;
  readonly spec: GitSourceSpec;
  /** A class as the table has it; undefined when it is not there or not valid. */
  readonly storedClass: (name: string) => Promise<LambdaContainerClassSpec | undefined>;
  readonly clock: Clock;
  readonly signal: AbortSignal;
}

/** No more are collected: a person mends the first ones anyhow. */
const DEFECTS_MAX = 200;
/** The longest that a render keeps the event loop to itself, but for a single file. */
const SLICE_MS = 15;
const DEFAULT_CLASS = 'standard';

/** @throws SourceProblem InvalidManifests with every defect, or InvalidSpec */
export async function render(manifests: Manifests, options: RenderOptions): Promise<Rendering> {
  const { spec, commit, clock, signal } = options;
  refuseLineBreaks(spec.substitute);
  const judge = new Judge(options);
  let sliceStartedMs = clock.monotonic();
  const breathe = async () => {
    signal.throwIfAborted();
    if (clock.monotonic() - sliceStartedMs < SLICE_MS) return;
    await turn();
    sliceStartedMs = clock.monotonic();
  };
  // Classes first: objects are judged by the classes that come with them.
  const [withClasses, others] = partition(manifests.files, ({ text }) => text?.includes(KIND_CLASS) === true);
  const early: ManifestObject[] = [];
  for (const file of withClasses) {
    early.push(...judge.parse(file));
    await breathe();
  }
  for (const object of early) if (object.kind === KIND_CLASS) judge.meetClass(object);
  for (const object of early) {
    await judge.take(object);
    await breathe();
  }
  for (const file of others) {
    if (judge.defects.length >= DEFECTS_MAX) break;
    for (const object of judge.parse(file)) await judge.take(object);
    await breathe();
  }
  if (judge.defects.length > 0) throw invalid(judge.defects, commit);
  return { commit, objects: judge.objects, skipped: manifests.skipped };
}

class Judge {
  readonly defects: ManifestDefect[] = [];
  readonly objects = new Map<string, RenderedObject>();
  readonly #options: RenderOptions;
  readonly #classes = new Map<string, Promise<LambdaContainerClassSpec | undefined>>();

  constructor(options: RenderOptions) {
    this.#options = options;
  }

  parse({ path, text, refusal }: ManifestFile): readonly ManifestObject[] {
    if (text === undefined) {
      this.defects.push({
        path: '(file)',
        value: undefined,
        message: refusal ?? 'cannot be read',
        file: path,
        line: 1,
        column: 1,
      });
      return [];
    }
    const { spec } = this.#options;
    const substituted = substitute(text, spec.substitute);
    if (substituted.defects.length > 0) {
      for (const { line, column, message, value } of substituted.defects) {
        this.defects.push({ path: '(variable)', value, message: `${value} ${message}`, file: path, line, column });
      }
      return [];
    }
    const { objects, defects } = parseManifests(substituted.text, path, spec.targetNamespace);
    const back = <T extends { readonly line: number; readonly column: number }>(place: T): T => ({
      ...place,
      column: substituted.originalColumn(place.line, place.column),
    });
    this.defects.push(...defects.map(back));
    return objects.map((object) => ({
      ...object,
      position: { ...back(object.position), of: (inside: string) => back(object.position.of(inside)) },
    }));
  }

  meetClass(object: ManifestObject): void {
    this.#classes.set(object.name, Promise.resolve(validateClass(object.spec).spec));
  }

  async take(object: ManifestObject): Promise<void> {
    const key = keyOf(object);
    const id = formatKey(key);
    const defects = [...forbidden(object, this.#options.spec), ...(await this.#specDefects(object))];
    const twin = this.objects.get(id);
    if (twin) {
      defects.push({
        path: 'metadata.name',
        value: object.name,
        message: `'${object.name}' is given twice, also at ${twin.place}; remove one of them`,
      });
    }
    this.defects.push(...defects.map((defect) => ({ ...defect, ...object.position.of(defect.path) })));
    if (defects.length > 0) return;
    const { labels, annotations, spec } = object;
    const content = canonicalJson({ labels, annotations, spec });
    this.objects.set(id, {
      key,
      kind: object.kind,
      name: object.name,
      place: `${object.position.file}:${object.position.line}`,
      dependsOn: dependenciesOf(spec),
      content,
      hash: shortHash(content, 16),
    });
  }

  async #specDefects({ kind, spec, namespace }: ManifestObject): Promise<readonly Defect[]> {
    if (kind === KIND_CLASS) return validateClass(spec).defects;
    if (kind === KIND_GIT_SOURCE) return validateGitSource(spec).defects;
    return validateLambdaContainer(spec, await this.#class(classNameOf(spec)), namespace).defects;
  }

  #class(name: string): Promise<LambdaContainerClassSpec | undefined> {
    let found = this.#classes.get(name);
    if (!found) {
      found = this.#options.storedClass(name);
      this.#classes.set(name, found);
    }
    return found;
  }
}

/**
 * What a source may write. Into one namespace, containers alone. Classes and sources decide over roles and networks:
 * only a source that writes under a role of its own may have them, so that IAM, and not the daemon's rights, decides.
 */
function forbidden(object: ManifestObject, { targetNamespace, roleArn }: GitSourceSpec): Defect[] {
  const defects: Defect[] = [];
  if (object.kind !== KIND_CONTAINER && (targetNamespace !== undefined || roleArn === undefined)) {
    const why =
      targetNamespace === undefined
        ? 'needs a source with spec.roleArn, whose policy then decides'
        : `cannot come from a source with spec.targetNamespace ('${targetNamespace}')`;
    defects.push({
      path: 'kind',
      value: object.kind,
      message: `${object.kind} ${why}; apply it by hand or by another source`,
    });
  } else if (object.kind === KIND_CONTAINER && targetNamespace !== undefined && object.namespace !== targetNamespace) {
    defects.push({
      path: 'metadata.namespace',
      value: object.namespace,
      message: `'${object.namespace}' is not '${targetNamespace}', the spec.targetNamespace of the source; remove it`,
    });
  }
  for (const annotation of [ANNOTATION_SOURCE, ANNOTATION_APPLIED]) {
    if (!Object.hasOwn(object.annotations, annotation)) continue;
    defects.push({
      path: `metadata.annotations["${annotation}"]`,
      value: object.annotations[annotation],
      message: 'is written by the source; remove it',
    });
  }
  return defects;
}

function classNameOf(spec: unknown): string {
  const named = member(spec, 'className');
  return typeof named === 'string' ? named : DEFAULT_CLASS;
}

function dependenciesOf(spec: unknown): string[] {
  const named = member(spec, 'dependsOn');
  return Array.isArray(named) ? named.filter((name): name is string => typeof name === 'string') : [];
}

function member(value: unknown, key: string): unknown {
  return typeof value === 'object' && value !== null && Object.hasOwn(value, key)
    ? (value as Record<string, unknown>)[key]
    : undefined;
}

function refuseLineBreaks(values: Readonly<Record<string, string>>): void {
  for (const [name, value] of Object.entries(values)) {
    if (/\p{Cc}/u.test(value)) {
      throw new SourceProblem(
        'InvalidSpec',
        `spec.substitute.${name}: has a line break or a control character; give one line of text`,
      );
    }
  }
}

function invalid(defects: readonly ManifestDefect[], commit: string): SourceProblem {
  const ordered = [...defects].sort((a, b) => compare(a.file, b.file) || a.line - b.line || a.column - b.column);
  const files = new Set(ordered.map(({ file }) => file)).size;
  const count = ordered.length === 1 ? 'one defect' : `${ordered.length} defects`;
  return new SourceProblem(
    'InvalidManifests',
    `${count} in ${files === 1 ? 'one file' : `${files} files`}; nothing was changed`,
    {
      commit,
      defects: ordered,
    },
  );
}

function partition<T>(items: readonly T[], test: (item: T) => boolean): [T[], T[]] {
  return [items.filter(test), items.filter((item) => !test(item))];
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
