#!/usr/bin/env bash
# Builds the image NAME; also skaffold's custom builder: https://skaffold.dev/docs/builders/builder-types/custom/
#
#   tools/build-image.sh NAME [dev]        auth | orders | notifier | sandbox | e2e; dev: the stage for file sync
#
# From skaffold, each with a default: IMAGE (the tag; else waybill/NAME:VERSION), PUSH_IMAGE (false), BUILD_CONTEXT (this
# repository), PLATFORMS. Its tests are test runs of their own, so SKIP_TEST changes nothing here.
# From whoever calls: WAYBILL_IMAGE_BUILDER is the program with its own options (else podman or docker, which is there),
# or `cluster` for the test cluster's script that WAYBILL_CLUSTER names; WAYBILL_BUILD_OPTIONS are more options for the
# build command, PYTHON_IMAGE is another base image.
set -euo pipefail

fail() { echo "error: $*" >&2; exit 1; }

name=${1:-}
case $name in
  auth | orders | notifier) packages="libs/common services/$name" ;;
  sandbox) packages="libs/common sandbox" ;;
  e2e) packages="libs/common libs/testkit services/auth services/orders services/notifier sandbox standalone" ;;
  *) fail "no image '$name'; there are: auth orders notifier sandbox e2e" ;;
esac

target=${2:-$name}
context=${BUILD_CONTEXT:-$(cd "$(dirname "$0")/.." && pwd)}
version=$(sed -n 's/^version = "\(.*\)"/\1/p' "$context/pyproject.toml")
image=${IMAGE:-waybill/$name:$version}
builder=${WAYBILL_IMAGE_BUILDER:-$(command -v podman || command -v docker || true)}
[ -n "$builder" ] || fail "images need podman or docker: install one, or name a builder in WAYBILL_IMAGE_BUILDER"
read -ra builder <<<"$builder"
read -ra options <<<"${WAYBILL_BUILD_OPTIONS:-}"

revision=$(git -C "$context" rev-parse HEAD 2>/dev/null || echo unknown)
created=$(git -C "$context" log -1 --format=%cI 2>/dev/null || date --iso-8601=seconds)
options+=(--file "$context/Dockerfile" --target "$target" --build-arg "NAME=$name" --build-arg "PACKAGES=$packages"
  --build-arg "VERSION=$version" --build-arg "WAYBILL_REVISION=$revision" --build-arg "CREATED=$created")
[ -z "${PYTHON_IMAGE:-}" ] || options+=(--build-arg "PYTHON_IMAGE=$PYTHON_IMAGE")

if [ "${builder[0]}" = cluster ]; then
  # It lends the machine's certificates and pip settings to the build, and pushes by itself to the local registry.
  exec "${WAYBILL_CLUSTER:?names the script of the test cluster}" build "$image" "$context" "${options[@]}"
fi
[ -z "${PLATFORMS:-}" ] || options+=(--platform "$PLATFORMS")
"${builder[@]}" build --tag "$image" "${options[@]}" "$context"
[ "${PUSH_IMAGE:-false}" = true ] || exit 0
push=(push)
# Without TLS only to a registry on this machine, which podman and buildah must be told; docker assumes it.
case $(basename "${builder[0]}"):$image in
  docker:*) ;;
  *:localhost:* | *:localhost/* | *:127.0.0.1:*) push+=(--tls-verify=false) ;;
esac
"${builder[@]}" "${push[@]}" "$image"
