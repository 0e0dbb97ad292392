// What the analysis finds in a session, asked for when somebody wants to see it.

const box = document.getElementById("findings");
const shown = box.querySelector("ul");
const said = box.querySelector("p");

function seconds(ms) {
  return ms < 1000 ? `${Math.round(ms)} ms` : `${(ms / 1000).toFixed(ms < 9995 ? 2 : 1)} s`;
}

function link(spanId, words) {
  const found = document.createElement("a");
  const address = new URL(location.pathname, location.href);
  const view = new URLSearchParams(location.search).get("view");
  if (view) address.searchParams.set("view", view);
  address.searchParams.set("span", spanId);
  found.href = address.href;
  found.dataset.spanLink = "";
  found.textContent = words;
  return found;
}

function add(words, spanIds, severity) {
  const line = document.createElement("li");
  line.className = `finding-${severity}`;
  line.append(words);
  spanIds.slice(0, 5).forEach((spanId, at) => line.append(" ", link(spanId, at ? `${at + 1}` : "step")));
  shown.append(line);
}

function tell(found) {
  for (const one of found.errorPatterns) {
    add(`${one.count > 1 ? `${one.count} times: ` : ""}${one.sampleMessage || one.signature}`, one.spanIds, "critical");
  }
  for (const one of found.decisionAnomalies) add(one.message, one.spanIds, one.severity);
  for (const one of found.slowSpans) {
    const share = one.share ? `, ${Math.round(one.share * 100)}% of the time` : "";
    add(`${one.name || one.type} takes ${seconds(one.durationMs)}${share}`, [one.spanId], "info");
  }
  for (const one of found.suggestions) add(`${one.title}. ${one.detail}`, one.spanIds, one.severity);
  said.hidden = shown.childElementCount > 0;
  said.textContent = "Nothing stands out.";
}

let asked = false;
box.addEventListener("toggle", async () => {
  if (!box.open || asked) return;
  asked = true;
  said.textContent = "Looking …";
  const answer = await fetch(box.dataset.analysis).catch(() => null);
  if (answer && answer.ok) {
    tell((await answer.json()).analysis);
  } else {
    asked = false;
    said.textContent = "The analysis could not be had; close and open this to try again.";
  }
});
