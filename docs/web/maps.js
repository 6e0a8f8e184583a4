// OFF's maps as `offkeras show` draws them: gradients in x, y and t of one feature.

/**
 * Of the channel in which most changes.
 * @param {object} maps what `Stream.maps` returns.
 * @returns {{Fx: Float32Array, Fy: Float32Array, Ft: Float32Array}} `height * width` each.
 */
export function motionMaps({ height, width, channels, before, after }) {
  const change = new Float64Array(channels);
  for (let i = 0; i < before.length; i++) {
    change[i % channels] += Math.abs(after[i] - before[i]);
  }
  const channel = change.indexOf(Math.max(...change));
  const at = (y, x) =>
    y < 0 || x < 0 || y >= height || x >= width ? 0 : before[(y * width + x) * channels + channel];
  const Fx = new Float32Array(height * width), Fy = Fx.slice(), Ft = Fx.slice();
  for (let y = 0, i = 0; y < height; y++) {
    for (let x = 0; x < width; x++, i++) {
      for (const d of [-1, 0, 1]) { // equations 5 and 6: Prewitt's kernels
        Fx[i] += at(y + d, x + 1) - at(y + d, x - 1);
        Fy[i] += at(y - 1, x + d) - at(y + 1, x + d);
      }
      Ft[i] = after[i * channels + channel] - before[i * channels + channel];
    }
  }
  return { Fx, Fy, Ft };
}

/** Draws a map: white at zero, red above, cyan below; the strongest 0.5 % saturate. */
export function drawMap(canvas, values, height, width) {
  const sorted = values.map(Math.abs).sort();
  const strongest = Math.max(sorted[Math.floor(0.995 * (sorted.length - 1))], 1e-30);
  const image = new ImageData(width, height);
  values.forEach((value, i) => {
    const scaled = Math.min(Math.max(value / strongest, -1), 1);
    const cyan = 255 * (1 - Math.max(scaled, 0));
    image.data.set([255 * (1 + Math.min(scaled, 0)), cyan, cyan, 255], 4 * i);
  });
  canvas.width = width;
  canvas.height = height;
  canvas.getContext("2d").putImageData(image, 0, 0);
}
