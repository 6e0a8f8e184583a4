// Median milliseconds of a `step` in one of two runtimes, on the processor.

const WARM_UP = 3, ROUNDS = 20;

/** A function of a frame that takes a step of a model of LiteRT.js. */
async function openLitert(model, threads) {
  const litert = await import("./runtime/index.js");
  await litert.loadLiteRt("runtime/wasm/", { threads: threads > 1 });
  const compiled = await litert.loadAndCompile(`${model}.tflite`, { accelerator: "wasm" });
  const { start, step } = compiled.signatures;
  const shape = [...start.getInputDetails()[0].shape];
  const run = async (runner, frame, state) => {
    const tensor = new litert.Tensor(frame, shape);
    const outputs = await runner.run({ frame: tensor, ...state });
    tensor.delete();
    for (const old of Object.values(state)) old.delete();
    const following = {};
    for (const [name, value] of Object.entries(outputs)) {
      if (name.startsWith("state_")) {
        following[name] = value;
      } else {
        await value.data();
        value.delete();
      }
    }
    return following;
  };
  return { shape, start: (frame) => run(start, frame, {}), step: (...given) => run(step, ...given) };
}

/** The same of onnxruntime-web, whose file holds one signature. */
async function openOnnx(model, threads, shape) {
  const ort = await import("./onnx/ort.wasm.min.mjs");
  ort.env.wasm.numThreads = threads;
  ort.env.wasm.wasmPaths = new URL("onnx/", location.href).href;
  const [start, step] = await Promise.all(["start", "step"].map(
    (name) => ort.InferenceSession.create(`${model}/${name}.onnx`, { executionProviders: ["wasm"] }),
  ));
  const run = async (session, frame, state) => {
    const outputs = await session.run({ frame: new ort.Tensor("uint8", frame, shape), ...state });
    const following = {};
    for (const [name, value] of Object.entries(outputs)) {
      const key = name.replace("next_", "");
      if (key.startsWith("state_")) following[key] = value;
    }
    return following;
  };
  return { shape, start: (frame) => run(start, frame, {}), step: (...given) => run(step, ...given) };
}

window.measure = async (runtime, model, threads, shape) => {
  const opened = await (runtime === "litert" ? openLitert : openOnnx)(model, threads, shape);
  const count = opened.shape.reduce((product, side) => product * side, 1);
  const frame = Uint8Array.from({ length: count }, (_, i) => (i * 7919) % 251);
  let state = await opened.start(frame);
  const times = [];
  for (let round = 0; round < WARM_UP + ROUNDS; round++) {
    const begun = performance.now();
    state = await opened.step(frame, state);
    times.push(performance.now() - begun);
  }
  const measured = times.slice(WARM_UP).sort((a, b) => a - b);
  return measured[Math.floor(measured.length / 2)];
};
