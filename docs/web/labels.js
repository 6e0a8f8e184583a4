// Names of classes: `labels.txt` in the archive at the end of a .tflite file.

const DIRECTORY = 0x02014b50, END = 0x06054b50; // signatures of a ZIP

/** The names, or null where the file has none. */
export function readLabels(bytes) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const end = bytes.length - 22; // the end of an archive without a comment
  if (end < 0 || view.getUint32(end, true) !== END) return null;
  const text = new TextDecoder();
  let at = view.getUint32(end + 16, true);
  for (let left = view.getUint16(end + 10, true); left > 0; left--) {
    if (at + 46 > end || view.getUint32(at, true) !== DIRECTORY) return null;
    const [name, extra, comment] = [28, 30, 32].map((place) => view.getUint16(at + place, true));
    const isStored = view.getUint16(at + 10, true) === 0;
    if (isStored && text.decode(bytes.subarray(at + 46, at + 46 + name)) === "labels.txt") {
      const size = view.getUint32(at + 24, true), local = view.getUint32(at + 42, true);
      if (local + 30 > end) return null;
      const from = local + 30 + view.getUint16(local + 26, true) + view.getUint16(local + 28, true);
      return text.decode(bytes.subarray(from, from + size)).trimEnd().split("\n");
    }
    at += 46 + name + extra + comment;
  }
  return null;
}
