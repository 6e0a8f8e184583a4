// Where frames come from: a camera or a video file, played by the browser.
import { Trouble } from "./runtime.js";

const REASONS = {
  NotAllowedError: "The camera was refused. Allow it beside the address, or open a video.",
  NotFoundError: "There is no camera. Open a video instead.",
  NotReadableError: "The camera is in use by another program. Open a video instead.",
};

const SLOWER = 0.7, SLOWEST = 0.1; // of the speed of a file

/** Frames of what a `<video>` shows. */
export class Source {
  constructor(video) {
    this.video = video;
    this.canvas = document.createElement("canvas");
    this.context = this.canvas.getContext("2d", { willReadFrequently: true });
  }

  async openCamera() {
    this.close();
    if (!navigator.mediaDevices) {
      throw new Trouble("A page gets a camera only by https or on localhost. Open a video.");
    }
    try {
      this.video.srcObject = await navigator.mediaDevices.getUserMedia({
        video: { width: { ideal: 640 }, height: { ideal: 480 } }, audio: false,
      });
    } catch (error) {
      throw new Trouble(REASONS[error.name] ?? `The camera does not start: ${error.message}`);
    }
    await this.#play("The camera gives no picture.");
  }

  async openFile(file) {
    this.close();
    this.address = URL.createObjectURL(file);
    this.video.src = this.address;
    await this.#play(`This browser cannot play ${file.name}: it is no video, or of another kind.`);
  }

  async #play(otherwise) {
    this.presented = Infinity;
    try {
      await this.video.play();
    } catch {
      this.close();
      throw new Trouble(otherwise);
    }
    if (!this.video.videoWidth) { // a sound, and no picture
      this.close();
      throw new Trouble(otherwise);
    }
  }

  /** Plays a file slower where a frame was missed; a camera waits for nobody. */
  #pace(presentedFrames) {
    if (this.address && presentedFrames > this.presented + 1) {
      this.video.playbackRate = Math.max(SLOWER * this.video.playbackRate, SLOWEST);
    }
    this.presented = presentedFrames;
  }

  /**
   * The next frame that is shown: RGBA and its time; null at the end.
   * @param {boolean} isEvery whether none shall be missed.
   */
  next(isEvery) {
    const { video } = this;
    return new Promise((resolve) => {
      const end = () => resolve(null);
      if (video.ended || (!this.address && !video.srcObject)) {
        end();
        return;
      }
      video.addEventListener("ended", end, { once: true });
      video.addEventListener("emptied", end, { once: true });
      video.requestVideoFrameCallback((_, { mediaTime, presentedFrames }) => {
        video.removeEventListener("ended", end);
        video.removeEventListener("emptied", end);
        if (isEvery) this.#pace(presentedFrames);
        const { videoWidth: width, videoHeight: height } = video; // upright
        this.canvas.width = width;
        this.canvas.height = height;
        this.context.drawImage(video, 0, 0, width, height);
        const { data } = this.context.getImageData(0, 0, width, height);
        resolve({ data, width, height, seconds: mediaTime });
      });
    });
  }

  close() {
    const { video } = this;
    for (const track of video.srcObject?.getTracks() ?? []) track.stop();
    video.srcObject = null;
    if (this.address) {
      video.removeAttribute("src");
      video.load();
      URL.revokeObjectURL(this.address);
      this.address = null;
    }
  }
}
