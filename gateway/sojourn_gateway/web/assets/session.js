// One session: steps open in the panel without leaving the page, keys move among them, an open session stays current.

const article = document.querySelector("article.session");
const panel = document.getElementById("inspector");
const split = document.getElementById("split");
const keys = document.getElementById("keys");
const sessionId = article.dataset.session;
// The most rows that one answer shows.
const MOST = 2000;
// As many as a page shows at first: a session of few steps grows on the page, too.
const LEAST = 200;
let asked = 0;

const rows = () => [...document.querySelectorAll("#body [data-span]")];
const chosenRow = () => document.querySelector("#body .chosen[data-span]");
const linkOf = (row) => row.querySelector("a[data-span-link]");

function mark(spanId, row) {
  for (const other of document.querySelectorAll("#body .chosen")) {
    other.classList.remove("chosen");
    if (other.hasAttribute("aria-selected")) other.setAttribute("aria-selected", "false");
  }
  const found = row ?? rows().find((candidate) => candidate.dataset.span === spanId);
  if (!found) return;
  found.classList.add("chosen");
  if (found.hasAttribute("aria-selected")) found.setAttribute("aria-selected", "true");
}

// Links of the tabs carry the chosen step along.
function carry(spanId) {
  for (const tab of document.querySelectorAll(".tabs nav a")) {
    const url = new URL(tab.href);
    if (spanId) url.searchParams.set("span", spanId);
    else url.searchParams.delete("span");
    tab.href = url.href;
  }
}

async function open(href, row) {
  const url = new URL(href, location.href);
  const spanId = url.searchParams.get("span");
  const source = row ?? rows().find((candidate) => candidate.dataset.span === spanId);
  if (!source) {
    location.assign(href);
    return;
  }
  mark(spanId, source);
  const turn = ++asked;
  const query = new URLSearchParams({ session: sessionId, view: article.dataset.view });
  const answer = await fetch(`/spans/${source.dataset.trace}/${spanId}?${query}`).catch(() => null);
  if (turn !== asked) return;
  if (!answer || !answer.ok) {
    location.assign(href);
    return;
  }
  panel.innerHTML = await answer.text();
  panel.hidden = false;
  panel.scrollTop = 0;
  split.classList.add("inspecting");
  history.replaceState(null, "", href);
  carry(spanId);
}

function close() {
  if (panel.hidden) return;
  asked++;
  const was = chosenRow();
  panel.hidden = true;
  split.classList.remove("inspecting");
  mark(null);
  const url = new URL(location.href);
  url.searchParams.delete("span");
  history.replaceState(null, "", url);
  carry(null);
  if (was) linkOf(was)?.focus();
}

const table = () => document.querySelector("table.waterfall");
const moreLink = (where) => document.querySelector(`#body a[data-more="${where}"]`);
let loading = null;

// Rows that were not sent at first are fetched as the page that shows them, and put before or behind those that stand.
function more(where) {
  loading ??= fetchMore(where).finally(() => { loading = null; });
  return loading;
}

async function fetchMore(where) {
  const link = moreLink(where);
  if (!link) return false;
  const answer = await fetch(link.href).catch(() => null);
  if (!answer || !answer.ok || !link.isConnected) return false;
  const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
  const page = fresh.querySelector("table.waterfall");
  if (!page || !link.isConnected) return false;
  const standing = table();
  const known = new Set(rows().map((row) => `${row.dataset.trace} ${row.dataset.span}`));
  const added = [...page.tBodies[0].rows].filter((row) => !known.has(`${row.dataset.trace} ${row.dataset.span}`));
  const next = fresh.querySelector(`#body a[data-more="${where}"]`);
  if (where === "after") {
    standing.tBodies[0].append(...added);
    if (page.dataset.nextError) standing.dataset.nextError = page.dataset.nextError;
    else delete standing.dataset.nextError;
  } else {
    // What the reader looks at stays where it is.
    const height = document.documentElement.scrollHeight;
    standing.tBodies[0].prepend(...added);
    scrollBy(0, document.documentElement.scrollHeight - height);
    standing.dataset.first = page.dataset.first;
  }
  const place = link.closest(".more-steps");
  if (next) place.replaceWith(next.closest(".more-steps"));
  else place.remove();
  watch();
  return added.length > 0;
}

// Reaching the end of what stands asks for what follows; what lies before waits for a click or `k`.
const reached = new IntersectionObserver((seen) => {
  if (seen.some((one) => one.isIntersecting)) more("after");
}, { rootMargin: "400px" });

function watch() {
  reached.disconnect();
  const link = moreLink("after");
  if (link) reached.observe(link);
}

watch();

