const express = require('express');
const serverless = require('serverless-http');

const app = express();
app.use(express.json());

app.get('/express', (request, response) => {
  response.json({ message: 'Hello from Express', agent: request.get('user-agent') });
});

app.post('/express/echo', (request, response) => {
  response.status(201).set('x-example', 'echo').json({ received: request.body });
});

module.exports.handler = serverless(app);
