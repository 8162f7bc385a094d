/** What runs in the browser: it keeps the page as it would be after a reload. Without it the page is still whole. */
export const Script: string = `
"use strict";
const interval = 2000;
const shortest = 250;
const eventsUrl = new URL("../api/v1/events", document.currentScript.src);
const isLive = document.querySelector("main[data-live]") !== null;
let paused = false;
const button = document.createElement("button");
button.className = "live";
const show = (text) => { button.textContent = text; button.setAttribute("aria-pressed", String(paused)); };
button.addEventListener("click", () => { paused = !paused; show(paused ? "Resume updates" : "Pause updates"); });
show("Pause updates");
if (isLive) document.querySelector("header").append(button);

const isBusy = () => {
  const { activeElement } = document;
  const typing = activeElement !== null && activeElement.closest("form") !== null;
  return typing || String(getSelection()) !== "";
};

async function update() {
  if (paused || document.hidden || isBusy()) return;
  const answer = await fetch(location.href, { headers: { accept: "text/html" } });
  if (answer.status >= 500 || answer.status === 401) throw new Error(String(answer.status));
  const next = new DOMParser().parseFromString(await answer.text(), "text/html");
  const content = next.querySelector("main[data-live]");
  if (content === null || paused || isBusy()) return;
  const present = document.querySelector("main[data-live]");
  const scrolled = [...present.querySelectorAll(".scroll")].map((region) => region.scrollLeft);
  // What has the keyboard keeps it: the element at the same place.
  const focusable = "a, button, input, select, [tabindex]";
  const focused = [...present.querySelectorAll(focusable)].indexOf(document.activeElement);
  present.replaceChildren(...content.childNodes);
  present.querySelectorAll(".scroll").forEach((region, i) => { region.scrollLeft = scrolled[i] ?? 0; });
  if (focused >= 0) present.querySelectorAll(focusable)[focused]?.focus({ preventScroll: true });
}

async function run() {
  // Numbers are looked at every other second; what happens shows at once.
  let wake = () => {};
  new EventSource(eventsUrl).addEventListener("message", () => wake());
  for (;;) {
    await new Promise((done) => setTimeout(done, shortest));
    await new Promise((done) => { wake = done; setTimeout(done, interval - shortest); });
    try {
      await update();
      if (!paused) show("Pause updates");
    } catch {
      show("No answer, trying again");
    }
  }
}
if (isLive) run();
`;
