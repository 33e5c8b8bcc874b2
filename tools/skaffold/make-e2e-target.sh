#!/usr/bin/env bash
# Makes the Secret e2e-target, which tells the end-to-end Job where the platform is and who is staff. Skaffold runs it
# after it has deployed, and names context and namespace.
set -euo pipefail
kubectl=(kubectl)
[ -z "${SKAFFOLD_KUBE_CONTEXT:-}" ] || kubectl+=(--context "$SKAFFOLD_KUBE_CONTEXT")
[ -z "${SKAFFOLD_NAMESPACE:-}" ] || kubectl+=(--namespace "$SKAFFOLD_NAMESPACE")
"${kubectl[@]}" rollout status deployment/auth-web --timeout 5m
target=$("${kubectl[@]}" exec --stdin deployment/auth-web -- python - <"$(dirname "$0")/e2e_target.py")
"${kubectl[@]}" create secret generic e2e-target --from-literal "target.json=$target" --dry-run=client --output yaml |
  "${kubectl[@]}" apply --filename -
