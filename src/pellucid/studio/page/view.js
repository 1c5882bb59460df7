/** The picture on the screen: drawing it, zoom, pan, and from screen to picture coordinates. */

import { $ } from "./dom.js";

const MASK = [224, 33, 138, 120];
const MARKED = [20, 140, 220, 150];
const LARGEST = 64;

export class View {
  zoom = 1;
  left = 0;
  top = 0;
  /** Two fingers are on the picture. */
  pinching = false;

  #fitted = true;
  #touches = new Map();

  /** @param {import("./picture.js").Picture} picture */
  constructor(picture) {
    this.picture = picture;
    this.element = $("view");
    this.sheet = $("sheet");
    this.canvas = $("picture");
    this.overlay = $("overlay");
    this.context = this.canvas.getContext("2d", { alpha: false });
    this.overlayContext = this.overlay.getContext("2d");
    picture.addEventListener("paint", (event) => this.paint(event.detail));
    new ResizeObserver(() => this.#fitted && this.fit()).observe(this.element);
    this.element.addEventListener("wheel", (event) => this.#wheel(event), { passive: false });
    for (const name of ["pointerdown", "pointermove", "pointerup", "pointercancel"]) {
      this.element.addEventListener(name, (event) => this.#touch(event), { capture: true });
    }
    this.paint(null);
  }

  /** Where an event is, in pixels of the picture. @returns {import("./disc.js").Point} */
  locate(event) {
    const box = this.overlay.getBoundingClientRect();
    const { width, height } = this.overlay;
    return {
      x: ((event.clientX - box.left) * width) / box.width, y: ((event.clientY - box.top) * height) / box.height,
    };
  }

  /**
   * Draw the pixels and the mask, in this rectangle or everywhere.
   * @param {import("./picture.js").Rectangle|null} rectangle
   */
  paint(rectangle) {
    const image = this.picture.visible;
    if (this.canvas.width !== image.width || this.canvas.height !== image.height) {
      for (const canvas of [this.canvas, this.overlay]) Object.assign(
        canvas,
        { width: image.width, height: image.height },
      );
      this.fit();
    }
    const all = { x: 0, y: 0, width: image.width, height: image.height };
    const { x, y, width, height } = rectangle ?? all;
    this.context.putImageData(image, 0, 0, x, y, width, height);
    this.#paintMask({ x, y, width, height });
  }

  #paintMask({ x, y, width, height }) {
    const { marked, mask } = this.picture;
    const color = marked ? MARKED : MASK;
    this.sheet.classList.toggle("marked", Boolean(marked));
    const drawn = new ImageData(width, height);
    if (this.canvas.width === this.picture.width && this.canvas.height === this.picture.height) {
      for (let row = 0; row < height; row++) {
        for (let column = 0; column < width; column++) {
          const index = (y + row) * this.picture.width + x + column;
          if ((marked ?? mask)[index]) drawn.data.set(color, 4 * (row * width + column));
        }
      }
    }
    this.overlayContext.putImageData(drawn, x, y);
  }

  /** As large as there is room for. */
  fit() {
    const { clientWidth, clientHeight } = this.element;
    const zoom = Math.min(clientWidth / this.canvas.width, clientHeight / this.canvas.height);
    this.zoom = Math.max(zoom, 0.05);
    this.left = (clientWidth - this.zoom * this.canvas.width) / 2;
    this.top = (clientHeight - this.zoom * this.canvas.height) / 2;
    this.#fitted = true;
    this.#place();
  }

  /** Zoom so that the point under (x, y) of the window stays, or the middle does. */
  zoomBy(factor, x, y) {
    const box = this.element.getBoundingClientRect();
    const [atX, atY] = [(x ?? box.left + box.width / 2) - box.left, (y ?? box.top + box.height / 2) - box.top];
    const zoom = Math.min(LARGEST, Math.max(0.1, this.zoom * factor));
    this.left = atX - ((atX - this.left) * zoom) / this.zoom;
    this.top = atY - ((atY - this.top) * zoom) / this.zoom;
    this.zoom = zoom;
    this.#fitted = false;
    this.#place();
  }

  /** Move the picture, in screen pixels. */
  pan(dx, dy) {
    this.left += dx;
    this.top += dy;
    this.#fitted = false;
    this.#place();
  }

  /** Show single pixels, as when one paints; otherwise the display is smooth. @param {boolean} on */
  pixelated(on) {
    this.sheet.classList.toggle("painting", on);
  }

  #place() {
    const { style } = this.sheet;
    style.width = `${this.zoom * this.canvas.width}px`;
    style.height = `${this.zoom * this.canvas.height}px`;
    style.transform = `translate(${Math.round(this.left)}px, ${Math.round(this.top)}px)`;
    this.sheet.dispatchEvent(new Event("place"));
  }

  #wheel(event) {
    event.preventDefault();
    this.zoomBy(Math.exp(-event.deltaY / 400), event.clientX, event.clientY);
  }

  #touch(event) {
    if (event.pointerType !== "touch") return;
    const before = this.#fingers();
    if (event.type === "pointerup" || event.type === "pointercancel") this.#touches.delete(event.pointerId);
    else if (event.type === "pointerdown" || this.#touches.has(event.pointerId)) {
      this.#touches.set(event.pointerId, { x: event.clientX, y: event.clientY });
    }
    const after = this.#fingers();
    if (before && after && this.pinching) {
      this.pan(after.x - before.x, after.y - before.y);
      this.zoomBy(after.apart / before.apart, after.x, after.y);
    }
    if (after) this.pinching = true;
    else if (!this.#touches.size) this.pinching = false;
  }

  /** The middle between two fingers and how far apart they are; null if there are not two. */
  #fingers() {
    if (this.#touches.size !== 2) return null;
    const [a, b] = this.#touches.values();
    return { x: (a.x + b.x) / 2, y: (a.y + b.y) / 2, apart: Math.max(1, Math.hypot(a.x - b.x, a.y - b.y)) };
  }
}
