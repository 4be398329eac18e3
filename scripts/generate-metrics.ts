/** Writes docs/metrics.md. Run it after a metric was added or changed; a test fails while the page is stale. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { metricsDocument } from './metrics-document.ts';

writeFileSync(join(import.meta.dirname, '../docs/metrics.md'), await metricsDocument());
