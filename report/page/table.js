// A table that sorts, filters and makes only the rows that are seen.

const rowHeight = 31; // pixels, with the line below; see style.css
const margin = 12; // rows beyond what is seen

// newTable puts a table into an element. columns have key, label, and, if need
// be, num, width (the first has none: it grows), value(row) to sort by and
// show(row) to show; options have label, rows, least (the first column's least
// width), sort (a key, with - in front for descending), text(row) to search in,
// filters (elements), accept(row), and leave: the keys of columns that are left out
// where there is no room, in this order.
function newTable(place, columns, options) {
  const t = { rows: options.rows, shown: [], sort: options.sort, from: -1, to: -1 };
  const valueOf = function (c) { return c.value || function (row) { return row[c.key]; }; };

  const filters = make("div", { class: "filters" });
  if (options.text) {
    const search = make("input", { type: "search", placeholder: "Filter", "aria-label": "Filter " + options.label, spellcheck: "false", autocomplete: "off" });
    let timer = 0;
    search.addEventListener("input", function () {
      clearTimeout(timer);
      timer = setTimeout(function () { t.words = search.value.toLowerCase().split(/\s+/).filter(Boolean); t.update(true); }, t.rows.length > 5000 ? 120 : 0);
    });
    filters.append(search);
  }
  for (const f of options.filters || []) filters.append(f);
  const found = make("span", { class: "found" }), left = make("span", { class: "found" });
  filters.append(found, left);
  const head = make("tr", { "aria-rowindex": "1" });
  const widths = make("colgroup", {});
  const table = make("table", { "aria-label": options.label }, widths, make("thead", {}, head));
  const body = make("tbody", {});
  table.append(body);
  const box = make("div", { class: "grid", tabindex: "0", role: "region", "aria-label": options.label + ", scrolls" }, table);
  place.replaceChildren(filters, box);

  // arrange leaves out columns until the rest has room, and says which.
  t.arrange = function () {
    const room = t.printing ? Infinity : box.clientWidth || 1200;
    let seen = columns, away = [];
    const need = function () { return seen.reduce(function (sum, c) { return sum + Number(c.width || 0); }, options.least || 200); };
    for (const key of options.leave || []) {
      if (need() <= room) break;
      away = away.concat(seen.filter(function (c) { return c.key === key; }));
      seen = seen.filter(function (c) { return c.key !== key; });
    }
    if (t.columns && t.columns.length === seen.length && t.columns.every(function (c, i) { return c === seen[i]; })) return;
    const focused = head.contains(document.activeElement);
    t.columns = seen;
    t.from = -1;
    table.style.minWidth = need() + "px";
    left.textContent = away.length ? "no room for: " + columns.filter(function (c) { return away.includes(c); }).map(function (c) { return c.label; }).join(", ") : "";
    widths.replaceChildren(...seen.map(function (c) { return make("col", { width: c.width }); }));
    head.replaceChildren(...seen.map(function (c) {
      const th = make("th", { scope: "col", class: c.num ? "num" : "" });
      th.append(make("button", { type: "button", onclick: function () {
        const first = c.num ? "-" + c.key : c.key, other = c.num ? c.key : "-" + c.key;
        t.sort = t.sort === first ? other : first;
        t.update(true);
        announce(options.label + " sorted by " + c.label + (t.sort[0] === "-" ? ", descending" : ", ascending"));
      } }, c.label));
      th.column = c;
      return th;
    }));
    t.mark();
    if (focused) box.focus({ preventScroll: true });
  };

  // mark shows by which column the rows are sorted.
  t.mark = function () {
    const down = t.sort[0] === "-", key = down ? t.sort.slice(1) : t.sort;
    for (const th of head.children) {
      if (th.column.key === key) th.setAttribute("aria-sort", down ? "descending" : "ascending");
      else th.removeAttribute("aria-sort");
    }
  };

  t.update = function (top) {
    let list = t.rows;
    if (options.accept) list = list.filter(options.accept);
    if (t.words && t.words.length) {
      list = list.filter(function (row) {
        const text = options.text(row).toLowerCase();
        return t.words.every(function (w) { return text.includes(w); });
      });
    }
    const down = t.sort[0] === "-", key = down ? t.sort.slice(1) : t.sort;
    const column = columns.find(function (c) { return c.key === key; });
    if (column) {
      const value = valueOf(column), sign = down ? -1 : 1;
      list = list.map(function (row, i) { return [value(row), i, row]; });
      list.sort(function (a, b) { return a[0] < b[0] ? -sign : a[0] > b[0] ? sign : a[1] - b[1]; });
      list = list.map(function (x) { return x[2]; });
    }
    t.shown = list;
    t.mark();
    const what = t.rows.length === 1 ? options.one : options.many;
    found.textContent = (list.length === t.rows.length ? "" : count(list.length) + " of ") + count(t.rows.length) + " " + what;
    table.setAttribute("aria-rowcount", String(list.length + 1));
    if (top) box.scrollTop = 0;
    t.from = -1;
    t.draw();
  };

  const space = function (height) {
    const td = make("td", { colspan: String(t.columns.length) });
    td.style.height = height + "px";
    return make("tr", { class: "space", "aria-hidden": "true" }, td);
  };

  t.draw = function () {
    t.arrange();
    const seen = Math.ceil((box.clientHeight || 600) / rowHeight);
    let from = Math.max(0, Math.floor(box.scrollTop / rowHeight) - margin);
    let to = Math.min(t.shown.length, from + seen + 2 * margin);
    if (t.printing) { from = 0; to = Math.min(t.shown.length, 300); }
    if (from === t.from && to === t.to) return;
    const focused = body.contains(document.activeElement);
    t.from = from;
    t.to = to;
    const rows = [];
    if (from > 0) rows.push(space(from * rowHeight));
    for (let i = from; i < to; i++) {
      const tr = make("tr", { "aria-rowindex": String(i + 2) });
      for (let k = 0; k < t.columns.length; k++) {
        const c = t.columns[k], row = t.shown[i];
        const td = make(k === 0 ? "th" : "td", { class: c.num ? "num" : "", scope: k === 0 ? "row" : null });
        const content = c.show ? c.show(row) : row[c.key];
        td.append(content);
        if (typeof content === "string" && content.length > 12 && !c.num) td.title = content;
        tr.append(td);
      }
      rows.push(tr);
    }
    if (to < t.shown.length && !t.printing) rows.push(space((t.shown.length - to) * rowHeight));
    if (to < t.shown.length && t.printing) rows.push(make("tr", {}, make("td", { colspan: String(t.columns.length) }, "and " + count(t.shown.length - to) + " more")));
    if (!t.shown.length) rows.push(make("tr", {}, make("td", { class: "empty", colspan: String(t.columns.length) }, "Nothing fits.")));
    body.replaceChildren(...rows);
    if (focused && !body.contains(document.activeElement)) box.focus({ preventScroll: true });
  };

  let pending = false;
  box.addEventListener("scroll", function () {
    if (pending) return;
    pending = true;
    requestAnimationFrame(function () { pending = false; t.draw(); });
  });
  window.addEventListener("resize", function () { t.from = -1; t.draw(); });
  window.addEventListener("beforeprint", function () { t.printing = true; t.from = -1; t.draw(); });
  window.addEventListener("afterprint", function () { t.printing = false; t.from = -1; t.draw(); });
  t.box = box;
  t.update(true);
  return t;
}

// checkbox makes one that calls change.
function checkbox(label, checked, change) {
  const box = make("input", { type: "checkbox" });
  box.checked = checked;
  box.addEventListener("change", function () { change(box.checked); });
  return make("label", {}, box, label);
}

// choice makes a list to choose one from; the first means all.
function choice(label, names, change) {
  const list = make("select", { "aria-label": label }, ...names.map(function (n, i) { return make("option", { value: i === 0 ? "" : n[0] }, n[1]); }));
  list.addEventListener("change", function () { change(list.value); });
  return list;
}
