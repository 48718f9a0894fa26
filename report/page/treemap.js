// The map: squarified (Bruls, Huizing, van Wijk 2000), two or three levels deep,
// as buttons in the order of their size.

const smallest = 170; // square pixels; what is smaller is drawn together
const title = 19; // pixels for the name of a directory that is drawn open

// squarify lays values, largest first, out in a rectangle; it calls place with
// the index and the rectangle of each.
function squarify(values, rect, place) {
  let sum = values.reduce(function (a, b) { return a + b; }, 0);
  let i = 0;
  while (i < values.length && sum > 0) {
    const wide = rect.w >= rect.h, side = wide ? rect.h : rect.w;
    const scale = rect.w * rect.h / sum;
    let end = i, row = 0, worst = Infinity;
    for (; end < values.length; end++) {
      const next = row + values[end] * scale;
      const thick = next / side;
      const ratio = Math.max(ratioOf(values[i] * scale / thick, thick), ratioOf(values[end] * scale / thick, thick));
      if (ratio > worst && end > i) break;
      worst = ratio;
      row = next;
    }
    const thick = row / side;
    let at = 0;
    for (let k = i; k < end; k++) {
      const length = values[k] * scale / thick;
      place(k, wide ? { x: rect.x, y: rect.y + at, w: thick, h: length } : { x: rect.x + at, y: rect.y, w: length, h: thick });
      at += length;
      sum -= values[k];
    }
    rect = wide ? { x: rect.x + thick, y: rect.y, w: rect.w - thick, h: rect.h } : { x: rect.x, y: rect.y + thick, w: rect.w, h: rect.h - thick };
    i = end;
  }
}

function ratioOf(a, b) { return a > b ? a / b : b / a; }

const map = { place: document.getElementById("treemap"), here: root, measure: measures[0], cells: [], chosen: null };

// childrenOf gives what is in a node, largest first; what would be too small is
// one more, at the end.
function childrenOf(node, area) {
  open(node);
  const m = map.measure;
  const list = (node.children || []).filter(function (c) { return c[m] > 0; });
  list.sort(function (a, b) { return b[m] - a[m] || (a.name < b.name ? -1 : 1); });
  let sum = 0;
  for (const c of list) sum += c[m];
  if (!(sum > 0)) return [];
  let cut = list.length;
  while (cut > 0 && list[cut - 1][m] / sum * area < smallest) cut--;
  if (list.length - cut > 1) {
    const rest = { rest: list.length - cut, name: plural(list.length - cut, "smaller one"), parent: node, cls: "rest" };
    rest[m] = 0;
    for (const c of list.slice(cut)) rest[m] += c[m];
    list.length = cut;
    list.push(rest);
    list.sort(function (a, b) { return b[m] - a[m]; });
  }
  return list;
}

map.draw = function () {
  const box = map.place.getBoundingClientRect(), width = Math.floor(box.width), height = Math.floor(box.height);
  map.width = width;
  map.height = height;
  map.cells = [];
  map.place.replaceChildren();
  layOut(map.here, { x: 0, y: 0, w: width, h: height }, 0);
  if (!map.cells.length) {
    map.place.append(make("p", { class: "empty" }, map.here.inside || map.here.file ? "The parts of a file are known for the delta only." : "Nothing here takes any bytes of the " + measureNames[map.measure] + "."));
  }
  map.place.setAttribute("aria-label", "Map of " + map.here.path + " by bytes of the " + measureNames[map.measure]);
  map.rove(map.cells[0]);
};

// fit draws the map again if its place has another size.
map.fit = function () {
  const box = map.place.getBoundingClientRect();
  if (map.width === Math.floor(box.width) && map.height === Math.floor(box.height)) return;
  const focused = map.place.contains(document.activeElement);
  map.draw();
  if (focused && map.cells.length) map.cells[0].focus({ preventScroll: true });
};

