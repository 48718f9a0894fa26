package image

import "testing"

// FuzzReference wants of what names images an error, or what it was given, and of
// platforms one that is read again as it is written.
func FuzzReference(f *testing.F) {
	for _, s := range []string{"app:v1", "docker://registry.example:5000/app@sha256:x", "oci:dir:name", "docker-archive:x.tar:app:@1", "containers-storage:[x]y", "/a/b", "-", "linux/arm/v7", "linux/amd64"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if r, err := ParseReference(s); err == nil && r.String() != s {
			t.Errorf("%q is %q", s, r)
		}
		if r, err := ParseDestination(s); err == nil && r.String() != s {
			t.Errorf("the destination %q is %q", s, r)
		}
		p, err := ParsePlatform(s)
		if err != nil {
			return
		}
		if again, err := ParsePlatform(FormatPlatform(p)); err != nil || FormatPlatform(again) != FormatPlatform(p) {
			t.Errorf("the platform %q is %+v, then %+v (%v)", s, p, again, err)
		}
	})
}
