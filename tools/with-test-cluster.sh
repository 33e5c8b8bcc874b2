#!/usr/bin/env bash
# Runs a command against the project's test cluster: brings it up, lends its kube context, registry and image builder.
#
#   tools/with-test-cluster.sh COMMAND…
#
# The cluster's script is WAYBILL_CLUSTER, else shared/cluster/cluster beside this repository. A cluster that ran before
# runs afterwards; one that this started is taken down. Exit code 75 when there is no script: nothing was run.
set -euo pipefail
script=${WAYBILL_CLUSTER:-$(cd "$(dirname "$0")/../.." && pwd)/shared/cluster/cluster}
[ -x "$script" ] || { echo "no test cluster: WAYBILL_CLUSTER names no script" >&2; exit 75; }
if ! "$script" status >/dev/null 2>&1; then
  trap '"$script" down >/dev/null 2>&1' EXIT
  "$script" up
fi
"$script" base-image
"$script" images
eval "$("$script" env)"
export WAYBILL_CLUSTER=$script WAYBILL_IMAGE_BUILDER=cluster
"$@"
