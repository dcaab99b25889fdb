// The record as a picture that can be moved: the window from..to (days, both inclusive) is divided into as many columns
// as the server drew. Everything that comes from the chart is set as text.

const SVG = "http://www.w3.org/2000/svg";
const NARROWEST = 30;
const MOST_LISTED = 40;
const DAY = 86_400_000;
const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

const at = (day) => new Date(day * DAY);
const iso = (day) => at(day).toISOString().slice(0, 10);
const percent = (share) => `${(100 * share).toFixed(2)}%`;

function drawn(name, attributes, text = "") {
  const element = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  element.textContent = text;
  return element;
}

class Timeline {
  constructor(plot, data) {
    this.plot = plot;
    this.data = data;
    this.columns = Number(plot.dataset.columns);
    this.laneHeight = Number(plot.dataset.laneHeight);
    this.tallest = Number(plot.dataset.tallest);
    this.lanes = [...plot.querySelectorAll("[data-lane]")];
    this.marks = [...plot.querySelectorAll("[data-day]")];
    this.ticks = plot.querySelector("#ticks");
    this.cursorBar = plot.querySelector("#cursor");
    this.happened = document.querySelector("#happened");
    this.window = { from: data.first, to: data.last };
    this.cursor = null;
    this.pinned = null;
    // A day before the first is drawn at it, one after the last at the last, as on the server.
    this.days = data.entries.map(([day]) => Math.min(Math.max(day, data.first), data.last));
  }

  width() {
    return this.window.to - this.window.from + 1;
  }

  columnOf(day) {
    return Math.floor(((day - this.window.from) / this.width()) * this.columns);
  }

  /** First and last day of a column; where columns are narrower than a day, the day it begins in. */
  daysOf(column) {
    const from = this.window.from + Math.ceil((column * this.width()) / this.columns);
    const to = this.window.from + Math.ceil(((column + 1) * this.width()) / this.columns) - 1;
    return [from, Math.max(from, to)];
  }

  count() {
    const counts = this.lanes.map(() => new Array(this.columns).fill(0));
    this.data.entries.forEach(([, lane, , , alike], place) => {
      const column = this.columnOf(this.days[place]);
      if (column >= 0 && column < this.columns) counts[lane][column] += alike;
    });
    return counts;
  }

  draw() {
    this.counts = this.count();
    this.lanes.forEach((group, lane) => {
      const most = Math.max(1, ...this.counts[lane]);
      const floor = (lane + 1) * this.laneHeight - 3;
      const bars = this.counts[lane].flatMap((count, column) => {
        if (count === 0) return [];
        const height = Math.max(4, this.tallest * Math.sqrt(count / most));
        return [drawn("rect", {
          x: percent((column + 0.15) / this.columns), width: percent(0.7 / this.columns), y: floor - height, height, rx: 1.5,
        })];
      });
      group.replaceChildren(...bars);
    });
    for (const mark of this.marks) {
      const share = (Number(mark.dataset.day) - this.window.from) / this.width();
      mark.setAttribute("cx", percent(share));
      mark.toggleAttribute("hidden", share < 0 || share >= 1);
    }
    this.drawTicks();
    this.drawCursor();
  }

  drawTicks() {
    const bottom = this.lanes.length * this.laneHeight;
    const ticks = this.namedDays().flatMap(([day, name]) => {
      const share = (day - this.window.from) / this.width();
      if (share < 0.03 || share > 0.97) return [];
      const x = percent(share);
      const age = this.data.birth === null ? null : Math.floor((day - this.data.birth) / 365.25);
      const line = drawn("line", { class: "tick", x1: x, x2: x, y1: 0, y2: bottom });
      const texts = [drawn("text", { class: "year", x, y: bottom + 14 }, name)];
      if (age !== null && age >= 0) texts.push(drawn("text", { class: "age", x, y: bottom + 28 }, `${age} y`));
      return [line, ...texts];
    });
    this.ticks.replaceChildren(...ticks);
  }

  /** Years, or months where the window is narrow. */
  namedDays() {
    const [from, to] = [at(this.window.from), at(this.window.to)];
    const months = (to.getUTCFullYear() - from.getUTCFullYear()) * 12 + to.getUTCMonth() - from.getUTCMonth();
    const step = [1, 2, 3, 6, 12, 24, 60, 120, 240].find((one) => months / one <= 7) ?? 600;
    const first = from.getUTCFullYear() * 12 + from.getUTCMonth();
    const named = [];
    for (let month = Math.ceil(first / step) * step; month <= first + months; month += step) {
      const [year, place] = [Math.floor(month / 12), month % 12];
      const name = step % 12 === 0 ? String(year) : `${MONTHS[place]} ${year}`;
      named.push([Math.floor(Date.UTC(year, place, 1) / DAY), name]);
    }
    return named;
  }

