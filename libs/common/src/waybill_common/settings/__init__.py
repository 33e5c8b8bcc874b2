"""Frozen settings from the environment and from mounted files, with every fault reported at once."""

from waybill_common.settings.load import SettingsError, load_settings
from waybill_common.settings.service import ServiceSettings, Shared

__all__ = ["ServiceSettings", "SettingsError", "Shared", "load_settings"]
