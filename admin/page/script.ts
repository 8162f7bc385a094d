/** What runs in the browser: it keeps the page as it would be after a reload. Without it the page is still whole. */
export const Script: string = `
"use strict";
(() => {
const interval = 2000;
const shortest = 250;
const longest = 5000;
const sparkLength = 60;
const sparkLeast = 12;
// On a phone the sections are wider than the screen.
const nav = document.querySelector("nav");
const here = nav.querySelector("[aria-current]");
if (here !== null) nav.scrollLeft = here.offsetLeft + here.offsetWidth / 2 - nav.clientWidth / 2;
const live = document.querySelector("main[data-live]");
if (live === null) return;
const eventsUrl = new URL("../api/v1/events", document.currentScript.src);

let paused = false;
const button = document.createElement("button");
button.className = "live";
button.type = "button";
const show = (text) => { button.textContent = text; button.setAttribute("aria-pressed", String(paused)); };
button.addEventListener("click", () => { paused = !paused; show(paused ? "Resume" : "Pause"); });
show("Pause");
document.querySelector(".aside").prepend(button);

// What somebody has typed or chosen is not to be lost.
const isTouched = (field) => {
  if (field.type === "checkbox") return field.checked !== field.defaultChecked;
  if (field.options === undefined) return field.value !== field.defaultValue;
  return field.selectedIndex !== Math.max(0, [...field.options].findIndex((option) => option.defaultSelected));
};
const isBusy = () => {
  const { activeElement } = document;
  const typing = activeElement !== null && activeElement.closest("form") !== null;
  return typing || String(getSelection()) !== "" || [...live.querySelectorAll("input, select, textarea")].some(isTouched);
};

// The course of a number since the page was opened.
const courses = new Map();
function drawSparks() {
  for (const spark of document.querySelectorAll(".spark")) {
    const { key, value } = spark.dataset;
    const course = courses.get(key) ?? [];
    courses.set(key, course);
    course.push(Number(value));
    if (course.length > sparkLength) course.shift();
    if (course.length < 2) continue;
    const most = Math.max(...course);
    const least = Math.min(...course, most * 0.8);
    const places = Math.max(sparkLeast, course.length);
    const points = course.map((number, i) => {
      const x = 100 * (i + places - course.length) / (places - 1);
      return x.toFixed(2) + "," + (most === least ? 10 : 19 - 18 * (number - least) / (most - least)).toFixed(2);
    });
    spark.querySelector("polyline").setAttribute("points", points.join(" "));
  }
}

let took = 0;
async function update() {
  if (paused || document.hidden || isBusy()) return;
  const asked = performance.now();
  const answer = await fetch(location.href, { headers: { accept: "text/html" } });
  took = performance.now() - asked;
  if (answer.status >= 500 || answer.status === 401) throw new Error(String(answer.status));
  const next = new DOMParser().parseFromString(await answer.text(), "text/html");
  const content = next.querySelector("main[data-live]");
  if (content === null || paused || isBusy()) return;
  const scrolled = [...live.querySelectorAll(".scroll")].map((region) => region.scrollLeft);
  // What has the keyboard keeps it: the element at the same place.
  const focusable = "a, button, input, select, [tabindex]";
  const focused = [...live.querySelectorAll(focusable)].indexOf(document.activeElement);
  live.replaceChildren(...content.childNodes);
  live.querySelectorAll(".scroll").forEach((region, i) => { region.scrollLeft = scrolled[i] ?? 0; });
  if (focused >= 0) live.querySelectorAll(focusable)[focused]?.focus({ preventScroll: true });
  drawSparks();
}

async function run() {
  // Numbers are looked at every other second; what happens shows at once.
  let wake = () => {};
  let events;
  // A browser has few connections for all tabs together: those that nobody sees leave theirs.
  const listen = () => {
    events?.close();
    if (document.hidden) return;
    events = new EventSource(eventsUrl);
    events.addEventListener("message", () => wake());
  };
  document.addEventListener("visibilitychange", listen);
  listen();
  // A page that takes long to answer is asked for less often, however much happens: it has better things to do.
  for (;;) {
    const rest = Math.min(longest, Math.max(shortest, 20 * took));
    await new Promise((done) => setTimeout(done, rest));
    await new Promise((done) => { wake = done; setTimeout(done, Math.max(0, interval - rest)); });
    try {
      await update();
      if (!paused) show("Pause");
    } catch {
      show("No answer, trying again");
    }
  }
}
drawSparks();
run();
})();
`;
