/** Generated from `templates/` by scripts/generate-templates.ts; edit the files there. Text only. */

/** The Dockerfile of each runtime family. */
export const DOCKERFILES = {
  dotnet: `# A zip function of a .NET runtime as an image: what its layers hold under /opt, its code under /var/task, its handler
# as the command. The build lays both folders beside this file and names the base image by digest; the words in double
# braces are filled in by it.
# The zip holds published assemblies: nothing is compiled here.
ARG BASE_IMAGE=public.ecr.aws/lambda/dotnet:10
FROM \${BASE_IMAGE}
COPY opt/ /opt/
COPY var/task/ /var/task/
CMD [{{handler}}]
`,
  java: `# A zip function of a Java runtime as an image: what its layers hold under /opt, its code under /var/task, its handler
# as the command. The build lays both folders beside this file and names the base image by digest; the words in double
# braces are filled in by it.
# The base image puts /var/task and /var/task/lib/* on the class path, as Lambda does.
ARG BASE_IMAGE=public.ecr.aws/lambda/java:25
FROM \${BASE_IMAGE}
COPY opt/ /opt/
COPY var/task/ /var/task/
CMD [{{handler}}]
`,
  nodejs: `# A zip function of a Node.js runtime as an image: what its layers hold under /opt, its code under /var/task, its handler
# as the command. The build lays both folders beside this file and names the base image by digest; the words in double
# braces are filled in by it.
# The base image looks for modules of layers under /opt/nodejs.
ARG BASE_IMAGE=public.ecr.aws/lambda/nodejs:24
FROM \${BASE_IMAGE}
COPY opt/ /opt/
COPY var/task/ /var/task/
CMD [{{handler}}]
`,
  provided: `# A zip function with a runtime of its own as an image: what its layers hold under /opt, its code under /var/task, its
# handler as the command. The build lays the folders beside this file and names the base image by digest; the words in
# double braces are filled in by it.
# The base image starts /var/runtime/bootstrap: var/runtime holds a link of that name to the code's bootstrap, or to
# that of a layer. Nothing is run here, so that an image for another architecture needs no emulation.
ARG BASE_IMAGE=public.ecr.aws/lambda/provided:al2023
FROM \${BASE_IMAGE}
COPY opt/ /opt/
COPY var/task/ /var/task/
COPY var/runtime/ /var/runtime/
CMD [{{handler}}]
`,
  python: `# A zip function of a Python runtime as an image: what its layers hold under /opt, its code under /var/task, its handler
# as the command. The build lays both folders beside this file and names the base image by digest; the words in double
# braces are filled in by it.
# The base image has /opt/python on its path, where layers put their modules.
ARG BASE_IMAGE=public.ecr.aws/lambda/python:3.14
FROM \${BASE_IMAGE}
COPY opt/ /opt/
COPY var/task/ /var/task/
CMD [{{handler}}]
`,
  ruby: `# A zip function of a Ruby runtime as an image: what its layers hold under /opt, its code under /var/task, its handler
# as the command. The build lays both folders beside this file and names the base image by digest; the words in double
# braces are filled in by it.
# The base image looks for gems of layers under /opt/ruby.
ARG BASE_IMAGE=public.ecr.aws/lambda/ruby:3.4
FROM \${BASE_IMAGE}
COPY opt/ /opt/
COPY var/task/ /var/task/
CMD [{{handler}}]
`,
} as const;

/** The buildspec of each recipe. */
export const BUILDSPECS = {
  composer: `# Recipe composer: the builder image composes and pushes by itself. No Docker daemon, no privileged mode.
version: 0.2
phases:
  build:
    commands:
      - lambdacontainer-build
`,
  dockerfile: `# Recipe dockerfile: BuildKit in a privileged environment with a Docker daemon, driven by the program of the builder
# image. An environment that is the builder image itself has the program already.
version: 0.2
phases:
  install:
    commands:
      - |
        if ! command -v lambdacontainer-build >/dev/null; then
          case "$LAMBDACONTAINER_BUILDER_IMAGE" in
            *.dkr.ecr.*)
              aws ecr get-login-password |
                docker login --username AWS --password-stdin "\${LAMBDACONTAINER_BUILDER_IMAGE%%/*}"
              ;;
          esac
          docker create --name lambdacontainer-builder "$LAMBDACONTAINER_BUILDER_IMAGE" true
          docker cp lambdacontainer-builder:/lambdacontainer/builder.mjs /tmp/lambdacontainer-builder.mjs
        fi
  build:
    commands:
      - |
        if command -v lambdacontainer-build >/dev/null; then
          lambdacontainer-build
        else
          node /tmp/lambdacontainer-builder.mjs
        fi
`,
} as const;
