// The tree of directories, files and what is inside of files.

// Classes of types, by which the map is coloured.
const classes = [
  ["code", "programs and libraries", /^(ELF|kernel module|Windows|Mach-O|WebAssembly|LLVM|static library)/],
  ["bytecode", "bytecode and classes", /^(Python bytecode|Java class|Java module)/],
  ["script", "texts and sources", /(source|script|Script|text|JSON|HTML|CSS|XML|YAML|SQL$|Markdown|PEM|TypeScript)/],
  ["archive", "archives and compressed files", /(archive|gzip|zip|xz|zstd|bzip2|tar|package)/],
  ["data", "other data, links, directories", /./],
];
const classOf = {};
for (const t of input.types || []) classOf[t] = classes.find(function (c) { return c[2].test(t); })[0];

function newNode(name, parent) {
  return {
    name: name, parent: parent, children: null, index: null, file: null, dir: false,
    delta: 0, pull: 0, size: 0, files: 0, cls: "data", path: parent ? (parent.parent ? parent.path + "/" + name : "/" + name) : "/",
  };
}

function childOf(node, name) {
  if (!node.index) { node.index = new Map(); node.children = []; }
  let c = node.index.get(name);
  if (!c) {
    c = newNode(name, node);
    node.index.set(name, c);
    node.children.push(c);
  }
  return c;
}

function take(node, f) {
  node.delta += f.delta;
  node.pull += f.pull;
  node.size += f.size;
}

const root = newNode("/", null);
root.dir = true;
(function () {
  for (const f of files) {
    const isDir = f.type === "directory";
    let n = root;
    take(n, f);
    if (!isDir) n.files++;
    for (const name of f.path.split("/")) {
      if (name === "") continue;
      n.dir = true;
      n = childOf(n, name);
      take(n, f);
      if (!isDir) n.files++;
    }
    if (isDir) n.dir = true;
    if (!n.file || n.file.status === "hidden") n.file = f;
    n.cls = classOf[f.type];
    f.node = n;
  }
  // What is in no listed file, so that the map is the whole.
  for (const m of measures) {
    const rest = total[m] - root[m];
    if (rest < 1 || rest < total[m] / 10000) continue;
    const n = childOf(root, m === "size" ? "files of shared layers" : "outside of files");
    n.outside = true;
    n[m] += rest;
    root[m] += rest;
  }
  paint(root);
})();

// paint gives each directory the colour of most of its bytes.
function paint(node) {
  if (!node.children) return;
  const sums = {};
  const m = measures[0];
  for (const c of node.children) {
    paint(c);
    sums[c.cls] = (sums[c.cls] || 0) + c[m];
  }
  let best = node.cls, most = -1;
  for (const c of classes) if ((sums[c[0]] || 0) > most) { best = c[0]; most = sums[c[0]] || 0; }
  if (node.dir) node.cls = best;
}

// open adds what is inside of a file to the tree.
function open(node) {
  const parts = node.file && node.file.parts;
  if (!parts || node.opened) return;
  node.opened = true;
  let known = 0;
  for (let i = 0; i < parts.length; i += 2) {
    let n = node;
    known += parts[i + 1];
    for (const name of parts[i].split("/")) {
      if (name === "") continue;
      n = childOf(n, name);
      n.delta += parts[i + 1];
      n.inside = true;
      n.cls = node.cls;
    }
  }
  const rest = node.delta - known;
  if (rest > 0.5) {
    const n = childOf(node, "headers of the archive");
    n.inside = true;
    n.delta += rest;
  }
}

function canEnter(node) { return Boolean(node.children && node.children.length || node.file && node.file.parts); }

// find gives the node at a path, or the nearest one above.
function find(path) {
  let n = root;
  for (const name of path.split("/")) {
    if (name === "") continue;
    open(n);
    const c = n.index && n.index.get(name);
    if (!c) return n;
    n = c;
  }
  return n;
}

function describe(node) {
  if (node.outside) return node.size ? "the same in both images" : "padding, recipes, the package";
  if (node.inside) return canEnter(node) ? "inside of a file" : "part of a file";
  if (node.dir) return "directory, " + plural(node.files, "file");
  return node.file ? node.file.type + ", " + statusNames[node.file.status] : "file";
}
