# Every image of Waybill. tools/build-image.sh NAME gives the arguments; docs/adr/0014 says why there is one file for all.
#   NAME      whose requirements: requirements/NAME.txt; each image is the target of its name, dev the one for skaffold dev
#   PACKAGES  which folders of the workspace are installed
# The base is named by its tag; a release names it with its digest: --build-arg PYTHON_IMAGE=…@sha256:…
ARG PYTHON_IMAGE=docker.io/library/python:3.11-slim

# What all stages agree on: the user, and where the environment is.
FROM ${PYTHON_IMAGE} AS base
ENV PATH=/opt/waybill/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONFAULTHANDLER=1 \
    PYTHONUNBUFFERED=1
RUN groupadd --gid 10001 waybill \
 && useradd --uid 10001 --gid 10001 --create-home --home-dir /home/waybill --shell /usr/sbin/nologin waybill

# The locked requirements, in an environment that the runtime takes over as a folder.
FROM base AS deps
ARG NAME
ENV UV_COMPILE_BYTECODE=1 \
    UV_LINK_MODE=copy \
    UV_NO_CACHE=1 \
    UV_PYTHON_DOWNLOADS=never \
    UV_SYSTEM_CERTS=1
WORKDIR /build
COPY requirements/build.txt requirements/build.txt
RUN python -m venv tools \
 && tools/bin/pip install --no-cache-dir --require-hashes -r requirements/build.txt
COPY requirements/${NAME}.txt requirements/
# uv does not read pip's settings: a mirror that is set for pip is told to it. Tests of packages go: one has private keys.
RUN if index="$(tools/bin/pip config get global.index-url 2>/dev/null)"; then export UV_DEFAULT_INDEX="$index"; fi \
 && tools/bin/uv venv --python "$(command -v python)" /opt/waybill \
 && tools/bin/uv pip install --python /opt/waybill --require-hashes -r "requirements/${NAME}.txt" \
 && find /opt/waybill/lib -type d -name tests -prune -exec rm -rf {} +

# Waybill's own packages as wheels, so that nothing points back to the sources; /build/src has those for the dev stage.
FROM deps AS build
ARG PACKAGES
COPY libs libs
COPY services services
COPY sandbox sandbox
COPY standalone standalone
RUN mkdir src \
 && for package in ${PACKAGES}; do \
      tools/bin/uv build --wheel --offline --no-build-isolation --python tools/bin/python --out-dir wheels "$package" \
      && cp -r "$package/src/." src || exit 1; \
    done \
 && tools/bin/uv pip install --python /opt/waybill --offline --no-deps wheels/*.whl

# What runs: the base without its installers and without a program that gives another user's rights.
FROM base AS runtime
RUN python -m pip uninstall --yes --root-user-action ignore setuptools pip \
 && rm -rf /usr/lib/python3*/ensurepip /usr/local/lib/python3*/ensurepip /usr/share/python-wheels \
 && find / -xdev -type f -perm /6000 -exec chmod ug-s {} +
COPY --from=build /opt/waybill /opt/waybill
# Only loopback would be of no use in a container.
ENV HOME=/home/waybill \
    WAYBILL_WEB_HOST=0.0.0.0
WORKDIR /home/waybill
USER 10001:10001
STOPSIGNAL SIGTERM
ARG NAME
ARG VERSION=0.0.0
ARG WAYBILL_REVISION=unknown
ARG CREATED=1970-01-01T00:00:00Z
ENV WAYBILL_REVISION=${WAYBILL_REVISION}
LABEL org.opencontainers.image.title="waybill/${NAME}" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${WAYBILL_REVISION}" \
      org.opencontainers.image.created="${CREATED}"

# For `skaffold dev` alone: the sources lie before the installed packages, where file sync may write, and run anew.
FROM build AS reload
COPY requirements/reload.txt requirements/
RUN if index="$(tools/bin/pip config get global.index-url 2>/dev/null)"; then export UV_DEFAULT_INDEX="$index"; fi \
 && tools/bin/uv pip install --python /opt/waybill --target /build/reload --require-hashes -r requirements/reload.txt

FROM runtime AS dev
ARG NAME
COPY --from=reload /build/reload /opt/reload
COPY --from=reload --chown=10001:10001 /build/src /app/src
COPY tools/reload.sh /usr/local/bin/reload
ENV PYTHONPATH=/app/src:/opt/reload \
    SERVICE=${NAME}
ENTRYPOINT ["/usr/local/bin/reload"]

FROM runtime AS auth
ENTRYPOINT ["auth"]

FROM runtime AS orders
ENTRYPOINT ["orders"]

FROM runtime AS notifier
ENTRYPOINT ["notifier"]

FROM runtime AS sandbox
ENTRYPOINT ["sandbox"]

# The end-to-end scenarios: the whole workspace and pytest, run against a platform that is there.
FROM runtime AS e2e
WORKDIR /e2e
COPY pyproject.toml pyproject.toml
COPY contracts contracts
COPY tests/e2e tests/e2e
ENV PYTHONPATH=/e2e \
    PYTEST_ADDOPTS="-p no:cacheprovider"
ENTRYPOINT ["pytest"]
