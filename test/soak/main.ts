/** `npm run soak -- --minutes 15 --rate 20`: a soak with the built program, its report, and status 1 when it shows a defect. */
import { parseArgs } from 'node:util';
import { defectsOf, soak } from './soak.ts';

const { values } = parseArgs({
  options: { minutes: { type: 'string', default: '15' }, rate: { type: 'string', default: '20' } },
});
const [minutes, perSecond] = [Number(values.minutes), Number(values.rate)];
if (!(minutes > 0) || !(perSecond > 0)) {
  process.stderr.write('npm run soak -- --minutes 15 --rate 20: both are numbers above 0\n');
  process.exit(2);
}
const report = await soak({ minutes, perSecond, say: (line) => process.stderr.write(`${line}\n`) });
process.stdout.write(`${JSON.stringify(report, undefined, 1)}\n`);
const defects = defectsOf(report);
for (const defect of defects) process.stdout.write(`${defect}\n`);
process.stdout.write(`${defects.length === 0 ? 'passed' : `${defects.length} defects`}\n`);
process.exitCode = defects.length === 0 ? 0 : 1;
