// Command docker-delta ships a container image update as the few bytes that
// changed. It is also a plugin of the docker command line: docker delta.
package main

import (
	"os"

	"github.com/docker-delta/docker-delta/image"
	"github.com/docker-delta/docker-delta/internal/cli"
)

func main() {
	if image.Init() { // this process is a helper of containers-storage
		return
	}
	os.Exit(cli.Main())
}
