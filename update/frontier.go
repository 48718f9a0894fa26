package update

import "container/heap"

// frontier holds the images from which the search may go on. The cheapest comes first,
// of equal ones that with the fewest steps, then that which was added first. A
// registry may list as many as it likes, so they are bounded: the first count.
type frontier struct {
	nodes    []ranked
	added    int
	compared int
}

type ranked struct {
	node
	rank int // in the order of adding
}

func (f *frontier) add(list ...node) {
	for _, n := range list {
		if f.added++; f.Len() < maxOpen {
			heap.Push(f, ranked{n, f.added})
		}
	}
}

// cheapest takes a node out. There must be one.
func (f *frontier) cheapest() node { return heap.Pop(f).(ranked).node }

func (f *frontier) Len() int { return len(f.nodes) }

func (f *frontier) Less(i, j int) bool {
	f.compared++
	a, b := &f.nodes[i], &f.nodes[j]
	switch {
	case a.cost != b.cost:
		return a.cost < b.cost
	case a.step.len() != b.step.len():
		return a.step.len() < b.step.len()
	}
	return a.rank < b.rank
}

func (f *frontier) Swap(i, j int) { f.nodes[i], f.nodes[j] = f.nodes[j], f.nodes[i] }

func (f *frontier) Push(x any) { f.nodes = append(f.nodes, x.(ranked)) }

func (f *frontier) Pop() any {
	last := len(f.nodes) - 1
	n := f.nodes[last]
	f.nodes[last] = ranked{}
	f.nodes = f.nodes[:last]
	return n
}
