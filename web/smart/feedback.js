// Feedback without leaving the page. The answer comes as a whole page, as it does without a script: its sentence is shown.

async function send(form, button) {
  const said = form.querySelector(".said");
  const fields = new URLSearchParams(new FormData(form, button));
  for (const control of form.querySelectorAll("button, select")) control.disabled = true;
  try {
    const answer = await fetch(form.action, { method: "POST", body: fields, credentials: "same-origin" });
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    said.textContent = page.querySelector("#said")?.textContent ?? "Not stored: load the page again.";
    if (answer.ok) return;
  } catch {
    said.textContent = "Not stored: the server does not answer.";
  }
  for (const control of form.querySelectorAll("button, select")) control.disabled = false;
}

export function startFeedback() {
  for (const form of document.querySelectorAll("form.feedback")) {
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      send(form, event.submitter);
    });
  }
}
