// What the headers of a picture mean, in plain words.

const SECOND = [
  [31536000, "year"],
  [86400, "day"],
  [3600, "hour"],
  [60, "minute"],
  [1, "second"],
];

export function duration(seconds) {
  const [unit, name] = SECOND.find(([length]) => seconds >= length) ?? [1, "second"];
  const count = Math.round(seconds / unit);
  return `${count} ${name}${count === 1 ? "" : "s"}`;
}

const WORDS = {
  "cache-control"(value) {
    const age = /max-age=(\d+)/.exec(value)?.[1];
    if (value.includes("immutable"))
      return `Browsers and CDNs may keep the picture for ${duration(age)} without asking again: it has a seed, so this URL never shows another one.`;
    if (value.includes("no-store")) return "Nobody may keep this answer: the next view may show another picture.";
    if (age) return `Browsers and CDNs may keep the answer for ${duration(age)}; then they ask again.`;
    return "";
  },
  "cache-status"(value) {
    if (value.includes("hit"))
      return value.includes("memory")
        ? "The picture was made before, and came from the memory of the service."
        : "The picture was made before, and came from the store of the service.";
    if (value.includes("collapsed")) return "The picture was being made for somebody else, and both of you got it.";
    if (value.includes("stored=?0")) return "The picture was made for you, and waits for the store to take it.";
    return "The picture was made for you just now, and is stored.";
  },
  age: (value) => `A cache in front of the service has had the picture for ${duration(Number(value))}: the service was not asked.`,
  etag: () => "A name for exactly these bytes: whoever has them is told “unchanged” and is sent nothing.",
  "content-location": () => "This URL always shows the picture that you see; the URL above may show another one.",
  vary: () => "The answer also depends on these fields of the request.",
  "server-timing"(value) {
    const milliseconds = Number(/dur=([\d.]+)/.exec(value)?.[1] ?? 0);
    return `The service needed ${milliseconds < 1000 ? `${milliseconds} ms` : duration(milliseconds / 1000)} until it answered.`;
  },
};

// One row for each header that says something: its name, its value and what it means.
// `shown` is the picture; of a pool, its URL with a seed may have been asked for instead of the one without.
export function explained({ headers, fromBrowser, seed, isPinned }, isPool) {
  const rows = Object.entries(WORDS)
    .filter(([name]) => headers.has(name))
    .map(([name, words]) => ({ name, value: headers.get(name), words: words(headers.get(name)) }));
  const local = "Your browser had the picture already. It asked nobody; the headers are those that came with it.";
  const pinned = "The page asked for the picture by its seed. The URL without a seed is kept by nobody: each view may show another picture.";
  return [
    ...(isPool && isPinned ? [{ name: `seed ${seed}`, value: "", words: pinned }] : []),
    ...(fromBrowser ? [{ name: "your browser", value: "", words: local }] : []),
    ...rows,
  ];
}
