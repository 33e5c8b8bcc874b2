"""Starts a platform of its own for the demo, plays the story and leaves the facts in `.waybill/demo.json`."""

from __future__ import annotations

import requests

from waybill_standalone.config import StandaloneSettingsError, load
from waybill_standalone.demo.person import DemoError
from waybill_standalone.demo.story import Story
from waybill_standalone.demo.teller import Teller
from waybill_standalone.platform import Platform, PlatformError


def run_demo() -> int:
    """0 when all of it happened as promised; 1 with a message otherwise."""
    teller = Teller()
    try:
        settings = load()
        settings.home.mkdir(parents=True, exist_ok=True)
    except (StandaloneSettingsError, OSError) as error:
        teller.say(f"error: {error}")
        return 1
    # A folder and ports of its own, so that the demo never meets a platform that runs beside it.
    platform = Platform(settings.home / "demo", "standalone", settings.own_settings())
    facts = settings.home / "demo.json"
    story = None
    try:
        teller.say("Starting Waybill: three services, a broker, a payment gateway and a mail catcher, on free ports …")
        with platform:
            story = Story(platform.urls, platform.accounts["staff"], teller)
            story.play()
            teller.show(teller.mails[1])
    except (DemoError, PlatformError, requests.RequestException) as error:
        teller.keep(facts, {"ok": False, "error": str(error)})
        teller.say(f"\nerror: {error}\nlogs: {platform.folder / 'logs'}")
        return 1
    teller.keep_mails(platform.folder / "mails")
    teller.keep(facts, {"ok": True, "orders": story.orders})
    teller.say(f"\nThe same facts: {facts}\nThe mails as pages: {platform.folder / 'mails'}\nRun it yourself: make up")
    teller.say("demo ok")
    return 0
