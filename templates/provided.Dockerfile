# A zip function with a runtime of its own as an image: what its layers hold under /opt, its code under /var/task, its
# handler as the command. The build lays the folders beside this file and names the base image by digest; the words in
# double braces are filled in by it.
# The base image starts /var/runtime/bootstrap: var/runtime holds a link of that name to the code's bootstrap, or to
# that of a layer. Nothing is run here, so that an image for another architecture needs no emulation.
ARG BASE_IMAGE=public.ecr.aws/lambda/provided:al2023
FROM ${BASE_IMAGE}
COPY opt/ /opt/
COPY var/task/ /var/task/
COPY var/runtime/ /var/runtime/
CMD [{{handler}}]
