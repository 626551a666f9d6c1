// The status page: reads the admin API and shows it. Everything shown is untrusted text, so it is only ever set as
// text, never as markup. It asks again every two seconds, and only while somebody can see it.
"use strict";

const POLL_MS = 2000;
const API = "/__polystep/api/";
const TABS = [
  ["steps", "Steps"],
  ["traces", "Traces"],
  ["logs", "Logs"],
  ["queues", "Queues"],
  ["dead-letters", "Dead letters"],
  ["cron", "Cron"],
];
const STATUS_CLASS = {
  completed: "good", ready: "good", failed: "bad", interrupted: "bad", rejected: "bad", error: "bad",
  running: "busy", waiting: "busy", starting: "busy", warn: "busy",
};

const view = document.getElementById("view");
let shown = "";
let polling = 0;
let asked = 0;

/** Make an element; children are elements or text, nothing else. */
function make(tag, properties, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties ?? {})) {
    if (name === "onclick") element.addEventListener("click", value);
    else if (value !== null && value !== undefined) element.setAttribute(name, String(value));
  }
  for (const child of children.flat()) {
    if (child !== null && child !== undefined) element.append(child instanceof Node ? child : String(child));
  }
  return element;
}

const pill = (status) => make("span", { class: `pill ${STATUS_CLASS[status] ?? ""}` }, status ?? "unknown");
const quiet = (...text) => make("span", { class: "quiet small" }, ...text);
const mono = (...text) => make("span", { class: "mono" }, ...text);
const empty = (text) => make("p", { class: "empty" }, text);
const heading = (text) => make("h2", {}, text);
const rows = (items) => make("ul", { class: "rows" }, items.map((item) => make("li", {}, item)));
const row = (...cells) => make("div", { class: "row" }, ...cells);
const named = (text) => make("span", { class: "name" }, text);
const atEnd = (...cells) => make("span", { class: "end" }, ...cells);
const clock = (ms) => (ms ? new Date(ms).toLocaleTimeString([], { hourCycle: "h23" }) : "");

function duration(ms) {
  if (ms === null || ms === undefined) return "…";
  if (ms < 1) return "<1 ms";
  return ms < 1000 ? `${Math.round(ms)} ms` : `${(ms / 1000).toFixed(ms < 10_000 ? 2 : 1)} s`;
}

const counted = (count, word) => `${count} ${word}${count === 1 ? "" : "s"}`;

function brief(value) {
  const text = typeof value === "string" ? value : JSON.stringify(value);
  return text === undefined ? "" : text.length > 300 ? `${text.slice(0, 300)}…` : text;
}

function errorText(error) {
  if (!error) return null;
  if (typeof error === "string") return error;
  const inner = error.data && error.data.message ? error.data : error;
  return [inner.name, inner.message].filter(Boolean).join(": ") || JSON.stringify(error);
}

async function ask(path, options) {
  const response = await fetch(path, { cache: "no-store", ...options });
  const body = await response.json().catch(() => ({}));
  if (!response.ok && !(path.endsWith("/health") && response.status === 503)) {
    throw new Error([body.error ?? `HTTP ${response.status}`, body.hint].filter(Boolean).join(". "));
  }
  return body;
}

/** A button that posts once, says how it went, and refreshes. */
function action(label, path, done) {
  const button = make("button", { type: "button" }, label);
  button.addEventListener("click", async () => {
    button.disabled = true;
    try {
      const answer = await ask(API + path, { method: "POST" });
      button.textContent = done;
      notice(null);
      if (answer.traceId) location.hash = `#traces/${encodeURIComponent(answer.traceId)}`;
    } catch (error) {
      button.disabled = false;
      notice(`${label} failed. ${error.message}`);
    }
  });
  return button;
}

function notice(text) {
  const element = document.getElementById("notice");
  element.hidden = text === null;
  element.textContent = text ?? "";
}

// --- Views: from an answer to elements --------------------------------------------------------------------------

function stepsView({ steps = [], streams = [], warnings = [] }) {
  const broken = [...steps, ...streams].filter((each) => each.error);
  const running = steps.filter((each) => !each.error);
  const live = streams.filter((each) => !each.error);
  const out = [];
  if (broken.length) {
    out.push(heading("Not running"), rows(broken.map((each) => [
      row(make("span", { class: "name failed" }, each.file ?? each.name)),
      make("pre", {}, each.error),
    ])));
  }
  if (warnings.length) out.push(heading("Warnings"), rows(warnings.map((text) => String(text))));
  out.push(heading("Steps"), running.length ? rows(running.map(stepRow)) : empty("No steps yet. Add steps/hello.step.ts or steps/hello_step.py."));
  if (live.length) {
    out.push(heading("Streams"), rows(live.map((each) => row(named(each.name), atEnd(quiet(each.file ?? ""))))));
  }
  return out;
}

