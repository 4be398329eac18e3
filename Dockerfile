# The three images, for those who build with Docker: `--target controller` (the last stage), `adapter`, `builder`.
# `lambdacontainer bootstrap` makes the same without Docker, but for git, which this daemon has and GitSources need.
FROM node:24-slim AS build
WORKDIR /src
COPY package.json package-lock.json ./
RUN npm ci --no-audit --no-fund
COPY . .
RUN npm run build

FROM node:24-slim AS adapter
COPY --from=build /src/dist/adapter.mjs /lambdacontainer/adapter.mjs
USER 1000:1000
WORKDIR /
HEALTHCHECK --interval=5s --timeout=2s CMD ["/usr/local/bin/node", "/lambdacontainer/adapter.mjs", "health"]
ENTRYPOINT ["/usr/local/bin/node", "/lambdacontainer/adapter.mjs"]

# CodeBuild runs its commands as root, whatever an image says.
FROM node:24-slim AS builder
COPY --from=build /src/dist/builder.mjs /lambdacontainer/builder.mjs
RUN printf '#!/bin/sh\nexec node "${LAMBDACONTAINER_BUILDER:-/lambdacontainer/builder.mjs}" "$@"\n' > /usr/local/bin/lambdacontainer-build \
  && chmod 755 /usr/local/bin/lambdacontainer-build
ENV LAMBDACONTAINER_BUILDER=/lambdacontainer/builder.mjs
WORKDIR /
CMD ["lambdacontainer-build"]

# Everything of ours is in the bundle, so the image holds Node, git, one program and no node_modules.
FROM node:24-slim AS controller
# GitSources: git fetches over HTTPS and SSH, gpg and ssh-keygen verify signatures.
RUN apt-get update && apt-get install -y --no-install-recommends ca-certificates git gnupg openssh-client \
  && rm -rf /var/lib/apt/lists/* /var/cache/* /var/log/*
WORKDIR /app
COPY --from=build /src/package.json ./
COPY --from=build /src/bin ./bin
COPY --from=build /src/dist/cli.mjs ./dist/cli.mjs
COPY --from=build /src/dist/chunks ./dist/chunks
USER 1000:1000
# The one place that is written, where the root file system is read-only. Fargate gives a mounted volume the permissions
# of the image's folder only where the image declares it. https://docs.aws.amazon.com/AmazonECS/latest/developerguide/bind-mounts.html
VOLUME /tmp
# SIGTERM drains the passes that run and hands the lease over.
STOPSIGNAL SIGTERM
# Where LAMBDACONTAINER_LISTEN_PORT is set, as in deploy/controller.yaml. ECS asks in its own way and ignores this.
HEALTHCHECK --interval=30s --timeout=10s --start-period=60s CMD ["/usr/local/bin/node", "-e", "const port = process.env.LAMBDACONTAINER_LISTEN_PORT; if (port) fetch(`http://127.0.0.1:${port}/healthz`).then(({ ok }) => process.exit(ok ? 0 : 1), () => process.exit(1))"]
ENTRYPOINT ["/usr/local/bin/node", "/app/bin/lambdacontainer.js"]
CMD ["start"]
