// Package dockerapi speaks as much of the docker engine's HTTP API as moving
// images needs. It finds the daemon as the docker command does.
package dockerapi

import (
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"strings"
)

// DefaultHost is where the daemon listens when nobody says otherwise.
const DefaultHost = "unix:///var/run/docker.sock"

// Endpoint is the address of a daemon and where it was found.
type Endpoint struct {
	Host   string // as in DOCKER_HOST
	Origin string // "DOCKER_HOST", "docker context colima"; for messages
	TLS    *tls.Config
}

func (e Endpoint) String() string {
	if e.Origin == "" {
		return e.Host
	}
	return e.Host + " (from " + e.Origin + ")"
}

// Resolve finds the endpoint in the order of the docker command: host (its -H),
// context (its --context), DOCKER_HOST, DOCKER_CONTEXT, the current context of
// config.json, DefaultHost.
func Resolve(host, context string) (Endpoint, error) {
	if host != "" && context != "" {
		return Endpoint{}, errors.New("give either a docker host or a docker context, not both")
	}
	origin := "docker context"
	switch {
	case host != "":
		return fromEnv(host, "-H")
	case context != "":
	case os.Getenv("DOCKER_HOST") != "":
		return fromEnv(os.Getenv("DOCKER_HOST"), "DOCKER_HOST")
	case os.Getenv("DOCKER_CONTEXT") != "":
		context, origin = os.Getenv("DOCKER_CONTEXT"), "DOCKER_CONTEXT"
	default:
		var err error
		if context, err = currentContext(); err != nil {
			return Endpoint{}, err
		}
	}
	if context == "" || context == "default" {
		return fromEnv("", "")
	}
	return fromContext(context, origin+" "+context)
}

// ConfigDir is docker's configuration directory.
func ConfigDir() string {
	if d := os.Getenv("DOCKER_CONFIG"); d != "" {
		return d
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return ""
	}
	return filepath.Join(home, ".docker")
}

func fromEnv(host, origin string) (Endpoint, error) {
	host, err := normalizeHost(host)
	if err != nil {
		return Endpoint{}, err
	}
	e := Endpoint{Host: host, Origin: origin}
	if !strings.HasPrefix(host, "tcp://") || os.Getenv("DOCKER_TLS_VERIFY") == "" && os.Getenv("DOCKER_TLS") == "" {
		return e, nil
	}
	dir := os.Getenv("DOCKER_CERT_PATH")
	if dir == "" {
		dir = ConfigDir()
	}
	e.TLS, err = tlsConfig(dir, os.Getenv("DOCKER_TLS_VERIFY") == "")
	if err == nil && e.TLS == nil {
		e.TLS = &tls.Config{MinVersion: tls.VersionTLS12, InsecureSkipVerify: os.Getenv("DOCKER_TLS_VERIFY") == ""}
	}
	return e, err
}

// normalizeHost accepts what docker -H accepts: also a bare path or host:port.
func normalizeHost(host string) (string, error) {
	host = strings.TrimSpace(host)
	switch scheme, rest, ok := strings.Cut(host, "://"); {
	case host == "":
		if runtime.GOOS == "windows" {
			return "npipe:////./pipe/docker_engine", nil
		}
		return DefaultHost, nil
	case !ok && strings.HasPrefix(host, "/"):
		return "unix://" + host, nil
	case !ok:
		return "tcp://" + withPort(host), nil
	case scheme == "unix" && rest == "":
		return DefaultHost, nil
	case scheme == "tcp", scheme == "http", scheme == "https":
		if scheme != "tcp" {
			return host, nil
		}
		return "tcp://" + withPort(rest), nil
	case scheme == "unix", scheme == "ssh", scheme == "npipe":
		return host, nil
	}
	return "", fmt.Errorf("the docker host %q is not understood; expected unix:///path, tcp://host:port or ssh://user@host", host)
}

func withPort(rest string) string {
	u, err := url.Parse("tcp://" + rest)
	if err == nil && u.Port() == "" {
		port := "2375"
		if os.Getenv("DOCKER_TLS_VERIFY") != "" || os.Getenv("DOCKER_TLS") != "" {
			port = "2376"
		}
		host := u.Host
		if host == "" {
			host = "localhost"
		}
		return strings.TrimSuffix(host, ":") + ":" + port + u.Path
	}
	return rest
}

func currentContext() (string, error) {
	raw, err := os.ReadFile(filepath.Join(ConfigDir(), "config.json"))
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrPermission) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	var c struct {
		CurrentContext string `json:"currentContext"`
	}
	if err := json.Unmarshal(raw, &c); err != nil {
		return "", fmt.Errorf("%s: %w", filepath.Join(ConfigDir(), "config.json"), err)
	}
	return c.CurrentContext, nil
}

// fromContext reads docker's context store: contexts/meta/<hash>/meta.json and
// contexts/tls/<hash>/docker/*.pem, where hash is the SHA-256 of the name.
func fromContext(name, origin string) (Endpoint, error) {
	sum := sha256.Sum256([]byte(name))
	id := hex.EncodeToString(sum[:])
	file := filepath.Join(ConfigDir(), "contexts", "meta", id, "meta.json")
	raw, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return Endpoint{}, fmt.Errorf("the docker context %q does not exist (%s); docker context ls lists those that do", name, file)
	}
	if err != nil {
		return Endpoint{}, err
	}
	var meta struct {
		Endpoints map[string]struct {
			Host          string
			SkipTLSVerify bool
		}
	}
	if err := json.Unmarshal(raw, &meta); err != nil {
		return Endpoint{}, fmt.Errorf("%s: %w", file, err)
	}
	ep, ok := meta.Endpoints["docker"]
	if !ok {
		return Endpoint{}, fmt.Errorf("the docker context %q has no docker endpoint (%s)", name, file)
	}
	e := Endpoint{Origin: origin}
	if e.Host, err = normalizeHost(ep.Host); err != nil {
		return Endpoint{}, err
	}
	e.TLS, err = tlsConfig(filepath.Join(ConfigDir(), "contexts", "tls", id, "docker"), ep.SkipTLSVerify)
	return e, err
}

// tlsConfig loads ca.pem, cert.pem and key.pem, as far as they exist in dir. It
// gives nil when none does.
func tlsConfig(dir string, skipVerify bool) (*tls.Config, error) {
	c := &tls.Config{MinVersion: tls.VersionTLS12, InsecureSkipVerify: skipVerify}
	found := false
	ca, err := os.ReadFile(filepath.Join(dir, "ca.pem"))
	switch {
	case err == nil:
		found = true
		c.RootCAs = x509.NewCertPool()
		if !c.RootCAs.AppendCertsFromPEM(ca) {
			return nil, fmt.Errorf("%s has no certificate", filepath.Join(dir, "ca.pem"))
		}
	case !errors.Is(err, fs.ErrNotExist):
		return nil, err
	}
	cert := filepath.Join(dir, "cert.pem")
	if _, err := os.Stat(cert); err == nil {
		found = true
		pair, err := tls.LoadX509KeyPair(cert, filepath.Join(dir, "key.pem"))
		if err != nil {
			return nil, err
		}
		c.Certificates = []tls.Certificate{pair}
	}
	if !found {
		return nil, nil
	}
	return c, nil
}