  drawCursor() {
    const place = this.cursor ?? this.pinned;
    this.cursorBar.toggleAttribute("hidden", place === null);
    if (place !== null) this.cursorBar.setAttribute("x", percent(this.columnOf(place.day) / this.columns));
  }

  /** Shows days from..to, moved and widened until they fit into the record. */
  show(from, to) {
    const { first, last } = this.data;
    const width = Math.min(Math.max(to - from + 1, Math.min(NARROWEST, last - first + 1)), last - first + 1);
    const begin = Math.round(Math.min(Math.max(from, first), last - width + 1));
    this.window = { from: begin, to: Math.round(begin + width - 1) };
    this.cursor = null;
    this.draw();
    if (this.pinned) this.tell(this.pinned);
    else this.happened.querySelectorAll(".when, ul").forEach((part) => part.replaceChildren());
  }

  /** Zooms by a factor around a day. */
  zoom(factor, around) {
    const width = this.width() * factor;
    const share = (around - this.window.from) / this.width();
    this.show(around - share * width, around + (1 - share) * width - 1);
  }

  middle() {
    return this.pinned?.day ?? Math.round((this.window.from + this.window.to) / 2);
  }

  /** Everything in a column of a lane; of all lanes where that one is empty. */
  entriesAt({ day, lane }) {
    const column = this.columnOf(day);
    const here = this.data.entries.filter((_, place) => this.columnOf(this.days[place]) === column);
    const ofLane = here.filter((entry) => entry[1] === lane);
    return ofLane.length > 0 ? ofLane : here;
  }

  tell(place) {
    const [title, list] = [this.happened.querySelector(".when"), this.happened.querySelector("ul")];
    const entries = this.entriesAt(place);
    const [from, to] = this.daysOf(this.columnOf(place.day));
    const when = from === to ? iso(from) : `${iso(from)} to ${iso(to)}`;
    const lanes = [...new Set(entries.map(([, lane]) => this.data.lanes[lane]))].join(", ");
    const total = entries.reduce((sum, entry) => sum + entry[4], 0);
    title.textContent = total === 0 ? `${when}: nothing` : `${when}, ${lanes}: ${total} ${total === 1 ? "entry" : "entries"}`;
    this.list(list, entries);
  }

  list(list, entries) {
    const items = entries.slice(0, MOST_LISTED).map(([day, , name, value, alike]) => {
      const item = document.createElement("li");
      const when = document.createElement("time");
      when.textContent = iso(day);
      item.append(when, ` ${this.data.names[name]}`);
      if (value) item.append(": ", value);
      if (alike > 1) item.append(`, ${alike} times`);
      return item;
    });
    if (entries.length > MOST_LISTED) {
      const more = document.createElement("li");
      more.textContent = `and ${entries.length - MOST_LISTED} more: zoom in to read them`;
      items.push(more);
    }
    list.replaceChildren(...items);
  }

  hover(place) {
    const same = this.cursor && place && this.cursor.lane === place.lane
      && this.columnOf(this.cursor.day) === this.columnOf(place.day);
    if (same) return;
    this.cursor = place;
    this.drawCursor();
    if (place) this.tell(place);
    else if (this.pinned) this.tell(this.pinned);
  }

  pin(place) {
    this.cursor = null;
    this.pinned = place;
    this.drawCursor();
    if (place) this.tell(place);
  }

  /** The place under the pointer. */
  under(event) {
    const box = this.plot.getBoundingClientRect();
    const share = Math.min(Math.max((event.clientX - box.left) / box.width, 0), 0.9999);
    const lane = Math.floor((event.clientY - box.top) / this.laneHeight);
    return {
      day: this.daysOf(Math.floor(share * this.columns))[0], lane: Math.min(Math.max(lane, 0), this.lanes.length - 1),
    };
  }

  /** The next column of the lane that holds something; the window follows. */
  step(direction) {
    const here = this.pinned ?? { day: direction > 0 ? this.window.from - 1 : this.window.to + 1, lane: 0 };
    const inLane = this.data.entries.map(([, lane], place) => [lane, this.days[place]]).filter(([lane]) => lane === here.lane);
    const column = this.columnOf(here.day);
    const beyond = inLane.map(([, day]) => day).filter((day) => (this.columnOf(day) - column) * direction > 0);
    if (beyond.length === 0) return;
    const day = direction > 0 ? Math.min(...beyond.slice(0, 1)) : beyond[beyond.length - 1];
    if (day < this.window.from || day > this.window.to) {
      const half = Math.floor(this.width() / 2);
      this.show(day - half, day - half + this.width() - 1);
    }
    this.pin({ day, lane: here.lane });
  }

