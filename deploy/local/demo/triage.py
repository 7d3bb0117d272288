"""The main job: each ticket is a run of the workflow support/triage-ticket."""

import json
import os
import urllib.error

from stack import FOLDER, KEY, SIMULATOR, SINK, URL, call, check, neptune, pico, tickets, until

WORKFLOW = "support/triage-ticket"
DEFINITION = os.path.join(FOLDER, "../../resources/workflows/support-triage.yaml")
# What stands in the tickets and must not stand in what is told.
PERSONAL = ["j.okafor@brightfarm.example", "a.nowak@post.example", "agn.nowak@mail.example"]


def main():
    call("POST", f"{SIMULATOR}/admin/reset")
    call("POST", f"{SINK}/reset")
    print("==> the workflow that triages tickets\n" + neptune("workflow", "explain", DEFINITION), flush=True)
    neptune("apply", "-f", DEFINITION)
    version = json.loads(neptune("workflow", "explain", "--json", DEFINITION))["version"]
    name = f"{WORKFLOW}:{version}"
    until(f"{name} is known", lambda: refusal({"workflow": name, "input": {}}).get("field") == "input")
    bad = refusal({"workflow": name, "input": {"ticketId": "T-0", "customer": "c", "body": ""}})
    check(f"an input that is not what the workflow takes is refused: {bad.get('field')}: {bad.get('message')}", bad.get("field") == "input.body")
    before = spent(name)

    print(f"\n==> {len(tickets())} real tickets, a run each", flush=True)
    ids = [submit(name, ticket) for ticket in tickets()]
    runs = {}
    until("every run has ended", lambda: all(ended(run, runs) for run in ids), seconds=120)
    for run in ids:
        show(runs.get(run) or call("GET", f"{URL}/v1/runs/{run}", key=KEY))

    print("\n==> checking that it really happened", flush=True)
    check("every run completed", all(runs.get(run, {}).get("state") == "completed" for run in ids))
    outputs = [runs[run]["output"] for run in ids if run in runs]
    check("every ticket has a label", all(output["label"] in ("bug", "billing", "spam") for output in outputs))
    told = [output for output in outputs if output["label"] != "spam"]
    check("what is no spam was told over both channels", all(output["delivered"] == 2 for output in told))
    until(f"{len(told)} webhooks of runs arrived", lambda: len(call("GET", f"{SINK}/hooks")) == len(told))
    until(f"{len(told)} e-mails of runs arrived", lambda: len(call("GET", f"{SINK}/mails")) == len(told))
    hooks = json.dumps(call("GET", f"{SINK}/hooks"))
    check("no address of a customer went out", not any(text in hooks for text in PERSONAL))
    cost = sum(pico(runs[run]["cost_usd"]) for run in ids if run in runs)
    until(f"the ledger has what these runs cost, {cost / 10**12:.9f} USD", lambda: spent(name) - before == cost)
    dearest = max(runs.values(), key=lambda run: len(run["steps"]))
    print("\n==> neptune run show, for one of them\n" + neptune("run", "show", dearest["id"]))
    print("==> neptune cost --by workflow, from Postgres\n" + neptune("cost", "--by", "workflow"), flush=True)


def refusal(body):
    """The first problem of a run that is refused; nothing of one that is not."""
    try:
        call("POST", f"{URL}/v1/runs", body, KEY)
    except urllib.error.HTTPError as error:
        problems = json.loads(error.read()).get("problems") or [{}]
        return problems[0]
    return {}


def submit(name, ticket):
    source = ticket["metadata"]
    body = ticket["input"]["messages"][-1]["content"]
    given = {"ticketId": source["ticket"], "customer": source["product"], "body": body, "hook": f"{SINK}/hook/triage"}
    run = {"workflow": name, "input": given, "labels": {"ticket": source["ticket"]}}
    return call("POST", f"{URL}/v1/runs", run, KEY)["id"]


def ended(run, runs):
    if run not in runs:
        try:
            view = call("GET", f"{URL}/v1/runs/{run}", key=KEY)
        except urllib.error.HTTPError:
            return False
        if view.get("ended_at"):
            runs[run] = view
    return run in runs


def show(run):
    output = run.get("output") or {}
    models = sorted({step["note"]["model"] for step in run["steps"] if (step.get("note") or {}).get("model")})
    found = [step["note"]["findings"] for step in run["steps"] if "findings" in (step.get("note") or {})]
    taken = ", ".join(f"{finding['count']} x {finding['kind']}" for findings in found for finding in findings)
    print(f"\n{run['input']['ticketId']}: {run['state']} as {output.get('label')}, told {output.get('delivered')} times")
    print(f"  taken out     {taken or 'nothing'}")
    print(f"  models        {', '.join(models)}")
    print(f"  cost          {run['cost_usd']} USD")
    if run.get("error"):
        print(f"  error         {run['error'].get('detail')}")


def spent(name):
    """What the workflow has cost by the ledger, in pico-dollars."""
    rows = json.loads(neptune("cost", "--by", "workflow", "--json"))["rows"]
    return sum(pico(row["cost_usd"]) for row in rows if row["group"] == name)
