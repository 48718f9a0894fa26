// The tables.

function bytesColumns(rows) {
  return measures.map(function (m) {
    return { key: m, label: measureLabels[m], num: true, width: "86", show: function (r) { return r[m] ? bytes(r[m]) : "–"; } };
  });
}

// leaving gives the columns that may be left out: never what matters most.
function leaving(...keys) { return keys.filter(function (k) { return k !== measures[0]; }); }

function shareColumn(whole) {
  return {
    key: "share", label: "Share", num: true, width: "150", value: function (r) { return r[map.measure]; },
    show: function (r) {
      const i = make("i", {}), part = r[map.measure];
      i.style.width = Math.min(100, 100 * part / (whole() || 1)) + "%";
      return make("span", {}, percent(part, whole()), make("span", { class: "share", "aria-hidden": "true" }, i));
    },
  };
}

// pathCell shows a path whose name stays visible when there is little room.
function pathCell(path, onclick) {
  const at = path.lastIndexOf("/") + 1;
  const e = make(onclick ? "button" : "span", { class: "path" + (onclick ? " link" : ""), title: path, type: onclick ? "button" : null, onclick: onclick || function () {} },
    make("span", { class: "dir" }, path.slice(0, at)), make("span", { class: "base" }, path.slice(at)));
  return e;
}

function statusCell(r) {
  return make("span", { title: statusNames[r.status] }, make("span", { class: "mark", "aria-hidden": "true" }, statusMarks[r.status]), statusNames[r.status]);
}

const statusColumn = { key: "status", label: "Status", width: "112", show: statusCell };

// hereTable is the map in text.
let hereTable = null;
function showHere() {
  open(map.here);
  const rows = map.here.children || [];
  const rest = measures.filter(function (m) { return m !== map.measure; });
  document.getElementById("here-title").textContent = "In " + map.here.path;
  hereTable = newTable(document.getElementById("here"), [
    { key: "name", label: "Name", show: function (n) {
      const label = n.name + (n.dir ? "/" : "");
      return canEnter(n) || n.file ? make("button", { type: "button", class: "link", title: n.path, onclick: function () { map.act(n); } }, label) : label;
    } },
    { key: "what", label: "What", width: "270", value: describe, show: describe },
    { key: map.measure, label: measureLabels[map.measure], num: true, width: "96", show: function (n) { return n[map.measure] ? bytes(n[map.measure]) : "–"; } },
    shareColumn(function () { return map.here[map.measure]; }),
  ].concat(rest.map(function (m) {
    return { key: m, label: measureLabels[m], num: true, width: "96", show: function (n) { return n[m] ? bytes(n[m]) : "–"; } };
  })), { label: "Contents of " + map.here.path, one: "entry", many: "entries", least: 160, rows: rows, sort: "-" + map.measure, leave: ["share", ...rest, "what"], text: rows.length > 12 ? function (n) { return n.name; } : null });
}

function showDetails(node) {
  const place = document.getElementById("details");
  if (!node) { place.replaceChildren(); return; }
  const f = node.file, dl = make("dl", {});
  const add = function (name, value) { if (value) dl.append(make("dt", {}, name), make("dd", {}, value)); };
  if (f) {
    add("Status", statusNames[f.status] + (f.differs ? ": " + f.differs : ""));
    add("Was", f.from);
    add("Type", f.type);
    if (f.pkg) add("Package", f.pkg.kind + " " + f.pkg.name + " " + versions(f.pkg));
    add("Layer", f.layer ? String(f.layer) : "");
    add("Size", bytes(f.size) + (f.status === "added" ? "" : ", was " + bytes(f.baseSize)));
  } else add("What", describe(node));
  for (const m of measures) if (m !== "size") add(measureLabels[m], bytes(node[m]) + ", " + percent(node[m], total[m]));
  place.replaceChildren(make("strong", { class: "path" }, node.path), dl);
}

function versions(p) {
  if (p.status === "changed") return p.before + " → " + p.after;
  return p.after || p.before;
}

// versionCell shows where a version differs from another, also when it is too long.
function versionCell(version, other, kind) {
  if (!version || !other || version === other) return version || "–";
  let same = 0;
  while (same < version.length && version[same] === other[same]) same++;
  while (same > 0 && /\d/.test(version[same - 1])) same--; // numbers are not cut
  return make("span", { class: kind, title: version }, make("span", { class: "dir" }, version.slice(0, same)), make("span", { class: "base" }, version.slice(same)));
}

