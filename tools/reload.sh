#!/bin/sh
# The dev image's entry: a changed source makes gunicorn renew its workers and a loop start again; the rest runs once.
set -eu
case "${1:-}" in
  # Not gunicorn's own --reload, which looks once a second. Its HUP keeps the port open; the watcher is its child.
  web)
    python -c '
import os, signal, watchfiles
for _ in watchfiles.watch("/app/src", watch_filter=watchfiles.PythonFilter()):
    os.kill(os.getppid(), signal.SIGHUP)
' &
    exec "$SERVICE" web ;;
  # SIGINT stops a loop as SIGTERM does: it finishes what it has in hand.
  relay | consume | work)
    exec python -m watchfiles --target-type command --filter python --sigint-timeout 30 "$SERVICE $*" /app/src ;;
  *) exec "$SERVICE" "$@" ;;
esac
