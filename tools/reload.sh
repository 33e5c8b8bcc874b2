#!/bin/sh
# The dev image's entry: a changed source makes gunicorn renew its workers and a loop start again; the rest runs once.
set -eu
case "${1:-}" in
  # Not gunicorn's own --reload, which looks once a second. Its HUP keeps the port open; the watcher is its child.
  web)
    python -c '
import os, pathlib, signal, watchfiles
for changes in watchfiles.watch("/app/src", watch_filter=watchfiles.PythonFilter()):
    try:
        for change, path in changes:
            if change != watchfiles.Change.deleted:
                compile(pathlib.Path(path).read_bytes(), path, "exec")
    except (SyntaxError, OSError) as error:
        print(f"not reloaded: {error!r}", flush=True)  # new workers would not boot, and take the container with them
    else:
        os.kill(os.getppid(), signal.SIGHUP)
' &
    exec "$SERVICE" web ;;
  # SIGINT stops a loop as SIGTERM does: it finishes what it has in hand.
  relay | consume | work)
    exec python -m watchfiles --target-type command --filter python --sigint-timeout 30 "$SERVICE $*" /app/src ;;
  *) exec "$SERVICE" "$@" ;;
esac
