// OpenAI's and Anthropic's own packages for Node, unmodified, against Neptune. Prints what they saw as JSON.
//
// OPENAI_BASE_URL, OPENAI_API_KEY, ANTHROPIC_BASE_URL and ANTHROPIC_API_KEY are read by the packages themselves; the
// first argument is the model.
const { OpenAI } = require("openai");
const { Anthropic } = require("@anthropic-ai/sdk");

const model = process.argv[2];
const messages = [{ role: "user", content: "What is a pump, and what are its parts?" }];
const schema = { type: "object", properties: { part: { type: "string" } }, required: ["part"] };

async function error(call) {
  try {
    await call();
  } catch (raised) {
    return { class: raised.constructor.name, status: raised.status ?? null, code: raised.code ?? raised.error?.error?.code ?? null };
  }
  return null;
}

async function openai() {
  const client = new OpenAI({ maxRetries: 0 });
  const whole = await client.chat.completions.create({ model, messages });
  const stream = client.chat.completions.stream({ model, messages, stream_options: { include_usage: true } });
  const pieces = [];
  stream.on("content", (piece) => pieces.push(piece));
  const streamed = await stream.finalChatCompletion();
  const tools = [{ type: "function", function: { name: "find", parameters: schema } }];
  const asked = await client.chat.completions.create({ model, messages, tools, tool_choice: "required" });
  const call = asked.choices[0].message;
  const result = { role: "tool", tool_call_id: call.tool_calls[0].id, content: "the seal" };
  const told = await client.chat.completions.create({ model, messages: [...messages, call, result], tools });
  const response = await client.responses.create({ model, input: "What is a pump?" });
  const unknown_model = await error(() => client.chat.completions.create({ model: "no/such-model", messages }));
  return { whole, pieces, streamed, asked, told, response: response.output_text, unknown_model };
}

async function anthropic() {
  const client = new Anthropic({ maxRetries: 0 });
  const asking = { model, max_tokens: 200, messages };
  const whole = await client.messages.create(asking);
  const stream = client.messages.stream(asking);
  const pieces = [];
  stream.on("text", (piece) => pieces.push(piece));
  const streamed = await stream.finalMessage();
  const tools = [{ name: "find", input_schema: schema }];
  const asked = await client.messages.create({ ...asking, tools, tool_choice: { type: "any" } });
  const call = asked.content.at(-1);
  const result = { role: "user", content: [{ type: "tool_result", tool_use_id: call.id, content: "the seal" }] };
  const told = await client.messages.create({ ...asking, messages: [...messages, { role: "assistant", content: asked.content }, result], tools });
  const unknown_model = await error(() => client.messages.create({ ...asking, model: "no/such-model" }));
  return { whole, pieces, streamed, asked, told, unknown_model };
}

(async () => console.log(JSON.stringify({ openai: await openai(), anthropic: await anthropic() })))();
