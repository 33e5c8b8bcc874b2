"""Runs in a pod of auth: makes an administrator for the end-to-end tests and prints where they find the platform."""

import json
import re
import secrets
import subprocess
import urllib.request

EMAIL = "staff@waybill.example"
PATHS = {"verify": "/v1/email/verify", "reset": "/v1/password/reset"}

password = secrets.token_urlsafe(24)
# The first administrator comes by command, as everywhere, and its one-time link is followed as a person would.
command = ["auth", "users", "create-admin", EMAIL]
printed = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
link = re.search(r"/(verify|reset)#token=(\S+)", printed)
assert link, f"no link in: {printed}"
body = json.dumps({"token": link[2], "password": password}).encode()
headers = {"Content-Type": "application/json"}
urllib.request.urlopen(urllib.request.Request("http://127.0.0.1:8081" + PATHS[link[1]], body, headers), timeout=30)
ports = {"auth": 8081, "orders": 8082, "notifier": 8083, "mail": 8025}
urls = {name: f"http://{name}:{port}" for name, port in ports.items()}
print(json.dumps({"urls": urls, "staff": {"email": EMAIL, "password": password}}))
