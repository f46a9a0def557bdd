"use strict";
// The review page. Everything it shows is put there as text, never as HTML; every change is kept by the server at once.

const token = new URLSearchParams(location.search).get("token") || "";
const byId = (id) => document.getElementById(id);
const state = { round: null, review: null, current: null, editing: null, before: null, ends: 0, waiting: null };

async function ask(method, path, body) {
  const answer = await fetch(path, {
    method,
    headers: { "X-Token": token, "Content-Type": "application/json" },
    body: body === undefined ? undefined : JSON.stringify(body),
  });
  const told = await answer.json();
  if (!answer.ok) throw new Error(told.error);
  return told;
}

function make(tag, told = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(told)) {
    if (name === "on") for (const [event, call] of Object.entries(value)) node.addEventListener(event, call);
    else if (name === "class") node.className = value;
    else if (value !== false && value !== null && value !== undefined) node.setAttribute(name, value === true ? "" : value);
  }
  node.append(...children.filter((child) => child !== null && child !== undefined));
  return node;
}

// ---- keeping

function keep() {
  byId("saved").textContent = "saving…";
  clearTimeout(state.waiting);
  state.waiting = setTimeout(keepNow, 300);
}

async function keepNow() {
  clearTimeout(state.waiting);
  try {
    await ask("PUT", "/api/review", state.review);
    byId("saved").textContent = "saved";
  } catch (error) {
    byId("saved").textContent = `not saved: ${error.message}`;
  }
}

window.addEventListener("beforeunload", () => {
  if (state.review && byId("saved").textContent === "saving…") {
    fetch("/api/review", { method: "PUT", keepalive: true, headers: { "X-Token": token }, body: JSON.stringify(state.review) });
  }
});

// ---- the clock: it tells the time and never stops anything

function tick() {
  const left = Math.round(state.ends - Date.now() / 1000);
  const size = Math.abs(left);
  byId("clock").textContent = `${left < 0 ? "+" : ""}${Math.floor(size / 60)}:${String(size % 60).padStart(2, "0")}`;
  byId("clock").classList.toggle("over", left < 0);
  byId("clock").setAttribute("aria-label", left < 0 ? "Over time" : "Time left");
}

// ---- files and lines

function lineId(file, number) {
  return `line-${Object.keys(state.round.files).indexOf(file)}-${number}`;
}

function drawFiles() {
  const files = byId("files");
  files.replaceChildren(make("h2", {}, `Files changed ${Object.keys(state.round.files).length}`));
  for (const [file, lines] of Object.entries(state.round.files)) {
    const whole = make("div", { class: "whole", id: lineId(file, 0) });
    const box = make("div", { class: "file", "data-file": file },
      make("div", { class: "bar" }, make("strong", {}, file), make("span", { class: "quiet" }, `${lines.length} lines added`), make("span", { class: "gap" }),
        make("button", { type: "button", on: { click: () => edit(file, null) } }, "Comment on the file")),
      whole);
    lines.forEach((text, index) => {
      const number = index + 1;
      box.append(make("div", { class: "line", id: lineId(file, number), "data-file": file, "data-line": number },
        make("button", { type: "button", "aria-label": `Comment on line ${number}`, "aria-describedby": `${lineId(file, number)}-code`, tabindex: number === 1 ? "0" : "-1", on: { click: () => { choose(file, number); edit(file, number); } } }, String(number)),
        make("span", { class: "sign", "aria-hidden": "true" }, "+"),
        make("code", { id: `${lineId(file, number)}-code` }, text || " ")));
    });
    files.append(box);
  }
  state.review.comments.forEach(drawComment);
  count();
}

function choose(file, number) {
  document.querySelector(".line.current")?.classList.remove("current");
  state.current = { file, number };
  const line = byId(lineId(file, number));
  line.classList.add("current");
  line.querySelector("button").focus({ preventScroll: true });
  line.scrollIntoView({ block: "nearest" });
}

function move(step) {
  const all = [...document.querySelectorAll("#files .line")];
  const at = all.findIndex((line) => line.classList.contains("current"));
  const next = all[Math.min(Math.max(at + step, 0), all.length - 1)];
  if (next) choose(next.dataset.file, Number(next.dataset.line));
}

