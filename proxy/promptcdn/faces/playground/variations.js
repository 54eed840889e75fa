// The same picture with other seeds. What is stored is shown at once; all others are made when somebody says so.
import { $, announce, element } from "./dom.js";
import { Refused, info, picture, thumbnail } from "./service.js";
import { draggable } from "./start.js";
import { changed, engineOf, priceOf, service, toQuery } from "./state.js";

const COUNT = 6;
const SAID = { absent: "not made yet", blocked: "refused by the filter", removed: "taken down" };
let tiles = [];
let grid = "";
let engine;
let isMaking = false;
let act;

// `choose(seed)`, `start(key)` and `refused(problem)` are called for what happens to the pictures.
export function draw(actions) {
  act = actions;
  $("make-all").addEventListener("click", make);
}

const others = (state) => toQuery(changed(state, { seed: "", wait: "", sig: "", kid: "", exp: "" }));

// Closes the grid where it is one of another picture.
export function follow(state) {
  if (grid !== others(state)) {
    tiles = [];
    grid = "";
    $("grid").replaceChildren();
    $("make-all").hidden = true;
    $("show-all").hidden = false;
  }
  for (const tile of tiles) tile.button.setAttribute("aria-pressed", String(tile.seed === state.seed));
}

export async function open(state, known) {
  grid = others(state);
  $("show-all").hidden = true;
  const first = known.resolved.seed;
  const seeds = known.pool ? known.pool.map((one) => one.seed) : Array.from({ length: COUNT }, (_, i) => (first + i) % 2 ** 32);
  const asked = grid;
  const looks = await Promise.all(seeds.map((seed) => info(changed(state, { seed: String(seed) }))));
  if (asked !== grid) return;
  tiles = looks.map((look, index) => tile(String(seeds[index]), look));
  $("grid").replaceChildren(...tiles.map((one) => one.figure));
  follow(state);
  engine = engineOf(state);
  if (engine.live && service.misses === "open") return make();
  announce(`${tiles.length - missing().length} of ${tiles.length} variations are stored`);
  offer();
}

const missing = () => tiles.filter((one) => one.look.state === "absent");

// The button that makes what is not there yet, with its price.
function offer() {
  const left = missing();
  const cost = left.reduce((sum, one) => sum + one.look.credits, 0);
  $("make-all").textContent = `Make the other ${left.length} — ${priceOf(cost, engine)}`;
  $("make-all").hidden = !left.length || service.misses !== "open" || isMaking;
}

// The picture with this content key is stored now.
export function made(key) {
  const one = missing().find((each) => each.look.content_key === key);
  if (!one) return;
  one.look.state = "stored";
  show(one);
  offer();
}

function tile(seed, look) {
  const button = element("button", { type: "button", class: "tile", "aria-label": `Seed ${seed}`, onclick: () => act.choose(seed) });
  const use = element("button", { type: "button", class: "link", "aria-label": `Start from seed ${seed}`, onclick: () => act.start(one.look.content_key) }, "use as start");
  const figure = element("figure", {}, button, element("figcaption", {}, element("span", {}, `seed ${seed}`), use));
  const one = { seed, look, button, use, figure };
  show(one);
  return one;
}

function show(one) {
  const stored = one.look.state === "stored";
  one.use.hidden = !stored;
  if (!stored) {
    one.button.replaceChildren(element("span", { class: "blank" }, SAID[one.look.state] ?? one.look.state));
    return;
  }
  const image = element("img", { src: thumbnail(one.look.content_key, 320), alt: "", loading: "lazy" });
  draggable(image, () => one.look.content_key);
  one.button.replaceChildren(image);
}

async function make() {
  $("make-all").hidden = isMaking = true;
  try {
    await makeEach(grid);
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    act.refused(error.problem);
  } finally {
    isMaking = false;
    if (tiles.length) offer();
  }
}

// One after the other: the first that is refused ends it, and nothing more is spent. Only the filter's word is about one
// picture alone.
async function makeEach(asked) {
  for (const one of missing()) {
    if (asked !== grid) return;
    one.button.classList.add("busy");
    try {
      await picture(one.look.url);
      one.look.state = "stored";
    } catch (error) {
      if (error.problem?.code !== "filtered") throw error;
      one.look.state = "blocked";
    } finally {
      one.button.classList.remove("busy");
    }
    show(one);
  }
  announce("All variations are there");
}
