"""Anthropic's own package, unmodified, against Neptune. Prints what it saw as JSON.

ANTHROPIC_BASE_URL and ANTHROPIC_API_KEY are read by the package itself; the first argument is the model.
"""

import json
import sys

import anthropic

MODEL = sys.argv[1]
QUESTION = [{"role": "user", "content": "What is a pump, and what are its parts?"}]
TOOL = {
    "name": "find",
    "description": "Finds a part.",
    "input_schema": {"type": "object", "properties": {"part": {"type": "string"}}, "required": ["part"]},
}
client = anthropic.Anthropic(max_retries=0)


def ask(**changes):
    return {"model": MODEL, "max_tokens": 200, "messages": QUESTION} | changes


def error(call):
    """The class of the exception, and what it says."""
    try:
        call()
    except anthropic.APIError as raised:
        body = raised.body if isinstance(raised.body, dict) else {}
        told = body.get("error", {})
        return {"class": type(raised).__name__, "type": told.get("type"), "code": told.get("code")}
    return None


def drain(**changes):
    with client.messages.stream(**ask(**changes)) as stream:
        return list(stream.text_stream), stream.get_final_message()


if sys.argv[2:] == ["broken"]:
    pieces = []

    def read():
        with client.messages.stream(**ask()) as stream:
            pieces.extend(stream.text_stream)

    print(json.dumps({"error": error(read), "pieces": len(pieces)}))
    sys.exit()

whole = client.messages.create(**ask(system="Be brief."))
pieces, streamed = drain(system="Be brief.")
wanted = {"tools": [TOOL], "tool_choice": {"type": "any"}}
asked = client.messages.create(**ask(**wanted))
call = asked.content[-1]
_, asked_streamed = drain(**wanted)
result = {"type": "tool_result", "tool_use_id": call.id, "content": "the seal"}
after = [*QUESTION, {"role": "assistant", "content": asked.content}, {"role": "user", "content": [result]}]
told = client.messages.create(**ask(messages=after, tools=[TOOL]))
stranger = anthropic.Anthropic(api_key="npt_test_nobody", max_retries=0)
print(json.dumps({
    "whole": whole.to_dict(),
    "pieces": pieces,
    "streamed": streamed.to_dict(),
    "asked": asked.to_dict(),
    "asked_streamed": asked_streamed.to_dict(),
    "told": told.to_dict(),
    "unknown_model": error(lambda: client.messages.create(**ask(model="no/such-model"))),
    "unknown_key": error(lambda: stranger.messages.create(**ask())),
    "not_expressible": error(lambda: client.messages.create(**ask(extra_body={"top_k": 3}))),
}))
