// Keeps what was loaded once, so that the page opens without a network.
const KEPT = "offkeras";
// What is loaded before this file; the rest is kept as it is asked for.
const PAGE = [
  "./", "draw.js", "icon.svg", "labels.js", "main.js", "maps.js", "resize.js", "runtime.js",
  "source.js", "style.css", "tasks.js",
];

addEventListener("install", (event) => {
  skipWaiting();
  event.waitUntil(caches.open(KEPT).then((kept) => kept.addAll(PAGE)));
});
addEventListener("activate", (event) => event.waitUntil(clients.claim()));
addEventListener("fetch", (event) => {
  const isOurs = new URL(event.request.url).origin === location.origin;
  if (isOurs && event.request.method === "GET") event.respondWith(newest(event.request));
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
