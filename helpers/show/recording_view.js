// The interactive timeline of a recording. Drawn from model.get("data"); asks the kernel nothing.
const LEFT = 92, AXIS = 26, MAIN = 20, HELPER = 14, GAP = 12;
const COLOURS = { up: "#b9cfe8", ready: "#4f86c6", helper: "#c9d3de", zombie: "#8d6e63",
                  "0": "#455a64", failed: "#c62828", unseen: "#f9a825", listen: "#2e7d32" };
const KINDS = ["fork", "exec", "exit", "reaped", "signal", "listen", "ready", "signalled", "asked", "found", "lost"];
const SVG = "http://www.w3.org/2000/svg";

function make(name, attributes = {}, ...children) {
  const node = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
  node.append(...children);
  return node;
}

function html(name, properties = {}, ...children) {
  const node = Object.assign(document.createElement(name), properties);
  node.append(...children);
  return node;
}

function nice(span) {
  let step = 10 ** Math.floor(Math.log10(span) - 1);
  for (;;) {
    for (const factor of [1, 2, 5]) if (span / (step * factor) <= 8) return step * factor;
    step *= 10;
  }
}

const overlaps = (bar, view) => bar.start <= view.end && (bar.reaped ?? bar.end ?? Infinity) >= view.begin;

// Rows anew for what is in sight: zoomed in, a lane needs fewer.
function pack(bars, view) {
  const seen = bars.filter((bar) => overlaps(bar, view)), rows = new Map();
  let below = 0;
  for (const main of [true, false]) {
    const free = [];
    for (const bar of seen.filter((one) => one.main === main)) {
      let row = free.findIndex((until) => until <= bar.start);
      if (row < 0) row = free.push(0) - 1;
      free[row] = Math.max(bar.reaped ?? bar.end ?? Infinity, bar.end ?? 0);
      rows.set(bar, below + row);
    }
    below += free.length;
    if (main) rows.mains = below;
  }
  rows.count = below;
  return rows;
}

