"""Sends the demo's tickets and checks, step by step, that everything happened."""

import json
import os
import subprocess
import sys
import time
import urllib.error
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


def show(ticket, fact, way):
    attempts = fact.get("attempts", [])
    route = fact.get("route") or {}
    print(f"\n{ticket} by {way}: {fact['outcome']}")
    print(f"  kind of work  {fact.get('task_type')} ({route.get('task_type_by')})")
    for attempt in attempts:
        error = attempt.get("error")
        ended = f"failed: {error['class']}" if error else "answered"
        print(f"  attempt       {attempt['model']} {ended} after {attempt['latency_us'] / 1000:.0f} ms, {attempt['cost_usd']} USD")
    print(f"  because       {route.get('because')}")
    if fact.get("error"):
        print(f"  error         {fact['error']['message']}")
    print(f"  added by us   {fact['times']['added_us'] / 1000:.2f} ms; cost {fact['cost_usd']} USD", flush=True)


def main():
    tickets = [json.loads(line) for line in open(os.path.join(FOLDER, "tickets.jsonl"), encoding="utf-8")]
    call("POST", f"{SIMULATOR}/admin/reset")
    call("POST", f"{SINK}/reset")
    facts = []
    print("==> submitting real tickets; the first call to one model fails on purpose", flush=True)
    for index, ticket in enumerate(tickets):
        if index % 3 == 2:
            fact = json.loads(neptune("submit", "--bus", "--json", "-", text=json.dumps(ticket)))
            way = "NATS"
        else:
            fact = call("POST", f"{URL}/v1/tasks?wait=60", ticket, KEY)
            way = "HTTP"
        facts.append(fact)
        show(ticket["metadata"]["ticket"], fact, way)

    # A ticket that the failing model would have got, when none of the others went to it.
    failing = next((model for model, account in models().items() if (account.get("faults") or {}) and fault_count(account)), None)
    tries = 0
    while failing is None and tries < 5:
        tries += 1
        fact = call("POST", f"{URL}/v1/tasks?wait=60", {**tickets[0], "input": {**tickets[0]["input"], "model": "replies"}, "deliver": []}, KEY)
        facts.append(fact)
        show("repeat", fact, "HTTP")
        failing = next((model for model, account in models().items() if fault_count(account)), None)

    print("\n==> checking that it really happened", flush=True)
    check("every task completed", all(fact["outcome"] == "completed" for fact in facts))
    check("tasks came by HTTP and by NATS", {"api", "bus"} <= {fact["origin"] for fact in facts})
    check("more than one model was chosen", len({winner(fact) for fact in facts}) > 1)
    check("a call failed and another model answered", any(len(fact["attempts"]) > 1 for fact in facts))
    restricted = [fact for fact in facts if fact["admission"]["class"] == "restricted"]
    places = {attempt["zone"] for fact in restricted for attempt in fact["attempts"]}
    check("a restricted ticket stayed on the premises", places == {"onprem"})
    wanted = [spec["channel"] for fact in facts for spec in fact.get("deliver", [])]
    until(f"{wanted.count('webhook')} webhooks arrived", lambda: len(call("GET", f"{SINK}/hooks")) == wanted.count("webhook"))
    until(f"{wanted.count('email')} e-mails arrived", lambda: len(call("GET", f"{SINK}/mails")) == wanted.count("email"))
    ids = [fact["id"] for fact in facts]
    until("the ledger has every task", lambda: all(in_ledger(task) for task in ids))
    charged = sum(pico(fact["cost_usd"]) for fact in facts)
    entered = sum(pico(json.loads(neptune("task", "show", task, "--json"))["ledger_total_usd"]) for task in ids)
    check(f"the ledger's entries of these tasks add up to what they cost, {charged / 10**12:.9f} USD", entered == charged)

    hooks, mails = call("GET", f"{SINK}/hooks"), call("GET", f"{SINK}/mails")
    if hooks:
        print("\n==> one of the webhooks, as it arrived\n" + json.dumps(hooks[0], indent=1)[:1200])
    if mails:
        print("\n==> one of the e-mails, as it arrived\n" + json.dumps(mails[0], indent=1)[:1200])
    failed_over = next((fact for fact in facts if len(fact["attempts"]) > 1), facts[0])
    print("\n==> neptune explain, for the task that failed over\n" + neptune("explain", failed_over["id"]))
    print("==> neptune cost --by model, from Postgres\n" + neptune("cost", "--by", "model"))
    if FAULTS:
        sys.exit("the demo did not do what it should: " + "; ".join(FAULTS))
    print("All of it happened. The system is still up: see README.md; `make down` stops it.")


def models():
    return call("GET", f"{SIMULATOR}/admin/account")["models"]


def fault_count(account):
    return sum(count for count in (account.get("faults") or {}).values() if isinstance(count, int))


def winner(fact):
    return next((attempt["model"] for attempt in reversed(fact["attempts"]) if not attempt.get("error")), None)


def in_ledger(task):
    done = subprocess.run([NEPTUNE, "task", "show", task, "--json"], capture_output=True, text=True, timeout=60)
    return done.returncode == 0


def pico(text):
    whole, _, fraction = text.partition(".")
    return int(whole) * 10**12 + int(fraction.ljust(12, "0"))


try:
    main()
except urllib.error.HTTPError as error:
    sys.exit(f"{error.url} answered {error.code}: {error.read().decode()[:500]}")
