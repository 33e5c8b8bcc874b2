"""Alembic's entry; how migrations run is the library's."""

from waybill_common.database.migrations import run_env

run_env()
