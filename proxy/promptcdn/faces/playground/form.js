// The fields: one for each row of the grammar, in the group that the row names.
import { $, element } from "./dom.js";
import { engineOf, priceOf, service } from "./state.js";

const GROUPS = { generation: "More of the picture", delivery: "File format and size", control: "Waiting and signature" };
// Fields that stand beside the picture; all others are in the list of their group.
const PLACES = { prompt: "prompt-place", seed: "seed-place", engine: "engine-place", style_preset: "style-place" };
const SHAPES = ["1:1", "3:2", "16:9", "2:3", "9:16"];
const fields = new Map();

// Draws all fields. `change(name, value)` is called with each value that is typed or chosen.
export function draw(change) {
  for (const [group, rows] of Object.entries(service.parameters)) {
    const list = element("div", { class: "fields" });
    for (const row of rows) {
      const field = drawn(row, change);
      fields.set(row.name, field);
      (PLACES[row.name] ? $(PLACES[row.name]) : list).append(field.box);
    }
    $("groups").append(element("details", { class: "group" }, element("summary", {}, GROUPS[group]), list));
  }
  $("shapes").append(...SHAPES.map((shape) => shapeButton(shape, change)));
  $("seed-place").append(seedButton("−", "The seed before", change, -1), seedButton("+", "The next seed", change, 1));
}

function drawn(row, change) {
  const id = `p-${row.name}`;
  const input = inputFor(row, id);
  const note = element("p", { class: "note", id: `${id}-note` }, hint(row));
  const wrong = element("p", { class: "wrong", id: `${id}-wrong`, hidden: true });
  input.setAttribute("aria-describedby", `${id}-note ${id}-wrong`);
  input.addEventListener(row.kind === "choice" ? "change" : "input", () => change(row.name, input.value.trim()));
  const label = element("label", { for: id }, row.name.replaceAll("_", " "));
  return { row, input, note, wrong, box: element("div", { class: "field" }, label, input, wrong, note) };
}

function inputFor(row, id) {
  if (row.name === "engine") return engineChoice(id);
  if (row.kind === "choice") {
    const choices = row.choices.map((choice) => element("option", { value: choice }, choice));
    return element("select", { id }, element("option", { value: "" }, "as usual"), ...choices);
  }
  const shared = { id, spellcheck: "false", autocomplete: "off", placeholder: service.defaults[row.name] ?? "" };
  if (row.kind === "prose") return element("textarea", { ...shared, rows: 2, spellcheck: "true" });
  if (row.kind === "number")
    return element("input", { ...shared, type: "number", min: row.least, max: row.most, step: row.step });
  return element("input", { ...shared, type: "text" });
}

function engineChoice(id) {
  const options = service.engines.map((engine, index) => {
    const said = `${engine.name} · ${priceOf(engine.credits, engine)}`;
    return element("option", { value: index ? engine.name : "" }, said);
  });
  return element("select", { id }, ...options);
}

function hint(row) {
  const steps = row.step > 1 ? `, in steps of ${row.step}` : "";
  const allowed = row.kind === "number" ? `${row.least} to ${row.most}${steps}` : row.allowed;
  const meaning = `${row.meaning[0].toUpperCase()}${row.meaning.slice(1)}.`;
  return allowed && row.name !== "engine" ? `${meaning} Allowed: ${allowed}.` : meaning;
}

function shapeButton(shape, change) {
  const [across, down] = shape.split(":").map(Number);
  const icon = element("span", { class: "shape", "aria-hidden": "true" });
  icon.style.aspectRatio = `${across} / ${down}`;
  icon.style[across >= down ? "width" : "height"] = "1.1rem";
  const chosen = () => {
    change("width", "");
    change("height", "");
    change("aspect_ratio", button.getAttribute("aria-pressed") === "true" ? "" : shape);
  };
  const button = element("button", { type: "button", "data-shape": shape, "aria-pressed": "false", onclick: chosen }, icon, shape);
  return button;
}

function seedButton(sign, name, change, step) {
  const next = () => {
    const seed = Number(fields.get("seed").input.value);
    const number = Number.isInteger(seed) ? seed : 0;
    change("seed", String((number + step + 2 ** 32) % 2 ** 32));
  };
  return element("button", { type: "button", class: "small", "aria-label": name, onclick: next }, sign);
}

// Shows the values of `state`, and of each field whether the engine understands it.
export function fill(state) {
  const engine = engineOf(state);
  for (const { row, input, note, box } of fields.values()) {
    const value = row.name === "engine" && engine === service.engines[0] ? "" : (state[row.name] ?? "");
    if (input.value.trim() !== value) input.value = value;
    const ignored = engine.lacks.includes(row.name);
    box.classList.toggle("ignored", ignored);
    note.textContent = ignored ? `${engine.name} does not understand this: it does not change the picture.` : hint(row);
  }
  fields.get("engine").note.textContent = about(engine);
  for (const button of $("shapes").children)
    button.setAttribute("aria-pressed", String(button.dataset.shape === state.aspect_ratio));
}

function about(engine) {
  const said = [`Draws ${engine.sizes}; without a shape or size ${engine.size}.`];
  if (engine.from_pictures.length) said.push(`Can start from pictures: ${engine.from_pictures.join(", ")}.`);
  if (engine.lacks.length) said.push(`Does not understand ${engine.lacks.join(", ")}.`);
  if (!engine.seeded) said.push("Takes no seed: if the store loses a picture, it cannot be made again.");
  return said.join(" ");
}

// Shows what is wrong at the field that `problem` names, and opens the group that the field is in. Gives whether one
// is named. Without a problem, no field is wrong.
export function mark(problem) {
  for (const { row, input, wrong, box } of fields.values()) {
    const isWrong = problem?.parameter === row.name;
    input.toggleAttribute("aria-invalid", false);
    if (isWrong) input.setAttribute("aria-invalid", "true");
    wrong.hidden = !isWrong;
    wrong.textContent = isWrong ? problem.detail : "";
    if (isWrong) box.closest("details")?.setAttribute("open", "");
  }
  return fields.has(problem?.parameter);
}
