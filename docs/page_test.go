package docs

import (
	"fmt"
	"regexp"
	"strings"
	"testing"
)

// A block is one command or script of a page.
type block struct {
	line   int
	script string
	output string // what is to be printed; empty for whatever
	exit   int
	needs  []string
	vary   bool // sizes may be any
}

var exitMark = regexp.MustCompile(`\s+# exit (\d+)$`)

// parsePage finds the commands.
func parsePage(text string) ([]block, error) {
	var blocks []block
	var needs []string
	add := func(b block) {
		b.needs, needs = needs, nil
		blocks = append(blocks, b)
	}
	lines := strings.Split(text, "\n")
	hide, vary, prints := false, false, ""
	for i := 0; i < len(lines); i++ {
		line := lines[i]
		switch {
		case strings.HasPrefix(line, "<!-- needs:"):
			needs = append(needs, strings.Fields(between(line, "<!-- needs:", "-->"))...)
		case strings.HasPrefix(line, "<!-- shown only:"):
			hide = true
		case strings.HasPrefix(line, "<!-- prints:"):
			prints = between(line, "<!-- prints:", "-->")
		case strings.HasPrefix(line, "<!-- sizes vary:"):
			vary = true
		case strings.HasPrefix(line, "<!-- run:"):
			begin := i
			for !strings.Contains(lines[i], "-->") {
				if i++; i == len(lines) {
					return nil, fmt.Errorf("line %d: the comment does not end", begin+1)
				}
			}
			add(block{line: begin + 1, script: between(strings.Join(lines[begin:i+1], "\n"), "<!-- run:", "-->")})
		case strings.HasPrefix(strings.TrimSpace(line), "```"):
			kind := strings.TrimPrefix(strings.TrimSpace(line), "```")
			begin := i + 1
			for i++; i < len(lines) && strings.TrimSpace(lines[i]) != "```"; i++ {
			}
			if i == len(lines) {
				return nil, fmt.Errorf("line %d: the block does not end", begin)
			}
			inner := lines[begin:i]
			switch {
			case hide:
			case prints != "":
				add(block{line: begin + 1, script: prints, output: strings.Join(inner, "\n") + "\n", vary: vary})
			case kind == "sh":
				add(block{line: begin + 1, script: strings.Join(inner, "\n")})
			case kind == "console":
				for _, b := range parseConsole(inner, begin+1) {
					b.vary = vary
					add(b)
				}
			}
			hide, vary, prints = false, false, ""
		}
	}
	return blocks, nil
}

// parseConsole splits a session into commands and their outputs.
func parseConsole(lines []string, at int) []block {
	var list []block
	for i, line := range lines {
		line = strings.TrimPrefix(line, "   ") // within a list
		if script, ok := strings.CutPrefix(line, "$ "); ok {
			b := block{line: at + i, script: script}
			if m := exitMark.FindStringSubmatch(script); m != nil {
				b.script = strings.TrimSuffix(script, m[0])
				fmt.Sscan(m[1], &b.exit)
			}
			list = append(list, b)
		} else if len(list) > 0 {
			b := &list[len(list)-1]
			if more, ok := strings.CutPrefix(line, "> "); ok && b.output == "" {
				b.script += "\n" + more
			} else {
				b.output += line + "\n"
			}
		}
	}
	return list
}

func between(s, begin, end string) string {
	_, s, _ = strings.Cut(s, begin)
	s, _, _ = strings.Cut(s, end)
	return strings.TrimSpace(s)
}

func TestParsePage(t *testing.T) {
	page := "text\n<!-- needs: docker -->\n```console\n$ one \\\n> two\nprinted 12 bytes\n$ three # exit 3\n```\n" +
		"<!-- shown only: takes hours -->\n```sh\nnever\n```\n<!-- run:\nhidden\n-->\n```json\n{}\n```\n```sh\nfour\n```\n" +
		"<!-- sizes vary: often -->\n<!-- prints: five -->\n```console\n5 B\n```\n"
	got, err := parsePage(page)
	if err != nil {
		t.Fatal(err)
	}
	want := []block{
		{line: 4, script: "one \\\ntwo", output: "printed 12 bytes\n", needs: []string{"docker"}},
		{line: 7, script: "three", exit: 3},
		{line: 13, script: "hidden"},
		{line: 20, script: "four"},
		{line: 25, script: "five", output: "5 B\n", vary: true},
	}
	if fmt.Sprintf("%+v", got) != fmt.Sprintf("%+v", want) {
		t.Fatalf("got  %+v\nwant %+v", got, want)
	}
	if _, err := parsePage("```sh\n"); err == nil {
		t.Error("a block without an end passes")
	}
}
