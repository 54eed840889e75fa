// node by_node.mjs BASE KEY CLIENT PROMPT MODEL: makes one picture and prints it, or the error, as JSON.
import { createOpenAI } from "@ai-sdk/openai";
import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import { generateImage } from "ai";
import OpenAI from "openai";

const [baseURL, apiKey, client, prompt, model] = process.argv.slice(2);

const bySdk = async (provider, providerOptions = {}) => {
  const { image } = await generateImage({ model: provider, prompt, size: "1024x1024", providerOptions });
  return { file: image.base64 };
};
const clients = {
  openai: async () => {
    const made = await new OpenAI({ baseURL, apiKey }).images.generate({ prompt, model, seed: 7 });
    return { file: made.data[0].b64_json, url: made.data[0].url };
  },
  "ai-sdk": () => bySdk(createOpenAI({ baseURL, apiKey }).image(`${model}#seed=7`)),
  "ai-sdk-compatible": () =>
    bySdk(createOpenAICompatible({ name: "ours", baseURL, apiKey }).imageModel(model), { ours: { seed: 7 } }),
};

try {
  console.log(JSON.stringify(await clients[client]()));
} catch (thrown) {
  const error = thrown.lastError ?? thrown;
  console.log(JSON.stringify({ error: error.name === "Error" ? error.constructor.name : error.name, message: error.message }));
}
