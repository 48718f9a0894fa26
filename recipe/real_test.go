package recipe

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"os/exec"
	"strings"
	"testing"

	"github.com/docker-delta/docker-delta/recipe/golden"
	"github.com/docker-delta/docker-delta/recipe/internal/kpflate"
)

// program is a compressor that is installed on this machine, or not.
type program struct {
	format Format
	args   []string
	want   string // part of the description
}

var programs = []program{
	{Gzip, []string{"gzip", "-1"}, "level 1"},
	{Gzip, []string{"gzip", "-6"}, "GNU gzip"},
	{Gzip, []string{"gzip", "-9n"}, "GNU gzip"},
	{Gzip, []string{"pigz", "-p4"}, "pigz"},
	{Gzip, []string{"pigz", "-p4", "-9"}, "pigz"},
	{Gzip, []string{"pigz", "-p1"}, "pigz"},
	{Gzip, []string{"pigz", "-p2", "-b", "72"}, "in pieces of 72 KiB"},
	{Gzip, []string{"pigz", "-p1", "-b", "40", "-1"}, "pigz -p1 2.x level 1 in pieces of 40 KiB"},
	{Gzip, []string{"pigz", "-p2", "-i", "-9"}, "in pieces of 128 KiB, independent pieces"},
	{Gzip, []string{"busybox", "gzip", "-c"}, "gzip"},
	{Gzip, []string{"python3", "-c", "import gzip,sys; sys.stdout.buffer.write(gzip.compress(sys.stdin.buffer.read()))"}, "zlib"},
	{Gzip, []string{"python3", "-c", "import gzip,sys; f=gzip.GzipFile('a name','wb',4,sys.stdout.buffer); f.write(sys.stdin.buffer.read()); f.close()"}, "zlib 1.2-1.3 level 4"},
	{Zlib, []string{"python3", "-c", "import zlib,sys; sys.stdout.buffer.write(zlib.compress(sys.stdin.buffer.read(),2))"}, "zlib 1.2-1.3 level 2"},
	{Zlib, []string{"python3", "-c", "import zlib,sys; c=zlib.compressobj(6,8,12,9,1); sys.stdout.buffer.write(c.compress(sys.stdin.buffer.read())+c.flush())"}, "zlib 1.2-1.3 level 6"},
	{Zlib, []string{"pigz", "-z", "-p4", "-7"}, "pigz"},
	{Deflate, []string{"python3", "-c", "import zlib,sys; c=zlib.compressobj(9,8,-15); sys.stdout.buffer.write(c.compress(sys.stdin.buffer.read())+c.flush())"}, "zlib 1.2-1.3 level 9"},
}

// TestPrograms rebuilds what the programs of this machine write.
func TestPrograms(t *testing.T) {
	for _, p := range programs {
		t.Run(p.args[0], func(t *testing.T) {
			if _, err := exec.LookPath(p.args[0]); err != nil {
				t.Skip(err)
			}
			for _, n := range []int{0, 5000, 300000} {
				cmd := exec.Command(p.args[0], p.args[1:]...)
				cmd.Stdin = bytes.NewReader(text(n, uint64(n)))
				packed, err := cmd.Output()
				if err != nil {
					t.Fatalf("%v: %v", p.args, err)
				}
				r := roundTrip(t, p.format, packed, Options{Concurrency: 2})
				b, _ := r.AppendBinary(nil)
				t.Logf("%d bytes by %v: %s, %d bytes", n, p.args, r, len(b))
				if n > 100000 && !bytes.Contains([]byte(r.String()), []byte(p.want)) {
					t.Errorf("%v taken for %s, want %s", p.args, r, p.want)
				}
			}
		})
	}
}

// TestGo127: Go 1.27 brings klauspost's encoder with a change at level 9.
func TestGo127(t *testing.T) {
	for _, it := range golden.Items() {
		if it.Name != "tar" {
			continue
		}
		var out bytes.Buffer
		w, err := kpflate.NewWriter(&out, kpflate.Go1_27, 9)
		if err != nil {
			t.Fatal(err)
		}
		w.Write(it.Data)
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		if r := roundTrip(t, Deflate, out.Bytes(), Options{Concurrency: 2}); !bytes.Contains([]byte(r.String()), []byte("Go 1.27 level 9")) {
			t.Errorf("taken for %s", r)
		}
	}
}

// TestBusyboxBuilds: builds with the option GZIP_FAST=1 use more memory.
func TestBusyboxBuilds(t *testing.T) {
	plain := golden.Tar(12, 300_000)
	packed := bytes.NewBuffer([]byte{0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3})
	e, err := coding{encoder: idBusybox, level: 6, opts: 8 << zlibMemLevel}.take(packed, 1)
	if err != nil {
		t.Fatal(err)
	}
	e.Write(plain)
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	b := binary.LittleEndian.AppendUint32(packed.Bytes(), crc32.ChecksumIEEE(plain))
	b = binary.LittleEndian.AppendUint32(b, uint32(len(plain)))
	if r := roundTrip(t, Gzip, b, Options{}); !strings.Contains(r.String(), "busybox gzip 1.x level 6, memory level 8") {
		t.Errorf("taken for %s", r)
	}
}
