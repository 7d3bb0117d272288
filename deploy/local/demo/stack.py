"""The stack under the demo: calls to it, and checks of what it did."""

import json
import os
import subprocess
import sys
import time
import urllib.request

NEPTUNE = sys.argv[1]
URL = os.environ["NEPTUNE_URL"]
KEY = os.environ["NEPTUNE_API_KEY"]
SIMULATOR = os.environ["NEPTUNE_SIMULATOR_URL"]
SINK = os.environ["NEPTUNE_SINK_URL"]
FOLDER = os.path.dirname(os.path.abspath(__file__))
OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))
FAULTS = []


def check(what, holds):
    print(f"  {'ok ' if holds else 'NOT'} {what}", flush=True)
    if not holds:
        FAULTS.append(what)


def call(method, url, body=None, key=None):
    request = urllib.request.Request(url, method=method)
    request.add_header("Content-Type", "application/json")
    if key:
        request.add_header("Authorization", f"Bearer {key}")
    data = None if body is None else json.dumps(body).encode()
    with OPENER.open(request, data, timeout=120) as answer:
        text = answer.read().decode()
    return json.loads(text) if text.strip() else None


def neptune(*arguments, text=None):
    done = subprocess.run([NEPTUNE, *arguments], input=text, capture_output=True, text=True, timeout=120)
    if done.returncode != 0:
        sys.exit(f"neptune {' '.join(arguments)} failed: {done.stderr.strip()}")
    return done.stdout


def until(what, condition, seconds=40):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if condition():
            return check(what, True)
        time.sleep(0.2)
    return check(what, False)


def tickets():
    with open(os.path.join(FOLDER, "tickets.jsonl"), encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def pico(text):
    whole, _, fraction = text.partition(".")
    return int(whole) * 10**12 + int(fraction.ljust(12, "0"))
