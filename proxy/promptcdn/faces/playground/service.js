// What the page asks the service for.
import { toQuery } from "./state.js";

// The page may be below a path of its host; the service's own paths begin at its root.
export const at = (path) => new URL(`.${path}`, new URL(".", location.href)).href;

export const isKey = (text) => /^[0-9a-f]{64}$/.test(text);

// Encoded: other text than a key, like `../?prompt=x`, could name a picture that is made for it.
export const thumbnail = (key, width) => at(`/i/${encodeURIComponent(key)}?w=${width}`);

export class Refused extends Error {
  constructor(problem) {
    super(problem.detail);
    this.problem = problem;
  }
}

// The JSON about the picture of `state`. It makes nothing and costs nothing.
export async function info(state, more = {}, signal) {
  const { wait, sig, kid, exp, ...picture } = state;
  return asked(`/info?${toQuery({ ...picture, ...more })}`, signal, described);
}

// The URL of a picture in a line of AsciiDoc, reStructuredText, HTML or Markdown, or in other text. The description in
// that line may look like the line of another markup.
const URL_IN = [
  /^image::?(\S+?)\[/,
  /^\.\.\s+(?:\|[^|]*\|\s+)?(?:image|figure)::\s+(\S+)/,
  /<img\s[^>]*?\bsrc=["']?([^\s"'>]+)/i,
  /(?:^|[^\\])\]\(\s*<?((?:[^\s()<>]|\([^\s()]*\))+)/,
  /(?:^|[\s<(:"'])(https?:\/\/[^\s<>"[\]]+|\/\S*\?[^\s<>"[\]]+)/i,
];

function urlIn(text) {
  // A URL alone is all there is: as people type one, spaces, quotes and brackets belong to it.
  const found = /^(https?:\/\/|[/?])/i.test(text) ? text : URL_IN.map((form) => form.exec(text)?.[1]).find(Boolean);
  if (!found || !/^(https?:\/\/|[/?])/i.test(found)) throw new TypeError("no URL");
  return new URL(found.replaceAll("&amp;", "&"), location.href);
}

// The JSON about a URL that somebody pasted, with the parameters that are as text. Raises `TypeError` where there is none.
export async function infoOfUrl(text) {
  const url = urlIn(text);
  const query = new URLSearchParams(url.search);
  const signature = Object.fromEntries(["sig", "kid", "exp"].map((name) => [name, query.get(name) ?? ""]));
  for (const name of Object.keys(signature)) query.delete(name);
  const base = new URL(".", location.href).pathname.slice(0, -1);
  const path = url.pathname.startsWith(`${base}/`) ? url.pathname.slice(base.length) : url.pathname;
  const known = await asked(`/info${path.replace(/^\/+/, "/").replace(/^\/$/, "")}?${query}`, undefined, described);
  return { known, signature };
}

// The answer to the picture's URL, which is made if it has to be: what is shown, and what its headers say.
export const picture = (path, signal) => asked(path, signal, (answer) => shown(answer, path));

async function shown(answer, path) {
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

async function described(answer) {
  const known = await answer.json();
  if (!known.snippets) throw new TypeError("no answer of the service");
  return known;
}

// What `read` makes of the answer. Raises `Refused` with the problem where there is one.
async function asked(path, signal, read) {
  let answer;
  try {
    answer = await fetch(at(path), { signal, headers: { Accept: "*/*" } });
    if (answer.ok) return await read(answer);
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Refused(answer ? unreadable(answer) : OFFLINE);
  }
  throw new Refused({ ...unreadable(answer), ...(await answer.json().catch(() => null)) });
}

const OFFLINE = { title: "The service does not answer", detail: "Is it running, and are you online?", code: "offline" };

// A proxy in front may have answered, or the connection was lost.
const unreadable = ({ status }) => ({
  title: `The service answered ${status}`,
  detail: "The rest of the answer cannot be read. Load the page again: something in front of the service may want you to sign in.",
  code: "unreadable",
});
