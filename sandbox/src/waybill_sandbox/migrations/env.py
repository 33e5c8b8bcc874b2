"""Alembic's entry: runs on the connection that `waybill_common.database.migrate` opened."""

from waybill_common.database.migrations import run_env

run_env()
