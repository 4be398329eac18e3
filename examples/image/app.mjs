// The same image runs as a Lambda function and as a Fargate task: one digest, two sides.
export const handler = async (event) => ({
  statusCode: 200,
  headers: { 'content-type': 'application/json' },
  body: JSON.stringify({
    message: 'Hello from an image',
    side: process.env.LAMBDACONTAINER_SIDE ?? 'lambda',
    path: event.path,
  }),
});
