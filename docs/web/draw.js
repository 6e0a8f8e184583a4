// What the visitor sees of an answer.
import { drawMap, motionMaps } from "./maps.js";

const percent = (value) => `${Math.round(100 * value)} %`;

/** The whole picture, and around it a frame of what the recognizer looks at. */
function drawWhole(context, picture, video) {
  const { canvas } = context;
  canvas.width = picture.width;
  canvas.height = picture.height;
  context.drawImage(video, 0, 0, picture.width, picture.height);
}

/** Boxes and names over what the detector saw. */
function drawBoxes(context, picture, answer, { crop, size, nameOf, video }) {
  const { canvas } = context;
  canvas.width = crop.width;
  canvas.height = crop.height;
  context.drawImage(video, -crop.left, -crop.top, picture.width, picture.height);
  const scale = crop.width / size.width;
  const line = Math.max(2, crop.width / 160);
  context.font = `${Math.max(12, crop.width / 24)}px system-ui, sans-serif`;
  context.textBaseline = "top";
  for (const { box, score, label } of answer.found) {
    const [x1, y1, x2, y2] = box.map((value) => value * scale);
    const text = `${nameOf(label)} ${percent(score)}`;
    for (const [colour, width] of [["#000", 2 * line], ["#ffd54a", line]]) {
      context.strokeStyle = colour;
      context.lineWidth = width;
      context.strokeRect(x1, y1, x2 - x1, y2 - y1);
    }
    context.fillStyle = "#000";
    const height = parseFloat(context.font) * 1.2;
    context.fillRect(x1, y1, context.measureText(text).width + 2 * line, height);
    context.fillStyle = "#ffd54a";
    context.fillText(text, x1 + line, y1);
  }
}

/** Left of a share of the width the frame as it was, right of it restored. */
export function drawSplit(context, { before, restored }, { height, width }, share) {
  const image = new ImageData(width, height);
  const edge = Math.round(share * width);
  for (let i = 0, x = 0; i < height * width; i++, x = (x + 1) % width) {
    const from = x < edge ? before : restored;
    const isLine = x === edge && edge > 0;
    for (let c = 0; c < 3; c++) image.data[4 * i + c] = isLine ? 255 : from[3 * i + c];
    image.data[4 * i + 3] = 255;
  }
  context.canvas.width = width;
  context.canvas.height = height;
  context.putImageData(image, 0, 0);
}

/** Rows of a list: a name, a bar and a number each; those of the last answer are reused. */
function drawRows(list, rows) {
  while (list.children.length > rows.length) list.lastChild.remove();
  while (list.children.length < rows.length) {
    const item = document.createElement("li");
    item.append(...["span", "meter", "span"].map((tag) => document.createElement(tag)));
    item.children[1].setAttribute("aria-hidden", "true"); // the number says it
    list.append(item);
  }
  rows.forEach(([name, value], i) => {
    const [title, bar, number] = list.children[i].children;
    title.textContent = name;
    bar.value = value;
    number.textContent = percent(value);
  });
}

/** Shows an answer. Returns the sentence that says it. */
export function show(page, { picture, answer, task, nameOf, video }) {
  const context = page.picture.getContext("2d");
  let rows = [], sentence = "";
  if (task.kind === "recognizer") {
    drawWhole(context, picture, video);
    if (answer) {
      rows = answer.probabilities.map((value, i) => [nameOf(i), value])
        .sort((a, b) => b[1] - a[1]);
      sentence = rows[0][0];
    }
  } else if (task.kind === "detector") {
    const { size } = task.stream;
    drawBoxes(context, picture, answer, { crop: task.crop(picture), size, nameOf, video });
    rows = answer.found.map(({ score, label }) => [nameOf(label), score]);
    sentence = rows.length ? rows.map(([name]) => name).sort().join(", ") : "Nothing found";
  } else if (answer) {
    drawSplit(context, answer, task.stream.size, page.split.value / 100);
    sentence = "As it was on the left, restored on the right";
  }
  drawRows(page.rows, rows.slice(0, 9));
  return sentence;
}

/** Draws Fx, Fy and Ft of the last two frames. */
export function showMaps(page, maps) {
  if (!maps.before || !maps.after) return;
  const drawn = motionMaps(maps);
  for (const name of ["Fx", "Fy", "Ft"]) drawMap(page[name], drawn[name], maps.height, maps.width);
}
