package image

import (
	"fmt"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// ParsePlatform parses os/arch[/variant], or arch alone for Linux, and
// normalises the common other spellings (x86_64, aarch64, armhf).
func ParsePlatform(s string) (ocispec.Platform, error) {
	bad := func() (ocispec.Platform, error) {
		return ocispec.Platform{}, fmt.Errorf("%q is no platform; expected os/arch or os/arch/variant, as in linux/arm64 or linux/arm/v7", s)
	}
	parts := strings.Split(s, "/")
	for _, p := range parts {
		if p == "" || strings.ContainsFunc(p, func(r rune) bool {
			return r != '.' && r != '_' && r != '-' && (r < '0' || r > '9') && (r < 'a' || r > 'z') && (r < 'A' || r > 'Z')
		}) {
			return bad()
		}
	}
	switch len(parts) {
	case 1:
		return normalize(ocispec.Platform{OS: "linux", Architecture: parts[0]}), nil
	case 2:
		return normalize(ocispec.Platform{OS: parts[0], Architecture: parts[1]}), nil
	case 3:
		return normalize(ocispec.Platform{OS: parts[0], Architecture: parts[1], Variant: parts[2]}), nil
	}
	return bad()
}

// FormatPlatform is the inverse of ParsePlatform.
func FormatPlatform(p ocispec.Platform) string {
	s := p.OS + "/" + p.Architecture
	if p.Variant != "" {
		s += "/" + p.Variant
	}
	if s == "/" {
		return "unknown"
	}
	return s
}

// normalize follows containerd's platforms package in what counts as equal:
// arm64/v8 is arm64, amd64/v1 is amd64, and arm means arm/v7.
func normalize(p ocispec.Platform) ocispec.Platform {
	p.OS, p.Architecture, p.Variant = strings.ToLower(p.OS), strings.ToLower(p.Architecture), strings.ToLower(p.Variant)
	if p.OS == "macos" {
		p.OS = "darwin"
	}
	switch p.Architecture {
	case "x86_64", "x86-64":
		p.Architecture = "amd64"
	case "i386", "i486", "i586", "i686":
		p.Architecture, p.Variant = "386", ""
	case "aarch64":
		p.Architecture = "arm64"
	case "armhf":
		p.Architecture, p.Variant = "arm", "v7"
	case "armel":
		p.Architecture, p.Variant = "arm", "v6"
	}
	if p.Variant != "" && p.Variant[0] >= '0' && p.Variant[0] <= '9' {
		p.Variant = "v" + p.Variant
	}
	switch {
	case p.Architecture == "arm64" && (p.Variant == "v8" || p.Variant == "v8.0"):
		p.Variant = ""
	case p.Architecture == "amd64" && p.Variant == "v1":
		p.Variant = ""
	case p.Architecture == "arm" && p.Variant == "":
		p.Variant = "v7"
	}
	return p
}

// wanted is the platform to choose, and whether the caller asked for it, so that
// no other will do even where there is nothing to choose.
func (o *Options) wanted() (p ocispec.Platform, explicit bool, err error) {
	if o.Platform != nil {
		return normalize(*o.Platform), true, nil
	}
	if env := os.Getenv("DOCKER_DEFAULT_PLATFORM"); env != "" {
		p, err := ParsePlatform(env)
		if err != nil {
			err = fmt.Errorf("DOCKER_DEFAULT_PLATFORM: %w", err)
		}
		return p, false, err
	}
	goos := runtime.GOOS
	if goos != "windows" {
		goos = "linux" // what containers on other systems run on
	}
	return normalize(ocispec.Platform{OS: goos, Architecture: runtime.GOARCH}), false, nil
}

// isUnknown reports the platform of attestation manifests.
func isUnknown(p *ocispec.Platform) bool {
	return p != nil && p.OS == "unknown" && p.Architecture == "unknown"
}

// fit tells how well have serves want; smaller is better, negative is not at all.
// A processor runs the lower variants of its architecture too.
func fit(want, have ocispec.Platform) int {
	have = normalize(have)
	if want.OS != have.OS || want.Architecture != have.Architecture {
		return -1
	}
	if want.OSVersion != "" && want.OSVersion != have.OSVersion {
		return -1
	}
	w, h := variantRank(want), variantRank(have)
	switch {
	case want.Variant == have.Variant:
		return 0
	case w < 0 || h < 0:
		return -1
	case h < w:
		return w - h
	}
	return -1
}

func variantRank(p ocispec.Platform) int {
	if p.Variant == "" {
		return 10 * map[string]int{"amd64": 1, "arm64": 8}[p.Architecture]
	}
	f, err := strconv.ParseFloat(strings.TrimPrefix(p.Variant, "v"), 64)
	if err != nil || f < 0 || f > 100 {
		return -1
	}
	return int(f * 10)
}

// choose gives the index of the best fitting platform, or -1.
func choose(want ocispec.Platform, have []ocispec.Platform) int {
	best, bestFit := -1, 0
	for i, h := range have {
		if f := fit(want, h); f >= 0 && (best < 0 || f < bestFit) {
			best, bestFit = i, f
		}
	}
	return best
}

func formatPlatforms(ps []ocispec.Platform) []string {
	var out []string
	for _, p := range ps {
		if s := FormatPlatform(normalize(p)); !slices.Contains(out, s) {
			out = append(out, s)
		}
	}
	return out
}

// WantedPlatform is the platform that Open would choose from several.
func (o Options) WantedPlatform() (ocispec.Platform, error) {
	p, _, err := o.wanted()
	return p, err
}
