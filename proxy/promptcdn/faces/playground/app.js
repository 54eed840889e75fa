// What happens on the page: something is typed, looked up, made, shown, chosen or gone back to.
import { $, announce, element, kept, later } from "./dom.js";
import * as form from "./form.js";
import { explained } from "./headers.js";
import * as past from "./history.js";
import { Refused, at, info, infoOfUrl, picture } from "./service.js";
import * as snippets from "./snippets.js";
import * as start from "./start.js";
import { changed, engineOf, fromFragment, fromQuery, priceOf, service, toFragment, toQuery } from "./state.js";
import * as variations from "./variations.js";

const TYPING = 350; // milliseconds in which somebody may go on typing before anything is looked up
const MORE = 350; // the same before a free picture is made
const AGAIN = 2000; // between two looks at a picture that is being made
const LONG = 140; // characters of a prompt that is shown in smaller letters
const NO_URL = "This is neither the URL of a picture nor Markdown with one.";
const FINAL = ["filtered", "denied", "removed"]; // problems that trying again does not change
const EXAMPLES = [
  "a lighthouse at dusk",
  "mountains at sunrise",
  "a cat on a roof at night",
  "hot air balloons over a valley",
  "a whale under the stars",
  "a cabin in snowy woods",
  "a neon city in the rain",
  "a garden in spring",
  "a ship on a golden sea",
  "an autumn village",
  "a desert under the moon",
  "a rocket in space",
];

let state = fromFragment(location.hash);
let known = null; // the JSON of /info about `state`
let shown = null; // the picture that is seen: its key, url, seed and headers
let wasShown = false; // whether the present entry of the browser's history had its picture
let looking = new AbortController();

function update(changes) {
  state = changed(state, changes);
  // They are of the picture before, until this one was looked up.
  $("make").disabled = $("copy").disabled = true;
  fill();
  soon();
}

function fill() {
  form.fill(state);
  $("p-prompt").classList.toggle("long", (state.prompt ?? "").length > LONG);
  start.fill(state);
  variations.follow(state);
}

const soon = later(TYPING, () => look());

// Finds out what there is of the picture, shows what is stored, and makes what is free or what `make` allows. With
// `isNext`, the next picture of a pool is shown.
async function look(make = false, isNext = false) {
  looking.abort();
  looking = new AbortController();
  const { signal } = looking;
  remember();
  if (!state.prompt) return refused({ parameter: "prompt", detail: "Write what the picture shows." });
  try {
    known = await info(state, snippets.wanted(state), signal);
    accepted();
    await proceed(make, isNext, signal);
  } catch (error) {
    if (error instanceof Refused && !signal.aborted) refused(error.problem, signal);
    else if (!(error instanceof Refused) && error.name !== "AbortError") throw error;
  }
}

function remember() {
  const fragment = toFragment(state);
  document.title = `${state.prompt || "Playground"} · promptcdn`;
  if (fragment === location.hash) return;
  history[wasShown ? "pushState" : "replaceState"](null, "", fragment);
  wasShown = false;
}

function accepted() {
  form.mark(null);
  say(null);
  snippets.show(known);
  $("notes").replaceChildren(...known.notes.map((note) => element("li", {}, note)));
  const { width, height } = known.resolved;
  document.documentElement.style.setProperty("--ratio", String(width / height));
  $("pin").hidden = !known.pool;
  const isOne = (known.pool ?? []).filter((one) => one.state === "stored").length < 2;
  $("another").hidden = !known.pool || (isOne && !engineOf(state).live);
}

async function proceed(make, isNext, signal) {
  const engine = engineOf(state);
  const isFree = engine.live && service.misses === "open";
  if (known.state === "stored") return show(stored(isFree, isNext), signal);
  if (known.state === "generating") return waitForIt(signal);
  if (known.state === "blocked" || known.state === "removed") return gone();
  if (make) return show(known.url, signal);
  if (!isFree) return offer(engine);
  busy("Drawing…");
  await pause(MORE, signal);
  return show(known.url, signal);
}

// The URL of a stored picture. Of a pool it is one that is stored where another one would cost something.
function stored(isFree, isNext) {
  if (!known.pool || (isFree && !isNext)) return known.url;
  const there = known.pool.filter((one) => one.state === "stored" || (isFree && one.state === "absent"));
  const next = there.findIndex((one) => one.content_key === shown?.key) + 1;
  return there[next % there.length].url;
}