function moveFile(step) {
  const names = Object.keys(state.round.files);
  const at = state.current ? names.indexOf(state.current.file) : -1;
  choose(names[(at + step + names.length) % names.length], 1);
}

// ---- comments

function count() {
  const of = (severity) => state.review.comments.filter((comment) => comment.severity === severity).length;
  const all = state.review.comments.length;
  byId("count").textContent = `${all} comment${all === 1 ? "" : "s"}: ${of("blocker")} blocker, ${of("major")} major, ${of("minor")} minor`;
}

function place(comment, node) {
  const anchor = byId(lineId(comment.file, comment.line || 0));
  if (!comment.line) anchor.append(node);
  else {
    let after = anchor;
    while (after.nextElementSibling && !after.nextElementSibling.classList.contains("line")) after = after.nextElementSibling;
    after.after(node);
  }
}

function drawComment(comment) {
  const where = comment.line ? `line ${comment.line}` : comment.file;
  const node = make("article", { class: "comment", "aria-label": `Your comment on ${where}` },
    make("div", { class: "actions" },
      make("button", { type: "button", class: "plain", "aria-label": `Edit the comment on ${where}`, on: { click: () => { node.remove(); openEditor(comment); } } }, "edit"),
      make("button", { type: "button", class: "plain", "aria-label": `Delete the comment on ${where}`, on: { click: () => { node.remove(); forget(comment); } } }, "delete")),
    make("div", {}, ...[comment.label, comment.severity, ...comment.families].filter(Boolean).map((word) => make("span", { class: `chip ${word}` }, word))),
    ...["text", "why", "fix"].filter((part) => comment[part]).map((part) => make("p", {}, part === "text" ? comment.text : `${part}: ${comment[part]}`)));
  place(comment, node);
}

function forget(comment) {
  state.review.comments = state.review.comments.filter((other) => other !== comment);
  count();
  keep();
}

function edit(file, line) {
  const comment = { file, line, label: "issue", severity: null, families: [], text: "", why: "", fix: "", is_real: false };
  openEditor(comment);
}

function openEditor(comment) {
  if (state.round.submitted) return;
  if (state.editing) close(true);
  const before = state.review.comments.includes(comment) ? { ...comment } : null;
  const field = (name, rows) => make("label", { class: "wide" }, name, Object.assign(make("textarea", { rows, name: name === "what" ? "text" : name, on: { input: change } }), { value: comment[name === "what" ? "text" : name] }));
  const choice = (name, values, value) => {
    const select = make("select", { name, on: { change } }, ...values.map((each) => make("option", { value: each, selected: each === value }, each || "none")));
    return make("label", {}, name, select);
  };
  const form = make("form", { class: "editor", "aria-label": comment.line ? `Comment on line ${comment.line}` : `Comment on ${comment.file}`, on: { submit: (event) => { event.preventDefault(); close(true); } } },
    field("what", 2),
    make("div", { class: "row" },
      choice("label", ["issue", "question", "nit", "suggestion", "praise", "note"], comment.label),
      choice("severity", ["", "blocker", "major", "minor"], comment.severity || ""),
      choice("family", ["", ...Object.keys(state.round.families)], comment.families[0] || "")),
    field("why", 1), field("fix", 1),
    make("div", { class: "row" }, make("button", { class: "main", "aria-keyshortcuts": "Control+Enter" }, "Keep"), make("button", { type: "button", "aria-keyshortcuts": "Escape", on: { click: () => close(false) } }, "Cancel")));
  function change() {
    Object.assign(comment, { text: form.elements.text.value, why: form.elements.why.value, fix: form.elements.fix.value });
    Object.assign(comment, { label: form.elements.label.value, severity: form.elements.severity.value || null });
    comment.families = form.elements.family.value ? [form.elements.family.value] : [];
    const said = comment.text || comment.why || comment.fix;
    const known = state.review.comments.includes(comment);
    if (said && !known) state.review.comments.push(comment);
    if (!said && known) state.review.comments = state.review.comments.filter((other) => other !== comment);
    count();
    keep();
  }
  state.editing = { comment, form };
  state.before = before;
  place(comment, form);
  form.elements.text.focus();
  form.scrollIntoView({ block: "nearest" });
}