function go(row) {
  const link = row && linkOf(row);
  if (!link) return;
  row.scrollIntoView({ block: "nearest" });
  link.focus({ preventScroll: true });
  open(link.href, row);
}

// Whether there was one among the rows; else the page with it is gone to.
function nextError() {
  const all = rows();
  const at = all.indexOf(chosenRow());
  const following = all.slice(at + 1).find((row) => row.classList.contains("failed"));
  if (following) {
    go(following);
    return true;
  }
  const behind = table()?.dataset.nextError;
  if (behind) {
    location.assign(behind);
    return true;
  }
  const first = document.querySelector("a[data-next-error]");
  if (!first) return false;
  open(first.href);
  return true;
}

async function step(by) {
  let all = rows();
  const at = all.indexOf(chosenRow() ?? document.activeElement.closest("#body [data-span]"));
  if (by > 0 && at === all.length - 1 && (await more("after"))) all = rows();
  else if (by < 0 && at === 0 && (await more("before"))) {
    const before = rows();
    go(before[before.length - all.length - 1]);
    return;
  }
  go(all[Math.min(all.length - 1, Math.max(0, at + by))]);
}

document.addEventListener("click", (event) => {
  if (event.defaultPrevented || event.button || event.ctrlKey || event.metaKey || event.shiftKey) return;
  const link = event.target.closest("a");
  if (!link) return;
  if (link.matches("[data-next-error]")) {
    if (nextError()) event.preventDefault();
  } else if (link.matches("[data-more]")) {
    event.preventDefault();
    more(link.dataset.more);
  } else if (link.matches("[data-span-link]")) {
    const row = link.closest("#body [data-span]");
    event.preventDefault();
    // A tool call inside a message names a step of its own.
    const spanId = new URL(link.href).searchParams.get("span");
    if (row && row.dataset.span !== spanId) openElsewhere(link.href, row);
    else open(link.href, row);
  } else if (link.matches("[data-close]")) {
    event.preventDefault();
    close();
  }
});

async function openElsewhere(href, row) {
  const url = new URL(href, location.href);
  const stand = document.createElement("div");
  stand.dataset.span = url.searchParams.get("span");
  stand.dataset.trace = row.dataset.trace;
  await open(href, stand);
}

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.target.matches("input, textarea")) return;
  // They are of the dialog that tells them.
  if (keys.open) return;
  if (event.key === "j") step(1);
  else if (event.key === "k") step(-1);
  else if (event.key === "/") {
    const find = document.getElementById("find");
    if (!find) return;
    event.preventDefault();
    find.select();
  } else if (event.key === "e") nextError();
  else if (event.key === "Escape") close();
});

// The address of what stands: as many rows as were fetched, and room for new ones, from the same one on.
function standing() {
  const url = new URL(location.href);
  const shown = table();
  if (shown) {
    url.searchParams.set("from", shown.dataset.first);
    url.searchParams.set("rows", Math.max(LEAST, rows().length));
  }
  return url.href;
}

async function keepCurrent() {
  if (document.hidden || !("open" in article.dataset)) return;
  const answer = await fetch(article.dataset.news).catch(() => null);
  if (!answer || !answer.ok) return;
  const [data] = (await answer.json()).data;
  if (!data) return;
  const now = [data.state, data.span_count, data.errors, data.total_tokens, data.trace_count].join("|");
  if (now === article.dataset.signature) return;
  const page = await fetch(standing()).catch(() => null);
  if (!page || !page.ok) return;
  const fresh = new DOMParser().parseFromString(await page.text(), "text/html");
  const focused = document.activeElement?.closest?.("#body [data-span]")?.dataset.span;
  // What somebody writes in the search of the steps stays.
  const written = document.getElementById("find")?.value;
  const writing = document.activeElement?.id === "find";
  for (const part of document.querySelectorAll("[data-live]")) {
    // No answer holds as many rows as somebody has read on through.
    if (part.id === "body" && rows().length > MOST) continue;
    const next = fresh.getElementById(part.id);
    if (next) part.replaceChildren(...next.childNodes);
  }
  const find = document.getElementById("find");
  if (find && written !== undefined) find.value = written;
  if (find && writing) find.focus();
  watch();
  const source = fresh.querySelector("article.session");
  article.dataset.signature = source.dataset.signature;
  if (!("open" in source.dataset)) {
    delete article.dataset.open;
    document.getElementById("live").hidden = true;
  }
  // A score that somebody is writing stays.
  const writes = panel.querySelector(".grade-form[open]");
  if (panel.querySelector("[data-pending]") && !writes) panel.innerHTML = fresh.getElementById("inspector").innerHTML;
  if (focused) linkOf(rows().find((row) => row.dataset.span === focused) ?? article)?.focus({ preventScroll: true });
}

setInterval(keepCurrent, 1500);
