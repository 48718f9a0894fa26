package delta

import (
	"slices"

	"github.com/docker-delta/docker-delta/image"
	"github.com/docker-delta/docker-delta/layer"
)

// inventories are looked into one after another: what an image's own base has
// comes before what other images have, so that a target needs other bases only
// for what its own lacks.
type inventories []*layer.Inventory

// Same finds an identical content, see [layer.Inventory.Same].
func (list inventories) Same(s layer.Sum, near int64) (addr int64, ok bool) {
	for _, inv := range list {
		if addr, ok := inv.Same(s, near); ok {
			return addr, true
		}
	}
	return 0, false
}

// Counterparts lists, best first, at most max contents that the one called
// name, of the given length, may resemble.
func (list inventories) Counterparts(name string, length int64, max int) []layer.Place {
	var found []layer.Place
	for _, inv := range list {
		for _, p := range inv.Counterparts(name, length, max) {
			if len(found) < max && !slices.Contains(found, p) {
				found = append(found, p)
			}
		}
	}
	return found
}

// HeadersOf lists the headers that introduce contents called name.
func (list inventories) HeadersOf(name string) []layer.Place {
	for _, inv := range list {
		if h := inv.HeadersOf(name); len(h) > 0 {
			return h
		}
	}
	return nil
}

// stock is the inventory of the whole reference and, if there are several bases,
// of each.
type stock struct {
	all    *layer.Inventory
	own    []*layer.Inventory // by base
	choice []int              // by target: its base, or -1
}

// takeStock files the contents of all bases, and finds the nearest of each target.
func (c *creator) takeStock(in Input, addr map[*layer.Stream]int64) *stock {
	s := &stock{all: layer.NewInventory(streams(c.bases), addr)}
	if len(in.Bases) < 2 {
		return s
	}
	for _, img := range in.Bases {
		s.own = append(s.own, layer.NewInventory(streams(c.pooledOf(img)), addr))
	}
	if s.choice = in.BaseOf; s.choice == nil {
		s.choice = c.nearest(in)
	}
	return s
}

// nearest finds for each target the base that has most contents in common with
// it, by bytes; -1 is for none.
func (c *creator) nearest(in Input) (choice []int) {
	sums := make([]map[layer.Sum]bool, len(in.Bases))
	for i, img := range in.Bases {
		sums[i] = make(map[layer.Sum]bool)
		for _, p := range c.pooledOf(img) {
			p.stream.Contents(func(n *layer.Node) { sums[i][n.Sum] = true })
		}
	}
	for _, img := range in.Targets {
		best, most := -1, int64(0)
		for i := range in.Bases {
			common := int64(0)
			for _, p := range c.pooledOf(img) {
				p.stream.Contents(func(n *layer.Node) {
					if sums[i][n.Sum] {
						common += n.Len
					}
				})
			}
			if common > most {
				best, most = i, common
			}
		}
		choice = append(choice, best)
		c.opt.debugf("target %d is nearest to base %d: %d bytes of contents in common", len(choice), best+1, most)
	}
	return choice
}

// of gives the inventories to look into for a layer of a target.
func (s *stock) of(target int) inventories {
	if target >= len(s.choice) || s.choice[target] < 0 {
		return inventories{s.all}
	}
	return inventories{s.own[s.choice[target]], s.all}
}

// addPlain files the plain face of a coded layer of a target.
func (s *stock) addPlain(target int, l *layer.Stream, at int64) {
	for _, inv := range s.of(target) {
		inv.AddPlain(l, at)
	}
}

// pooledOf lists the layers of an image, lowest first.
func (c *creator) pooledOf(img image.Image) []*pooled {
	var list []*pooled
	for _, l := range img.Layers() {
		if p := c.pool[l.DiffID()]; !slices.Contains(list, p) {
			list = append(list, p)
		}
	}
	return list
}
