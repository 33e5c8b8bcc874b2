"""Alembic's environment of this service; the work is done by the library."""

from waybill_common.database.migrations import run_env

run_env()
