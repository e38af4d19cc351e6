// Requests to the API with the key of this tab, and the event stream read through fetch (EventSource sends no headers).

const STORED = "gridpilot-key";
const ROOT = "/api/v1";

export class ProblemError extends Error {
  constructor(problem) {
    const faults = (problem.faults ?? []).map((f) => `${f.place}: ${f.problem}; ${f.remedy}`).join("; ");
    super(faults ? `${problem.detail}: ${faults}` : problem.detail);
    this.status = problem.status;
    this.problem = problem;
  }
}

/** The key of this tab; one in the address (#key=gp_…) is taken over and removed from the address. */
export function currentKey() {
  const given = new URLSearchParams(location.hash.slice(1)).get("key");
  if (given) {
    sessionStorage.setItem(STORED, given);
    history.replaceState(null, "", location.pathname + location.search);
  }
  return sessionStorage.getItem(STORED);
}

export const storeKey = (key) => sessionStorage.setItem(STORED, key.trim());
export const forgetKey = () => sessionStorage.removeItem(STORED);

async function send(path, options = {}) {
  const headers = { Authorization: `Bearer ${currentKey() ?? ""}`, Accept: "application/json", ...options.headers };
  let response;
  try {
    response = await fetch(ROOT + path, { ...options, headers, cache: "no-store" });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new ProblemError({ status: 0, detail: "the service does not answer; it may be restarting" });
  }
  if (!response.ok) {
    const problem = await response.json().catch(() => ({ status: response.status, detail: response.statusText }));
    throw new ProblemError(problem);
  }
  return response;
}

export const get = async (path, query = {}) => {
  const given = Object.entries(query).filter(([, value]) => value !== null && value !== undefined);
  const text = new URLSearchParams(given).toString();
  return (await send(text ? `${path}?${text}` : path)).json();
};

/** Like get, but null where the API says that there is no such thing (404). */
export const find = async (path, query = {}) => {
  try {
    return await get(path, query);
  } catch (error) {
    if (error.status === 404) return null;
    throw error;
  }
};

export const post = async (path, body) =>
  (await send(path, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) })).json();

/** Withdraw something; the query says why. */
export const remove = async (path, query) =>
  (await send(`${path}?${new URLSearchParams(query)}`, { method: "DELETE" })).json();

/** Send a FormData, files and all; the browser writes its own Content-Type. */
export const postForm = async (path, body) => (await send(path, { method: "POST", body })).json();

/**
 * Read events for ever. After a lost connection it resumes behind the last event that it saw.
 * onEvent({kind, id, data}) gets `hello` on every connect and `reset` where events were missed.
 * onState("live" | "waiting" | "refused").
 */
export async function follow({ onEvent, onState, signal }) {
  let last = null;
  let pause = 1000;
  while (!signal.aborted) {
    try {
      const headers = { Accept: "text/event-stream", ...(last === null ? {} : { "Last-Event-ID": last }) };
      const silence = new AbortController();
      const stop = () => silence.abort();
      signal.addEventListener("abort", stop, { once: true });
      const response = await send("/events", { headers, signal: silence.signal });
      onState("live");
      pause = 1000;
      for await (const event of parse(response.body, stop)) {
        if (event.id) last = event.id;
        onEvent(event);
      }
    } catch (error) {
      if (error.status === 401 || error.status === 403) return onState("refused");
    }
    if (signal.aborted) return undefined;
    onState("waiting");
    await new Promise((resolve) => setTimeout(resolve, pause));
    pause = Math.min(pause * 2, 15000);
  }
  return undefined;
}

const SILENCE_MS = 45000; // the server sends a heartbeat every 15 s

async function* parse(body, giveUp) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let buffer = "";
  let timer = setTimeout(giveUp, SILENCE_MS);
  try {
    for (;;) {
      const { value, done } = await reader.read();
      if (done) return;
      clearTimeout(timer);
      timer = setTimeout(giveUp, SILENCE_MS);
      const blocks = (buffer + value).replaceAll("\r\n", "\n").split("\n\n");
      buffer = blocks.pop();
      for (const block of blocks) {
        const event = { kind: "message", id: null, data: "" };
        for (const line of block.split("\n")) {
          const [, field, content] = /^([a-z]*): ?(.*)$/.exec(line) ?? [];
          if (field === "event") event.kind = content;
          else if (field === "id") event.id = content;
          else if (field === "data") event.data += content;
        }
        if (event.data) yield { ...event, data: JSON.parse(event.data) };
      }
    }
  } finally {
    clearTimeout(timer);
  }
}
