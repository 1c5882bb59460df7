/** Which pixels a brush covers. A pixel (x, y) has its center at (x + 0.5, y + 0.5). */

/** @typedef {{x: number, y: number}} Point in pixels of the picture */

/**
 * Where a brush of this size sits: on a pixel's center if it is odd, on a corner if it is even, so that it is always
 * exactly as many pixels across as it says.
 * @param {Point} point @param {number} size @returns {Point}
 */
export function snap({ x, y }, size) {
  const to = size % 2 ? (v) => Math.floor(v) + 0.5 : Math.round;
  return { x: to(x), y: to(y) };
}

/**
 * Call `paint(index)` for each pixel whose center is within `size / 2` of the segment.
 * @param {Point} from snapped
 * @param {Point} to snapped
 * @param {number} size
 * @param {number} width of the picture
 * @param {number} height of the picture
 * @param {(index: number) => void} paint
 * @returns {import("./picture.js").Rectangle|null} around what was painted
 */
export function cover(from, to, size, width, height, paint) {
  const radius = size / 2;
  const left = Math.max(0, Math.floor(Math.min(from.x, to.x) - radius));
  const top = Math.max(0, Math.floor(Math.min(from.y, to.y) - radius));
  const right = Math.min(width, Math.ceil(Math.max(from.x, to.x) + radius));
  const bottom = Math.min(height, Math.ceil(Math.max(from.y, to.y) + radius));
  if (right <= left || bottom <= top) return null;
  for (let y = top; y < bottom; y++) {
    for (let x = left; x < right; x++) {
      if (squaredDistance(x + 0.5, y + 0.5, from, to) <= radius * radius + 1e-9) paint(y * width + x);
    }
  }
  return { x: left, y: top, width: right - left, height: bottom - top };
}

function squaredDistance(x, y, from, to) {
  const dx = to.x - from.x;
  const dy = to.y - from.y;
  const length = dx * dx + dy * dy;
  const along = length ? ((x - from.x) * dx + (y - from.y) * dy) / length : 0;
  const share = Math.min(1, Math.max(0, along));
  return (x - from.x - share * dx) ** 2 + (y - from.y - share * dy) ** 2;
}

/**
 * Call `paint(index)` for each pixel of the color at `point` that is connected with it by pixels of that color.
 * @param {ImageData} image @param {Point} point @param {(index: number) => void} paint
 */
export function flood({ data, width, height }, point, paint) {
  const pixels = new Uint32Array(data.buffer.slice(0));
  const start = Math.floor(point.y) * width + Math.floor(point.x);
  const color = pixels[start];
  const seen = new Uint8Array(width * height);
  const waiting = [start];
  seen[start] = 1;
  const visit = (index) => {
    if (seen[index] || pixels[index] !== color) return;
    seen[index] = 1;
    waiting.push(index);
  };
  while (waiting.length) {
    const index = waiting.pop();
    const x = index % width;
    paint(index);
    if (x > 0) visit(index - 1);
    if (x < width - 1) visit(index + 1);
    if (index >= width) visit(index - width);
    if (index < width * (height - 1)) visit(index + width);
  }
}

/**
 * A mask cut to the square in the middle at `side`, as pictures are. A pixel is painted if anything under it is, so
 * that no thin line is lost.
 * @param {Uint8Array} mask @param {number} width @param {number} height @param {number} side
 * @returns {Uint8Array}
 */
export function covered(mask, width, height, side) {
  const edge = Math.min(width, height);
  const fitted = new Uint8Array(side * side);
  // From the larger to the smaller of the two grids: each pixel of the finer one is looked at once.
  const count = Math.max(edge, side);
  const at = (index, of) => Math.floor(((index + 0.5) * of) / count);
  const left = Math.floor((width - edge) / 2);
  const top = Math.floor((height - edge) / 2);
  for (let y = 0; y < count; y++) {
    for (let x = 0; x < count; x++) {
      if (mask[(top + at(y, edge)) * width + left + at(x, edge)]) fitted[at(y, side) * side + at(x, side)] = 1;
    }
  }
  return fitted;
}
