/** A cloud that dies without a chance to end its programs: started and killed by `launcher.test.ts`. */
import { seededRandom, silentLogger, systemClock } from '../../../src/core/index.ts';
import { Launcher } from '../../../src/local-cloud/drivers/launcher.ts';

const [folder = '', port = ''] = process.argv.slice(2);
const launcher = new Launcher({ folder, clock: systemClock, random: seededRandom(1), logger: silentLogger });
await launcher.recover();
// Two programs of one group, each holding a connection whose end is its end; the second would outlive its parent.
const hold = `require('node:net').connect(${port}, '127.0.0.1').on('close', () => {}); setInterval(() => {}, 1000)`;
await launcher.start(
  {
    argv: ['/bin/sh', '-c', `"${process.execPath}" -e "${hold}" & exec "${process.execPath}" -e "${hold}"`],
    workingDirectory: '/',
    environment: { PATH: '/usr/bin:/bin' },
  },
  undefined,
);
