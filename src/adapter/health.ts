/** The `health` sub-command: what the container health check runs. */
import { request } from 'node:http';
import { HEALTH_PATH } from './front.ts';

/** Whether the adapter on this machine answers its health path with 200 within `timeoutMs`. Never rejects. */
export function isHealthy(port: number, timeoutMs = 4000): Promise<boolean> {
  return new Promise((resolve) => {
    const call = request(
      { host: '127.0.0.1', port, path: HEALTH_PATH, agent: false, timeout: timeoutMs },
      (response) => {
        response.resume();
        response.on('close', () => resolve(response.statusCode === 200));
      },
    );
    call.on('timeout', () => call.destroy());
    call.on('error', () => resolve(false));
    call.on('close', () => resolve(false));
    call.end();
  });
}
