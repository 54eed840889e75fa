// Plays CloudFront, as its documentation tells of it, in front of one service: node cloudfront.mjs PORT ORIGIN VIEWER_JS
//
// It runs the module's viewer.js before its cache, whose key is the URL with the two headers of the cache policy. The
// service is sent these two, the addresses, and nothing else that the client said. It looks at max-age and no-store, and
// never at Vary. It is no proof of what CloudFront does, but of what viewer.js and the policies do if it does that.

import { readFileSync } from "node:fs";
import { createServer, request } from "node:http";

const [port, origin, file] = process.argv.slice(2);
const handler = new Function(`${readFileSync(file, "utf8")}; return handler;`)();
const kept = new Map();
const KEPT_STATUSES = [200, 400, 403, 404, 405, 410, 412, 414, 415, 500, 501, 502, 503, 504];

// The head as a function is given it: lower-case names, and lines of one name beside each other.
function event(asked) {
  const headers = {};
  for (let i = 0; i < asked.rawHeaders.length; i += 2) {
    const name = asked.rawHeaders[i].toLowerCase();
    const line = { value: asked.rawHeaders[i + 1] };
    if (headers[name]) (headers[name].multiValue ??= [{ value: headers[name].value }]).push(line);
    else headers[name] = line;
  }
  const querystring = {};
  const query = new URL(asked.url, "http://x").searchParams;
  for (const [name, value] of query) querystring[name] = { value };
  return { request: { method: asked.method, uri: asked.url.split("?")[0], headers, querystring } };
}

function seconds(answer) {
  const said = answer.headers["cache-control"] ?? "";
  if (!KEPT_STATUSES.includes(answer.status) || /no-store|private|no-cache/.test(said)) return 0;
  return Number(/max-age=(\d+)/.exec(said)?.[1] ?? 0);
}

function fetched(asked, headers) {
  return new Promise((resolve, reject) => {
    const forwarded = [asked.headers["x-forwarded-for"], asked.socket.remoteAddress].filter(Boolean).join(", ");
    const sent = { ...headers, "x-forwarded-for": forwarded, via: "2.0 abc.cloudfront.net (CloudFront)" };
    const call = request(`http://${origin}${asked.url}`, { method: asked.method, headers: sent }, (answer) => {
      const parts = [];
      answer.on("data", (part) => parts.push(part));
      answer.on("end", () => resolve({ status: answer.statusCode, headers: answer.headers, body: Buffer.concat(parts) }));
    });
    call.on("error", reject);
    call.end();
  });
}

async function answered(asked) {
  if (!["GET", "HEAD", "OPTIONS"].includes(asked.method)) return { status: 403, headers: {}, body: Buffer.alloc(0) };
  const { headers } = handler(event(asked));
  const inKey = { accept: headers.accept.value, "user-agent": headers["user-agent"].value };
  const key = JSON.stringify([asked.method, asked.url, inKey]);
  const had = kept.get(key);
  if (had && had.until > Date.now()) return had.answer;
  const answer = await fetched(asked, inKey);
  if (asked.method !== "OPTIONS") kept.set(key, { answer, until: Date.now() + 1000 * seconds(answer) });
  return answer;
}

createServer(async (asked, back) => {
  asked.resume();
  try {
    const { status, headers, body } = await answered(asked);
    back.writeHead(status, headers);
    back.end(body);
  } catch (error) {
    console.error(error);
    back.writeHead(502);
    back.end();
  }
}).listen(Number(port), "127.0.0.1");
