/** A zip as other tools would write it, including the malformed and hostile ones that no well-behaved tool writes. */
import { crc32, deflateRawSync } from 'node:zlib';

export interface ZipFile {
  name: string;
  content?: string | Uint8Array;
  /** Unix mode with type bits; default a regular file, 0644. */
  mode?: number;
  stored?: boolean;
  encrypted?: boolean;
  method?: number;
  /** Lies in the central directory. */
  claimedSize?: number;
  claimedCrc?: number;
}

export function makeZip(files: readonly ZipFile[]): Buffer {
  const locals: Buffer[] = [];
  const central: Buffer[] = [];
  let offset = 0;
  for (const file of files) {
    const name = Buffer.from(file.name, 'utf8');
    const content = Buffer.from(file.content ?? '');
    const method = file.method ?? (file.stored || content.length === 0 ? 0 : 8);
    const packed = method === 8 ? deflateRawSync(content) : content;
    const size = file.claimedSize ?? content.length;
    const common = Buffer.alloc(26);
    common.writeUInt16LE(20, 0);
    common.writeUInt16LE((file.encrypted ? 1 : 0) | 0x800, 2);
    common.writeUInt16LE(method, 4);
    common.writeUInt32LE(file.claimedCrc ?? crc32(content), 10);
    common.writeUInt32LE(packed.length, 14);
    common.writeUInt32LE(size, 18);
    common.writeUInt16LE(name.length, 22);
    const local = Buffer.concat([Buffer.from('PK\x03\x04', 'latin1'), common, name, packed]);
    const tail = Buffer.alloc(14);
    tail.writeUInt32LE(((file.mode ?? (file.name.endsWith('/') ? 0o40755 : 0o100644)) << 16) >>> 0, 6);
    tail.writeUInt32LE(offset, 10);
    central.push(Buffer.concat([Buffer.from('PK\x01\x02\x14\x03', 'latin1'), common, tail, name]));
    locals.push(local);
    offset += local.length;
  }
  const directory = Buffer.concat(central);
  const end = Buffer.alloc(22);
  end.write('PK\x05\x06', 'latin1');
  end.writeUInt16LE(files.length, 8);
  end.writeUInt16LE(files.length, 10);
  end.writeUInt32LE(directory.length, 12);
  end.writeUInt32LE(offset, 16);
  return Buffer.concat([...locals, directory, end]);
}
