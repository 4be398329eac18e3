/** `npm start`: builds what changed and runs the local cloud; the clock starts when the person pressed return. */
process.env.LAMBDACONTAINER_STARTED_AT = String(Math.round(performance.timeOrigin));
await import('./build.mjs');
process.argv.splice(2, 0, 'local');
await import('../bin/lambdacontainer.js');
