# syntax=docker/dockerfile:1
# One image for every gridpilot process; the command names which one: migrate, ingest, forecast, plan, serve, retrain.
ARG PYTHON_IMAGE=python:3.12.13-slim-trixie

FROM ${PYTHON_IMAGE} AS build
# Where pip finds torch. Empty: the default index, whose x86-64 build brings CUDA along (4 GB more, needed only with
# a GPU). To leave CUDA out, give the address of PyTorch's index of CPU wheels; its "Get started" page names it.
ARG TORCH_INDEX_URL=""
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
RUN python -m venv /opt/gridpilot
ENV PATH=/opt/gridpilot/bin:$PATH
WORKDIR /src

# Dependencies first: this layer is built again only when they change.
COPY pyproject.toml constraints.txt ./
RUN python -c "import tomllib; print(*tomllib.load(open('pyproject.toml', 'rb'))['project']['dependencies'], sep='\n')" \
        > requirements.txt \
    && if [ -n "$TORCH_INDEX_URL" ]; then \
        pip install -c constraints.txt --index-url "$TORCH_INDEX_URL" --no-deps torch; \
    fi \
    && pip install -c constraints.txt -r requirements.txt

COPY README.md LICENSE ./
COPY grid grid
COPY ingest ingest
COPY forecasting forecasting
COPY api api
RUN PIP_CONSTRAINT=constraints.txt PIP_BUILD_CONSTRAINT=constraints.txt pip install --no-deps . \
    && gridpilot --help > /dev/null


FROM ${PYTHON_IMAGE}
LABEL org.opencontainers.image.title="gridpilot" \
      org.opencontainers.image.licenses="Apache-2.0"
RUN useradd --system --uid 10001 --user-group --no-create-home gridpilot
COPY --from=build /opt/gridpilot /opt/gridpilot
COPY deploy/healthcheck.py /opt/gridpilot/healthcheck.py
ENV PATH=/opt/gridpilot/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    OMP_NUM_THREADS=1 \
    GRIDPILOT_HOST=0.0.0.0
USER gridpilot
WORKDIR /tmp
EXPOSE 8000
# Holds for the default command; compose.yaml gives every other process a check of its own.
HEALTHCHECK --interval=15s --timeout=5s --start-period=30s --retries=3 \
    CMD ["python", "-c", "import urllib.request as r; r.urlopen('http://127.0.0.1:8000/health/ready', timeout=4)"]
ENTRYPOINT ["gridpilot"]
CMD ["serve"]
