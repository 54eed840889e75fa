// Elements by their ids, and new ones. Text goes in as text: nothing here parses markup.

export const $ = (id) => document.getElementById(id);

// element("button", {class: "tile", type: "button", onclick: f}, "text or elements", …)
export function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else if (value !== false && value != null) made.setAttribute(name, value === true ? "" : value);
  }
  made.append(...children.filter((child) => child != null));
  return made;
}

export function later(milliseconds, act) {
  let timer;
  return (...given) => {
    clearTimeout(timer);
    timer = setTimeout(() => act(...given), milliseconds);
  };
}

// For screen readers: what is said is read out when they pause.
export function announce(text) {
  $("said").textContent = text;
}

// What is kept in this browser. It may be full or forbidden: then nothing is kept.
export const kept = {
  read(name, otherwise) {
    try {
      return JSON.parse(localStorage.getItem(`promptcdn.${name}`)) ?? otherwise;
    } catch {
      return otherwise;
    }
  },
  write(name, value) {
    try {
      localStorage.setItem(`promptcdn.${name}`, JSON.stringify(value));
    } catch {
      // A private window, or no room.
    }
  },
};