function render({ model, el }) {
  const data = model.get("data");
  const whole = { begin: data.begin, end: data.end };
  const view = { ...whole };
  const hidden = new Set(), shown = new Set(KINDS.filter((kind) => kind !== "lost"));
  let helpers = true, picked = null, width = 800;

  el.classList.add("initlab-recording");
  const style = html("style", { textContent: `
    .initlab-recording{font:13px system-ui,sans-serif;color:var(--jp-content-font-color1,#222)}
    .initlab-recording .bar{display:flex;flex-wrap:wrap;gap:4px 14px;align-items:center;margin:2px 0}
    .initlab-recording button{font:inherit;padding:1px 9px;cursor:pointer}
    .initlab-recording label{cursor:pointer;white-space:nowrap}
    .initlab-recording svg{display:block;touch-action:none;cursor:grab;user-select:none}
    .initlab-recording svg:active{cursor:grabbing}
    .initlab-recording svg:focus{outline:none}
    .initlab-recording svg:focus-visible{outline:1px dotted currentColor}
    .initlab-recording .key{display:inline-block;min-width:11px;height:11px;border-radius:2px;margin-right:4px;
      vertical-align:-1px;text-align:center;line-height:11px}
    .initlab-recording .tip{position:absolute;pointer-events:none;background:#10243a;color:#fff;padding:5px 8px;
      border-radius:4px;white-space:pre-line;max-width:420px;font-size:12px;z-index:9;overflow-wrap:anywhere}
    .initlab-recording .list{max-height:190px;overflow:auto;border:1px solid #d0d7de;border-radius:4px;
      padding:2px 8px;font-variant-numeric:tabular-nums}
    .initlab-recording .list table{border-collapse:collapse;width:100%;margin:0}
    .initlab-recording .list td{padding:1px 10px 1px 0;text-align:left;vertical-align:top;border:none}
    .initlab-recording .list td:not(:last-child){white-space:nowrap;width:1%}
    .initlab-recording .list td:first-child{text-align:right}
    .initlab-recording .note{color:#8a5a00}` });
  const box = html("div", { style: "position:relative" });
  const svg = make("svg", { role: "img", tabindex: "0", "aria-label": "Timeline; plus and minus zoom, arrows move" });
  const tip = html("div", { className: "tip", hidden: true });
  const list = html("div", { className: "list" });
  const count = html("span");
  box.append(svg, tip);

  const check = (text, on, change) => {
    const input = html("input", { type: "checkbox", checked: on });
    input.onchange = () => { change(input.checked); draw(); };
    return html("label", {}, input, " " + text);
  };
  const button = (text, title, press) => html("button", { textContent: text, title, type: "button", onclick: press });
  const lanesBar = html("div", { className: "bar" },
    button("+", "zoom in", () => zoom(0.5)), button("\u2212", "zoom out", () => zoom(2)),
    button("\u25c0", "earlier", () => move(-0.25)), button("\u25b6", "later", () => move(0.25)),
    button("all", "the whole recording", () => { Object.assign(view, whole); draw(); }),
    ...data.lanes.map((lane) => check(lane.name, true, (on) => hidden[on ? "delete" : "add"](lane.name))),
    check("helpers", true, (on) => { helpers = on; }));
  const kinds = KINDS.filter((kind) => data.events.some((event) => event.kind === kind));
  const kindsBar = html("div", { className: "bar" }, "Events: ",
    ...kinds.map((kind) => check(kind, true, (on) => shown[on ? "add" : "delete"](kind))), count);
  const key = (words, look, sign = "") => html("span", {}, html("span", { className: "key", style: look, textContent: sign }),
    words);
  const bar = (colour) => `background:${colour}`, mark = (colour) => `min-width:3px;width:3px;background:${colour}`;
  const legend = html("div", { className: "bar", style: "font-size:12px" }, key("running", bar(COLOURS.up)),
    key("ready", bar(COLOURS.ready)), key("its helpers", bar(COLOURS.helper)),
    key("zombie", `height:4px;vertical-align:3px;background:${COLOURS.zombie}`), key("exec", "min-width:1px;width:1px;background:currentColor"),
    key("ended with 0", mark(COLOURS["0"])), key("otherwise", mark(COLOURS.failed)),
    key("how unseen", mark(COLOURS.unseen)), key("signal", "", "\u25bc"),
    key("listens", `color:${COLOURS.listen}`, "\u25c6"), key("reaped", "", "\u25cb"));
  el.replaceChildren(style, lanesBar, legend, box, kindsBar, list, html("div", { textContent: data.caption }),
    ...data.notes.map((note) => html("div", { className: "note", textContent: note })));

  function clamp() {
    const span = Math.min(Math.max(view.end - view.begin, 0.0005), whole.end - whole.begin);
    view.begin = Math.min(Math.max(view.begin, whole.begin), whole.end - span);
    view.end = view.begin + span;
  }
  function zoom(factor, at = (view.begin + view.end) / 2) {
    view.begin = at - (at - view.begin) * factor;
    view.end = at + (view.end - at) * factor;
    draw();
  }
  function move(share) {
    const by = (view.end - view.begin) * share;
    view.begin += by; view.end += by;
    draw();
  }
  const x = (t) => LEFT + (width - LEFT - 12) * (Math.min(Math.max(t, view.begin), view.end) - view.begin)
    / (view.end - view.begin);
  const inside = (t) => t !== null && t >= view.begin && t <= view.end;

  function tell(node, words) {
    node.addEventListener("pointermove", (event) => {
      const at = box.getBoundingClientRect();
      tip.textContent = words; tip.hidden = false;
      tip.style.left = Math.min(event.clientX - at.left + 12, Math.max(at.width - 300, 0)) + "px";
      tip.style.top = event.clientY - at.top + 14 + "px";
    });
    node.addEventListener("pointerleave", () => { tip.hidden = true; });
    return node;
  }

  function drawBar(bar, y, height) {
    const end = bar.end ?? view.end, left = x(bar.start), right = x(end);
    const group = tell(make("g", { "data-pid": bar.pid }), bar.title);
    const rect = (from, to, colour) => group.append(make("rect", { x: from, y, rx: 1.5, height, fill: colour,
      width: Math.max(to - from, 1.5) }));
    rect(left, right, bar.main ? COLOURS.up : COLOURS.helper);
    if (bar.ready !== null && bar.ready <= Math.min(end, view.end)) rect(x(bar.ready), right, COLOURS.ready);
    if (picked === bar) group.append(make("rect", { x: left - 1, y: y - 1, width: right - left + 2, height: height + 2,
      fill: "none", stroke: "#e65100", "stroke-width": 2 }));
    const name = `${bar.pid || "?"} ${bar.comm}`, from = bar.ready !== null && bar.ready < view.end ? x(bar.ready) : left;
    const size = bar.main ? 11 : 9;
    if (right - from > name.length * size * 0.6 + 8) group.append(make("text", { "pointer-events": "none", x: from + 4, y: y + height / 2 + size * 0.36,
      "font-size": size, fill: from === left && bar.ready !== bar.start ? "#10243a" : "#fff" }, name));
    const gone = x(bar.reaped ?? (bar.end === null ? view.end : Infinity));
    if (bar.end !== null && gone - right > 1) group.append(make("path", { d: `M${right} ${y + height / 2}H${gone}`,
      stroke: COLOURS.zombie, "stroke-width": bar.main ? 4 : 3 }));
    if (inside(bar.end)) group.append(make("rect", { x: right - 1.2, y: y - 2, width: 2.6, height: height + 4,
      fill: COLOURS[bar.outcome] }));
    if (inside(bar.reaped)) group.append(make("circle", { cx: gone + (gone - right > 5 ? 0 : 5), cy: y + height / 2, r: 3,
      fill: "none", stroke: "currentColor", "stroke-width": 1.2 }));
    for (const mark of bar.marks) if (inside(mark.t)) {
      const at = x(mark.t);
      const shape = { exec: () => make("path", { d: `M${at} ${y - 1}v${height + 2}`, stroke: "currentColor" }),
        signal: () => make("path", { d: `M${at} ${y + 1}l5 -8h-10z`, fill: "currentColor" }),
        listen: () => make("path", { d: `M${at} ${y + height - 4}l4 4l-4 4l-4 -4z`, fill: COLOURS.listen }) };
      const drawn = (shape[mark.kind === "signalled" ? "signal" : mark.kind] ?? (() => null))();
      if (drawn) group.append(tell(drawn, mark.words));
    }
    group.addEventListener("click", () => { picked = picked === bar ? null : bar; draw(); });
    return group;
  }

  function draw() {
    clamp();
    width = Math.max(el.clientWidth - 4, 420);
    svg.replaceChildren();
    let y = 6;
    for (const lane of data.lanes) {
      if (hidden.has(lane.name)) continue;
      const bars = lane.bars.filter((bar) => helpers || bar.main), rows = pack(bars, view);
      svg.append(make("path", { d: `M0 ${y}H${width}`, stroke: "#d0d7de" }),
        make("text", { x: 2, y: y + 22, "font-weight": 600, "font-size": 13, fill: "currentColor" }, lane.name));
      for (const [bar, row] of rows) {
        const mains = rows.mains, top = row < mains ? row * (MAIN + 4) : mains * (MAIN + 4) + (row - mains) * HELPER;
        svg.append(drawBar(bar, y + 8 + top, row < mains ? MAIN : HELPER - 3));
      }
      y += Math.max(rows.mains * (MAIN + 4) + (rows.count - rows.mains) * HELPER + 8 + GAP, 38);
    }
    svg.append(make("path", { d: `M${LEFT} ${y}H${width - 12}`, stroke: "currentColor" }));
    const step = nice(view.end - view.begin), digits = Math.max(0, -Math.floor(Math.log10(step) + 1e-9));
    for (let tick = Math.ceil(view.begin / step); tick * step <= view.end; tick++) {
      const at = x(tick * step);
      svg.append(make("path", { d: `M${at} ${y}v5`, stroke: "currentColor" }), make("text", { x: at, y: y + 18,
        "text-anchor": "middle", "font-size": 11, fill: "currentColor" }, (tick * step).toFixed(digits) + " s"));
    }
    svg.setAttribute("width", width);
    svg.setAttribute("height", y + AXIS);
    const pids = picked && picked.pid;
    const seen = data.events.filter((event) => inside(event.t) && shown.has(event.kind) && !hidden.has(event.lane)
      && (!picked || event.pid === pids));
    count.textContent = `${seen.length} of ${data.events.length}` + (picked ? `, PID ${pids} (click it again for all)` : "");
    const rows = seen.slice(0, 500).map((event) => html("tr", {}, html("td", { textContent: event.t.toFixed(4) + " s" }),
      html("td", { textContent: event.lane }), html("td", { textContent: event.words })));
    list.replaceChildren(html("table", {}, ...rows));
  }

  const when = (event) => view.begin + (event.clientX - svg.getBoundingClientRect().left - LEFT)
    / (width - LEFT - 12) * (view.end - view.begin);
  // The page scrolls as ever; Ctrl (or a pinch) zooms.
  svg.addEventListener("wheel", (event) => {
    if (!event.ctrlKey && !event.metaKey) return;
    event.preventDefault();
    zoom(event.deltaY > 0 ? 1.25 : 0.8, when(event));
  }, { passive: false });
  let from = null;
  svg.addEventListener("pointerdown", (event) => { from = event.clientX; });
  svg.addEventListener("pointermove", (event) => {
    if (from === null || Math.abs(event.clientX - from) < 4) return;
    const by = (from - event.clientX) / (width - LEFT - 12) * (view.end - view.begin);
    from = event.clientX; view.begin += by; view.end += by;
    draw();
  });
  const release = () => { from = null; };
  window.addEventListener("pointerup", release);
  svg.addEventListener("dblclick", (event) => zoom(0.4, when(event)));
  svg.addEventListener("keydown", (event) => {
    const press = { "+": () => zoom(0.5), "=": () => zoom(0.5), "-": () => zoom(2), ArrowLeft: () => move(-0.25),
      ArrowRight: () => move(0.25), 0: () => { Object.assign(view, whole); draw(); } }[event.key];
    if (press) { event.preventDefault(); event.stopPropagation(); press(); }
  });
  const resized = new ResizeObserver(() => { if (Math.abs(Math.max(el.clientWidth - 4, 420) - width) > 2) draw(); });
  resized.observe(el);
  draw();
  return () => { window.removeEventListener("pointerup", release); resized.disconnect(); };
}

export default { render };
