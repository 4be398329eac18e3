/**
 * A function's code as it is handed in: a zip that is looked over and stored, or an image that the registry resolves.
 * S3 is not part of the local cloud.
 */
import type { Architecture, FunctionCode } from '@aws-sdk/client-lambda';
import { MANIFEST_TYPES } from '../../../oci/index.ts';
import { AwsError, type BlobStore } from '../../contract.ts';
import type { EcrService } from '../ecr.ts';
import { invalidValue } from './names.ts';

export interface CodeRecord {
  /** `sha256:…` of the zip, or of the image's manifest. */
  readonly digest: string;
  /** As Lambda reports it: base64 of the zip's SHA-256; an image's digest in hex. */
  readonly codeSha256: string;
  readonly sizeBytes: number;
  readonly imageUri: string | null;
  readonly resolvedImageUri: string | null;
}

export interface CodeDeps {
  readonly blobs: BlobStore;
  readonly ecr: Pick<EcrService, 'resolve' | 'manifest'>;
}

const ZIP_BYTES_MAX = 50 * 1024 * 1024;
const UNZIPPED_BYTES_MAX = 262_144_000;

/** @throws AwsError InvalidParameterValueException, RequestEntityTooLargeException */
export function zipCode(code: Pick<FunctionCode, 'ZipFile' | 'S3Bucket' | 'S3Key'>, blobs: BlobStore): CodeRecord {
  const { ZipFile: zip, S3Bucket, S3Key } = code;
  if (S3Bucket !== undefined || S3Key !== undefined)
    throw invalidValue('The local cloud has no S3: give the code as ZipFile.');
  if (zip === undefined || zip.length === 0) throw invalidValue('Please provide a source for function code.');
  if (zip.length > ZIP_BYTES_MAX) {
    throw new AwsError(
      'RequestTooLargeException',
      `Request must be smaller than ${ZIP_BYTES_MAX} bytes for the zip file`,
      413,
      { Type: 'User' },
    );
  }
  const unzipped = unzippedSize(zip);
  if (unzipped === undefined)
    throw invalidValue('Could not unzip uploaded file. Please check your file, then try to upload again.');
  if (unzipped > UNZIPPED_BYTES_MAX)
    throw invalidValue(`Unzipped size must be smaller than ${UNZIPPED_BYTES_MAX} bytes`);
  const digest = blobs.write(zip);
  const codeSha256 = Buffer.from(digest.slice('sha256:'.length), 'hex').toString('base64');
  return { digest, codeSha256, sizeBytes: zip.length, imageUri: null, resolvedImageUri: null };
}

/** @throws AwsError InvalidParameterValueException when the image is not there or is an index */
export function imageCode(
  code: Pick<FunctionCode, 'ImageUri'>,
  ecr: CodeDeps['ecr'],
  architecture: Architecture,
  blobs: BlobStore,
): CodeRecord {
  const uri = code.ImageUri;
  if (uri === undefined) throw invalidValue('Please provide a source image for the function.');
  const found = ecr.resolve(uri);
  const manifest = found && ecr.manifest(found.repository, found.digest);
  if (!found || !manifest) throw invalidValue(`Source image ${uri} does not exist. Provide a valid source image.`);
  if (!MANIFEST_TYPES.has(manifest.mediaType)) {
    throw invalidValue(`The image manifest, config or layer media type for the source image ${uri} is not supported.`);
  }
  const wanted = architecture === 'arm64' ? 'arm64' : 'amd64';
  const actual = imageArchitecture(manifest.bytes, blobs);
  if (actual !== wanted) {
    throw invalidValue(
      `The source image ${uri} is built for ${actual ?? 'an unknown architecture'}, not for ${wanted}.`,
    );
  }
  const host = uri.slice(0, uri.indexOf('/'));
  return {
    digest: found.digest,
    codeSha256: found.digest.slice('sha256:'.length),
    sizeBytes: 0,
    imageUri: uri,
    resolvedImageUri: `${host}/${found.repository}@${found.digest}`,
  };
}

function imageArchitecture(manifest: Uint8Array, blobs: BlobStore): string | undefined {
  const { config } = parse(manifest) as { config: { digest: string } };
  return (parse(blobs.read(config.digest)) as { architecture?: string }).architecture;
}

function parse(bytes: Uint8Array): unknown {
  return JSON.parse(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('utf8'));
}

/** Bytes of all entries by the zip's central directory; undefined when it is no zip. */
function unzippedSize(zip: Uint8Array): number | undefined {
  const bytes = Buffer.from(zip.buffer, zip.byteOffset, zip.length);
  const end = bytes.lastIndexOf('PK\u0005\u0006', undefined, 'latin1');
  if (end < 0 || end + 22 > bytes.length) return undefined;
  const entries = bytes.readUInt16LE(end + 10);
  let offset = bytes.readUInt32LE(end + 16);
  let size = 0;
  for (let entry = 0; entry < entries; entry++) {
    if (offset + 46 > end || bytes.readUInt32LE(offset) !== 0x02014b50) return undefined;
    size += bytes.readUInt32LE(offset + 24);
    offset += 46 + bytes.readUInt16LE(offset + 28) + bytes.readUInt16LE(offset + 30) + bytes.readUInt16LE(offset + 32);
  }
  return entries === 0 ? undefined : size;
}