function close(kept) {
  const { comment, form } = state.editing;
  state.editing = null;
  form.remove();
  if (!kept) {
    if (state.before) Object.assign(comment, state.before);
    else state.review.comments = state.review.comments.filter((other) => other !== comment);
    count();
    keep();
  }
  if (state.review.comments.includes(comment)) drawComment(comment);
  if (comment.line) choose(comment.file, comment.line);
}

// ---- the result

function drawResult(result) {
  const said = (flag) => (!flag.found ? ["missed", "missed"] : [flag.named ? "found" : "half", `${flag.named ? "found, named" : "found, not named"}${flag.claimed === flag.severity ? "" : `, as ${flag.claimed || "no severity"}`}`]);
  const flags = result.flags;
  const found = (severity) => `${severity} ${flags.filter((flag) => flag.severity === severity && flag.found).length}/${flags.filter((flag) => flag.severity === severity).length}`;
  const severities = ["blocker", "major", "minor"].filter((severity) => flags.some((flag) => flag.severity === severity));
  const section = byId("result");
  const ticks = [];
  const explained = make("span", { class: "quiet", role: "status" });
  const tally = () => {
    const done = ticks.filter((tick) => tick.box.checked).length;
    explained.textContent = ticks.length ? `explained (your own word): ${done} of ${ticks.length}` : "";
  };
  const again = async () => {
    const full = flags.filter((flag) => flag.found && ticks.filter((tick) => tick.site === flag.site).every((tick) => tick.box.checked));
    try {
      drawResultKeeping(await ask("POST", "/api/submit", { review: state.review, explained: full.map((flag) => flag.site) }));
    } catch (error) {
      byId("saved").textContent = `not kept: ${error.message}`;
    }
  };
  const drawResultKeeping = (told) => { if (told.score !== result.score || told.false_alarms.length !== result.false_alarms.length) drawResult(told); };
  const bullets = (flag, kind) => flag[kind].map((text) => {
    if (!flag.found) return make("li", {}, `${kind}: ${text}`);
    const box = make("input", { type: "checkbox", on: { change: () => { tally(); again(); } } });
    ticks.push({ site: flag.site, box });
    return make("li", {}, make("label", {}, box, ` I said: ${kind}: ${text}`));
  });
  section.replaceChildren(
    make("h2", { tabindex: "-1", id: "score" }, make("span", { class: "score" }, String(Math.round(result.score))), result.band),
    make("p", {}, flags.length ? `found ${severities.map(found).join(", ")}` : "nothing was wrong here", `; false alarms ${result.false_alarms.length}; precision ${result.precision.toFixed(2)}; the verdict was ${result.verdict_is_right ? "right" : "not right"} `, explained),
    result.cap === null ? "" : make("p", { id: "cap" }, `${result.missed_blockers} blocker${result.missed_blockers === 1 ? " was" : "s were"} missed, so the score is ${result.cap} at most.`),
    result.not_remembered ? make("p", { class: "quiet" }, `not remembered: ${result.not_remembered}`) : "",
    make("table", {}, make("thead", {}, make("tr", {}, ...["line", "severity", "You", "Linter", "Key"].map((name) => make("th", { scope: "col" }, name)))),
      make("tbody", {}, ...flags.map((flag) => make("tr", {}, make("td", { class: "place" }, flag.file, make("wbr"), `:${flag.lines[0]}`), make("td", {}, flag.severity), make("td", { class: said(flag)[0] }, said(flag)[1]), make("td", {}, flag.linter), make("td", {}, flag.title))))),
    ...flags.map((flag) => make("details", { open: !flag.found || !flag.named }, make("summary", {}, `${flag.title} (${said(flag)[1]})`),
      flag.comment ? make("p", { class: "quiet" }, `You: ${flag.comment}`) : "",
      make("ul", {}, ...bullets(flag, "why"), ...bullets(flag, "fix")),
      flag.probes.length ? make("p", {}, "Asked next:") : "",
      make("ul", {}, ...flag.probes.map((text) => make("li", {}, text))),
      flag.page ? make("a", { href: `/rules/${flag.concept}?token=${encodeURIComponent(token)}`, target: "_blank", rel: "noopener" }, `${flag.concept}: the rule's page`) : "")),
    result.false_alarms.length ? make("h2", {}, "False alarms") : "",
    ...result.false_alarms.map((alarm) => make("details", { open: true }, make("summary", {}, `${alarm.file}:${alarm.line || "all"}: ${alarm.text}`), make("p", {}, alarm.decoy ? `Why this is fine: ${alarm.why_fine}` : "The key knows nothing of it. Where you are sure, maintain it: it is kept on record and costs nothing."),
      alarm.decoy ? "" : make("button", { type: "button", on: { click: () => {
        const mine = state.review.comments.find((comment) => comment.file === alarm.file && comment.line === alarm.line && comment.text === alarm.text);
        if (mine) mine.is_real = true;
        again();
      } } }, "This is a real issue"))),
    result.extras.length ? make("p", {}, `Taken as real, not in the key: ${result.extras.map((extra) => `${extra.file}:${extra.line || "all"}`).join(", ")}`) : "");
  tally();
  for (const flag of flags) for (const line of flag.lines) byId(lineId(flag.file, line))?.classList.add("flagged");
  section.hidden = false;
  document.body.classList.add("done");
  byId("verdict").hidden = true;
  byId("hint").hidden = true;
  byId("score").focus();
  window.scrollTo(0, 0);
}

