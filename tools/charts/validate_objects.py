"""Validates objects, a JSON list from stdin, with kubernetes-validate's strict schemas; runs in its environment."""

import functools
import json
import sys

from kubernetes_validate import utils  # type: ignore[import-not-found]

# As a command it parses two megabytes of definitions anew for each object.
utils.schema_contents = functools.cache(utils.schema_contents)
for each in json.load(sys.stdin):
    utils.validate_resource(each, "it", sys.argv[1], strict=True, quiet=True, no_warn=False)
