/**
 * What another Node process holds in its heap once everything that can go is gone: asked through its inspector, which a
 * signal opens. What the operating system says of its memory goes up and down with collections and proves little.
 */
import { readFileSync } from 'node:fs';
import { WebSocket } from 'undici';
import { eventually } from '../e2e/local-run.ts';

export interface HeapInspection {
  /** Collects, and counts what is left. @throws Error when the process has gone */
  usedBytes(): Promise<number>;
  close(): void;
}

/** `log`: where its standard error goes, and with it the inspector's address. */
export async function inspectHeap(pid: number, log: string): Promise<HeapInspection> {
  process.kill(pid, 'SIGUSR1');
  const address = await eventually(async () => /Debugger listening on (ws:\S+)/.exec(readFileSync(log, 'utf8'))?.[1]);
  const socket = new WebSocket(address);
  await new Promise<void>((opened, failed) => {
    socket.addEventListener('open', () => opened());
    socket.addEventListener('error', () => failed(new Error(`${address} does not answer`)));
  });
  const waiting = new Map<number, (result: { usedSize?: number }) => void>();
  const failing = new Set<(error: Error) => void>();
  socket.addEventListener('message', ({ data }) => {
    const { id, result } = JSON.parse(String(data)) as { id?: number; result?: { usedSize?: number } };
    if (id !== undefined) waiting.get(id)?.(result ?? {});
  });
  socket.addEventListener('close', () => {
    for (const fail of failing) fail(new Error(`process ${pid} has gone`));
  });
  let last = 0;
  const ask = (method: string) =>
    new Promise<{ usedSize?: number }>((answered, failed) => {
      const id = ++last;
      failing.add(failed);
      waiting.set(id, (result) => {
        waiting.delete(id);
        failing.delete(failed);
        answered(result);
      });
      socket.send(JSON.stringify({ id, method }));
    });
  return {
    usedBytes: async () => {
      await ask('HeapProfiler.collectGarbage');
      return (await ask('Runtime.getHeapUsage')).usedSize ?? 0;
    },
    close: () => socket.close(),
  };
}
