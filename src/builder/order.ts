/** What a build is asked to do: the JSON of LAMBDACONTAINER_BUILD, checked by hand so that the bundle stays small. */
import { UserError } from '../core/index.ts';

/** `composer-v2`: layers composed without a daemon. `dockerfile-v1`: a Dockerfile, by BuildKit or buildah. */
export type Recipe = 'composer-v2' | 'dockerfile-v1';

export type CodeSource =
  | {
      readonly type: 'function';
      /** Name or ARN. */
      readonly name: string;
      readonly qualifier: string | null;
      /** Base64, as Lambda gives it. */
      readonly codeSha256: string;
    }
  | {
      readonly type: 'archive';
      readonly bucket: string;
      readonly key: string;
      readonly versionId: string | null;
      /** As S3 gives it, quotes included. */
      readonly etag: string;
    }
  | {
      readonly type: 'repository';
      readonly url: string;
      /** Forty hexadecimal digits. */
      readonly commit: string;
      /** Folder of the repository that is built. */
      readonly context: string;
      /** Relative to the context. */
      readonly dockerfile: string;
    };

export interface BuildOrder {
  readonly recipe: Recipe;
  readonly source: CodeSource;
  /** `host/repo@sha256:…`; null for a repository, whose Dockerfile names its own. */
  readonly baseImage: string | null;
  /** `host/repo` */
  readonly repositoryUri: string;
  /** Hash of the inputs. */
  readonly tag: string;
  /** Null for a repository. */
  readonly handler: string | null;
  readonly architecture: 'x86_64' | 'arm64';
  /** Layer version ARNs, in order. */
  readonly layers: readonly string[];
  /** The base image starts `/var/runtime/bootstrap`, which the code or a layer brings. */
  readonly ownRuntime: boolean;
  /** Of the image. */
  readonly labels: Readonly<Record<string, string>>;
}

type Check = (member: unknown) => boolean;

const SOURCES: Readonly<Record<CodeSource['type'], Readonly<Record<string, Check>>>> = {
  function: { name: isText, qualifier: isTextOrNull, codeSha256: isText },
  archive: { bucket: isText, key: isText, versionId: isTextOrNull, etag: isText },
  repository: { url: isText, commit: isCommit, context: isInnerPath, dockerfile: isInnerPath },
};

/** @throws UserError naming every member that is missing or wrong */
export function parseOrder(text: string | undefined): BuildOrder {
  if (!text) throw new UserError('LAMBDACONTAINER_BUILD is not set');
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new UserError('LAMBDACONTAINER_BUILD is not JSON');
  }
  const order = asRecord(value);
  const source = asRecord(order.source);
  const isRepository = source.type === 'repository';
  const checks: Record<Exclude<keyof BuildOrder, 'source'>, Check> = {
    recipe: (member) => member === 'dockerfile-v1' || (member === 'composer-v2' && !isRepository),
    baseImage: (member) => (isRepository ? member === null : isText(member) && member.includes('@sha256:')),
    repositoryUri: isText,
    tag: isText,
    handler: (member) => (isRepository ? member === null : isText(member)),
    architecture: (member) => member === 'x86_64' || member === 'arm64',
    layers: (member) => Array.isArray(member) && member.every(isText),
    ownRuntime: (member) => typeof member === 'boolean',
    labels: (member) => typeof member === 'object' && member !== null && Object.values(member).every(isText),
  };
  const ofSource = Object.hasOwn(SOURCES, String(source.type)) ? SOURCES[source.type as CodeSource['type']] : undefined;
  const wrong = [
    ...Object.entries(checks).flatMap(([name, check]) => (check(order[name]) ? [] : [name])),
    ...(ofSource
      ? Object.entries(ofSource).flatMap(([name, check]) => (check(source[name]) ? [] : [`source.${name}`]))
      : ['source.type']),
  ];
  if (wrong.length > 0) throw new UserError(`LAMBDACONTAINER_BUILD is not understood: ${wrong.join(', ')}`);
  return order as unknown as BuildOrder;
}

function asRecord(value: unknown): Record<string, unknown> {
  return (typeof value === 'object' && value !== null ? value : {}) as Record<string, unknown>;
}

function isText(value: unknown): value is string {
  return typeof value === 'string' && value !== '';
}

function isTextOrNull(value: unknown): boolean {
  return value === null || isText(value);
}

function isCommit(value: unknown): boolean {
  return typeof value === 'string' && /^[0-9a-f]{40}$/.test(value);
}

/** Relative, and never above where it starts. */
function isInnerPath(value: unknown): boolean {
  return isText(value) && !value.startsWith('/') && !value.split('/').includes('..');
}
