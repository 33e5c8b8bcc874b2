#!/bin/sh
# The dev image's entry: gunicorn reloads by itself, a loop is started again when a source changes, the rest runs once.
set -eu
case "${1:-}" in
  web)
    export GUNICORN_CMD_ARGS="${GUNICORN_CMD_ARGS:-} --reload"
    exec "$SERVICE" web ;;
  # SIGINT stops a loop as SIGTERM does: it finishes what it has in hand.
  relay | consume | work)
    exec python -m watchfiles --target-type command --filter python --sigint-timeout 30 "$SERVICE $*" /app/src ;;
  *) exec "$SERVICE" "$@" ;;
esac