async function show(url, signal) {
  busy(known.state === "stored" ? "Loading…" : "Making the picture…");
  let found;
  try {
    found = await picture(withControl(url), signal);
  } catch (error) {
    if (error instanceof Refused && error.problem.code === "too_slow") return waitForIt(signal);
    throw error;
  }
  if (signal.aborted) return undefined;
  const seed = known.pool?.find((one) => one.content_key === found.key)?.seed ?? known.resolved.seed;
  shown = { ...found, seed, isPinned: !known.pool || url !== known.url };
  const image = $("picture");
  image.alt = $("alt").value.trim() || known.as_asked.prompt;
  image.src = at(found.url);
  await image.decode().catch(() => {});
  if (signal.aborted) return undefined;
  wasShown = true;
  settled();
  return undefined;
}

// `url` with the parameters that are not part of the picture: its signature, and how long the answer waits.
function withControl(url) {
  const control = Object.fromEntries(["wait", "sig", "kid", "exp"].map((name) => [name, state[name]]));
  const query = toQuery(control);
  return query ? `${url}&${query}` : url;
}

function settled() {
  stage("shown");
  const { resolved } = known;
  const size = `${resolved.width} × ${resolved.height}`;
  $("caption").textContent = `seed ${shown.seed} · ${size} · ${resolved.engine}`;
  const rows = explained(shown, Boolean(known.pool));
  $("why").replaceChildren(
    ...rows.flatMap(({ name, value, words }) => [
      element("dt", {}, element("strong", {}, name), value ? element("code", {}, value) : null),
      element("dd", {}, words),
    ]),
  );
  past.add(toFragment(state), shown.key, known.as_asked.prompt, shown.seed, goBack);
  variations.made(shown.key);
  announce(`The picture is shown: ${known.as_asked.prompt}`);
}

// The frame shows the picture, that it is coming, that it could be made, or that there is none.
function stage(name) {
  $("frame").dataset.stage = name;
  if (name === "offer") $("picture").removeAttribute("src"); // it is the one of another prompt
  $("tools").hidden = name !== "shown";
  $("offer").hidden = name !== "offer";
  $("progress").hidden = name !== "busy";
  $("unmade").hidden = name !== "offer" || service.misses === "open";
}

function busy(text) {
  stage("busy");
  $("progress-text").textContent = text;
}

function offer(engine) {
  stage("offer");
  const isAllowed = service.misses === "open" || (service.misses === "signed" && Boolean(state.sig));
  $("make").hidden = !isAllowed;
  $("make").disabled = false;
  $("make").textContent = `Make this picture — ${priceOf(known.credits, engine)}`;
  $("sign").hidden = isAllowed || service.misses !== "signed";
  $("closed").hidden = service.misses !== "closed";
  $("sign-command").textContent = `promptcdn sign '${at(known.url)}'`;
  announce(isAllowed ? "This picture is not made yet" : $("offer").innerText);
}

// Other snippets of the same picture.
async function describe() {
  const { signal } = looking;
  try {
    const found = await info(state, snippets.wanted(state), signal);
    if (!signal.aborted) snippets.show(found);
  } catch (error) {
    if (error instanceof Refused) say(error.problem);
  }
}

function gone() {
  stage("none");
  $("picture").removeAttribute("src");
  const why = { blocked: "The content filter of the image generator refused this picture.", removed: "The operator took this picture down." };
  say({ title: "There is no such picture", detail: why[known.state] });
}

async function waitForIt(signal) {
  busy("The picture is being made…");
  await pause(AGAIN, signal);
  if (!signal.aborted) await look();
}

const pause = (milliseconds, signal) =>
  new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, milliseconds);
    signal.addEventListener("abort", () => {
      clearTimeout(timer);
      reject(new DOMException("", "AbortError"));
    });
  });

// Shows what is wrong: at its field where it is about one, and above the picture unless somebody is in that field.
function refused(problem) {
  const hasField = form.mark(problem);
  say(document.activeElement.id === `p-${problem.parameter}` ? null : problem);
  if (hasField) announce(problem.detail);
  const canBeTried = known && !hasField && !FINAL.includes(problem.code);
  if (canBeTried && !engineOf(state).live) offer(engineOf(state));
  else stage("none");
}

