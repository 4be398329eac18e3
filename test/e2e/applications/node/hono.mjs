import { Hono } from 'hono';
import { handle } from 'hono/aws-lambda';
import { setCookie } from 'hono/cookie';

const base = `/${process.env.AWS_LAMBDA_FUNCTION_NAME}`;
const app = new Hono();
app.get(base, (context) => {
  setCookie(context, 'a', '1');
  return context.json({ framework: 'hono', query: context.req.query() });
});
app.post(`${base}/echo`, async (context) => context.json({ received: await context.req.json() }, 201));
app.get(`${base}/binary`, (context) =>
  context.body(new Uint8Array([137, 80, 78, 71, 0, 255]), 200, { 'content-type': 'image/png' }),
);
app.get(`${base}/moved`, (context) => context.redirect(base, 302));
app.get(`${base}/throws`, () => {
  throw new Error('on purpose');
});

export const handler = handle(app);
