// The parameters of one picture's URL, by name and as text. They are in the fragment of the page's address, so that a
// reload, a bookmark and the back button find them again. Signatures are not: nobody should pass one on by accident.
import { $ } from "./dom.js";

export const service = JSON.parse($("description").textContent);
export const FIRST = { prompt: "a lighthouse at dusk", seed: "7", aspect_ratio: "3:2" };

const groups = Object.entries(service.parameters);
const groupOf = new Map(groups.flatMap(([group, rows]) => rows.map((row) => [row.name, group])));
const SIGNATURE = ["sig", "kid", "exp"];

export function fromFragment(fragment) {
  const found = fromQuery(fragment.replace(/^#/, ""));
  return found.prompt ? found : { ...FIRST };
}

export function fromQuery(query) {
  const pairs = [...new URLSearchParams(query)].filter(([name, value]) => groupOf.has(name) && value);
  return Object.fromEntries(pairs);
}

export function toFragment(state) {
  const shared = Object.fromEntries(Object.entries(state).filter(([name]) => !SIGNATURE.includes(name)));
  return `#${toQuery(shared)}`;
}

export function toQuery(state) {
  return new URLSearchParams(Object.entries(state).filter(([, value]) => value)).toString();
}

// `state` with `changes`. A signature is for one picture: another one has none.
export function changed(state, changes) {
  const next = Object.fromEntries(Object.entries({ ...state, ...changes }).filter(([, value]) => value));
  const isNew = Object.keys(changes).some((name) => groupOf.get(name) === "generation" && state[name] !== next[name]);
  if (isNew && !("sig" in changes)) for (const name of SIGNATURE) delete next[name];
  return next;
}

// The engine of that name, which may be the full one; undefined where none of those offered has it.
export const engineNamed = (name) =>
  service.engines.find((engine) => [engine.name, `${engine.generator}/${engine.name}`].includes(name));

export const engineOf = (state) => engineNamed(state.engine) ?? service.engines[0];

// Whether the picture that `/info` tells of may be made unasked. What its URL is bound to counts, not what it names: an
// old URL without an engine keeps its own when the operator makes another one the default.
export function isFree({ resolved }) {
  const { generator, engine } = resolved;
  const made = (each) => each.generator === generator && [engine, `${generator}/${engine}`].includes(each.name);
  return service.misses === "open" && Boolean(service.engines.find(made)?.live);
}

export function priceOf(credits) {
  if (!credits) return "free";
  return `about ${Number(credits.toFixed(3))} ${credits === 1 ? "credit" : "credits"}`;
}
