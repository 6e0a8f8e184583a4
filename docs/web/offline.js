// Keeps what was loaded once, so that the page opens without a network, and adds the
// headers without which a browser lends the page one processor core only.
const KEPT = "offkeras";
// What is loaded before this file; the rest is kept as it is asked for.
const PAGE = [
  "./", "draw.js", "icon.svg", "labels.js", "main.js", "maps.js", "resize.js", "runtime.js",
  "source.js", "style.css", "tasks.js",
];

const ISOLATED = {
  "Cross-Origin-Opener-Policy": "same-origin",
  "Cross-Origin-Embedder-Policy": "require-corp",
};

addEventListener("install", (event) => {
  skipWaiting();
  event.waitUntil(caches.open(KEPT).then((kept) => kept.addAll(PAGE)));
});
addEventListener("activate", (event) => event.waitUntil(clients.claim()));
addEventListener("fetch", (event) => {
  const isOurs = new URL(event.request.url).origin === location.origin;
  if (isOurs && event.request.method === "GET") event.respondWith(newest(event.request).then(isolated));
});

/** What the server says now; without it what it said last. */
async function newest(request) {
  const kept = await caches.open(KEPT);
  try {
    const answer = await fetch(request);
    if (answer.ok) await kept.put(request, answer.clone());
    return answer;
  } catch (error) {
    const old = await kept.match(request);
    if (old) return old;
    throw error;
  }
}

/** An answer with the headers of a page that nobody else's window can look into. */
function isolated(answer) {
  const headers = new Headers(answer.headers);
  for (const [name, value] of Object.entries(ISOLATED)) headers.set(name, value);
  const { status, statusText } = answer;
  return new Response(answer.body, { status, statusText, headers });
}
