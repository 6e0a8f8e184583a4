// Scaling as the library does it: antialiased bilinear, rounded to bytes.
// `offkeras.data.resize`, which is `tf.image.resize(antialias=True)`.

const single = Math.fround;

/** Rounds to the nearest integer, halves to the even one. */
export function round(value) {
  const rounded = Math.round(value);
  return rounded - value === 0.5 && rounded % 2 ? rounded - 1 : rounded;
}

/**
 * First source and weights of `count` outputs, from `first` on, along one side: of a
 * triangle, as wide as a step where that is more than a pixel. In single precision, since
 * sums that end on a half are common, and have to be rounded as there.
 */
function spans(from, to, first, count) {
  const step = single(1 / single(to / from));
  const reach = Math.max(step, 1);
  return Array.from({ length: count }, (_, index) => {
    const centre = single((first + index + 0.5) * step);
    const start = Math.max(Math.ceil(single(single(centre - reach) - 0.5)), 0);
    const end = Math.min(Math.floor(single(single(centre + reach) - 0.5)), from - 1);
    const weights = [];
    let total = 0;
    for (let source = start; source <= end; source++) {
      const distance = Math.abs(single(single(source + 0.5 - centre) * single(1 / reach)));
      const weight = Math.max(single(1 - distance), 0);
      total = single(total + weight);
      weights.push(weight);
    }
    return { start, weights: weights.map((weight) => single(weight * single(1 / total))) };
  });
}

/**
 * A part of a picture, scaled.
 * @param {{data: Uint8ClampedArray, width: number, height: number}} picture RGBA.
 * @param {[number, number]} size height and width that the whole is scaled to.
 * @param {{top, left, height, width}} crop what is kept of it.
 * @returns {Uint8Array} RGB, `height * width * 3`.
 */
export function resize(picture, [toHeight, toWidth], crop) {
  const { data, width, height } = picture;
  const rows = spans(height, toHeight, crop.top, crop.height);
  const columns = spans(width, toWidth, crop.left, crop.width);
  const left = columns[0].start;
  const last = columns[columns.length - 1];
  const right = last.start + last.weights.length;
  const row = new Float32Array((right - left) * 3);
  const result = new Uint8Array(crop.height * crop.width * 3);
  let at = 0;
  for (const { start, weights } of rows) {
    row.fill(0);
    weights.forEach((weight, index) => {
      let from = ((start + index) * width + left) * 4;
      for (let to = 0; to < row.length; to += 3, from += 4) {
        row[to] += single(weight * data[from]);
        row[to + 1] += single(weight * data[from + 1]);
        row[to + 2] += single(weight * data[from + 2]);
      }
    });
    for (const span of columns) {
      let red = 0, green = 0, blue = 0;
      let from = (span.start - left) * 3;
      for (const weight of span.weights) {
        red = single(red + single(weight * row[from++]));
        green = single(green + single(weight * row[from++]));
        blue = single(blue + single(weight * row[from++]));
      }
      result[at++] = round(red);
      result[at++] = round(green);
      result[at++] = round(blue);
    }
  }
  return result;
}

/** A part of an RGBA picture as it is; the border is repeated where it ends. */
export function cut({ data, width, height }, { top, left, height: rows, width: columns }) {
  const result = new Uint8Array(rows * columns * 3);
  let at = 0;
  for (let y = top; y < top + rows; y++) {
    const line = Math.min(Math.max(y, 0), height - 1) * width;
    for (let x = left; x < left + columns; x++) {
      const from = (line + Math.min(Math.max(x, 0), width - 1)) * 4;
      result[at++] = data[from];
      result[at++] = data[from + 1];
      result[at++] = data[from + 2];
    }
  }
  return result;
}