function stepRow(step) {
  const where = step.type === "api" ? `${step.method ?? ""} ${step.path ?? ""}`
    : step.type === "cron" ? (step.cron ?? step.expression ?? "") : (step.topics ?? step.subscribes ?? []).join(", ");
  const emits = (step.emits ?? []).map((each) => (typeof each === "string" ? each : each.topic)).join(", ");
  const details = row(
    named(step.name), pill(step.type), where.trim() ? mono(where.trim()) : null, emits ? quiet(`→ ${emits}`) : null,
    atEnd(quiet(step.file ?? "")),
  );
  return [details, ...(step.warnings ?? []).map((text) => make("p", { class: "failed small" }, text))];
}

function tracesView({ traces = [] }) {
  if (!traces.length) return [empty("No traces yet. Call a route, and what it causes is shown here.")];
  return [rows(traces.map((each) => make("a", { class: "row", href: `#traces/${encodeURIComponent(each.traceId)}` },
    named(each.name ?? each.traceId), pill(each.status),
    quiet(counted(each.runCount ?? 1, "run")),
    atEnd(quiet(`${duration(each.durationMs)}  ·  ${clock(each.startedAt)}`)))))];
}

function traceView(trace) {
  const runs = trace.runs ?? [];
  const begin = Math.min(trace.startedAt, ...runs.map((run) => run.queuedAt ?? trace.startedAt));
  const end = Math.max(trace.endedAt ?? 0, ...runs.map((run) => run.endedAt ?? run.startedAt ?? 0), begin + 1);
  return [
    make("p", { class: "small" }, make("a", { href: "#traces" }, "← Traces")),
    make("h2", {}, trace.name ?? "Trace"),
    row(pill(trace.status), quiet(duration(trace.durationMs)), mono(trace.traceId)),
    rows(runs.map((run) => runRow(run, begin, end - begin))),
  ];
}

function bar(from, to, begin, span, status) {
  const element = make("div", { class: `bar ${STATUS_CLASS[status] ?? ""}` });
  element.style.left = `${Math.max(0, (100 * (from - begin)) / span)}%`;
  element.style.width = `${Math.max(0.3, (100 * (to - from)) / span)}%`;
  return element;
}

function runRow(run, begin, span) {
  const attempts = run.attempts ?? [];
  const bars = attempts.filter((each) => each.startedAt).map((each) =>
    bar(each.startedAt, each.endedAt ?? begin + span, begin, span, each.status));
  const events = [
    ...attempts.filter((each) => attempts.length > 1 || each.error).map((each) => ({
      at: each.startedAt, text: `attempt ${each.attempt} ${each.status} ${duration(each.durationMs)}`, error: errorText(each.error),
    })),
    ...(run.operations ?? []).map((each) => ({ at: each.at, ...operationText(each) })),
    ...(run.logs ?? []).map((each) => {
      const [fields, stack] = fieldsText(each.fields);
      return { at: each.time, text: `${each.level}  ${each.message}  ${brief(fields)}`, stack };
    }),
  ].sort((a, b) => a.at - b.at);
  return [
    row(named(run.step), pill(run.status), quiet(run.type ?? ""), atEnd(quiet(duration(run.durationMs)))),
    make("div", { class: "track" }, bars),
    run.error && attempts.every((each) => !each.error) ? make("p", { class: "failed small" }, errorText(run.error)) : null,
    events.length ? make("ul", { class: "events small" }, events.map((each) => make("li", {},
      make("span", { class: "at" }, `+${duration(Math.max(0, each.at - begin))}`), each.text,
      each.error ? make("span", { class: "failed" }, ` ${each.error}`) : null,
      each.stack ? make("pre", { class: "quiet" }, each.stack) : null))) : null,
  ];
}

/** Fields of a log line as `[JSON, stack]`: a stack is read as lines, not as one escaped text. */
function fieldsText(fields) {
  const { stack = fields?.error?.stack, ...rest } = fields ?? {};
  if (typeof stack !== "string") return [hasMembers(fields) ? JSON.stringify(fields) : "", ""];
  if (rest.error) rest.error = { ...rest.error, stack: undefined };
  return [hasMembers(rest) ? JSON.stringify(rest) : "", stack.trimEnd()];
}

const hasMembers = (value) => value && Object.keys(value).length > 0;

function operationText(operation) {
  const { type, at, attempt, error, ...rest } = operation;
  return { text: (OPERATIONS[type] ?? ((other) => `${type}  ${brief(other)}`))(rest), error: errorText(error) };
}

const OPERATIONS = {
  http: ({ attributes: { method, url, status } = {}, name, duration_ms }) =>
    `${method ?? "HTTP"} ${url ?? name ?? ""}  ${status ?? ""}  ${duration(duration_ms)}`,
  emit: ({ topic, subscribers = [], data }) => `emit ${topic} → ${subscribers.join(", ") || "nobody"}  ${brief(data)}`,
  state: ({ operation, group, key, value }) => `state ${operation} ${within(group, key)}  ${value === undefined ? "" : brief(value)}`,
  stream: ({ operation, stream, group, id, data, event }) =>
    `stream ${operation} ${within(stream, group, id)}  ${brief(data ?? event ?? "")}`,
};
const within = (...parts) => parts.filter((part) => part !== undefined && part !== null).join(" / ");

