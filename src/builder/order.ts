/** What a build is asked to do: the JSON of LAMBDACONTAINER_BUILD, checked by hand so that the bundle stays small. */
import { UserError } from '../core/index.ts';

export interface BuildOrder {
  /** Name or ARN. */
  readonly functionName: string;
  readonly qualifier: string | null;
  /** Base64, as Lambda gives it. */
  readonly codeSha256: string;
  /** `host/repo@sha256:…` */
  readonly baseImage: string;
  /** `host/repo` */
  readonly repositoryUri: string;
  /** Hash of the inputs. */
  readonly tag: string;
  readonly handler: string;
  readonly architecture: 'x86_64' | 'arm64';
  /** Layer version ARNs, in order. */
  readonly layers: readonly string[];
  readonly recipe: 'zip-v1';
}

/** @throws UserError naming every member that is missing or wrong */
export function parseOrder(text: string | undefined): BuildOrder {
  if (!text) throw new UserError('LAMBDACONTAINER_BUILD is not set');
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new UserError('LAMBDACONTAINER_BUILD is not JSON');
  }
  const order = (typeof value === 'object' && value !== null ? value : {}) as Record<string, unknown>;
  const checks: Record<keyof BuildOrder, (member: unknown) => boolean> = {
    functionName: isText,
    qualifier: (member) => member === null || isText(member),
    codeSha256: isText,
    baseImage: (member) => isText(member) && member.includes('@sha256:'),
    repositoryUri: isText,
    tag: isText,
    handler: isText,
    architecture: (member) => member === 'x86_64' || member === 'arm64',
    layers: (member) => Array.isArray(member) && member.every(isText),
    recipe: (member) => member === 'zip-v1',
  };
  const wrong = Object.entries(checks).flatMap(([name, check]) => (check(order[name]) ? [] : [name]));
  if (wrong.length > 0) throw new UserError(`LAMBDACONTAINER_BUILD is not understood: ${wrong.join(', ')}`);
  return order as unknown as BuildOrder;
}

function isText(value: unknown): value is string {
  return typeof value === 'string' && value !== '';
}
