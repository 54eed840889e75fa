// What is copied: the service writes it (`snippets` in /info), so that no prompt can break out of its markup.
import { $, announce, element, later } from "./dom.js";
import { at } from "./service.js";
import { changed, service, toQuery } from "./state.js";

const MARKUPS = {
  markdown: ["Markdown", "For READMEs and issues."],
  html: ["HTML", "With width and height, so that the page does not jump when the picture comes."],
  picture: ["Dark & light", "Two pictures: readers with a dark page see the other one. GitHub understands this, too.", "both pictures"],
  asciidoc: ["AsciiDoc", "For Asciidoctor and Antora."],
  rst: ["RST", "For Sphinx and docutils."],
  url: ["URL", "For everything else."],
  sites: ["Docs sites", "For MkDocs, Hugo, Astro and Eleventy, which take pictures in and name the files by the path.", "for docs sites"],
};
const unsaid = later(1500, mark);
let current = "markdown";
let found = {};

// `ask()` is called when other snippets are wanted, `look(prompt)` to see the picture for dark pages.
export function draw(ask, look) {
  for (const [markup, [name]] of Object.entries(MARKUPS)) {
    const choose = () => chosen(markup, ask);
    const attributes = { type: "button", role: "tab", id: `tab-${markup}`, "aria-controls": "snippet-panel", onclick: choose };
    $("tabs").append(element("button", attributes, name));
  }
  $("tabs").addEventListener("keydown", (event) => walk(event, ask));
  for (const id of ["alt", "dark-prompt"])
    $(id).addEventListener("input", () => {
      $("copy").disabled = true;
      ask();
    });
  $("dark-look").addEventListener("click", () => look(darkPrompt($("dark-prompt").placeholder)));
  $("copy").addEventListener("click", copy);
  $("local").hidden = !service.address || !/^(localhost|127\.|\[::1)/.test(location.hostname);
  mark();
}

function chosen(markup, ask) {
  current = markup;
  mark();
  write();
  if (found[markup] && !$("copy").disabled) return;
  $("copy").disabled = true;
  ask();
}

function walk(event, ask) {
  const names = Object.keys(MARKUPS);
  const step = { ArrowRight: 1, ArrowLeft: -1, Home: -names.indexOf(current), End: -1 - names.indexOf(current) }[event.key];
  if (step === undefined) return;
  event.preventDefault();
  chosen(names.at((names.indexOf(current) + step) % names.length), ask);
  $(`tab-${current}`).focus();
}

function mark() {
  for (const tab of $("tabs").children) {
    const isCurrent = tab.id === `tab-${current}`;
    tab.setAttribute("aria-selected", String(isCurrent));
    tab.tabIndex = isCurrent ? 0 : -1;
  }
  $("snippet-panel").setAttribute("aria-labelledby", `tab-${current}`);
  $("snippet-about").textContent = MARKUPS[current][1];
  const [name, , what = name] = MARKUPS[current];
  $("copy").textContent = `Copy ${what}`;
  $("dark-fields").hidden = current !== "picture";
}

const darkPrompt = (otherwise) => $("dark-prompt").value.trim() || otherwise;

// What `/info` is to write into the snippets of `state`, beside the picture itself.
export function wanted(state) {
  const dark = changed(state, { prompt: darkPrompt(`${state.prompt} at night`) });
  const { wait, ...picture } = dark;
  return { alt: $("alt").value.trim(), dark: current === "picture" ? `/?${toQuery(picture)}` : "" };
}

export function show(known) {
  found = known.snippets;
  $("copy").disabled = false;
  $("alt").placeholder = known.as_asked.prompt;
  $("dark-prompt").placeholder = `${known.as_asked.prompt} at night`;
  write();
}

function write() {
  const text = found[current] ?? "…";
  // Where the operator named no public address, the one that led here is as good as any.
  $("snippet").textContent = service.address ? text.replaceAll(`${service.address}/`, at("/")) : text;
}

async function copy() {
  const text = $("snippet").textContent;
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    // Browsers give scripts no clipboard on pages that came over http://.
    getSelection().selectAllChildren($("snippet"));
    document.execCommand("copy");
  }
  $("copy").textContent = "Copied";
  announce("Copied");
  unsaid();
}
