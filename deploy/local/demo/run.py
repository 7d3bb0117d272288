"""Sends the demo's tickets through the system and checks, step by step, that everything happened."""

import sys
import urllib.error

import tasks
import triage
from stack import FAULTS

try:
    triage.main()
    tasks.main()
except urllib.error.HTTPError as error:
    sys.exit(f"{error.url} answered {error.code}: {error.read().decode()[:500]}")
if FAULTS:
    sys.exit("the demo did not do what it should: " + "; ".join(FAULTS))
print("All of it happened. The system is still up: see README.md; `make down` stops it.")
