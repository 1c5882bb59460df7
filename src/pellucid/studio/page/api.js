/** Talking to the studio's server. Every mistake becomes an `Error` whose message is one line for people. */

/**
 * One request.
 * @param {string} method
 * @param {string} path
 * @param {any} [body] an object is sent as JSON, a Blob or a string as it is
 * @returns {Promise<Response>} of a success
 */
export async function request(method, path, body) {
  const json = body !== undefined && !(body instanceof Blob) && typeof body !== "string";
  const headers = { "X-Pellucid": "1" };
  if (json) headers["Content-Type"] = "application/json";
  let response;
  try {
    response = await fetch(path, { method, headers, body: json ? JSON.stringify(body) : body, cache: "no-store" });
  } catch {
    throw new Error("The studio does not answer. Is it still running?");
  }
  if (!response.ok) throw new Error(await reason(response));
  return response;
}

async function reason(response) {
  const answer = await response.json().catch(() => null);
  return answer?.error ?? `The studio answered ${response.status} ${response.statusText}`.trim();
}

export const get = async (path) => (await request("GET", path)).json();
export const post = async (path, body) => (await request("POST", path, body)).json();
export const put = async (path, body) => (await request("PUT", path, body)).json();

/** `api/PATH?name=value...` @param {string} path @param {Object<string, any>} parameters */
export const query = (path, parameters) => `api/${path}?${new URLSearchParams(parameters)}`;

/**
 * The messages of a stream of JSON lines, as they come.
 * @param {string} method
 * @param {string} path
 * @param {any} [body]
 * @returns {AsyncGenerator<any>}
 */
export async function* messages(method, path, body) {
  const response = await request(method, path, body);
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  try {
    for (;;) {
      const { value, done } = await reader.read();
      if (done) return;
      const lines = (rest + value).split("\n");
      rest = lines.pop();
      for (const line of lines) if (line.trim()) yield JSON.parse(line);
    }
  } finally {
    reader.cancel().catch(() => {});
  }
}