function layOut(node, rect, depth) {
  const list = childrenOf(node, rect.w * rect.h), m = map.measure;
  squarify(list.map(function (c) { return c[m]; }), rect, function (i, r) {
    const c = list[i];
    // Whole pixels, so that borders are sharp and areas do not overlap.
    const x = Math.round(r.x), y = Math.round(r.y), w = Math.round(r.x + r.w) - x, h = Math.round(r.y + r.h) - y;
    if (w < 1 || h < 1) return;
    const inner = { x: x + 2, y: y + title, w: w - 4, h: h - title - 2 };
    // Drawn open where there is room for more than "smaller ones".
    const isOpen = !c.rest && canEnter(c) && depth < 3 && inner.w >= 66 && inner.h >= 34 && w * h > 9000 && !childrenOf(c, inner.w * inner.h).every(function (n) { return n.rest; });
    draw(c, { x: x, y: y, w: w, h: h }, isOpen);
    if (isOpen) layOut(c, inner, depth + 1);
  });
}

function draw(node, r, isOpen) {
  const value = bytes(node[map.measure]);
  const words = node.rest ? node.name + " in " + node.parent.path : node.path + ", " + describe(node);
  const b = make("button", {
    type: "button", class: "cell " + (isOpen ? "group" : node.rest ? "rest" : node.cls), tabindex: "-1", title: (node.rest ? node.name : node.path) + "\n" + value + ", " + percent(node[map.measure], total[map.measure]),
    "aria-label": words + ", " + value + ", " + percent(node[map.measure], total[map.measure]) + " of the " + measureNames[map.measure],
  });
  b.style.left = r.x + "px";
  b.style.top = r.y + "px";
  b.style.width = r.w + "px";
  b.style.height = r.h + "px";
  if (r.w >= 46 && r.h >= 18) {
    const oneLine = isOpen || r.h < 36;
    b.append(make("span", { class: "name" }, node.name + (node.dir && !node.rest ? "/" : "") + (oneLine && r.w >= 130 ? "  " + value : "")));
    if (!oneLine && r.w >= 60) b.append(make("span", { class: "value" }, value));
  }
  b.node = node;
  b.rect = r;
  b.addEventListener("click", function () { map.rove(b); map.act(node); });
  map.cells.push(b);
  map.place.append(b);
}

// rove makes one cell the one that Tab comes to.
map.rove = function (cell) {
  for (const c of map.cells) c.tabIndex = -1;
  if (cell) cell.tabIndex = 0;
};

// act opens a directory, or shows what there is to say of a file.
map.act = function (node) {
  if (node.rest) { document.getElementById("here").scrollIntoView({ block: "nearest" }); map.choose(null); return; }
  if (canEnter(node) && (node.dir || map.measure === "delta")) { go(node); return; }
  map.choose(node);
};

map.choose = function (node) {
  map.chosen = node;
  for (const c of map.cells) {
    if (node && c.node === node) c.setAttribute("aria-pressed", "true");
    else c.removeAttribute("aria-pressed");
  }
  showDetails(node);
};

// nearest finds the next cell in a direction.
function nearest(from, dx, dy) {
  const a = from.rect, ax = a.x + a.w / 2, ay = a.y + Math.min(a.h / 2, 20);
  let best = null, least = Infinity;
  for (const c of map.cells) {
    if (c === from) continue;
    const r = c.rect, x = r.x + r.w / 2 - ax, y = r.y + Math.min(r.h / 2, 20) - ay;
    const along = dx ? x * dx : y * dy, across = Math.abs(dx ? y : x);
    if (along <= 1) continue;
    const d = along + 2.5 * across;
    if (d < least) { least = d; best = c; }
  }
  return best;
}

map.place.addEventListener("keydown", function (e) {
  const cell = e.target.closest(".cell");
  if (!cell || e.altKey || e.ctrlKey || e.metaKey) return;
  const step = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[e.key];
  let to = null;
  if (step) to = nearest(cell, step[0], step[1]);
  else if (e.key === "Home") to = map.cells[0];
  else if (e.key === "End") to = map.cells[map.cells.length - 1];
  else if (e.key === "Escape" || e.key === "Backspace") {
    if (map.chosen) map.choose(null);
    else if (map.here.parent) go(map.here.parent, true);
  } else return;
  e.preventDefault();
  if (to) { map.rove(to); to.focus(); }
});
