package main

import (
	"archive/tar"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

var (
	baseRoot   = root{name: "base"}
	pythonRoot = root{name: "python", packages: []string{
		"python3", "python3-flask", "gunicorn", "python3-requests", "python3-sqlalchemy",
		"python3-psycopg2", "python3-cryptography", "python3-lxml", "python3-pil",
	}}
	jreRoot = root{name: "jre", packages: []string{"default-jre-headless", "tomcat10"}}
	// As in images of PostgreSQL, the cluster and its keys are made when the
	// container starts, not when the image is built.
	postgresRoot = root{name: "postgres", packages: []string{"postgresql"}, args: []string{
		"--dpkgopt=force-confold",
		`--essential-hook=mkdir -p "$1"/etc/postgresql-common`,
		`--essential-hook=echo "create_main_cluster = false" >"$1"/etc/postgresql-common/createcluster.conf`,
		`--customize-hook=rm -f "$1"/etc/ssl/private/ssl-cert-snakeoil.key "$1"/etc/ssl/certs/ssl-cert-snakeoil.pem; find "$1"/etc/ssl/certs -xtype l -delete`,
	}}
)

var searchPath = []string{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"}

func layerNames(dir string) [2]string {
	return [2]string{filepath.Join(dir, "old.layer.tar"), filepath.Join(dir, "new.layer.tar")}
}

func buildBase(ctx context.Context, w *workshop, dir string) ([2]image, error) {
	var images [2]image
	d, err := w.findDebian(ctx)
	if err != nil {
		return images, err
	}
	for i, layer := range layerNames(dir) {
		v := fmt.Sprintf("v%d", i+1)
		full, err := d.root(ctx, baseRoot, v)
		if err != nil {
			return images, err
		}
		if err := subtractLayer(layer, "", full, nil); err != nil {
			return images, err
		}
		images[i] = image{created: d.epoch(v), cmd: []string{"bash"}, env: searchPath, layers: []string{layer}}
	}
	return images, nil
}

// appBuilder builds an image of two layers, the base system and what r adds.
// The layer of interest is the second one.
func appBuilder(r root, cmd []string, extra func(w *layerWriter, version int, t time.Time) error) func(context.Context, *workshop, string) ([2]image, error) {
	return func(ctx context.Context, w *workshop, dir string) ([2]image, error) {
		var images [2]image
		if _, err := w.pair(ctx, "base"); err != nil {
			return images, err
		}
		d, err := w.findDebian(ctx)
		if err != nil {
			return images, err
		}
		bases := layerNames(w.pairDir("base"))
		for i, layer := range layerNames(dir) {
			v := fmt.Sprintf("v%d", i+1)
			base, err := d.root(ctx, baseRoot, v)
			if err != nil {
				return images, err
			}
			full, err := d.root(ctx, r, v)
			if err != nil {
				return images, err
			}
			err = subtractLayer(layer, base, full, func(l *layerWriter) error {
				if extra == nil {
					return nil
				}
				return extra(l, i+1, d.epoch(v))
			})
			if err != nil {
				return images, err
			}
			images[i] = image{created: d.epoch(v), cmd: cmd, env: searchPath, layers: []string{bases[i], layer}}
		}
		return images, nil
	}
}

// pythonApp is a program that shows that the image works.
func pythonApp(l *layerWriter, version int, t time.Time) error {
	const app = `import sys
import cryptography, flask, lxml.etree, PIL, sqlalchemy

app = flask.Flask(__name__)

@app.route("/")
def hello():
    return "hello from version %d\n"

if __name__ == "__main__":
    print("python", sys.version.split()[0], "flask", flask.__version__)
    print(app.test_client().get("/").text, end="")
`
	for _, dir := range []string{"srv/", "srv/app/"} {
		if err := l.WriteHeader(&tar.Header{Typeflag: tar.TypeDir, Name: dir, Mode: 0o755, ModTime: t}); err != nil {
			return err
		}
	}
	return l.addFile("srv/app/main.py", 0o644, t, fmt.Appendf(nil, app, version))
}

// buildCaddy compiles two released versions of a Go service with the same
// toolchain, each an image of one static binary.
func buildCaddy(ctx context.Context, w *workshop, dir string) ([2]image, error) {
	var images [2]image
	created := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	if t, ok := sourceDateEpoch(); ok {
		created = t
	}
	for i, layer := range layerNames(dir) {
		version := []string{"v2.9.1", "v2.10.0"}[i]
		bin := filepath.Join(dir, "bin", fmt.Sprintf("v%d", i+1))
		if _, err := os.Stat(bin); err != nil {
			w.log("compiling caddy %s", version)
			if err := compile(ctx, bin, "github.com/caddyserver/caddy/v2/cmd/caddy@"+version); err != nil {
				return images, err
			}
		}
		data, err := os.ReadFile(bin)
		if err != nil {
			return images, err
		}
		l, err := createLayer(layer)
		if err != nil {
			return images, err
		}
		for _, d := range []string{"usr/", "usr/bin/"} {
			if err == nil {
				err = l.WriteHeader(&tar.Header{Typeflag: tar.TypeDir, Name: d, Mode: 0o755, ModTime: created})
			}
		}
		if err == nil {
			err = l.addFile("usr/bin/caddy", 0o755, created, data)
		}
		if err := l.finish(err); err != nil {
			return images, err
		}
		images[i] = image{created: created, cmd: []string{"caddy", "version"}, env: searchPath, layers: []string{layer}}
	}
	return images, nil
}

// compile installs a Go program as the file out, as its makers release it: static and stripped.
func compile(ctx context.Context, out, module string) error {
	tmp, err := os.MkdirTemp("", "docker-delta-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(tmp)
	cmd := exec.CommandContext(ctx, "go", "install", "-trimpath", "-buildvcs=false", "-ldflags=-s -w", module)
	cmd.Dir = tmp
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOFLAGS=", "GOOS=linux", "GOARCH=amd64", "GOBIN="+tmp)
	if log, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("go install %s: %w\n%s", module, err, lastLines(string(log), 15))
	}
	name, _, _ := strings.Cut(module, "@")
	if err := os.MkdirAll(filepath.Dir(out), 0o755); err != nil {
		return err
	}
	return moveFile(filepath.Join(tmp, filepath.Base(name)), out)
}

// moveFile copies, as a rename does not cross file systems.
func moveFile(from, to string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.Create(to + ".tmp")
	if err != nil {
		return err
	}
	if _, err := io.Copy(out, in); err != nil {
		out.Close()
		return err
	}
	if err := out.Close(); err != nil {
		return err
	}
	return os.Rename(to+".tmp", to)
}
