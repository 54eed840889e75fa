// The pictures that were shown in this browser, the last one first. The list never leaves it.
import { $, element, kept } from "./dom.js";
import { isKey, thumbnail } from "./service.js";

const MOST = 24;
// Whatever else is in this browser under that name is not ours.
const isEntry = (each) =>
  [each?.fragment, each?.prompt].every((text) => typeof text === "string") &&
  Number.isInteger(each.seed) &&
  isKey(each.key);
const left = kept.read("history", []);
let entries = Array.isArray(left) ? left.filter(isEntry) : [];

// `go(fragment)` is called for the entry that is chosen.
export function draw(go) {
  $("history-clear").addEventListener("click", () => write([], go));
  write(entries, go);
}

export function add(fragment, key, prompt, seed, go) {
  if (!key) return;
  const entry = { fragment, key, prompt: prompt.slice(0, 200), seed };
  write([entry, ...entries.filter((each) => each.fragment !== fragment)].slice(0, MOST), go);
}

function write(next, go) {
  entries = next;
  kept.write("history", entries);
  $("history").hidden = !entries.length;
  $("history-list").replaceChildren(...entries.map((entry) => element("li", {}, shown(entry, go))));
}

function shown(entry, go) {
  const said = `${entry.prompt}, seed ${entry.seed}`;
  const image = element("img", { src: thumbnail(entry.key, 128), alt: said, title: said, loading: "lazy" });
  const button = element("button", { type: "button", class: "past", onclick: () => go(entry.fragment) }, image);
  image.addEventListener("error", async () => {
    button.hidden = true;
    const { status } = await fetch(image.src).catch(() => ({}));
    // It was purged or taken down since. All else, like a store that does not answer, passes.
    if (status === 404 || status === 410) write(entries.filter((each) => each !== entry), go);
  });
  return button;
}
