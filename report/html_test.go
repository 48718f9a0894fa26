package report

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/docker-delta/docker-delta/delta"
)

func pageOf(t testing.TB, r *Report) string {
	t.Helper()
	var b bytes.Buffer
	if err := r.HTML(&b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func pageFile(t testing.TB, r *Report) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "report.html")
	if err := os.WriteFile(path, []byte(pageOf(t, r)), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

// Names of files never become markup, and the policy names exactly what the page
// has to run.
func TestPageOfHostileNames(t *testing.T) {
	page := pageOf(t, hostile(t))
	if !utf8.ValidString(page) {
		t.Error("no UTF-8")
	}
	for _, bad := range []string{"<script>alert", "<img", "onerror=alert(2)>", "\x1b", "\u202e", "\u2028", "</script><", "style=\""} {
		if strings.Contains(page, bad) {
			t.Errorf("the page has %q", bad)
		}
	}
	if n := strings.Count(page, "<script"); n != 2 {
		t.Errorf("%d scripts", n)
	}
	for _, link := range regexp.MustCompile(`(?:src|href|action|url\()\s*=?\s*"?[^"\s>)]+`).FindAllString(page[strings.Index(page, "<title"):strings.Index(page, "<script")], -1) {
		if !strings.HasPrefix(link, `href="#`) {
			t.Errorf("a link: %s", link)
		}
	}
	policy := regexp.MustCompile(`Content-Security-Policy" content="([^"]+)"`).FindStringSubmatch(page)
	if policy == nil {
		t.Fatal("no policy")
	}
	for tag, directive := range map[string]string{"script": "script-src", "style": "style-src"} {
		m := regexp.MustCompile(`(?s)<` + tag + `>(.*?)</` + tag + `>`).FindStringSubmatch(page)
		sum := sha256.Sum256([]byte(m[1]))
		want := directive + " 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
		if got := strings.NewReplacer("&#39;", "'", "&#43;", "+").Replace(policy[1]); !strings.Contains(got, want) || !strings.HasPrefix(got, "default-src 'none'; ") {
			t.Errorf("the policy %s lacks %s", got, want)
		}
	}
	var data struct {
		Files [][]json.RawMessage
	}
	m := regexp.MustCompile(`(?s)<script type="application/json" id="data">(.*?)</script>`).FindStringSubmatch(page)
	if err := json.Unmarshal([]byte(m[1]), &data); err != nil {
		t.Fatal(err)
	}
	if len(data.Files) != len(hostileNames) {
		t.Errorf("%d files, want %d", len(data.Files), len(hostileNames))
	}
}

// The names come out in the browser as they are shown elsewhere.
func TestHostilePageInBrowser(t *testing.T) {
	b := newBrowser(t)
	r := hostile(t)
	b.open(pageFile(t, r), "")
	b.is(`document.querySelectorAll("script").length`, 2)
	b.is(`document.querySelectorAll("img, iframe, object, link").length`, 0)
	b.is(`document.querySelector("h1").textContent`, "old<b> → new\\x1b[0m")
	b.is(`document.querySelectorAll("#files tbody tr").length`, len(hostileNames))
	shown := fmt.Sprint(b.eval(`[...document.querySelectorAll("#files .path")].map(e => e.title).join("\n")`))
	for _, f := range r.Files {
		if !strings.Contains("\n"+shown+"\n", "\n"+Show(f.Path)+"\n") {
			t.Errorf("not shown: %s", Show(f.Path))
		}
	}
	// Each can be opened by its address.
	for _, f := range r.Files {
		dir, _ := json.Marshal("#" + Show(f.Path[:strings.LastIndex(f.Path, "/")]))
		b.eval("location.hash = " + string(dir) + ".split('/').map((p, i) => i ? encodeURIComponent(p) : p).join('/')")
		want, _ := json.Marshal("In " + Show(f.Path[:strings.LastIndex(f.Path, "/")]))
		b.wait(`document.getElementById("here-title").textContent === ` + string(want))
	}
	b.quiet()
}

// app is a pair of images with enough in them to try the page with.
func app(t testing.TB) *Report {
	t.Helper()
	layer := func(n uint64) []byte {
		v := fmt.Sprintf("1.%d", n)
		members := []tarMember{
			file("var/lib/dpkg/status", "Package: libfoo\nStatus: install ok installed\nVersion: "+v+"\n\nPackage: same\nStatus: install ok installed\nVersion: 1\n"),
			file("var/lib/dpkg/info/libfoo.list", "/usr/lib/libfoo.so\n"), file("var/lib/dpkg/info/same.list", "/usr/lib/libsame.so\n"),
			file("usr/lib/libfoo.so", "\x7fELF\x02\x01\x01"+noise(n, 40_000)), file("usr/lib/libsame.so", "\x7fELF\x02\x01\x01"+noise(99, 20_000)),
			file("usr/share/app.jar", zipOf(t, "a/A.class", noise(n+10, 9_000), "a/B.class", noise(n+20, 4_000), "c/C.class", "same")),
			file("var/log/build.log", noise(n+30, 2_000)),
		}
		for i := range 60 {
			members = append(members, file(fmt.Sprintf("opt/app/data/part-%02d.txt", i), strings.Repeat(fmt.Sprintf("line %d\n", i), 30*i)+noise(n+uint64(i)<<8, 100+30*i)))
		}
		return layerTar(t, members...)
	}
	shared := layerTar(t, file("etc/os-release", "ID=test\n"))
	return makeReport(t, newImage(t, "registry.example/app:v1", []string{"ADD base", "RUN build"}, shared, layer(1)),
		newImage(t, "registry.example/app:v2", []string{"ADD base", "RUN build"}, shared, layer(2)), Options{Level: delta.Fast})
}

func TestPageInBrowser(t *testing.T) {
	b := newBrowser(t)
	path := pageFile(t, app(t))
	b.size(1280, 900)
	b.open(path, "")
	b.shoot("page")

	t.Run("summary", func(t *testing.T) {
		b.t = t
		b.is(`/takes \d.* as a delta in place of \d.* as a pull/.test(document.querySelector(".headline").textContent)`, true)
		b.is(`document.querySelectorAll(".advice > li").length > 0`, true)
	})
	t.Run("sorting", func(t *testing.T) {
		b.t = t
		first := `document.querySelector("#files tbody tr .path").title`
		b.is(first, "/usr/lib/libfoo.so")
		b.eval(`document.querySelector("#files thead button").focus()`)
		b.press("Enter")
		b.is(`document.querySelector("#files thead th").getAttribute("aria-sort")`, "ascending")
		b.is(first, "/opt/app/data/part-00.txt")
		b.press("Enter")
		b.is(`document.querySelector("#files thead th").getAttribute("aria-sort")`, "descending")
		b.is(first, "/var/log/build.log")
		b.is(`document.getElementById("status").textContent`, "Files sorted by Path, descending")
		b.is(`document.querySelectorAll("#files [aria-sort]").length`, 1)
	})
	t.Run("filtering", func(t *testing.T) {
		b.t = t
		b.eval(`document.querySelector("#files input").focus()`)
		b.write("PART-4 data")
		b.wait(`document.querySelectorAll("#files tbody tr").length === 10`)
		b.is(`document.querySelector("#files .found").textContent`, "10 of 67 files")
		b.eval(`document.querySelector("#files input").select()`)
		b.write("no such file")
		b.wait(`document.querySelector("#files .empty") !== null`)
		b.eval(`document.querySelector("#files input").select()`)
		b.write("lib")
		b.wait(`document.querySelectorAll("#files .path").length === 2`)
		b.eval(`{ const s = document.querySelector("#files select"); s.value = ""; s.dispatchEvent(new Event("change")); }`)
		b.wait(`document.querySelectorAll("#files .path").length === 5`)
	})
	t.Run("packages", func(t *testing.T) {
		b.t = t
		b.is(`[...document.querySelectorAll("#packages tbody tr")].map(r => [...r.children].slice(0, 4).map(c => c.textContent).join(" ")).join()`, "libfoo deb 1.1 1.2")
		// What differs is set off, and seen where the column is too narrow.
		b.is(`[...document.querySelectorAll("#packages tbody td .base")].map(e => e.textContent).join()`, "1,2")
		b.eval(`document.querySelector("#packages tbody td .dir").textContent = "1.".repeat(60)`)
		b.is(`(() => { const e = document.querySelector("#packages tbody td .base"), r = e.getBoundingClientRect(); return r.width > 4 && r.right <= e.closest("td").getBoundingClientRect().right; })()`, true)
		b.is(`document.querySelector("#packages tbody th .dir:empty").getBoundingClientRect().width`, 0)
		b.eval(`document.querySelector("#packages input[type=checkbox]").focus()`)
		b.press(" ")
		b.wait(`document.querySelectorAll("#packages tbody tr").length === 3`)
	})
	t.Run("keyboard in the map", func(t *testing.T) {
		b.t = t
		b.is(`document.querySelectorAll("#treemap [tabindex='0']").length`, 1)
		b.eval(`document.querySelector("#measure input:checked").focus()`)
		b.press("Tab") // place in the image
		b.press("Tab") // map
		b.is(`document.activeElement.className.includes("cell")`, true)
		label := `document.activeElement.getAttribute("aria-label")`
		b.is(`/^\/opt, directory, \d+ files, [\d.]+ kB, [\d.]+% of the delta$/.test(`+label+`)`, true)
		before := b.eval(label)
		b.press("ArrowRight")
		if after := b.eval(label); after == before {
			t.Errorf("the arrow did not move from %v", before)
		}
		b.press("Home")
		b.is(label, before)
		b.press("Enter")
		b.is(`document.getElementById("here-title").textContent`, "In /opt")
		b.is(`location.hash`, "#/opt")
		b.is(`document.activeElement.className.includes("cell")`, true)
		// A directory that has the focus does not hide what is in it.
		b.is(`(() => {
			const e = document.activeElement;
			e.scrollIntoView({ block: "center" });
			const r = e.getBoundingClientRect(), top = document.elementFromPoint(r.left + r.width / 2, Math.min(r.top + r.height / 2, innerHeight - 5));
			return e.classList.contains("group") && top !== e && top.classList.contains("cell");
		})()`, true)
		b.shoot("drilled")
		b.press("Escape")
		b.is(`document.getElementById("here-title").textContent`, "In /")
		b.eval(`history.back()`)
		b.wait(`document.getElementById("here-title").textContent === "In /opt"`)
	})
	t.Run("into an archive", func(t *testing.T) {
		b.t = t
		b.open(path, "#/usr/share/app.jar")
		b.is(`document.getElementById("here-title").textContent`, "In /usr/share/app.jar")
		b.is(`[...document.querySelectorAll("#treemap .cell .name")].some(e => e.textContent.startsWith("A.class"))`, true)
	})
	t.Run("no overlaps", func(t *testing.T) {
		b.t = t
		for _, width := range []int{1280, 420} {
			b.size(width, 900)
			b.open(path, "")
			// Areas lie in one another or apart, and in their place.
			b.is(`(() => {
				const box = document.getElementById("treemap").getBoundingClientRect();
				const r = [...document.querySelectorAll("#treemap .cell")].map(e => e.getBoundingClientRect());
				const inside = (a, b) => a.left >= b.left && a.right <= b.right && a.top >= b.top && a.bottom <= b.bottom;
				const apart = (a, b) => a.right <= b.left || b.right <= a.left || a.bottom <= b.top || b.bottom <= a.top;
				const show = a => [a.left, a.top, a.right, a.bottom].map(Math.round).join(" ");
				for (const a of r) {
					if (!inside(a, box)) return show(a) + " leaves " + show(box);
					for (const b of r) if (!apart(a, b) && !inside(a, b) && !inside(b, a)) return show(a) + " and " + show(b) + " overlap";
				}
				return r.length > 10;
			})()`, true)
			b.is(`document.documentElement.scrollWidth <= innerWidth`, true)
		}
		// In another window the map is drawn anew, and fills its place.
		for _, height := range []int{600, 1000} {
			b.size(1280, height)
			b.wait(`(() => {
				const box = document.getElementById("treemap").getBoundingClientRect();
				const r = [...document.querySelectorAll("#treemap .cell")].map(e => e.getBoundingClientRect());
				return Math.abs(Math.max(...r.map(a => a.bottom)) - box.bottom) < 2 && Math.abs(Math.max(...r.map(a => a.right)) - box.right) < 2;
			})()`)
		}
		b.size(1280, 900)
	})
	t.Run("columns", func(t *testing.T) {
		b.t = t
		// No column is cut off: what has no room is left out, and that is said.
		for _, width := range []int{1300, 1000, 800, 420} {
			b.size(width, 900)
			b.open(path, "")
			b.is(`[...document.querySelectorAll(".grid")].map(e => e.scrollWidth - e.clientWidth).join()`, "0,0,0,0")
			for _, e := range []struct{ table, column string }{{"#packages", "Size"}, {"#packages", "Where"}, {"#here", "What"}} {
				b.is(fmt.Sprintf(`(() => {
					const seen = [...document.querySelectorAll("%[1]s thead th")].some(e => e.textContent === "%[2]s");
					return seen !== document.querySelector("%[1]s .found + .found").textContent.includes("%[2]s");
				})()`, e.table, e.column), true)
			}
			b.is(`[...document.querySelectorAll("#here tbody td:nth-child(2)")].every(e => e.scrollWidth <= e.clientWidth)`, true)
		}
		b.size(800, 900)
		b.open(path, "")
		b.is(`document.querySelector("#packages .found + .found").textContent.startsWith("no room for: Kind, Status, Where")`, true)
		b.size(1300, 900)
		b.wait(`document.querySelector("#packages .found + .found").textContent === ""`)
	})
	t.Run("areas", func(t *testing.T) {
		b.t = t
		b.open(path, "#/opt/app/data")
		// An area is in proportion to what it stands for.
		b.is(`(() => {
			const cells = [...document.querySelectorAll("#treemap .cell")].filter(e => !e.classList.contains("rest")).map(e => {
				const m = e.getAttribute("aria-label").match(/([\d.]+) (B|kB), /);
				return [m[1] * (m[2] === "kB" ? 1000 : 1), e.offsetWidth * e.offsetHeight];
			});
			const scale = cells[0][1] / cells[0][0];
			return cells.length > 20 && cells.every(c => Math.abs(c[1] / (c[0] * scale) - 1) < 0.12);
		})()`, true)
	})
	t.Run("colours", func(t *testing.T) {
		b.t = t
		for _, scheme := range []string{"light", "dark"} {
			b.media("", map[string]string{"prefers-color-scheme": scheme})
			b.open(path, "")
			b.is(worstContrast, true)
			b.shoot(scheme)
		}
		b.eval(`document.querySelector(".theme [data-theme=light]").click()`)
		b.is(`getComputedStyle(document.documentElement).backgroundColor`, "rgb(255, 255, 255)")
		b.is(`document.querySelector(".theme [data-theme=light]").getAttribute("aria-pressed")`, "true")
		b.eval(`document.querySelector(".theme [data-theme=auto]").click()`)
		b.is(`getComputedStyle(document.documentElement).backgroundColor`, "rgb(20, 23, 27)")
		b.media("", map[string]string{"prefers-reduced-motion": "reduce"})
		b.is(`[...document.querySelectorAll("*")].every(e => getComputedStyle(e).transitionDuration === "0s" && getComputedStyle(e).animationName === "none")`, true)
	})
	t.Run("print", func(t *testing.T) {
		b.t = t
		b.media("print", nil)
		b.eval(`window.dispatchEvent(new Event("beforeprint"))`)
		b.is(`document.querySelectorAll("#files tbody tr").length`, 64) // all that differ
		b.is(`getComputedStyle(document.querySelector("#files .grid")).overflowY`, "visible")
		b.eval(`window.dispatchEvent(new Event("afterprint"))`)
		b.media("", nil)
	})
	t.Run("names and roles", func(t *testing.T) {
		b.t = t
		b.everythingHasAName()
	})
	b.t = t
	b.quiet()
}

// manyFiles is a pair of images of n files, a tenth of which change.
func manyFiles(t testing.TB, n int) (base, target *testImage) {
	t.Helper()
	layer := func(version int) []byte {
		members := make([]tarMember, n)
		for i := range members {
			body := fmt.Sprintf("file %d\n", i)
			if i%10 == 0 {
				body += strings.Repeat(fmt.Sprintf("version %d\n", version), 1+i%50)
			}
			members[i] = file(fmt.Sprintf("srv/%02d/module-%03d/some-directory/file-%06d.txt", i%37, i%997, i), body)
		}
		return layerTar(t, members...)
	}
	return newImage(t, "many:v1", nil, layer(1)), newImage(t, "many:v2", nil, layer(2))
}

// A page of 100,000 files makes no more elements than one of few.
func TestLargePageInBrowser(t *testing.T) {
	n := 100_000
	if testing.Short() {
		n = 5_000
	}
	base, target := manyFiles(t, n)
	r := makeReport(t, base, target, Options{NoDelta: true})
	b := newBrowser(t)
	b.size(1280, 900)
	b.open(pageFile(t, r), "")
	b.is(`document.querySelectorAll("*").length < 3000`, true)
	b.is(`document.querySelector("#files .found").textContent`, count(n/10)+" of "+count(n)+" files")
	b.is(`document.querySelector("#files table").getAttribute("aria-rowcount")`, n/10+1)
	b.eval(`document.querySelector("#files .grid").scrollTop = 1e9`)
	b.wait(`document.querySelector("#files tbody tr[aria-rowindex='` + fmt.Sprint(n/10+1) + `']") !== null`)
	b.is(`(() => { const g = document.querySelector("#files .grid").getBoundingClientRect(), r = [...document.querySelectorAll("#files tbody tr:not(.space)")].pop().getBoundingClientRect(); return Math.abs(g.bottom - r.bottom) < 25; })()`, true)
	b.eval(`document.querySelector("#files input").focus()`)
	b.write(fmt.Sprintf("file-%06d", n-10))
	b.wait(`document.querySelectorAll("#files .path").length === 1`)
	b.eval(`location.hash = "#/srv/03"`)
	b.wait(`document.getElementById("here-title").textContent === "In /srv/03"`)
	b.is(`document.querySelectorAll("*").length < 3000`, true)
	b.shoot("large")
	b.quiet()
}

// worstContrast tells whether every text has the contrast of 4.5 to 1 that WCAG
// 2.1 asks for (1.4.3).
const worstContrast = `(() => {
	const channel = c => (c /= 255) <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
	const light = c => 0.2126 * channel(c[0]) + 0.7152 * channel(c[1]) + 0.0722 * channel(c[2]);
	const parse = s => s.match(/[\d.]+/g).map(Number);
	const back = e => {
		for (; e; e = e.parentElement) {
			const c = parse(getComputedStyle(e).backgroundColor);
			if (c.length < 4 || c[3] > 0) return c;
		}
		return [255, 255, 255];
	};
	const bad = [];
	const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
	while (walk.nextNode()) {
		const e = walk.currentNode.parentElement;
		if (!walk.currentNode.textContent.trim() || !e.offsetParent || e.closest("script, .away, .skip")) continue;
		const a = light(parse(getComputedStyle(e).color)), b = light(back(e));
		const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
		if (ratio < 4.5) bad.push(ratio.toFixed(2) + " " + e.className + " " + walk.currentNode.textContent);
	}
	return bad.length ? bad.join("\n") : true;
})()`

// everythingHasAName looks at the page as a screen reader does.
func (b *browser) everythingHasAName() {
	b.t.Helper()
	var tree struct {
		Nodes []struct {
			Ignored    bool
			Role, Name struct{ Value string }
		}
	}
	b.call("Accessibility.getFullAXTree", nil, &tree)
	roles := make(map[string]int)
	for _, n := range tree.Nodes {
		if n.Ignored {
			continue
		}
		roles[n.Role.Value]++
		switch n.Role.Value {
		case "button", "link", "textbox", "searchbox", "combobox", "checkbox", "radio", "table", "region", "navigation":
			if n.Name.Value == "" {
				b.t.Errorf("a %s has no name", n.Role.Value)
			}
		}
	}
	for _, role := range []string{"banner", "main", "navigation", "contentinfo", "table", "columnheader", "rowheader", "radio", "searchbox", "status"} {
		if roles[role] == 0 {
			b.t.Errorf("there is no %s in %v", role, roles)
		}
	}
}
