# A zip function of a .NET runtime as an image: what its layers hold under /opt, its code under /var/task, its handler
# as the command. The build lays both folders beside this file and names the base image by digest; the words in double
# braces are filled in by it.
# The zip holds published assemblies: nothing is compiled here.
ARG BASE_IMAGE=public.ecr.aws/lambda/dotnet:10
FROM ${BASE_IMAGE}
COPY opt/ /opt/
COPY var/task/ /var/task/
CMD [{{handler}}]
