/** Painting with pointer or keyboard: colors and mask, fill and color picker. */

import { $ } from "./dom.js";
import { cover, flood, snap } from "./disc.js";

/** What each tool that leaves a trail writes: into the mask or into the pixels. */
const TRAILS = {
  brush: { mask: false, value: (state) => rgb(state.color) },
  eraser: { mask: false, value: () => [255, 255, 255] },
  mask: { mask: true, value: () => 1 },
  unmask: { mask: true, value: () => 0 },
};
const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

/** Red, green and blue of "#rrggbb". */
const rgb = (color) => [1, 3, 5].map((at) => parseInt(color.slice(at, at + 2), 16));

export class Brush {
  /** Where the last piece of the stroke ended. @type {import("./disc.js").Point|null} */
  #last = null;
  #panning = false;
  /** Where the keyboard's brush is. */
  #keyboard = null;
  /** The space bar is held down. */
  #held = false;

  /** @param {Object} studio see main.js */
  constructor({ state, picture, view }) {
    Object.assign(this, { state, picture, view });
    this.cursor = $("cursor");
    const { overlay } = view;
    overlay.addEventListener("pointerdown", (event) => this.#down(event));
    overlay.addEventListener("pointermove", (event) => this.#move(event));
    overlay.addEventListener("pointerup", () => this.#up());
    overlay.addEventListener("pointercancel", () => this.#up());
    overlay.addEventListener("pointerleave", () => this.#point(null));
    overlay.addEventListener("keydown", (event) => this.#key(event));
    overlay.addEventListener("keyup", (event) => event.key === " " && this.#held && this.#up());
    overlay.addEventListener("blur", () => {
      this.#up();
      this.#point(null);
    });
    // A stroke goes on only with the tool that it was begun with.
    state.on("tool", () => this.#up());
    overlay.addEventListener("contextmenu", (event) => event.preventDefault());
    view.sheet.addEventListener("place", () => this.#point(null));
  }

  #down(event) {
    if (this.view.pinching) return this.#interrupt();
    if (event.button === 2) return undefined;
    this.#up();
    this.view.overlay.setPointerCapture(event.pointerId);
    this.#keyboard = null;
    this.#panning = this.state.tool === "move" || event.button === 1 || event.altKey;
    if (!this.#panning) this.#press(this.view.locate(event));
    return undefined;
  }

  #move(event) {
    if (this.view.pinching) return this.#interrupt();
    if (this.#panning) return this.view.pan(event.movementX, event.movementY);
    const pieces = event.getCoalescedEvents?.() ?? [];
    if (this.#last && !this.#held) {
      for (const piece of pieces.length ? pieces : [event]) this.#drag(this.view.locate(piece));
    }
    return this.#point(this.view.locate(event));
  }

  #up() {
    if (this.#last) this.picture.finished();
    this.#last = null;
    this.#panning = this.#held = false;
    this.view.pixelated(false);
  }

  /** A second finger came down: what was begun was not meant. */
  #interrupt() {
    if (this.#last) this.picture.cancel();
    this.#last = null;
    this.#panning = false;
  }

  /** Begin at a point whatever the tool does. */
  #press(point) {
    const { tool } = this.state;
    if (tool === "pick") this.#pick(point);
    else if (tool === "fill") this.#fill(point);
    else if (tool in TRAILS) {
      this.view.pixelated(true);
      this.picture.begin(TRAILS[tool].mask ? "mask" : "pixels");
      this.#last = snap(point, this.state.size);
      this.#drag(point);
    }
  }

  #drag(point) {
    const { mask, value } = TRAILS[this.state.tool];
    const { picture } = this;
    const to = snap(point, this.state.size);
    const write = mask ? writeMask(picture.mask, value()) : writeColor(picture.image.data, value(this.state));
    const rectangle = cover(this.#last, to, this.state.size, picture.width, picture.height, write);
    this.#last = to;
    if (!rectangle) return;
    if (mask) picture.maskTouched(rectangle);
    else picture.touched(rectangle);
  }

  #fill(point) {
    const { picture } = this;
    if (!this.#inside(point)) return;
    picture.begin("pixels");
    flood(picture.image, point, writeColor(picture.image.data, rgb(this.state.color)));
    picture.touched(null);
    picture.finished();
  }

  #pick(point) {
    if (!this.#inside(point)) return;
    const { data, width } = this.picture.visible;
    const at = 4 * (Math.floor(point.y) * width + Math.floor(point.x));
    const color = "#" + [...data.slice(at, at + 3)].map((value) => value.toString(16).padStart(2, "0")).join("");
    this.state.set({ color, tool: "brush" });
  }

  #inside({ x, y }) {
    return x >= 0 && y >= 0 && x < this.view.overlay.width && y < this.view.overlay.height;
  }

  /** Arrow keys move the brush, Shift faster; the space bar paints, and keeps painting while it is held. */
  #key(event) {
    const { width, height } = this.view.overlay;
    this.#keyboard ??= { x: Math.floor(width / 2) + 0.5, y: Math.floor(height / 2) + 0.5 };
    const arrow = ARROWS[event.key];
    if (arrow && !event.ctrlKey && !event.metaKey) {
      const stride = event.shiftKey ? 8 : 1;
      this.#keyboard.x = Math.min(width - 0.5, Math.max(0.5, this.#keyboard.x + arrow[0] * stride));
      this.#keyboard.y = Math.min(height - 0.5, Math.max(0.5, this.#keyboard.y + arrow[1] * stride));
      if (this.#held && this.#last) this.#drag(this.#keyboard);
    } else if (event.key === " ") {
      if (!this.#held) this.#press(this.#keyboard);
      this.#held = true;
    } else return;
    event.preventDefault();
    event.stopPropagation();
    this.#point(this.#keyboard);
  }

  /** Show which pixels the brush would cover here. @param {import("./disc.js").Point|null} point */
  #point(point) {
    const trail = this.state.tool in TRAILS;
    const size = trail ? this.state.size : 1;
    this.cursor.hidden = !point || this.state.tool === "move";
    if (this.cursor.hidden) return;
    const { zoom } = this.view;
    const { x, y } = snap(point, size);
    const { style } = this.cursor;
    style.left = `${(x - size / 2) * zoom}px`;
    style.top = `${(y - size / 2) * zoom}px`;
    style.width = style.height = `${size * zoom}px`;
    style.borderRadius = size > 2 ? "50%" : "0";
  }
}

const writeMask = (mask, value) => (index) => {
  mask[index] = value;
};

const writeColor = (data, [red, green, blue]) => (index) => {
  data[4 * index] = red;
  data[4 * index + 1] = green;
  data[4 * index + 2] = blue;
};
