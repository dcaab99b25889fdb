// Forms that change one part of the page, copying, and finding in a list. Without this file everything works by
// loading whole pages.

document.addEventListener("submit", async (event) => {
  const form = event.target;
  const part = form.dataset.into && document.querySelector(form.dataset.into);
  if (!part) return;
  event.preventDefault();
  const button = event.submitter;
  // Before the button is disabled: a disabled one is no part of the form.
  const body = new URLSearchParams(new FormData(form, button));
  button?.setAttribute("disabled", "");
  part.setAttribute("aria-busy", "true");
  try {
    const answer = await fetch(form.action, {
      method: "POST",
      headers: { "X-Part": "1" },
      body,
    });
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    // A problem comes as a whole page: show what it says.
    const said = page.querySelector("#content") ?? page.body;
    part.replaceChildren(...said.childNodes);
    // What else the answer changed.
    for (const piece of part.querySelectorAll("[data-replaces]")) {
      document.querySelector(piece.dataset.replaces)?.replaceChildren(...piece.childNodes);
      piece.remove();
    }
  } catch {
    part.textContent = "The page's server does not answer. Is the demo still running?";
  }
  part.removeAttribute("aria-busy");
  button?.removeAttribute("disabled");
});

document.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-copy]");
  if (!button) return;
  const text = button.closest("details").querySelector(button.dataset.copy).textContent;
  const label = button.textContent;
  await navigator.clipboard.writeText(text);
  button.textContent = "Copied";
  setTimeout(() => (button.textContent = label), 1500);
});

document.addEventListener("input", (event) => {
  const rows = event.target.dataset.filter && [...document.querySelectorAll(event.target.dataset.filter)];
  if (!rows) return;
  const wanted = event.target.value.trim().toLowerCase();
  for (const row of rows) row.hidden = !row.textContent.toLowerCase().includes(wanted);
  document.querySelector("#matches").textContent = `${rows.filter((row) => !row.hidden).length} patients`;
});
