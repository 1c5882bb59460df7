/** Between pixels and what is sent: base64, PNG, masks. */

/** @param {Uint8Array} bytes */
function toBase64(bytes) {
  let text = "";
  for (let at = 0; at < bytes.length; at += 0x8000) text += String.fromCharCode(...bytes.subarray(at, at + 0x8000));
  return btoa(text);
}

/** @param {string} text @returns {Uint8Array<ArrayBuffer>} */
export function fromBase64(text) {
  return Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
}

/** A canvas without transparency that holds an image. @param {ImageData} image */
export function canvasOf(image) {
  const canvas = document.createElement("canvas");
  canvas.width = image.width;
  canvas.height = image.height;
  canvas.getContext("2d", { alpha: false }).putImageData(image, 0, 0);
  return canvas;
}

/**
 * A PNG of an image, as base64. At once: `toBlob` waits until the page is idle, which is seconds beside a busy one.
 * @param {ImageData} image
 */
export const encodePng = (image) => canvasOf(image).toDataURL("image/png").split(",")[1];

/** A PNG of an image. @param {ImageData} image */
export const pngBlob = (image) => new Blob([fromBase64(encodePng(image))], { type: "image/png" });

/** The pixels of a base64 PNG or WebP. @param {string} text @returns {Promise<ImageData>} */
export async function decodeImage(text) {
  const options = { colorSpaceConversion: "none", premultiplyAlpha: "none" };
  const bitmap = await createImageBitmap(new Blob([fromBase64(text)], { type: typeOf(text) }), options);
  const canvas = document.createElement("canvas");
  canvas.width = bitmap.width;
  canvas.height = bitmap.height;
  const context = canvas.getContext("2d", { alpha: false, willReadFrequently: true });
  context.drawImage(bitmap, 0, 0);
  bitmap.close();
  return context.getImageData(0, 0, canvas.width, canvas.height);
}

/** What a base64 picture is, by its first bytes. @param {string} text */
const typeOf = (text) => (text.startsWith("UklGR") ? "image/webp" : "image/png");

/** A base64 picture as the source of an `img`. @param {string} text */
export const pictureUrl = (text) => `data:${typeOf(text)};base64,${text}`;

/** Between two images of one size: the first at 0, the second at 1. @param {ImageData} a @param {ImageData} b */
export function blend(a, b, share) {
  const mixed = copyImage(b);
  const { data } = mixed;
  for (let at = 0; at < data.length; at++) data[at] = a.data[at] + share * (b.data[at] - a.data[at]);
  return mixed;
}

/** A mask as it is sent. @param {Uint8Array} mask @param {number} width @param {number} height */
export const encodeMask = (mask, width, height) => ({ width, height, bytes: toBase64(mask) });

/** A white image. @param {number} width @param {number} height */
export function blank(width, height) {
  const image = new ImageData(width, height);
  image.data.fill(255);
  return image;
}

/** Whether two images are the same, pixel by pixel. @param {ImageData} a @param {ImageData} b */
export function same(a, b) {
  return a.width === b.width && a.height === b.height && a.data.every((value, at) => value === b.data[at]);
}

/** A copy of an image. @param {ImageData} image */
export const copyImage = (image) => new ImageData(new Uint8ClampedArray(image.data), image.width, image.height);
