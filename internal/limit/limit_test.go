package limit

import (
	"errors"
	"strings"
	"testing"
)

func TestMemory(t *testing.T) {
	m := NewMemory(100, "a table")
	if err := errors.Join(m.Take(60), m.Take(40), m.Take(0)); err != nil {
		t.Error(err)
	}
	if err := m.Take(1); !errors.Is(err, ErrMemory) || !strings.Contains(err.Error(), "a table") || !strings.Contains(err.Error(), "--max-memory") {
		t.Errorf("%v", err)
	}
	if m.Take(0) == nil || m.Count(1) != 0 {
		t.Error("it is over, and more was given")
	}
	if m := NewMemory(100, ""); m.Count(30) != 3 || m.Take(-1) == nil || m.Take(1<<62) == nil || m.Take(1<<62) == nil {
		t.Error("impossible sizes")
	}
	var none *Memory
	if none.Take(1<<62) != nil || none.Count(1<<20) < 1<<40 {
		t.Error("no limit is one")
	}
}

func TestJSON(t *testing.T) {
	for _, c := range []struct {
		text string
		ok   bool
	}{
		{"", true},
		{`{"a": [1, 2, {}]}`, true},
		{"[" + strings.Repeat("{},", MaxJSONValues/2-1) + "{}]", true},
		{"[" + strings.Repeat("{},", MaxJSONValues/2) + "{}]", false},
		{strings.Repeat("[", MaxJSONValues+1), false},
		{`"` + strings.Repeat(`,\"`, 2*MaxJSONValues) + `"`, true}, // all in one string
		{`"\\"` + strings.Repeat(",", MaxJSONValues+1), false},
	} {
		if err := JSON([]byte(c.text)); (err == nil) != c.ok {
			t.Errorf("%.20q of %d bytes: %v", c.text, len(c.text), err)
		}
	}
}
