package cli

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/docker-delta/docker-delta/internal/testrig"
)

// What somebody typed before the tab key, and what is there behind it: a command, a
// flag, a value.
var completed = [][2]string{
	{"docker-delta publ", "docker-delta publish"},
	{"docker-delta create --plat", "docker-delta create --platform"},
	{"docker-delta create --level fa", "docker-delta create --level fast"},
}

// shell runs a script in a shell that reads no file of the user's.
func shell(t *testing.T, name string, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute) // for what hangs
	defer cancel()
	c := exec.CommandContext(ctx, testrig.Program(t, name), args...)
	home := t.TempDir()
	c.Env = append(os.Environ(), "HOME="+home, "ZDOTDIR="+home, "XDG_CONFIG_HOME="+home, "XDG_CACHE_HOME="+home, "XDG_DATA_HOME="+home, "TERM=dumb")
	out, err := c.CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v\n%s", name, err, out)
	}
	return string(out)
}

// zsh completes only on a terminal, so one zsh runs another on a pseudo terminal.
// The key ^T of that one completes and then prints the line.
const zshCompletes = `
zmodload zsh/zpty
zpty z zsh -f -i
zpty -w z 'PS1=; autoload -Uz compinit; compinit -D -u; source <(docker-delta completion zsh)'
zpty -w z 'w() { zle complete-word; print -rn -- "<$BUFFER>"; BUFFER= }; zle -N w; bindkey ^T w; print rea""dy'
zpty -r -m z out '*ready*' || exit 1
for line in "$@"; do
	zpty -w -n z "$line"$'\x14'
	zpty -r -m z out '*<*>*' || exit 1
	print -r -- "$out"
done
`

func TestCompletionInZsh(t *testing.T) {
	script := filepath.Join(t.TempDir(), "script")
	if err := os.WriteFile(script, []byte(zshCompletes), 0o600); err != nil {
		t.Fatal(err)
	}
	args := []string{"-f", script}
	for _, c := range completed {
		args = append(args, c[0])
	}
	out := shell(t, "zsh", args...)
	for _, c := range completed {
		if !strings.Contains(out, "<"+c[1]+" >") {
			t.Errorf("%q does not become %q: %q", c[0], c[1], out)
		}
	}
}

func TestCompletionInFish(t *testing.T) {
	for _, c := range completed {
		out := shell(t, "fish", "--no-config", "-c", "docker-delta completion fish | source; complete -C '"+c[0]+"'")
		word, _, _ := strings.Cut(strings.TrimSpace(out), "\t") // a description follows
		if want := c[1][strings.LastIndex(c[1], " ")+1:]; word != want {
			t.Errorf("%q: fish offers %q, want %q", c[0], out, want)
		}
	}
}
