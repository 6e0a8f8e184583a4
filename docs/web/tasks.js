// What the models are asked, as `offkeras classify`, `detect` and `restore` do it.
import { cut, resize, round } from "./resize.js";

const EVALUATION_SCALE = 256 / 224; // shorter side of the frame over the crop
const FRAMES_PER_SECOND = 25; // what the intervals of recognizers are counted in

/** The task of a model, by the names of its outputs. */
export function taskOf(stream, settings) {
  if (stream.outputs.includes("boxes")) return new Detector(stream, settings);
  if (stream.outputs.includes("restored")) return new Restorer(stream, settings);
  return new Recognizer(stream, settings);
}

const middle = (whole, part) => Math.floor((whole - part) / 2);

/** How a camera or a person moves, told of the last frames of a window. */
export class Recognizer {
  kind = "recognizer";

  constructor(stream, { segments = 7, interval = 1 }) {
    this.stream = stream;
    this.segments = segments;
    this.seconds = interval / FRAMES_PER_SECOND; // from one segment to the next
    this.restart();
  }

  restart() {
    this.appearance = [];
    this.motion = [];
  }

  /** The frame as the library shows it: scaled, and the square in its centre. */
  prepare(picture) {
    const { height, width } = this.stream.size;
    const scale = round(height * EVALUATION_SCALE) / Math.min(picture.height, picture.width);
    const size = [round(picture.height * scale), round(picture.width * scale)];
    const crop = { top: middle(size[0], height), left: middle(size[1], width), height, width };
    return resize(picture, size, crop);
  }

  /** Takes a segment. Returns probabilities, null before the window is full. */
  async add(frame) {
    const isFirst = this.appearance.length === 0;
    const outputs = await (isFirst ? this.stream.start(frame) : this.stream.step(frame));
    this.appearance = [...this.appearance, outputs.appearance].slice(-this.segments);
    if (!isFirst) this.motion = [...this.motion, outputs.off_3].slice(1 - this.segments);
    if (this.appearance.length < this.segments) return null;
    // Equation 8: means over segments and over pairs; then their sum.
    const logits = mean(this.appearance).map((value, i) => value + mean(this.motion)[i]);
    return { probabilities: softmax(logits) };
  }
}

/** Objects and their boxes. */
export class Detector {
  kind = "detector";
  seconds = 0; // every frame

  constructor(stream, { min_score: least = 0.5 }) {
    this.stream = stream;
    this.least = least;
    this.restart();
  }

  restart() {
    this.hasState = false;
  }

  /** What of the picture is shown: all that the shape of the model leaves. */
  crop({ height, width }) {
    const scale = Math.min(height / this.stream.size.height, width / this.stream.size.width);
    const part = {
      height: Math.max(round(this.stream.size.height * scale), 1),
      width: Math.max(round(this.stream.size.width * scale), 1),
    };
    return { ...part, top: middle(height, part.height), left: middle(width, part.width) };
  }

  prepare(picture) {
    const { height, width } = this.stream.size;
    const crop = this.crop(picture);
    const isWhole = crop.height === picture.height && crop.width === picture.width;
    const part = isWhole ? picture : partOf(picture, crop);
    return resize(part, [height, width], { top: 0, left: 0, height, width });
  }

  /** Takes a frame. Returns its detections: x1, y1, x2, y2 in pixels of the model. */
  async add(frame) {
    if (!this.hasState) await this.stream.start(frame);
    this.hasState = true;
    const { boxes, scores, classes, count } = await this.stream.step(frame);
    const found = [];
    for (let i = 0; i < count[0]; i++) {
      if (scores[i] >= this.least) {
        const box = Array.from(boxes.slice(4 * i, 4 * i + 4));
        found.push({ box, score: scores[i], label: classes[i] });
      }
    }
    return { found };
  }
}

/** A picture without the traces of compression. */
export class Restorer {
  kind = "restorer";
  seconds = 0;

  constructor(stream) {
    this.stream = stream;
    // One that sees the next frame too answers a frame later.
    this.isLate = stream.inputs.includes("state_frame");
    this.restart();
  }

  restart() {
    this.before = null;
  }

  /** The centre as it is: scaling would hide what compression did. */
  prepare(picture) {
    const { height, width } = this.stream.size;
    const crop = {
      top: middle(picture.height, height), left: middle(picture.width, width), height, width,
    };
    return cut(picture, crop);
  }

  /** Takes a frame. Returns a frame before and after, null where it must wait. */
  async add(frame) {
    const { before } = this;
    this.before = frame;
    if (!before) {
      await this.stream.start(frame);
      if (this.isLate) return null;
    }
    const { restored } = await this.stream.step(frame);
    return { before: this.isLate ? before : frame, restored };
  }
}

function partOf(picture, crop) {
  const data = new Uint8ClampedArray(crop.height * crop.width * 4);
  for (let y = 0; y < crop.height; y++) {
    const from = ((crop.top + y) * picture.width + crop.left) * 4;
    data.set(picture.data.subarray(from, from + crop.width * 4), y * crop.width * 4);
  }
  return { data, height: crop.height, width: crop.width };
}

function mean(rows) {
  return Array.from(rows[0], (_, i) => rows.reduce((sum, row) => sum + row[i], 0) / rows.length);
}

function softmax(logits) {
  const largest = Math.max(...logits);
  const powers = logits.map((value) => Math.exp(value - largest));
  const total = powers.reduce((sum, value) => sum + value, 0);
  return powers.map((value) => value / total);
}
