/**
 * What S3 tells EventBridge of objects, where their bucket is told to.
 * https://docs.aws.amazon.com/AmazonS3/latest/userguide/ev-events.html
 */
import type { EventSink } from '../eventbridge.ts';
import { NULL_VERSION, type VersionRecord } from './object-store.ts';

export interface Happened {
  readonly bucket: string;
  readonly key: string;
  readonly version: VersionRecord;
  readonly requestId: string;
  readonly nowMs: number;
  readonly accountId: string;
}

export function announceCreated(sink: EventSink, happened: Happened): void {
  sink.emit('aws.s3', 'Object Created', happened.nowMs, () => ({
    resources: [`arn:aws:s3:::${happened.bucket}`],
    detail: { ...shared(happened), reason: 'PutObject' },
  }));
}

/** `Permanently Deleted`, or a marker that hides the versions. */
export function announceDeleted(sink: EventSink, happened: Happened, isMarker: boolean): void {
  sink.emit('aws.s3', 'Object Deleted', happened.nowMs, () => ({
    resources: [`arn:aws:s3:::${happened.bucket}`],
    detail: {
      ...shared(happened),
      reason: 'DeleteObject',
      'deletion-type': isMarker ? 'Delete Marker Created' : 'Permanently Deleted',
    },
  }));
}

function shared({ bucket, key, version, requestId, nowMs, accountId }: Happened) {
  const { content, id } = version;
  return {
    version: '0',
    bucket: { name: bucket },
    object: {
      key,
      ...(content ? { size: content.size, etag: content.etag.slice(1, -1) } : {}),
      ...(id === NULL_VERSION ? {} : { 'version-id': id }),
      sequencer: nowMs.toString(16).toUpperCase().padStart(18, '0'),
    },
    'request-id': requestId,
    requester: accountId,
    'source-ip-address': '127.0.0.1',
  };
}
