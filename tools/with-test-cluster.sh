#!/usr/bin/env bash
# Runs a command against the project's test cluster: brings it up, lends its kube context, registry and image builder.
#
#   tools/with-test-cluster.sh COMMAND…
#
# The cluster's script is WAYBILL_CLUSTER, else shared/cluster/cluster beside this repository. A cluster that ran before
# runs afterwards; one that this started is taken down. Exit code 75 when nothing was run: there is no script, or no
# cluster within half an hour (its first install takes a quarter of one).
set -euo pipefail
not_run() { echo "no test cluster: $1" >&2; exit 75; }

script=${WAYBILL_CLUSTER:-$(cd "$(dirname "$0")/../.." && pwd)/shared/cluster/cluster}
[ -x "$script" ] || not_run "WAYBILL_CLUSTER names no script, and none lies beside this repository"
if ! "$script" status >/dev/null 2>&1; then
  trap '"$script" down >/dev/null 2>&1 || true' EXIT  # what is told is how the command ended
  timeout 1800 "$script" up || not_run "it did not come up"
fi
"$script" base-image || not_run "its base image could not be built"
"$script" images || not_run "its server images could not be built"
environment=$("$script" env) || not_run "it does not say how it is reached"
eval "$environment"
export WAYBILL_CLUSTER=$script WAYBILL_IMAGE_BUILDER=cluster
"$@"
