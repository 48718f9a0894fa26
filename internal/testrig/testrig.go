// Package testrig finds or starts the real parts that tests run against:
// Docker daemons with either image store, a registry, and the programs that
// people move images with. It also makes small images, by code.
//
// What is missing skips the test that asks for it. With
// DOCKER_DELTA_TEST_REQUIRE=1, as in CI, it fails the test instead, so that no
// test is left out unnoticed.
//
//	DOCKER_DELTA_TEST_DOCKER             address of a daemon with the classic image store
//	                                     (default DOCKER_HOST, then the usual socket)
//	DOCKER_DELTA_TEST_DOCKER_CONTAINERD  address of one with the containerd image store;
//	                                     containerd-docker.sh here starts one
//
// The registry with the referrers API, olareg, is used from the PATH, or built from
// Go's module proxy and kept in the user's cache where all parts are demanded.
//
// The package imports no other package of this module, so that tests of all of
// them can use it.
package testrig

import (
	"os"
	"os/exec"
	"strings"
	"testing"
)

// Missing skips the test because a real part is not there, or fails it where
// DOCKER_DELTA_TEST_REQUIRE=1 demands all parts.
func Missing(t testing.TB, format string, args ...any) {
	t.Helper()
	if os.Getenv("DOCKER_DELTA_TEST_REQUIRE") == "1" {
		t.Fatalf("required for this test: "+format, args...)
	}
	t.Skipf("needs "+format, args...)
}

// Program gives the path of an installed program, such as skopeo, podman, umoci,
// pigz or busybox.
func Program(t testing.TB, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		Missing(t, "the program %s", name)
	}
	return path
}

// Run runs a program, which must be installed and succeed, and gives its
// standard output without the white space around it.
func Run(t testing.TB, name string, args ...string) string {
	t.Helper()
	cmd := exec.Command(Program(t, name), args...)
	var errors strings.Builder
	cmd.Stderr = &errors
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, errors.String())
	}
	return strings.TrimSpace(string(out))
}
