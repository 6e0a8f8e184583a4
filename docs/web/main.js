// The page: controls, the loop over frames, and sentences where something fails.
import { drawSplit, show, showMaps } from "./draw.js";
import { readLabels } from "./labels.js";
import { compile, fetchModel, openRuntime, Trouble } from "./runtime.js";
import { Source } from "./source.js";
import { taskOf } from "./tasks.js";

const HALF_A_FRAME = 1 / 60; // in seconds: none is missed for the clock's sake
const TRIES = 3; // frames to time a device by
const PLACES = { webgpu: "graphics card (WebGPU)", wasm: "processor (WebAssembly)" };
const NO_GPU = "There is no WebGPU here: the processor computes, by WebAssembly.";

const page = Object.fromEntries(
  [...document.querySelectorAll("[id]")].map((element) => [element.id, element]),
);
const source = new Source(page.video);
// A test sets `record` to an array, and finds in it every frame and its answer.
window.offkeras = { record: null };

let models = []; // what models.json lists
let devices = [], worthTrying = []; // "webgpu" and "wasm", or "wasm" alone
let task = null, labels = null, device = "";
let watching = Promise.resolve(), isWanted = false;
let last = null; // the last answer of a restorer, to be split anew

const plain = (name) => name.replaceAll("_", " ");
const nameOf = (label) => plain(labels?.[label] ?? `class ${label}`);
const say = (element, text) => {
  if (element.textContent !== text) element.textContent = text;
};

/** Does what the visitor asked for; what goes wrong becomes a sentence. */
async function attempt(action) {
  say(page.trouble, "");
  try {
    await action();
  } catch (error) {
    if (!(error instanceof Trouble)) console.error(error);
    say(page.trouble, error instanceof Trouble ? error.message : `Something failed: ${error.message}`);
    page.stop.disabled = !isWanted;
  }
}

/** Compiles a model for a device, and times it. Returns the stream and milliseconds. */
async function tryOn(bytes, where) {
  const stream = await compile(bytes, where);
  const { height, width } = stream.size;
  const grey = new Uint8Array(height * width * 3).fill(128);
  try {
    await stream.start(grey);
    await stream.step(grey);
    const begun = performance.now();
    for (let i = 0; i < TRIES; i++) await stream.step(grey);
    return { stream, where, milliseconds: (performance.now() - begun) / TRIES };
  } catch (error) {
    stream.close();
    throw error;
  }
}

/** Opens a model where the visitor wants it, or where it is faster. */
async function openModel(bytes, settings) {
  const again = isWanted;
  await pause();
  say(page.status, "The model is being prepared.");
  const tried = [], reasons = [];
  for (const where of page.device.value ? [page.device.value] : worthTrying) {
    await tryOn(bytes, where).then((done) => tried.push(done), (why) => reasons.push(why));
  }
  if (!tried.length) {
    say(page.status, "");
    throw reasons[0];
  }
  tried.sort((a, b) => a.milliseconds - b.milliseconds);
  for (const { stream } of tried.slice(1)) stream.close();
  task?.stream.close();
  device = tried[0].where;
  task = taskOf(tried[0].stream, settings);
  labels = readLabels(bytes);
  page.splitter.hidden = task.kind !== "restorer";
  say(page.place, PLACES[device]);
  say(page.status, `Ready: ${plain(settings.name)}. ${devices.includes("webgpu") ? "" : NO_GPU}`);
  if (again) watch();
}

async function chooseModel() {
  const chosen = models.find(({ name }) => name === page.model.value);
  await openModel(await fetchModel(chosen.file), chosen);
}

async function ownModel() {
  const [file] = page.own.files;
  if (!file) return;
  const [segments, interval] = [page.segments, page.interval].map(({ value }) => Number(value));
  const settings = { name: file.name, segments, interval };
  await openModel(new Uint8Array(await file.arrayBuffer()), settings);
}

/** Ends the loop, after the frame that is being computed. */
async function pause() {
  isWanted = false;
  await watching;
}

async function begin(open) {
  await pause();
  say(page.status, "");
  await open();
  if (task) watch();
}

function watch() {
  isWanted = true;
  page.stop.disabled = false;
  watching = attempt(loop);
}

async function loop() {
  let before = -Infinity;
  const times = []; // when the last answers came
  task.restart();
  page.video.playbackRate = 1;
  say(page.answer, "");
  while (isWanted) {
    const picture = await source.next(task.seconds === 0);
    if (!picture) {
      say(page.status, "The video has ended. Open another one, or use the camera.");
      break;
    }
    if (!isWanted) break;
    if (picture.seconds - before < task.seconds - HALF_A_FRAME) continue;
    before = picture.seconds;
    const begun = performance.now();
    const frame = task.prepare(picture);
    const answer = await task.add(frame);
    const ended = performance.now();
    const { record } = window.offkeras;
    record?.push({ picture, frame, answer, maps: task.stream.maps() });
    const sentence = show(page, { picture, answer, task, nameOf, video: source.canvas });
    showMaps(page, task.stream.maps());
    if (sentence) say(page.answer, sentence);
    if (task.kind === "restorer") last = answer ?? last;
    times.push(ended);
    if (times.length > 20) times.shift();
    if (times.length > 1) {
      say(page.rate, (1000 * (times.length - 1) / (ended - times[0])).toFixed(1));
    }
    say(page.time, (ended - begun).toFixed(1));
  }
  isWanted = false;
  page.stop.disabled = true;
}

function openFile(file) {
  if (file) attempt(() => begin(() => source.openFile(file)));
}

function listen() {
  page.camera.addEventListener("click", () => attempt(() => begin(() => source.openCamera())));
  page.open.addEventListener("click", () => page.file.click());
  page.file.addEventListener("change", () => {
    openFile(page.file.files[0]);
    page.file.value = ""; // the same one may be chosen again
  });
  page.stop.addEventListener("click", () => attempt(async () => {
    source.close();
    await pause();
    say(page.status, "Stopped.");
  }));
  page.model.addEventListener("change", () => attempt(chooseModel));
  page.device.addEventListener("change", () => attempt(chooseModel));
  page.own.addEventListener("change", () => attempt(ownModel));
  page.split.addEventListener("input", () => {
    if (last) drawSplit(page.picture.getContext("2d"), last, task.stream.size, page.split.value / 100);
  });
  addEventListener("dragover", (event) => {
    event.preventDefault();
    document.documentElement.classList.add("dropping");
  });
  for (const end of ["dragleave", "drop"]) {
    addEventListener(end, () => document.documentElement.classList.remove("dropping"));
  }
  addEventListener("drop", (event) => {
    event.preventDefault();
    openFile(event.dataTransfer.files[0]);
  });
}

/** Lets offline.js see all that is loaded from now on; a browser may refuse it. */
async function prepareOffline() {
  const workers = navigator.serviceWorker;
  if (!workers || workers.controller) return;
  const controlled = new Promise((resolve) => {
    workers.addEventListener("controllerchange", resolve, { once: true });
  });
  await workers.register("offline.js").then(() => controlled, () => {});
}

async function begins() {
  listen();
  await prepareOffline();
  const answer = await fetch("models.json").catch(() => null);
  if (!answer?.ok) throw new Trouble("The models are missing: make web writes this folder.");
  models = await answer.json();
  page.model.append(...models.map(({ name }) => new Option(plain(name), name)));
  ({ devices, worthTrying } = await openRuntime());
  page.device.querySelector("[value=webgpu]").disabled = !devices.includes("webgpu");
  await chooseModel();
}

attempt(begins);
