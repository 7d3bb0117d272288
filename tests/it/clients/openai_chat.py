"""OpenAI's own package, unmodified, against Neptune. Prints what it saw as JSON.

OPENAI_BASE_URL and OPENAI_API_KEY are read by the package itself; the first argument is the model.
"""

import json
import sys

import openai

MODEL = sys.argv[1]
QUESTION = [{"role": "user", "content": "What is a pump, and what are its parts?"}]
PARAMETERS = {"type": "object", "properties": {"part": {"type": "string"}}, "required": ["part"]}
TOOL = {"type": "function", "function": {"name": "find", "parameters": PARAMETERS}}
client = openai.OpenAI(max_retries=0)


def ask(**changes):
    return {"model": MODEL, "messages": QUESTION} | changes


def error(call):
    """The class of the exception, and what it says."""
    try:
        call()
    except openai.APIError as raised:
        return {"class": type(raised).__name__, "type": raised.type, "code": raised.code}
    return None


def drain(**changes):
    with client.chat.completions.stream(**ask(**changes)) as stream:
        pieces = [event.delta for event in stream if event.type == "content.delta"]
        return pieces, stream.get_final_completion()


if sys.argv[2:] == ["broken"]:
    pieces = []

    def read():
        for chunk in client.chat.completions.create(**ask(stream=True)):
            pieces.append(chunk)

    print(json.dumps({"error": error(read), "pieces": len(pieces)}))
    sys.exit()

raw = client.chat.completions.with_raw_response.create(**ask())
whole = raw.parse()
pieces, streamed = drain(stream_options={"include_usage": True})
asked = client.chat.completions.create(**ask(tools=[TOOL], tool_choice="required"))
call = asked.choices[0].message
after = [*QUESTION, call, {"role": "tool", "tool_call_id": call.tool_calls[0].id, "content": "the seal"}]
told = client.chat.completions.create(**ask(messages=after, tools=[TOOL]))
response = client.responses.create(model=MODEL, input="What is a pump?")
with client.responses.stream(model=MODEL, input="What is a pump?") as stream:
    kinds = [event.type for event in stream]
    response_streamed = stream.get_final_response()
stranger = openai.OpenAI(api_key="npt_test_nobody", max_retries=0)
print(json.dumps({
    "task": raw.headers.get("x-neptune-task-id"),
    "whole": whole.to_dict(),
    "pieces": pieces,
    "streamed": streamed.to_dict(),
    "asked": asked.to_dict(),
    "told": told.to_dict(),
    "response": response.output_text,
    "response_streamed": response_streamed.output_text,
    "response_events": kinds,
    "models": [model.id for model in client.models.list()],
    "unknown_model": error(lambda: client.chat.completions.create(**ask(model="no/such-model"))),
    "unknown_key": error(lambda: stranger.chat.completions.create(**ask())),
}))
