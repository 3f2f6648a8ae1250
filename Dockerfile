# The image of dbstep: one static program and nothing to run beside it.
FROM debian:13-slim AS build
WORKDIR /src
# apart from the sources, so that a changed source does not install the packages again
COPY ci/packages.txt ci/install-deps.sh ci/
RUN ci/install-deps.sh build bundle
COPY . .
ARG COMMIT=unknown
RUN make DEPS=no COMMIT="$COMMIT" && ci/verify-hardening.sh build/dbstep.debug build/dbstep && ci/image-root.sh /out

FROM scratch
ARG VERSION=unknown
ARG COMMIT=unknown
LABEL org.opencontainers.image.title="dbstep" \
      org.opencontainers.image.description="One stage of a PostgreSQL application's delivery, as a pipeline step" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="$VERSION" \
      org.opencontainers.image.revision="$COMMIT"
COPY --from=build /out/ /
# OpenSSL, and with it libpq's sslrootcert=system, looks for the bundle where this says
ENV SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt
USER 65532:65532
ENTRYPOINT ["/dbstep"]
