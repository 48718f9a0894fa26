// What the page shows: files and packages from the data element. Rows come as
// lists; see pageData in html.go.
const input = JSON.parse(document.getElementById("data").textContent);
const measures = input.delta ? ["delta", "pull", "size"] : ["pull", "size"];
const measureNames = { delta: "delta", pull: "pull", size: "image" };
const measureLabels = { delta: "Delta", pull: "Pull", size: "Size" };
const total = { delta: input.total[0], pull: input.total[1], size: input.total[2] };
const statusNames = {
  added: "added", removed: "removed", changed: "changed", moved: "moved", metadata: "metadata", times: "times only", same: "same", hidden: "hidden",
};
const statusMarks = { added: "+", removed: "−", changed: "~", moved: "→", metadata: "m", times: "t", same: "=", hidden: "h" };

const packages = (input.packages || []).map(function (r, i) {
  const more = r[7];
  return {
    index: i, kind: r[0], name: r[1], before: r[2], after: r[3], status: input.statuses[r[4]],
    delta: r[5], pull: r[6], size: more[0], where: more[1], arch: more[2], files: 0,
  };
});

let lastPath = "";
const files = (input.files || []).map(function (r) {
  const path = lastPath.slice(0, r[0]) + r[1];
  lastPath = path;
  const f = {
    path: path, status: input.statuses[r[2]], type: input.types[r[3]], pkg: r[4] >= 0 ? packages[r[4]] : null, layer: r[5],
    delta: r[6], pull: r[7], size: r[8], baseSize: r[9], from: r[10] || "", differs: r[11] || "", parts: r[12] || null,
  };
  if (f.pkg) f.pkg.files++;
  return f;
});

// bytes writes a number of bytes as the command does.
function bytes(n) {
  if (n < 999.5) return n > 0 && n < 0.5 ? "<1 B" : n.toFixed(0) + " B";
  for (const unit of ["kB", "MB", "GB"]) {
    n /= 1000;
    if (n < 9.995) return n.toFixed(2) + " " + unit;
    if (n < 99.95) return n.toFixed(1) + " " + unit;
    if (n < 999.5) return n.toFixed(0) + " " + unit;
  }
  return (n / 1000).toFixed(2) + " TB";
}

function percent(part, whole) {
  if (!(whole > 0)) return "0%";
  const p = 100 * part / whole;
  if (p >= 99.95) return p.toFixed(0) + "%";
  if (p >= 9.995) return p.toFixed(1) + "%";
  if (p >= 0.005 || p === 0) return p.toFixed(2) + "%";
  return "<0.01%";
}

function count(n) { return String(n).replace(/\B(?=(\d{3})+$)/g, ","); }
function plural(n, what) { return count(n) + " " + what + (n === 1 ? "" : "s"); }

// make makes an element. Texts become text nodes, never markup.
function make(tag, attributes, ...children) {
  const e = document.createElement(tag);
  for (const name in attributes) {
    const value = attributes[name];
    if (name === "class") e.className = value;
    else if (name.startsWith("on")) e.addEventListener(name.slice(2), value);
    else if (value !== null && value !== undefined && value !== false) e.setAttribute(name, value === true ? "" : value);
  }
  for (const c of children) if (c !== null && c !== undefined) e.append(c);
  return e;
}

// announce tells people who do not see the page what has happened.
function announce(text) { document.getElementById("status").textContent = text; }
