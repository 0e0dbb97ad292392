// Keys that every page knows: `g` and a letter leads to a page, `?` tells all keys.

const pages = { s: "/sessions", m: "/metrics" };
const told = document.getElementById("keys");
let went = 0;

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.target.matches("input, textarea, select")) return;
  if (event.key === "?") {
    if (told.open) told.close();
    else told.showModal();
  } else if (event.key === "g") {
    went = event.timeStamp;
  } else {
    const page = went && event.timeStamp - went < 3000 ? pages[event.key] : undefined;
    went = 0;
    if (page) location.assign(page);
  }
});