// ---- the keyboard

document.addEventListener("keydown", (event) => {
  if (byId("keys").open) return;
  if (state.editing) {
    if (event.key === "Escape") { event.preventDefault(); close(false); }
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) { event.preventDefault(); close(true); }
    return;
  }
  if (event.ctrlKey || event.metaKey || event.altKey || /^(TEXTAREA|SELECT|INPUT)$/.test(document.activeElement.tagName)) return;
  const keys = {
    j: () => move(1), k: () => move(-1), ArrowDown: () => move(1), ArrowUp: () => move(-1), n: () => moveFile(1), p: () => moveFile(-1),
    c: () => { if (!state.current) move(1); edit(state.current.file, state.current.number); },
    s: () => byId("summary").focus(), "?": () => byId("keys").showModal(),
  };
  if (keys[event.key] && state.round) { event.preventDefault(); keys[event.key](); }
});

byId("help").addEventListener("click", () => byId("keys").showModal());
byId("theme").addEventListener("click", () => {
  const root = document.documentElement;
  const dark = (root.dataset.theme || (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light")) === "dark";
  root.dataset.theme = dark ? "light" : "dark";
});
byId("hint").addEventListener("click", async () => {
  await keepNow();
  try {
    const told = await ask("POST", "/api/hint", {});
    byId("hints").textContent = told.hint === null ? "There is no hint left." : `Hint: ${told.hint}`;
  } catch (error) {
    byId("hints").textContent = `No hint: ${error.message}`;
  }
});
byId("summary").addEventListener("input", () => { state.review.summary = byId("summary").value; keep(); });
for (const radio of document.querySelectorAll("[name=verdict]")) {
  radio.addEventListener("change", () => { state.review.verdict = radio.value; keep(); });
}
byId("verdict").addEventListener("submit", async (event) => {
  event.preventDefault();
  if (state.editing) close(true);
  clearTimeout(state.waiting);
  try {
    const result = await ask("POST", "/api/submit", { review: state.review, explained: [] });
    state.round.submitted = true;
    byId("saved").textContent = "handed in";
    drawResult(result);
  } catch (error) {
    byId("saved").textContent = `not handed in: ${error.message}`;
  }
});

async function begin() {
  try {
    state.round = await ask("GET", "/api/round");
  } catch (error) {
    byId("title").textContent = error.message;
    return;
  }
  state.review = state.round.review;
  state.ends = Date.now() / 1000 + state.round.left_s;
  document.title = `${state.round.title} · ${state.round.code}`;
  byId("title").textContent = state.round.title;
  byId("code").textContent = `${state.round.code} · ${state.round.level}`;
  const [first, ...rest] = state.round.ticket.split("\n");
  byId("ticket").replaceChildren(make("strong", {}, first.replace(/^#\s*/, "")), `\n${rest.join("\n").trimEnd().replace(/(\S)\n(?=[^\n\s-])/g, "$1 ")}`);
  byId("summary").value = state.review.summary;
  for (const radio of document.querySelectorAll("[name=verdict]")) radio.checked = radio.value === state.review.verdict;
  drawFiles();
  tick();
  if (state.round.submitted) drawResult(await ask("GET", "/api/result"));
  else setInterval(() => { if (!state.round.submitted) tick(); }, 1000);
}

begin();
