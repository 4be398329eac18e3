/**
 * The inputs that decide an image. Their hash is the image's tag: the same code, base and recipe are built once,
 * whoever asks, also after a restart.
 */
import { versionedHash } from '../core/index.ts';

/** Changes when the composition itself does, so that older images are not taken for new ones. */
export const RECIPE = 'zip-v1';

export interface ImageInputs {
  readonly codeSha256: string;
  readonly baseDigest: string;
  readonly handler: string;
  readonly architecture: string;
  readonly layers: readonly string[];
}

export function imageTag(inputs: ImageInputs): string {
  return versionedHash({ ...inputs, recipe: RECIPE }, 24);
}

/** AWS's base image for a managed runtime, without registry: `nodejs22.x` → `lambda/nodejs:22`. */
export function baseImageOf(runtime: string): string | undefined {
  const match = /^(nodejs|python|java|dotnet|ruby)(\d+(?:\.\d+)?)(?:\.x)?$/.exec(runtime);
  if (match) return `lambda/${match[1]}:${match[2]}`;
  if (runtime === 'provided.al2') return 'lambda/provided:al2';
  if (runtime === 'provided.al2023') return 'lambda/provided:al2023';
  return undefined;
}

/** What CodeBuild runs, here and on AWS. */
export const BUILDSPEC = `version: 0.2
phases:
  build:
    commands:
      - lambdacontainer-build
`;