function packagesTable() {
  let all = !packages.some(function (p) { return p.status !== "same"; }), kind = "";
  const kinds = Array.from(new Set(packages.map(function (p) { return p.kind; }))).sort();
  const filters = [choice("Kind of package", [["", "all kinds"]].concat(kinds.map(function (k) { return [k, k]; })), function (v) { kind = v; t.update(true); })];
  if (!all) filters.push(checkbox("of the same version, too", false, function (v) { all = v; t.update(true); }));
  const t = newTable(document.getElementById("packages"), [
    { key: "name", label: "Package", show: function (p) { return pathCell(p.name); } },
    { key: "kind", label: "Kind", width: "96" },
    { key: "before", label: "Before", width: "165", show: function (p) { return versionCell(p.before, p.after, "path before"); } },
    { key: "after", label: "After", width: "165", show: function (p) { return versionCell(p.after, p.before, "path"); } },
    { key: "status", label: "Status", width: "92", show: function (p) { return statusNames[p.status]; } },
    ...packages.some(function (p) { return p.where; }) ? [{ key: "where", label: "Where", width: "130", show: function (p) { return p.where ? pathCell(p.where) : "–"; } }] : [],
    { key: "files", label: "Files", num: true, width: "62", show: function (p) { return p.files ? count(p.files) : "–"; } },
  ].concat(bytesColumns()), {
    label: "Packages", one: "package", many: "packages", least: 200, leave: leaving("where", "status", "kind", "files", "size", "pull", "before"), rows: packages, sort: "-" + measures[0],
    text: function (p) { return p.kind + " " + p.name + " " + p.before + " " + p.after + " " + p.where; },
    filters: filters,
    accept: function (p) { return (all || p.status !== "same") && (!kind || p.kind === kind); },
  });
  return t;
}

function typesTable() {
  const byName = new Map();
  for (const f of files) {
    let t = byName.get(f.type);
    if (!t) { t = { type: f.type, delta: 0, pull: 0, size: 0, files: 0, differ: 0 }; byName.set(f.type, t); }
    take(t, f);
    t.files++;
    if (f.status !== "same" && f.status !== "times") t.differ++;
  }
  return newTable(document.getElementById("types"), [
    { key: "type", label: "Type" },
    { key: "files", label: "Entries", num: true, width: "100", show: function (r) { return count(r.files); } },
    { key: "differ", label: "Differ", num: true, width: "90", show: function (r) { return count(r.differ); } },
    shareColumn(function () { return total[map.measure]; }),
  ].concat(bytesColumns()), { label: "File types", one: "type", many: "types", least: 160, leave: leaving("share", "files", "size", "pull"), rows: Array.from(byName.values()), sort: "-" + measures[0] });
}

function filesTable() {
  let status = "differ", type = "";
  const types = (input.types || []).slice().sort();
  const t = newTable(document.getElementById("files"), [
    { key: "path", label: "Path", show: function (f) { return pathCell(f.path, function () { go(f.node.dir ? f.node : f.node.parent || root); map.choose(f.node); document.getElementById("map").scrollIntoView(); }); } },
    statusColumn,
    { key: "type", label: "Type", width: "150" },
    { key: "pkg", label: "Package", width: "150", value: function (f) { return f.pkg ? f.pkg.name : ""; }, show: function (f) { return f.pkg ? f.pkg.name : "–"; } },
    { key: "layer", label: "Layer", num: true, width: "70", show: function (f) { return f.layer ? String(f.layer) : "–"; } },
  ].concat(bytesColumns()), {
    label: "Files", one: "file", many: "files", least: 280, leave: leaving("layer", "pkg", "type", "size", "pull"), rows: files, sort: "-" + measures[0],
    text: function (f) { return f.path + " " + f.from + " " + (f.pkg ? f.pkg.name : ""); },
    filters: [
      choice("Status", [["", "all statuses"], ["differ", "what differs"]].concat(input.statuses.map(function (s) { return [s, statusNames[s]]; })), function (v) { status = v; t.update(true); }),
      choice("Type", [["", "all types"]].concat(types.map(function (s) { return [s, s]; })), function (v) { type = v; t.update(true); }),
    ],
    accept: function (f) {
      return (!type || f.type === type) && (!status || f.status === status || status === "differ" && f.status !== "same" && f.status !== "times");
    },
  });
  document.querySelector("#files select").value = "differ";
  return t;
}
