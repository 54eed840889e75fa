// What the page asks the service for.
import { toQuery } from "./state.js";

// The page may be below a path of its host; the service's own paths begin at its root.
export const at = (path) => new URL(`.${path}`, new URL(".", location.href)).href;

export const thumbnail = (key, width) => at(`/i/${key}?w=${width}`);

export class Refused extends Error {
  constructor(problem) {
    super(problem.detail);
    this.problem = problem;
  }
}

// The JSON about the picture of `state`. It makes nothing and costs nothing.
export async function info(state, more = {}, signal) {
  const { wait, sig, kid, exp, ...picture } = state;
  return (await asked(`/info?${toQuery({ ...picture, ...more })}`, signal)).json();
}

// The JSON about a URL that somebody pasted, with the parameters that are as text.
export async function infoOfUrl(text) {
  if (!/[/?]/.test(text)) throw new TypeError("no URL");
  const found = text.match(/(?:https?:\/\/[^\s/]+)?(\/[^\s)"'<>\]]*)/);
  const url = new URL(found ? found[1] : text, location.href);
  const query = new URLSearchParams(url.search.replaceAll("&amp;", "&"));
  const signature = Object.fromEntries(["sig", "kid", "exp"].map((name) => [name, query.get(name) ?? ""]));
  for (const name of Object.keys(signature)) query.delete(name);
  const path = url.pathname.slice(new URL(".", location.href).pathname.length - 1) || url.pathname;
  const known = await (await asked(`/info${path === "/" ? "" : path}?${query}`)).json();
  return { known, signature };
}

// The answer to the picture's URL, which is made if it has to be: what is shown, and what its headers say.
export async function picture(path, signal) {
  const answer = await asked(path, signal);
  await answer.arrayBuffer(); // all of it, so that the browser's cache has it when it is shown
  const entry = performance.getEntriesByName(answer.url).at(-1);
  const key = /\/i\/([0-9a-f]{64})/.exec(answer.headers.get("link") ?? "")?.[1];
  return {
    key,
    url: answer.headers.get("content-location") ?? path,
    headers: answer.headers,
    fromBrowser: Boolean(entry && entry.transferSize === 0 && entry.decodedBodySize > 0),
  };
}

async function asked(path, signal) {
  let answer;
  try {
    answer = await fetch(at(path), { signal, headers: { Accept: "*/*" } });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Refused({ title: "The service does not answer", detail: "Is it running, and are you online?", code: "offline" });
  }
  if (answer.ok) return answer;
  const problem = await answer.json().catch(() => ({ title: `The service answered ${answer.status}`, detail: "" }));
  throw new Refused(problem);
}
