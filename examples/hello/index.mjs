// An ordinary Lambda function behind a load balancer: it knows nothing of containers.
import { hostname } from 'node:os';

let invocations = 0;

export const handler = async (event) => {
  invocations += 1;
  const side = process.env.LAMBDACONTAINER_SIDE ?? 'lambda';
  return {
    statusCode: 200,
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({
      message: `Hello from ${side}`,
      path: event.path,
      invocations,
      host: hostname(),
    }),
  };
};
