// The page as a whole: colours, the place in the image, the measure.

function setTheme(theme) {
  if (theme === "auto") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = theme;
  for (const b of document.querySelectorAll(".theme button")) b.setAttribute("aria-pressed", String(b.dataset.theme === theme));
  try { localStorage.setItem("docker-delta-theme", theme); } catch (e) { /* not allowed here */ }
}

// go shows a place in the image. Places are in the address, so that they can be
// linked to and the browser's own way back works.
function go(node, focus) {
  focus = focus || map.place.contains(document.activeElement);
  map.here = node;
  map.chosen = null;
  showDetails(null);
  showCrumbs();
  map.draw();
  showHere();
  const hash = node === root ? "" : "#" + node.path.split("/").map(encodeURIComponent).join("/");
  if (decodeHash() !== (node === root ? "" : node.path)) history.pushState(null, "", hash || location.pathname + location.search);
  announce(node.path + ", " + describe(node) + ", " + bytes(node[map.measure]) + " of the " + measureNames[map.measure]);
  if (focus && map.cells.length) map.cells[0].focus();
}

function decodeHash() {
  const h = location.hash.slice(1);
  if (!h.startsWith("/")) return "";
  try { return h.split("/").map(decodeURIComponent).join("/"); } catch (e) { return ""; }
}

function showCrumbs() {
  const list = [];
  for (let n = map.here; n; n = n.parent) list.unshift(n);
  document.getElementById("crumbs").replaceChildren(...list.map(function (n) {
    return make("li", {}, make("button", { type: "button", "aria-current": n === map.here ? "location" : null, onclick: function () { go(n); } }, n === root ? "all" : n.name));
  }));
}

function setMeasure(m) {
  map.measure = m;
  map.draw();
  showHere();
  types.update();
  announce("Map by bytes of the " + measureNames[m]);
}

for (const e of document.querySelectorAll(".live")) e.hidden = false;
const themes = document.querySelector(".theme");
themes.hidden = false;
for (const b of themes.children) b.addEventListener("click", function () { setTheme(b.dataset.theme); });
let theme = null;
try { theme = localStorage.getItem("docker-delta-theme"); } catch (e) { /* not allowed here */ }
if (theme === "light" || theme === "dark") setTheme(theme);

const measurePlace = document.getElementById("measure");
for (const m of measures) {
  const radio = make("input", { type: "radio", name: "measure", value: m, onchange: function () { setMeasure(m); } });
  radio.checked = m === map.measure;
  measurePlace.append(make("label", {}, radio, measureNames[m]));
}
for (const c of classes) document.getElementById("legend").append(make("li", { class: c[0] }, c[1]));

if (packages.length) packagesTable();
else document.getElementById("packages").replaceChildren(make("p", { class: "note" }, "The images name no packages that differ."));
const types = typesTable();
filesTable();
go(find(decodeHash()));
window.addEventListener("popstate", function () { go(find(decodeHash())); });
let resizing = 0;
new ResizeObserver(function () {
  clearTimeout(resizing);
  resizing = setTimeout(map.fit, 60);
}).observe(map.place);
window.addEventListener("beforeprint", map.fit);
