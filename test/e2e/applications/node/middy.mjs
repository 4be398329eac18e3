import { Logger } from '@aws-lambda-powertools/logger';
import { Metrics, MetricUnit } from '@aws-lambda-powertools/metrics';
import middy from '@middy/core';
import errorHandler from '@middy/http-error-handler';
import headerNormalizer from '@middy/http-header-normalizer';

const logger = new Logger({ serviceName: 'applications' });
const metrics = new Metrics({ namespace: 'applications', serviceName: 'applications' });
const base = `/${process.env.AWS_LAMBDA_FUNCTION_NAME}`;

async function route(event, context) {
  logger.addContext(context);
  logger.info('asked', { path: event.path });
  metrics.addMetric('asked', MetricUnit.Count, 1);
  metrics.publishStoredMetrics();
  const json = (statusCode, value, headers = {}) => ({
    statusCode,
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify(value),
  });
  if (event.path === base) {
    return json(200, { framework: 'middy', query: event.queryStringParameters }, { 'set-cookie': 'a=1' });
  }
  if (event.path === `${base}/echo`) return json(201, { received: JSON.parse(event.body) });
  if (event.path === `${base}/binary`) {
    const body = Buffer.from([137, 80, 78, 71, 0, 255]).toString('base64');
    return { statusCode: 200, headers: { 'content-type': 'image/png' }, body, isBase64Encoded: true };
  }
  if (event.path === `${base}/moved`) return { statusCode: 302, headers: { location: base }, body: '' };
  if (event.path === `${base}/throws`) throw new Error('on purpose');
  return json(404, { message: 'not found' });
}

export const handler = middy(route)
  .use(headerNormalizer())
  .use(errorHandler({ fallbackMessage: 'failed', logger: false }));
