/**
 * The door of the drivers: everything of the local cloud that starts programs or opens connections to them, made once
 * per cloud and closed as one.
 */
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Drivers } from '../contract.ts';
import { LocalBuildDriver } from './builds.ts';
import { type DriverSettings, driverDeps } from './deps.ts';
import { LocalFunctionDriver } from './functions.ts';
import { Launcher } from './launcher.ts';
import { PortPool } from './ports.ts';
import { type Endpoint, HttpProbeDriver } from './probes.ts';
import { RootfsCache } from './rootfs.ts';
import { LocalTaskDriver } from './tasks.ts';

export type { DriverSettings } from './deps.ts';
export type { LogMessage } from './log-capture.ts';
export type { Endpoint } from './probes.ts';
export type { ImageSource } from './rootfs.ts';

/** Folders of programs: nothing in them outlives its program. */
const TEMPORARY = ['tasks', 'builds', 'environments'];

export interface LocalDrivers extends Drivers {
  /** For the load balancer: where a task's address and port really are. */
  readonly endpoint: Endpoint;
  /**
   * Ends what an earlier cloud left running on the same folder. Await it before the cloud starts anything, and only
   * while no other cloud runs on the folder.
   */
  recover(): Promise<void>;
  /** Ends every program and every check; nothing is reported any more. Resolves when all have ended. Idempotent. */
  close(): Promise<void>;
}

/** Drivers on this machine's programs. Starts nothing and touches no file before it is asked to. */
export function createDrivers(settings: DriverSettings): LocalDrivers {
  const deps = driverDeps(settings);
  const launcher = new Launcher({ ...deps, folder: join(deps.folder, 'groups') });
  const rootfs = new RootfsCache({ ...deps, folder: join(deps.folder, 'rootfs') });
  const tasks = new LocalTaskDriver(deps, { launcher, rootfs, ports: new PortPool() });
  const builds = new LocalBuildDriver(deps, { launcher, rootfs });
  const functions = new LocalFunctionDriver(deps, { launcher, rootfs });
  const endpoint: Endpoint = (ip, port) => tasks.endpoint(ip, port);
  const probes = new HttpProbeDriver(deps.clock, endpoint);
  return {
    tasks,
    builds,
    functions,
    probes,
    endpoint,
    recover: async () => {
      await launcher.recover();
      await Promise.all(TEMPORARY.map((name) => rm(join(deps.folder, name), { recursive: true, force: true })));
    },
    close: async () => {
      tasks.close();
      builds.close();
      probes.close();
      await Promise.all([functions.close(), launcher.close()]);
    },
  };
}
