// One session: steps open in the panel without leaving the page, keys move among them, an open session stays current.

const article = document.querySelector("article.session");
const panel = document.getElementById("inspector");
const split = document.getElementById("split");
const sessionId = article.dataset.session;
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

function go(row) {
  const link = row && linkOf(row);
  if (!link) return;
  row.scrollIntoView({ block: "nearest" });
  link.focus({ preventScroll: true });
  open(link.href, row);
}

function nextError() {
  const failed = rows().filter((row) => row.classList.contains("failed"));
  if (!failed.length) return false;
  const all = rows();
  const at = all.indexOf(chosenRow());
  go(failed.find((row) => all.indexOf(row) > at) ?? failed[0]);
  return true;
}

document.addEventListener("click", (event) => {
  if (event.defaultPrevented || event.button || event.ctrlKey || event.metaKey || event.shiftKey) return;
  const link = event.target.closest("a");
  if (!link) return;
  if (link.matches("[data-next-error]")) {
    if (nextError()) event.preventDefault();
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
  const all = rows();
  const at = all.indexOf(chosenRow() ?? document.activeElement.closest("#body [data-span]"));
  if (event.key === "j") go(all[Math.min(all.length - 1, at + 1)]);
  else if (event.key === "k") go(all[Math.max(0, at - 1)]);
  else if (event.key === "e") nextError();
  else if (event.key === "Escape") close();
});

async function keepCurrent() {
  if (document.hidden || !("open" in article.dataset)) return;
  const answer = await fetch(`${article.dataset.json}?fields=summary`).catch(() => null);
  if (!answer || !answer.ok) return;
  const { data } = await answer.json();
  const now = [data.state, data.span_count, data.errors, data.total_tokens, data.trace_count].join("|");
  if (now === article.dataset.signature) return;
  const page = await fetch(location.href).catch(() => null);
  if (!page || !page.ok) return;
  const fresh = new DOMParser().parseFromString(await page.text(), "text/html");
  const focused = document.activeElement?.closest?.("#body [data-span]")?.dataset.span;
  for (const part of document.querySelectorAll("[data-live]")) {
    const next = fresh.getElementById(part.id);
    if (next) part.replaceChildren(...next.childNodes);
  }
  const source = fresh.querySelector("article.session");
  article.dataset.signature = source.dataset.signature;
  if (!("open" in source.dataset)) {
    delete article.dataset.open;
    document.getElementById("live").hidden = true;
  }
  if (panel.querySelector("[data-pending]")) panel.innerHTML = fresh.getElementById("inspector").innerHTML;
  if (focused) linkOf(rows().find((row) => row.dataset.span === focused) ?? article)?.focus({ preventScroll: true });
}

setInterval(keepCurrent, 1500);