function logsView({ logs = [] }) {
  if (!logs.length) return [empty("No logs yet. What steps log or print is shown here.")];
  return [rows(logs.map((each) => {
    const [fields, stack] = fieldsText(each.fields);
    return [
      row(quiet(clock(each.time)), pill(each.level), named(each.step ?? each.source ?? ""),
        each.traceId ? atEnd(make("a", { class: "small", href: `#traces/${encodeURIComponent(each.traceId)}` }, "trace")) : null),
      make("pre", {}, fields ? `${each.message}  ${fields}` : each.message),
      stack ? make("pre", { class: "quiet" }, stack) : null,
    ];
  }))];
}

function queuesView({ queues = [], parked = [] }) {
  if (!queues.length && !parked.length) return [empty("Nothing is waiting.")];
  const waiting = (name, each) => row(named(name), atEnd(quiet(`${each.waiting} waiting`)));
  return [
    rows([
      ...queues.map((each) => waiting(each.step, each)),
      ...parked.map((each) => waiting(`(unknown subscriber) of ${each.topic}`, each)),
    ]),
  ];
}

function deadLettersView({ deadLetters = [] }) {
  if (!deadLetters.length) return [empty("No dead letters. What keeps failing would be kept here, to be replayed.")];
  return [rows(deadLetters.map((each) => [
    row(named(each.step), each.topic ? mono(each.topic) : null, quiet(counted(each.attempts ?? 0, "attempt")),
      quiet(clock(each.diedAt)),
      atEnd(action("Replay", `dead-letters/${encodeURIComponent(each.id)}/replay`, "Replayed"))),
    make("pre", { class: "failed" }, errorText(each.error) ?? ""),
  ]))];
}

function cronView({ cron = [] }) {
  if (!cron.length) return [empty("No cron steps.")];
  return [rows(cron.map((each) => [
    row(named(each.step), mono(each.expression ?? ""), each.timezone ? quiet(each.timezone) : null,
      each.next ? quiet(`next ${new Date(each.next).toLocaleString([], { hourCycle: "h23" })}`) : null,
      atEnd(action("Run now", `cron/${encodeURIComponent(each.step)}/run`, "Started"))),
    each.error ? make("p", { class: "failed small" }, each.error) : null,
  ]))];
}

const VIEWS = {
  steps: ["steps", stepsView],
  traces: ["traces?limit=50", tracesView],
  logs: ["logs?limit=200", logsView],
  queues: ["queues", queuesView],
  "dead-letters": ["dead-letters?limit=100", deadLettersView],
  cron: ["cron", cronView],
};

// --- The loop ---------------------------------------------------------------------------------------------------

function place() {
  const [tab, id] = location.hash.slice(1).split("/");
  const known = Object.hasOwn(VIEWS, tab) ? tab : "steps";
  return known === "traces" && id ? [known, `traces/${id}`, traceView] : [known, ...VIEWS[known]];
}

function showTabs(current) {
  document.getElementById("tabs").replaceChildren(...TABS.map(([id, label]) =>
    make("a", { href: `#${id}`, "aria-current": id === current ? "page" : null }, label)));
}

function showHealth(health) {
  const element = document.getElementById("health");
  const status = health?.status ?? "unreachable";
  element.textContent = status;
  element.className = `pill ${STATUS_CLASS[status] ?? "bad"}`;
  document.getElementById("version").textContent = health?.version ? `v${health.version}` : "";
}

async function refresh() {
  const [, path, render] = place();
  const mine = ++asked;
  try {
    const [health, answer] = await Promise.all([ask("/__polystep/health"), ask(API + path)]);
    if (mine !== asked) return;
    showHealth(health);
    notice(null);
    const next = path + JSON.stringify(answer);
    // What has not changed is not drawn again: selections, focus and scroll positions stay.
    if (next !== shown) view.replaceChildren(...render(answer));
    shown = next;
  } catch (error) {
    if (mine !== asked) return;
    const offline = error instanceof TypeError;
    if (offline) showHealth(null);
    notice(offline ? "The server does not answer. Trying again." : error.message);
    if (!view.childElementCount || view.dataset.loading) view.replaceChildren(empty("Nothing to show."));
  }
  delete view.dataset.loading;
}

async function poll() {
  clearTimeout(polling);
  if (document.visibilityState !== "visible") return;
  await refresh();
  clearTimeout(polling);
  polling = setTimeout(poll, POLL_MS);
}

function navigate() {
  shown = "";
  notice(null);
  showTabs(place()[0]);
  view.dataset.loading = "yes";
  view.replaceChildren(empty("Loading…"));
  poll();
}

addEventListener("hashchange", navigate);
document.addEventListener("visibilitychange", poll);
navigate();
