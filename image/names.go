package image

import (
	"fmt"
	"slices"
	"strings"

	"go.podman.io/image/v5/docker/reference"
)

// NormalizeName gives the fully qualified form of an image name, with a tag:
// "app" is "docker.io/library/app:latest". A name with a digest is refused,
// since nothing can be tagged with it.
func NormalizeName(s string) (string, error) {
	n, err := reference.ParseNormalizedNamed(s)
	if err != nil {
		return "", fmt.Errorf("%q is no image name: %w", truncate(s, 300), err)
	}
	if _, ok := n.(reference.Digested); ok {
		return "", fmt.Errorf("%q names a digest, where a tag is needed", s)
	}
	return reference.TagNameOnly(n).String(), nil
}

// familiar is the short form that docker shows: "app:latest".
func familiar(full string) string {
	n, err := reference.ParseNormalizedNamed(full)
	if err != nil {
		return full
	}
	return reference.FamiliarString(n)
}

// tagOf is the tag of a fully qualified name.
func tagOf(full string) string {
	if i := strings.LastIndexByte(full, ':'); i > strings.LastIndexByte(full, '/') {
		return full[i+1:]
	}
	return ""
}

// imageName normalises an annotation or RepoTag. A bare tag, which is what OCI
// layouts usually have in their ref.name, is no image name.
func imageName(s string) (string, bool) {
	if !strings.ContainsAny(s, ":/") {
		return "", false
	}
	full, err := NormalizeName(s)
	return full, err == nil
}

func addName(names []string, s string) []string {
	if full, ok := imageName(s); ok && !slices.Contains(names, full) {
		names = append(names, full)
	}
	return names
}

func normalizeNames(in []string) ([]string, error) {
	var out []string
	for _, s := range in {
		full, err := NormalizeName(s)
		if err != nil {
			return nil, err
		}
		if !slices.Contains(out, full) {
			out = append(out, full)
		}
	}
	return out, nil
}
