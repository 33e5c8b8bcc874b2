#!/bin/sh
# The dev image's entry: gunicorn reloads by itself, a loop is started again when a source changes, the rest runs once.
set -eu
case "${1:-}" in
  # SIGINT stops a loop as SIGTERM does: it finishes what it has in hand.
  relay | consume | work)
    exec python -m watchfiles --filter python --sigint-timeout 30 --ignore-permission-denied "$SERVICE $*" /app/src ;;
  *) exec "$SERVICE" "$@" ;;
esac