function say(problem) {
  $("problem").hidden = !problem;
  $("problem-title").textContent = problem?.title ?? "";
  $("problem-detail").textContent = problem?.detail ?? "";
}

function go(next) {
  state = next;
  fill();
  look();
  $("p-prompt").scrollIntoView({ block: "nearest" });
}

const goBack = (fragment) => go(fromFragment(fragment));

async function vary() {
  try {
    if (known) await variations.open(state, known);
  } catch (error) {
    if (error instanceof Refused) refused(error.problem);
    else throw error;
  }
}

async function paste(event) {
  event.preventDefault();
  $("pasted-wrong").hidden = true;
  try {
    const { known: found, signature } = await infoOfUrl($("pasted").value.trim());
    $("pasted").value = "";
    go(changed(fromQuery(found.url.slice(2)), signature));
  } catch (error) {
    $("pasted-wrong").hidden = false;
    $("pasted-wrong").textContent = error instanceof Refused ? error.problem.detail : NO_URL;
    $("pasted-wrong").scrollIntoView({ block: "nearest" });
    announce($("pasted-wrong").textContent);
  }
}

function surprise() {
  const prompt = EXAMPLES[Math.floor(Math.random() * EXAMPLES.length)];
  update({ prompt, seed: String(Math.floor(Math.random() * 1000)), init: "", strength: "" });
}

// Takes the chosen colours, or those of the system. Gives whether they are the dark ones.
function theme(chosen) {
  if (chosen) document.documentElement.dataset.theme = chosen;
  const scheme = document.documentElement.dataset.theme;
  const isDark = scheme ? scheme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  $("theme").setAttribute("aria-pressed", String(isDark));
  return isDark;
}

function aboutSketches() {
  const engine = service.engines[0];
  $("sketches").hidden = !engine.drawn;
  const ways = Object.entries(service.others).filter(([, needs]) => needs);
  $("way").textContent = ways[0]?.[1].split(" ")[0] ?? "PROMPTCDN_GENERATOR";
  $("ways").replaceChildren(
    ...ways.map(([name, needs]) => element("li", {}, element("code", {}, `PROMPTCDN_GENERATOR=${name}`), ` with ${needs}`)),
  );
}

function begin() {
  form.draw((name, value) => update({ [name]: value }));
  start.draw(update);
  start.draggable($("picture"), () => shown?.key);
  snippets.draw(later(TYPING, describe), (prompt) => update({ prompt }));
  const startFrom = (init) => {
    update({ init });
    $("strength").focus();
  };
  const choose = (seed) => {
    update({ seed });
    $("frame").scrollIntoView({ block: "nearest" });
  };
  variations.draw({ choose, start: startFrom, refused });
  past.draw(goBack);
  for (const prompt of EXAMPLES.slice(1, 4))
    $("examples").append(element("button", { type: "button", onclick: () => update({ prompt }) }, prompt));
  $("skip").addEventListener("click", (event) => {
    event.preventDefault(); // the fragment is for parameters
    $("p-prompt").focus();
  });
  // These are hidden by what their buttons do: whoever goes by keyboard would be sent back to the top of the page.
  for (const id of ["tools", "offer"])
    $(id).addEventListener("click", () => $("frame").focus({ preventScroll: true }), { capture: true });
  $("surprise").addEventListener("click", surprise);
  $("make").addEventListener("click", () => look(true));
  $("another").addEventListener("click", () => look(false, true));
  $("pin").addEventListener("click", () => update({ seed: String(shown.seed) }));
  $("use").addEventListener("click", () => startFrom(shown.key));
  $("p-prompt").addEventListener("keydown", (event) => {
    if (event.key === "Enter" && !event.isComposing) event.preventDefault(); // a prompt is one line
  });
  $("show-all").addEventListener("click", vary);
  $("paste").addEventListener("submit", paste);
  $("theme").addEventListener("click", () => {
    const chosen = theme() ? "light" : "dark";
    kept.write("theme", chosen);
    theme(chosen);
  });
  addEventListener("popstate", () => {
    wasShown = false;
    goBack(location.hash);
  });
  theme(kept.read("theme", ""));
  aboutSketches();
  fill();
  look();
}

begin();
