// The picture that the next one starts from (`init`): dropped on the prompt, or chosen by a button.
import { $, element } from "./dom.js";
import { isKey, thumbnail } from "./service.js";
import { engineOf, service } from "./state.js";

const KIND = "text/x-promptcdn-key";

// `change(changes)` is called with new values of init and strength.
export function draw(change) {
  const drop = $("ask");
  for (const kind of ["dragover", "dragenter"])
    drop.addEventListener(kind, (event) => {
      if (!event.dataTransfer.types.includes(KIND)) return;
      event.preventDefault();
      drop.classList.add("over");
    });
  drop.addEventListener("dragleave", () => drop.classList.remove("over"));
  drop.addEventListener("drop", (event) => {
    drop.classList.remove("over");
    const key = event.dataTransfer.getData(KIND);
    if (!key) return;
    event.preventDefault();
    change({ init: key });
  });
  $("strength").addEventListener("input", () => change({ strength: $("strength").value }));
  $("start-remove").addEventListener("click", () => {
    change({ init: "", strength: "", mask: "", upscale: "" });
    $("p-prompt").focus();
  });
}

// Lets a picture be dragged. `key()` gives its content key at that moment.
export function draggable(image, key) {
  image.draggable = true;
  image.addEventListener("dragstart", (event) => {
    if (key()) event.dataTransfer.setData(KIND, key());
    event.dataTransfer.effectAllowed = "copy";
  });
}

export function fill(state) {
  const can = engineOf(state).from_pictures.includes("init");
  $("start").hidden = !state.init;
  $("start-note").hidden = can;
  $("start-note").textContent = can ? "" : `${engineOf(state).name} cannot start from a picture: choose another engine.`;
  const strength = state.strength || String(service.defaults.strength);
  if ($("strength").value !== strength) $("strength").value = strength;
  $("strength-value").textContent = strength;
  const here = $("start-picture");
  const key = isKey(state.init) ? state.init : "";
  if (here.dataset.key === key) return;
  here.dataset.key = key;
  here.replaceChildren(...(key ? [element("img", { src: thumbnail(key, 64), alt: "", width: 44, height: 44 })] : []));
}
