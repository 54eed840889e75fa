# Pin the base by its digest, or build on one of your own: docs/deploy/container.md
ARG BASE=python:3.12-slim-bookworm

# What changes seldom comes first: a new version of the service finds these layers as they were.
FROM ${BASE} AS dependencies
WORKDIR /src
COPY requirements.lock ./
# Nothing that is not locked: no dependencies of dependencies, and nothing is compiled.
RUN python3 -m venv /venv \
    && /venv/bin/pip install --no-cache-dir --no-deps --only-binary :all: --require-hashes -r requirements.lock

FROM dependencies AS service
COPY pyproject.toml README.md LICENSE ./
COPY proxy proxy
RUN /venv/bin/pip install --no-cache-dir --no-deps --no-build-isolation --target /app .

FROM dependencies AS bare
RUN /venv/bin/pip uninstall --yes setuptools pip

FROM ${BASE}
RUN useradd --uid 10001 --no-create-home --shell /usr/sbin/nologin promptcdn && install -d -o promptcdn /data
COPY --from=bare /venv /venv
COPY --from=service /app /app
ENV PATH=/app/bin:/venv/bin:$PATH \
    PYTHONPATH=/app \
    PROMPTCDN_HOST=0.0.0.0 \
    PROMPTCDN_DATA_DIR=/data
WORKDIR /data
USER 10001
VOLUME /data
EXPOSE 8080
STOPSIGNAL SIGTERM
# Not urllib: it would ask a proxy that the environment names.
HEALTHCHECK --interval=10s --timeout=5s --start-period=10s CMD ["python3", "-c", "import http.client, os, sys; c = http.client.HTTPConnection('127.0.0.1', int(os.environ.get('PORT') or 8080), timeout=4); c.request('GET', '/healthz'); sys.exit(c.getresponse().status != 200)"]
ENTRYPOINT ["promptcdn"]
CMD ["serve"]
LABEL org.opencontainers.image.title="promptcdn" \
      org.opencontainers.image.description="A reproducible-image CDN proxy for Markdown: one URL is one picture" \
      org.opencontainers.image.licenses="MIT" \
      org.opencontainers.image.version="1.0.0"
