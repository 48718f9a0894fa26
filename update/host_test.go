package update

import "testing"

func TestNameIn(t *testing.T) {
	h := &held{ref: "docker-daemon:sha256:00", names: []string{"a.example/app:v1", "b.example/app-old:v1", "b.example/app:v1"}}
	for repository, want := range map[string]string{
		"b.example/app":     "b.example/app:v1",
		"b.example/app-old": "b.example/app-old:v1",
		"c.example/app":     "a.example/app:v1",
		"":                  "a.example/app:v1",
	} {
		if got := h.nameIn(repository); got != want {
			t.Errorf("nameIn(%q) is %q, want %q", repository, got, want)
		}
	}
	if got := (&held{ref: "oci:app"}).nameIn("b.example/app"); got != "oci:app" {
		t.Errorf("an image without a name is called %q", got)
	}
}
