// Requests to the service. An error response is thrown as its problem.

const told = JSON.parse(document.querySelector("#service").textContent);
// As browsers request an image.
const ACCEPT = "image/avif,image/webp,image/apng,image/svg+xml,image/*,*/*;q=0.8";
const MOST_HASHED = 64 * 1024 * 1024;
const kept = (name, value) => {
  if (value === undefined) return sessionStorage.getItem(`tintype-${name}`) ?? "";
  return sessionStorage.setItem(`tintype-${name}`, value);
};

class Refused extends Error {
  constructor(problem) {
    super(problem.detail ?? problem.title);
    this.problem = problem;
  }
}

async function asked(path, options = {}) {
  let answer;
  try {
    answer = await fetch(path, options);
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Refused({ title: "the service does not respond", detail: "the service does not respond: is it still running?" });
  }
  if (answer.ok) return answer;
  const isProblem = answer.headers.get("content-type") === "application/problem+json";
  throw new Refused(isProblem ? await answer.json() : { title: answer.statusText, status: answer.status });
}

const encoded = (key) => key.split("/").map(encodeURIComponent).join("/").replace(/[!'()*]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`);
const token = () => told.token ?? kept("token");
const allowed = (more = {}) => ({ Authorization: `Bearer ${token()}`, ...more });

// The same file twice is one original: its idempotency key returns the name that it got before.
async function idempotency(name, file) {
  if (!crypto.subtle || file.size > MOST_HASHED) return {};
  const bytes = await new Blob([name, "\0", file]).arrayBuffer();
  const hash = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
  const hex = [...hash].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  return { "Idempotency-Key": `playground-${hex}` };
}

async function upload(file) {
  const name = file.name.normalize("NFC").replace(/[\\/\p{C}]/gu, "-") || "picture";
  const headers = allowed(await idempotency(name, file));
  const path = `/api/v1/files/${encoded(told.prefix + name)}?on_conflict=rename`;
  return (await asked(path, { method: "PUT", body: file, headers })).json();
}

const record = async (key) => (await asked(`/api/v1/records/${encoded(key)}`, { headers: allowed() })).json();

async function focus(key, point) {
  const headers = allowed({ "Content-Type": "application/merge-patch+json" });
  const body = JSON.stringify({ focal_point: point });
  return (await asked(`/api/v1/records/${encoded(key)}`, { method: "PATCH", headers, body })).json();
}

const remove = (key) => asked(`/api/v1/files/${encoded(key)}`, { method: "DELETE", headers: allowed() });

const address = (key, spec) => `/t/${encoded(key)}/${encodeURIComponent(spec)}`;

// Fetches the image with its URL and timings, never from the browser's cache.
async function render(key, spec, signal) {
  const began = performance.now();
  const answer = await asked(address(key, spec), { headers: { Accept: ACCEPT }, cache: "no-store", signal });
  const blob = await answer.blob();
  const steps = (answer.headers.get("server-timing") ?? "").split(", ").filter(Boolean);
  return {
    blob,
    took: performance.now() - began,
    type: answer.headers.get("content-type"),
    path: new URL(answer.url).pathname,
    steps: steps.map((step) => step.split(";dur=")),
  };
}
