ARG BASE=python:3.12-slim-bookworm
FROM ${BASE}
WORKDIR /app
COPY pyproject.toml README.md LICENSE ./
COPY proxy proxy
RUN python3 -m venv /venv && /venv/bin/pip install --no-cache-dir . && useradd --uid 10001 promptcdn && install -d -o promptcdn /data
USER promptcdn
ENV PROMPTCDN_HOST=0.0.0.0 PROMPTCDN_DATA_DIR=/data
VOLUME /data
EXPOSE 8080
STOPSIGNAL SIGTERM
CMD ["/venv/bin/promptcdn", "serve"]
