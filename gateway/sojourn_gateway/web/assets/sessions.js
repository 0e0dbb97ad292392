// The list: times stay true, keys move between rows, and new sessions announce themselves instead of jumping in.

const table = document.querySelector("table.sessions");
const fresh = document.getElementById("fresh");
const search = document.querySelector("input[type=search]");

function ago(ns) {
  const seconds = Date.now() / 1000 - ns / 1e9;
  if (seconds < 5) return "just now";
  if (seconds < 60) return `${Math.round(seconds)} s ago`;
  if (seconds < 3600) return `${Math.round(seconds / 60)} min ago`;
  if (seconds < 86400) return `${Math.round(seconds / 3600)} h ago`;
  return null;
}

function refreshTimes() {
  for (const time of document.querySelectorAll("time[data-ns]")) {
    const words = ago(Number(time.dataset.ns));
    if (words) time.textContent = words;
  }
}

let known = null;
async function lookForNews() {
  if (document.hidden) return;
  const implicit = new URLSearchParams(location.search).get("implicit") === "1";
  const answer = await fetch(`/v1/sessions?limit=1&include_implicit=${implicit}`).catch(() => null);
  if (!answer || !answer.ok) return;
  const page = await answer.json();
  const newest = page.data[0];
  const now = `${page.pagination.total}|${newest ? `${newest.id}|${newest.state}|${newest.span_count}` : ""}`;
  if (known === null) {
    known = now;
  } else if (known !== now && fresh) {
    if (!table) location.reload();
    fresh.hidden = false;
  }
}

fresh?.addEventListener("click", (event) => {
  event.preventDefault();
  location.reload();
});

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.target instanceof HTMLInputElement) {
    if (event.key === "Escape") event.target.blur();
    return;
  }
  if (event.key === "/") {
    event.preventDefault();
    search?.focus();
    search?.select();
  }
  const step = { j: 1, k: -1 }[event.key];
  if (step) {
    const links = [...document.querySelectorAll(".row-link")];
    const at = links.indexOf(document.activeElement);
    const next = links[at < 0 ? 0 : Math.min(links.length - 1, Math.max(0, at + step))];
    next?.focus();
    next?.scrollIntoView({ block: "nearest" });
  }
});

setInterval(refreshTimes, 10000);
setInterval(lookForNews, 3000);
lookForNews();
