/** What a pass saw of an object's code, whatever kind of source it has. Pure. */
import type { KindRegistry } from '../resource/index.ts';
import { outputsOf, type PassReport } from './pass-report.ts';

export interface SourceFacts {
  /** SHA-256 of a function's code, digest of an image, ETag of an archive, commit of a repository. */
  readonly revision: string;
  /** Of a function; else empty. */
  readonly version: string;
  /** ISO time; empty where the source does not say. */
  readonly lastModified: string;
  /** Digest of an image that runs as it is. */
  readonly image: string | undefined;
}

/** Undefined while the source is not there or cannot be read. */
export function sourceOf(report: PassReport, kinds: KindRegistry): SourceFacts | undefined {
  const ofFunction = outputsOf(report, kinds, 'function');
  if (ofFunction) {
    const { codeSha256, version, lastModified, imageUri } = ofFunction;
    return {
      revision: String(codeSha256),
      version: String(version ?? ''),
      lastModified: String(lastModified ?? ''),
      image: typeof imageUri === 'string' ? imageUri.split('@')[1] : undefined,
    };
  }
  const found = outputsOf(report, kinds, 'source');
  if (!found) return undefined;
  const ofSpec = report.object?.spec.source;
  // What is used, which may be another digest than what the tag means now.
  const pin = report.inventory.pins?.source;
  const image = ofSpec?.image ? (pin?.digest ?? String(found.digest)) : undefined;
  if (ofSpec?.archive) {
    const { etag, versionId, lastModified } = found;
    const revision = String(etag).replaceAll('"', '');
    return { revision, version: String(versionId ?? ''), lastModified: String(lastModified), image };
  }
  return { revision: image ?? String(found.commit ?? ''), version: '', lastModified: '', image };
}
