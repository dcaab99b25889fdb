// Evidence and its mark in the picture: pointing at one shows the other.

const markOf = (item) => document.getElementById(item.dataset.mark);

function highlight(id, on) {
  document.getElementById(id)?.classList.toggle("lit", on);
  for (const item of document.querySelectorAll(".evidence [data-mark]")) {
    if (item.dataset.mark === id) item.classList.toggle("lit", on);
  }
}

export function startEvidence(timeline) {
  for (const item of document.querySelectorAll(".evidence [data-mark]")) {
    const id = item.dataset.mark;
    item.addEventListener("pointerenter", () => highlight(id, true));
    item.addEventListener("pointerleave", () => highlight(id, false));
    item.addEventListener("focusin", () => highlight(id, true));
    item.addEventListener("focusout", () => highlight(id, false));
    item.querySelector("a[href^='#']")?.addEventListener("click", (event) => {
      const mark = markOf(item);
      if (!timeline || !mark) return;
      event.preventDefault();
      timeline.showMark(mark);
      timeline.plot.focus({ preventScroll: true });
      timeline.plot.scrollIntoView({ block: "center" });
    });
  }
  for (const mark of document.querySelectorAll("#marks [id]")) {
    mark.addEventListener("pointerenter", () => highlight(mark.id, true));
    mark.addEventListener("pointerleave", () => highlight(mark.id, false));
  }
  openTarget();
  window.addEventListener("hashchange", openTarget);
}

/** A link to a folded outcome opens it. */
function openTarget() {
  const target = document.getElementById(location.hash.slice(1));
  if (target instanceof HTMLDetailsElement) target.open = true;
}