  changeLane(direction) {
    const here = this.pinned ?? { day: this.middle(), lane: direction > 0 ? -1 : this.lanes.length };
    const lane = Math.min(Math.max(here.lane + direction, 0), this.lanes.length - 1);
    this.pin({ day: here.day, lane });
  }

  /** Shows a mark of the evidence: near enough to see what else happened then. */
  showMark(mark) {
    const day = Math.min(Math.max(Number(mark.dataset.day), this.data.first), this.data.last);
    if (day < this.window.from || day > this.window.to) {
      const half = Math.floor(this.width() / 2);
      this.show(day - half, day - half + this.width() - 1);
    }
    const lane = Math.floor(Number(mark.getAttribute("cy")) / this.laneHeight);
    this.pin({ day, lane });
  }

  showYears(first, last) {
    const day = (year) => Math.floor(Date.UTC(year, 0, 1) / DAY);
    this.show(day(first), day(last + 1) - 1);
    this.pin(null);
    const inside = this.data.entries.filter(([when]) => when >= day(first) && when < day(last + 1));
    this.happened.querySelector(".when").textContent = `${first === last ? first : `${first} to ${last}`}: ${inside.length} entries`;
    this.list(this.happened.querySelector("ul"), inside);
  }
}

const KEYS = {
  "+": (timeline) => timeline.zoom(0.5, timeline.middle()),
  "=": (timeline) => timeline.zoom(0.5, timeline.middle()),
  "-": (timeline) => timeline.zoom(2, timeline.middle()),
  "0": (timeline) => timeline.show(timeline.data.first, timeline.data.last),
  ArrowLeft: (timeline) => timeline.step(-1),
  ArrowRight: (timeline) => timeline.step(1),
  ArrowUp: (timeline) => timeline.changeLane(-1),
  ArrowDown: (timeline) => timeline.changeLane(1),
  Home: (timeline) => { timeline.pinned = { day: timeline.data.first - 1, lane: timeline.pinned?.lane ?? 0 }; timeline.step(1); },
  End: (timeline) => { timeline.pinned = { day: timeline.data.last + 1, lane: timeline.pinned?.lane ?? 0 }; timeline.step(-1); },
  Escape: (timeline) => timeline.pin(null),
};

function listen(timeline) {
  const { plot } = timeline;
  plot.addEventListener("keydown", (event) => {
    const act = KEYS[event.key];
    if (!act || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    act(timeline);
  });
  plot.addEventListener("pointermove", (event) => timeline.hover(timeline.under(event)));
  plot.addEventListener("pointerleave", () => timeline.hover(null));
  plot.addEventListener("click", (event) => timeline.pin(timeline.under(event)));
  plot.addEventListener("wheel", (event) => {
    if (!event.ctrlKey) return;
    event.preventDefault();
    timeline.zoom(event.deltaY > 0 ? 1.25 : 0.8, timeline.under(event).day);
  }, { passive: false });
  document.querySelector("#record .tools").addEventListener("click", (event) => {
    const how = event.target.closest("[data-zoom]")?.dataset.zoom;
    if (how === "in") timeline.zoom(0.5, timeline.middle());
    else if (how === "out") timeline.zoom(2, timeline.middle());
    else if (how === "all") timeline.show(timeline.data.first, timeline.data.last);
    else if (how) timeline.show(timeline.data.last - Number(how) + 1, timeline.data.last);
  });
}

/** Each row of the table opens what happened in its years. */
function openYears(timeline) {
  for (const heading of document.querySelectorAll("[data-years]")) {
    const [first, last] = heading.dataset.years.split(",").map(Number);
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = heading.textContent;
    button.addEventListener("click", () => {
      timeline.showYears(first, last);
      timeline.plot.scrollIntoView({ block: "center" });
    });
    heading.replaceChildren(button);
  }
}

/** The timeline of the page; undefined where there is none. */
export function startTimeline() {
  const plot = document.querySelector("#timeline");
  const block = document.querySelector("#timeline-data");
  if (!plot || !block) return undefined;
  const timeline = new Timeline(plot, JSON.parse(block.textContent));
  for (const part of document.querySelectorAll("#record .tools, #timeline-keys, #happened")) part.hidden = false;
  timeline.draw();
  listen(timeline);
  openYears(timeline);
  return timeline;
}
