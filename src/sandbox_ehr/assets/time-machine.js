// The time machine's page: shows how far a journey is, and scrubs through what was recorded. Without this file the same
// forms load whole pages.

const part = document.querySelector("#journey");
const headers = { "X-Part": "1" };
const PAUSE = 400;

const pause = (time) => new Promise((later) => { setTimeout(later, time); });

/** Puts an answer into an element; a problem comes as a whole page, of which what it says is shown. */
async function put(answer, into) {
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  into.replaceChildren(...(page.querySelector("#content") ?? page.body).childNodes);
}

async function follow() {
  while (part.querySelector("[data-under-way]")) {
    await pause(PAUSE);
    await put(await fetch(`${part.dataset.address}/journey`, { headers }), part);
  }
}

document.addEventListener("submit", async (event) => {
  const form = event.target;
  if (form.matches("[data-journey]")) {
    event.preventDefault();
    event.submitter?.setAttribute("disabled", "");
    try {
      await put(await fetch(form.action, { method: "POST", headers }), part);
      await follow();
    } catch {
      part.textContent = "The page's server does not answer. Is the demo still running?";
    }
    event.submitter?.removeAttribute("disabled");
  } else if (form.matches(".scrub")) {
    event.preventDefault();
    scrub();
  }
});

let asked;

/** Shows the moment of the slider: its place on the curves at once, its cards when they come. */
async function scrub() {
  const slider = part.querySelector("#at");
  const row = part.querySelectorAll("#moments tbody tr")[slider.value];
  slider.setAttribute("aria-valuetext", row.dataset.when);
  part.querySelector("output").textContent = row.dataset.when;
  for (const line of part.querySelectorAll("line.cursor")) {
    line.setAttribute("x1", row.dataset.x);
    line.setAttribute("x2", row.dataset.x);
  }
  asked?.abort();
  asked = new AbortController();
  const { signal } = asked;
  try {
    // A slider that is dragged passes many moments.
    await pause(60);
    if (signal.aborted) return;
    const answer = await fetch(`${part.dataset.address}/moment?at=${slider.value}`, { headers, signal });
    await put(answer, part.querySelector("#moment"));
    history.replaceState(null, "", `?at=${slider.value}`);
  } catch (error) {
    if (error.name !== "AbortError") part.querySelector("#moment").textContent = "The page's server does not answer.";
  }
}

part.addEventListener("input", (event) => {
  if (event.target.id === "at") scrub();
});

part.addEventListener("click", (event) => {
  const place = event.target.closest("[data-at]")?.dataset.at;
  const slider = part.querySelector("#at");
  if (place === undefined || !slider) return;
  event.preventDefault();
  slider.value = place;
  scrub();
});

follow();
