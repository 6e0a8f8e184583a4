// The one file that knows the runtime, LiteRT.js: models of `offkeras export --to litert`.

const FILES = new URL("./runtime/", import.meta.url);
const NOT_A_MAP = ["state_frame", "state_features"]; // what a restorer keeps beside maps

/** A sentence for the visitor. */
export class Trouble extends Error {}

let litert = null;

/** The adapter of WebGPU, if there is one that the browser can wait for in WASM. */
async function findGpu() {
  if (!("Suspending" in WebAssembly)) return null;
  return (await navigator.gpu?.requestAdapter().catch(() => null)) ?? null;
}

/**
 * Opens the runtime once.
 * @returns {Promise<{devices: string[], worthTrying: string[]}>} where models may run, and
 *   where they may be fast: a program in place of a graphics card is not.
 */
export async function openRuntime() {
  const gpu = await findGpu();
  try {
    litert = await import(new URL("index.js", FILES));
    const wasm = new URL("wasm/", FILES).href;
    // No build has both: threads, and waiting for a graphics card.
    const threads = gpu === null && crossOriginIsolated;
    await litert.loadLiteRt(wasm, { jspi: gpu !== null, threads })
      .catch((error) => threads ? litert.loadLiteRt(wasm) : Promise.reject(error));
  } catch (error) {
    throw new Trouble(
      "The runtime does not start in this browser: WebAssembly with SIMD is needed, " +
        `and the folder runtime/ that make web writes. (${error.message ?? error})`,
    );
  }
  if (!gpu || !litert.getWebGpuDevice()) return { devices: ["wasm"], worthTrying: ["wasm"] };
  const devices = ["webgpu", "wasm"];
  return { devices, worthTrying: gpu.info?.isFallbackAdapter ? ["wasm"] : devices };
}

/** The bytes of a model. */
export async function fetchModel(address) {
  const answer = await fetch(address).catch(() => null);
  if (!answer?.ok) throw new Trouble(`The model ${address} is not in this folder.`);
  return new Uint8Array(await answer.arrayBuffer());
}

/** Compiles the bytes of a model. Returns a `Stream`. */
export async function compile(bytes, accelerator) {
  let model;
  try {
    // As Python computes; half precision would be quicker on some cards.
    model = await litert.loadAndCompile(bytes, {
      accelerator, gpuOptions: { precision: "fp32" },
    });
  } catch (error) {
    throw new Trouble(`This is no model that the runtime takes. (${error.message ?? error})`);
  }
  if (!model.signatures.start || !model.signatures.step) {
    model.delete();
    throw new Trouble(
      "Expected a model with the signatures start and step, as offkeras export " +
        "--to litert writes of models that see motion.",
    );
  }
  return new Stream(model);
}

/** A model, one frame at a time: its state stays in the runtime. */
export class Stream {
  constructor(model) {
    this.model = model;
    const { start, step } = model.signatures;
    const [, height, width] = start.getInputDetails()[0].shape;
    this.size = { height, width };
    this.inputs = step.getInputDetails().map(({ name }) => name);
    this.outputs = step.getOutputDetails().map(({ name }) => name)
      .filter((name) => !name.startsWith("state_"));
    const maps = step.getInputDetails()
      .filter(({ name }) => name.startsWith("state_") && !NOT_A_MAP.includes(name))
      .sort((a, b) => b.shape[1] - a.shape[1] || (a.name < b.name ? 1 : -1));
    this.map = maps[0]; // the finest, of the newest frame
    this.state = {};
    this.features = []; // reduced features of the last two frames
  }

  /** The first frame, bytes of RGB. Returns the outputs by name. */
  start(frame) {
    this.features = [];
    this.#keep({});
    return this.#run("start", frame);
  }

  /** The next frame. Returns the outputs by name. */
  step(frame) {
    return this.#run("step", frame);
  }

  /** Height, width, channels, and the features of the frame before and of this one. */
  maps() {
    const [, height, width, channels] = this.map.shape;
    const [before, after] = this.features;
    return { height, width, channels, before, after };
  }

  async #run(signature, frame) {
    const { height, width } = this.size;
    const tensor = new litert.Tensor(frame, [1, height, width, 3]);
    let tensors;
    try {
      tensors = await this.model.run(signature, { frame: tensor, ...this.state });
    } finally {
      tensor.delete();
    }
    const state = {}, outputs = {};
    for (const [name, value] of Object.entries(tensors)) {
      if (name.startsWith("state_")) {
        state[name] = value;
      } else {
        outputs[name] = await value.data();
        value.delete();
      }
    }
    this.features = [...this.features, await state[this.map.name].data()].slice(-2);
    this.#keep(state);
    return outputs;
  }

  #keep(state) {
    for (const tensor of Object.values(this.state)) tensor.delete();
    this.state = state;
  }

  close() {
    this.#keep({});
    this.model.delete();
  }
}
