"""Single tasks, by HTTP and by NATS: routing, failover, zones, deliveries, the ledger."""

import json
import subprocess

from stack import KEY, NEPTUNE, SIMULATOR, SINK, URL, call, check, neptune, pico, tickets, until


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
    asked = tickets()
    call("POST", f"{SIMULATOR}/admin/reset")
    call("POST", f"{SINK}/reset")
    facts = []
    print("\n==> the same tickets as single tasks; the first call to one model fails on purpose", flush=True)
    for index, ticket in enumerate(asked):
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
        fact = call("POST", f"{URL}/v1/tasks?wait=60", {**asked[0], "input": {**asked[0]["input"], "model": "replies"}, "deliver": []}, KEY)
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


def models():
    return call("GET", f"{SIMULATOR}/admin/account")["models"]


def fault_count(account):
    return sum(count for count in (account.get("faults") or {}).values() if isinstance(count, int))


def winner(fact):
    return next((attempt["model"] for attempt in reversed(fact["attempts"]) if not attempt.get("error")), None)


def in_ledger(task):
    done = subprocess.run([NEPTUNE, "task", "show", task, "--json"], capture_output=True, text=True, timeout=60)
    return done.returncode == 0
